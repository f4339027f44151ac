"""Count, trace and time a single cell."""
