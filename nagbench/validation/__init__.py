"""Contract checks, equivalence of implementations, and claims of the literature."""
