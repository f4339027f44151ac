"""The formulas, one module a family or a group of them. A module here is found by itself; `@family` lists a function."""
