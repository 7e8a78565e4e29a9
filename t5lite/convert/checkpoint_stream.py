"""Our own checkpoints, read and written a layer at a time: a model need not fit into memory.

What orbax writes for a pytree is one zarr array a leaf, in a folder of its own or (OCDBT, its
default) all in one database. In the latter every chunk stays in memory until the last is written,
so what is written here has folders, and a chunk a layer; orbax reads either.
"""

import functools
import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore

from t5lite.checkpoints.checkpointer import FOLDER
from t5lite.checkpoints.verification import RenamedPath, check_step
from t5lite.convert.names import Arrays, Key, LazyArray, layers_by_name
from t5lite.models.parameters import unflatten_names

_LARGEST_CHUNK_BYTES = 64 * 2**20


def read_arrays(model_dir: pathlib.Path, step: int, names: Sequence[str]) -> Arrays:
    """The parameters of one checkpoint, in the type they are stored in.

    Args:
      model_dir: A model folder.
      step: One of its checkpoints.
      names: The parameters; all others are left alone.

    Raises:
      ValueError: the checkpoint is damaged, or one of them is not there.
    """
    check_step(model_dir / FOLDER, step, files="state/")
    whole = _WholeParameters()
    arrays: dict[Key, LazyArray] = {}
    for name in names:
        store = _open(model_dir, step, f"params/{name}")
        dtype = store.dtype.numpy_dtype
        if "/layers/" not in name:
            read = functools.partial(_read, store)
            arrays[name, None] = LazyArray(tuple(store.shape), dtype, read)
            continue
        by_layer = tuple(store.chunk_layout.read_chunk.shape or ())[:1] == (1,)
        for layer in range(store.shape[0]):
            if by_layer:
                read = functools.partial(_read, store[layer])
            else:
                read = functools.partial(whole.read_layer, name, store, layer)
            arrays[name, layer] = LazyArray(tuple(store.shape[1:]), dtype, read)
    return arrays


def read_leaf(model_dir: pathlib.Path, step: int, name: str) -> np.ndarray:
    """One whole array of a checkpoint's state, by its '/'-name."""
    return _read(_open(model_dir, step, name))


def write_arrays(
    model_dir: pathlib.Path,
    arrays: Arrays,
    *,
    step: int = 0,
    optimizer_state: Any = None,
) -> None:
    """Writes a checkpoint of parameters that are read one layer after the other.

    Args:
      model_dir: A folder without checkpoints.
      arrays: All parameters of a model.
      step: How many updates they were trained for.
      optimizer_state: A pytree of arrays to go with them.
    """
    params = {
        name: _Leaf(parts, stacked="/layers/" in name)
        for name, parts in layers_by_name(arrays).items()
    }
    state: dict[str, Any] = {"params": unflatten_names(params), "step": np.int32(step)}
    if optimizer_state is not None:
        state["opt_state"] = jax.tree.map(np.asarray, optimizer_state)
    registry = ocp.type_handlers.create_type_handler_registry(
        (_Leaf, _LeafWriter()),
        (np.ndarray, ocp.type_handlers.NumpyHandler()),
        (int, ocp.type_handlers.ScalarHandler()),
        (np.integer, ocp.type_handlers.ScalarHandler()),
    )
    manager = ocp.CheckpointManager(
        model_dir.absolute() / FOLDER,
        options=ocp.CheckpointManagerOptions(
            enable_async_checkpointing=False, temporary_path_class=RenamedPath
        ),
        item_handlers={
            "state": ocp.PyTreeCheckpointHandler(use_ocdbt=False, type_handler_registry=registry),
        },
    )
    manager.save(step, args=ocp.args.Composite(state=ocp.args.PyTreeSave(state)))
    manager.close()


class _Leaf:
    """A parameter that orbax is given without its numbers."""

    def __init__(self, parts: list[LazyArray], *, stacked: bool):
        self.parts = parts
        self.stacked = stacked
        self.shape = (len(parts), *parts[0].shape) if stacked else parts[0].shape
        self.dtype = np.result_type(*(part.dtype for part in parts))
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize


class _LeafWriter(ocp.type_handlers.NumpyHandler):
    """Writes such parameters one after the other, each a layer at a time."""

    async def serialize(self, values: Any, infos: Any, args: Any = None) -> Any:
        """Called by orbax with all leaves of the type; what it returns would be waited for."""
        for leaf, info in zip(values, infos, strict=True):
            await info.await_path_creation()
            spec = {
                "driver": "zarr",
                "kvstore": {"driver": "file", "path": f"{info.parent_dir / info.name}/"},
                "dtype": leaf.dtype.name,
                "metadata": {
                    "shape": leaf.shape,
                    "chunks": _chunks(leaf),
                    "compressor": {"id": "zstd", "level": 1},
                },
            }
            store = await tensorstore.open(spec, create=True)
            for index, part in enumerate(leaf.parts):
                await (store[index] if leaf.stacked else store).write(
                    part.read().astype(leaf.dtype, copy=False)
                )
        return []


def _chunks(leaf: _Leaf) -> list[int]:
    """One layer, cut along its first axis where it is large."""
    layer_shape = leaf.parts[0].shape
    pieces = math.ceil(leaf.parts[0].num_bytes / _LARGEST_CHUNK_BYTES) or 1
    chunks = [math.ceil(layer_shape[0] / pieces), *layer_shape[1:]] if layer_shape else []
    return [1, *chunks] if leaf.stacked else chunks


class _WholeParameters:
    """Layers of arrays whose chunks hold several: an array is read as a whole, and kept a while.

    Query, key and value of one attention are kept together, for a fused tensor wants them layer by
    layer in turn; anything else replaces what was kept.
    """

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def read_layer(self, name: str, store: tensorstore.TensorStore, layer: int) -> np.ndarray:
        if name not in self._kept:
            if {_fused(name)} != {_fused(other) for other in self._kept}:
                self._kept = {}
            self._kept[name] = _read(store)
        return self._kept[name][layer]


def _fused(name: str) -> str:
    return re.sub(r"/(query|key|value)/", "/", name)


def _read(store: tensorstore.TensorStore) -> np.ndarray:
    return store.read().result()


def _open(model_dir: pathlib.Path, step: int, name: str) -> tensorstore.TensorStore:
    folder = model_dir / FOLDER / str(step) / "state"
    place = f"{name.replace('/', '.')}/"
    kvstore: dict[str, Any] = {"driver": "file", "path": f"{folder}/{place}"}
    if (folder / "manifest.ocdbt").is_file():
        base = {"driver": "file", "path": f"{folder}/"}
        kvstore = {"driver": "ocdbt", "base": base, "path": place}
    try:
        return tensorstore.open({"driver": "zarr", "kvstore": kvstore}, open=True).result()
    except ValueError as error:
        raise ValueError(
            f"checkpoint {folder.parent} has no readable array {name} "
            f"({str(error).splitlines()[0][:200]}); it is damaged, or of another model"
        ) from error
