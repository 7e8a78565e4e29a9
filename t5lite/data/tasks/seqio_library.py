"""seqio and TensorFlow, imported when they are needed, and quietly."""

import contextlib
import functools
import gc
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

# Keras, which comes with TensorFlow, imports these where they are installed, for training of its
# own. They take a third of the time.
_NOT_FOR_DATA = ("matplotlib", "pandas", "sklearn")


@functools.cache
def load_seqio() -> types.ModuleType:
    """Imports seqio quietly, with accelerators left to jax.

    Raises:
      ValueError: if it is not installed.
    """
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with without_stderr(), _without_collection(), _hidden(_NOT_FOR_DATA):
            import seqio
            import tensorflow as tf

            if tf.config.list_physical_devices("GPU"):
                tf.config.set_visible_devices([], "GPU")
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Tasks need seqio and TensorFlow, and {error.name!r} is not installed: "
            "pip install 't5lite[data]'."
        ) from error
    return seqio


def is_text(spec: Any) -> bool:
    """Whether a tensor, or what is said of one, is one text; None is no tensor."""
    return spec is not None and spec.dtype.name == "string" and spec.shape.rank == 0


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Collects no garbage: an import makes none, and to look for it takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Has modules that are not imported yet pass for not installed."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextlib.contextmanager
def without_stderr() -> Iterator[None]:
    """Drops what native code writes to stderr, where it greets whatever its log level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
