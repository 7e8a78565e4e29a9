"""Data sets of TensorFlow Datasets: where they are looked for, and what to do without them."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from t5lite.data.tasks import environment


def look_in_data_dir() -> None:
    """Lets TFDS find prepared data sets in the data folder too, besides its own default folder.

    A source that names its `tfds_data_dir` reads there alone.
    """
    import tensorflow_datasets as tfds

    if folder := os.environ.get(environment.DATA_DIR_VARIABLE):
        tfds.core.add_data_dir(os.path.abspath(os.path.expanduser(folder)))


@contextlib.contextmanager
def explaining(task: Any) -> Iterator[None]:
    """Explains what goes wrong inside, where the `seqio.Task`'s source is a data set of TFDS.

    Raises:
      ValueError: TFDS does not find the data set, or cannot read it.
    """
    loader = getattr(task.source, "tfds_dataset", None)
    try:
        yield
    except Exception as error:
        if loader is None:
            raise
        said = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"Task {task.name!r}: TFDS cannot read the data set {_name(loader)} "
            f"({type(error).__name__}: {said}). Prepare it with `tfds build` or `tfds.load`, and "
            "name the folder that holds it: --data_dir (DATA_DIR), the environment variable "
            "TFDS_DATA_DIR, or tfds_data_dir of its TfdsDataSource."
        ) from error


def _name(loader: Any) -> str:
    with contextlib.suppress(Exception):  # A custom map of splits has no one name.
        folder = f", in {loader.data_dir}" if loader.data_dir else ""
        return f"{loader.name!r}{folder}"
    return "of its splits"
