import pathlib

import numpy as np


def load(name):
    """The arrays of one file of goldens, by key."""
    return dict(np.load(pathlib.Path(__file__).with_name(f"{name}.npz")))
