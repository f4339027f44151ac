"""Whole optimization loops side by side: nagbench, C, NumPy, PyTorch, Optax and Keras. See docs/performance.md."""
