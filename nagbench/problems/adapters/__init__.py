"""Problems from elsewhere: Python functions, PyTorch modules, CUTEst."""
