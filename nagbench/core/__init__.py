"""What every package needs: errors, keys, provenance, compilation, and communication with processes that run user code."""
