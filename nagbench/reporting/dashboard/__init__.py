"""The dashboard: asv's site with the history of speed, iteration counts and sweeps, usable offline."""
