"""Find the released version of a package that changed an optimizer's trajectory, count or time."""
