"""Adapters: plain Python functions, PyTorch modules and CUTEst's problems as problems."""
