"""Families of problems: formulas with parameters, a module for each family or group of families.

Every module here is imported by itself, and `nagbench.family` registers the functions. In the docstrings n is the
number of coordinates, f* the minimum, x* a minimizer, L the smoothness constant and μ the constant of strong
convexity. The notes list the facts that are known.
"""
