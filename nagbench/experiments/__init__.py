"""From a specification to a results directory: plan, tuning, selection, resume, merge."""
