"""The dashboard: asv's site over the history of speed, of iteration counts and of sweeps, complete offline."""
