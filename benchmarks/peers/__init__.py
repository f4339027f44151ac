"""Whole optimization loops compared: nagbench, C, NumPy, PyTorch, Optax and Keras. See docs/explanation/performance.md."""
