"""Count batches of cells in this process, in supervised worker processes, or on a Dask cluster."""
