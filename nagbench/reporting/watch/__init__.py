"""The local web page that follows a running sweep: progress, verdicts so far, curves and failures."""
