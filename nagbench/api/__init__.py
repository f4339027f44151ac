"""What users call from Python, assembled from all other packages."""
