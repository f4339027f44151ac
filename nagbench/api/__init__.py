"""The functions and classes that users call from Python; `nagbench` offers them under their plain names."""
