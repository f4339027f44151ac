"""Diagonal quadratics with eigenvalues from 1 to κ, evenly in the logarithm."""

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    """One quadratic for each condition number."""

    name = "Quadratics"
    parameters = {"dimension": [100], "condition": [2, 5, 10, 20, 50, 100, 200, 300, 400, 500]}

    def get_data(self):
        eigenvalues = np.logspace(0.0, np.log10(self.condition), self.dimension)
        eigenvalues[0], eigenvalues[-1] = 1.0, self.condition
        return {"eigenvalues": eigenvalues}
