"""Compares this checkout with a commit: counts strictly, times in turns. ``python -m benchmarks.gate BASE``.

Two processes, one over each version of the package, answer the same questions; the questions (`benchmarks.suite`) are
this checkout's. Exit code 1 if something got worse.
"""
