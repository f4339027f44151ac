"""What every package needs: errors, keys, provenance, compilation, the boundary to the process for user code."""
