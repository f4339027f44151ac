"""Figures, the HTML report, exports and the asv dashboard."""
