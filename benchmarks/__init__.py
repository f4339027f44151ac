"""Benchmarks of nagbench itself: asv suites, and `peers`, its loop beside those of other libraries."""
