"""The page of a sweep that runs, on this machine alone: progress, verdicts so far, curves and failures."""
