"""The functions and classes that users call from Python; `nagbench` exports them under their plain names."""
