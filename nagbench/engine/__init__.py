"""One cell: counted, traced, timed."""
