"""Benchmarks of nagbench itself: those of asv, and `peers`, its loop compared with other libraries'."""
