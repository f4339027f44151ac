"""Figures. Import this only to draw, because it imports matplotlib, which nothing else in the package needs."""
