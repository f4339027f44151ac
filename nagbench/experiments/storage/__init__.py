"""Results directories on disk."""
