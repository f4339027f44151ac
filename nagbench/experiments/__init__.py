"""Turn a specification into a results directory: plan, tuning, selection, resume, merge."""
