"""Counting batches in this process, in supervised worker processes, or on a Dask cluster."""
