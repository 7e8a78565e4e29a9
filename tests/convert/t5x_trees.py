"""Small T5X checkpoints in every form, written with msgpack, TensorStore and orbax themselves."""

import numpy as np
import tensorstore
from flax import serialization

from t5lite.models.parameters import flatten_names, unflatten_names
from t5lite.models.position_config import RelativeBias
from tests.models.tiny import decoder_only, encoder_decoder

# T5X's networks know 32 buckets, up to a distance of 128, and nothing else.
RELATIVE = {"positions": RelativeBias()}


def t5(**changes):
    return encoder_decoder(**(RELATIVE | changes))


def umt5(**changes):
    return t5(positions=RelativeBias(per_layer=True), **changes)


def language_model(**changes):
    return decoder_only(**(RELATIVE | changes))


def separate(params):
    """Parameters as T5X's examples t5 and decoder_only name them."""
    flat = {}
    for name, value in flatten_names(params).items():
        if "encoder" not in params and name.startswith("token_embedder"):
            name = f"decoder/{name}"
        if "/layers/" in name:
            for layer, part in enumerate(value):
                flat[name.replace("/layers/", f"/layers_{layer}/")] = part
        else:
            flat[name] = value
    return flat


def scanned(params, config):
    """Parameters as T5X's example scalable_t5 names and shapes them."""
    flat = {}
    for name, value in flatten_names(params).items():
        if "/layers/" in name:
            stack = name.partition("/")[0]
            heads = (config.num_heads, config.d_kv)
            if name.endswith(("query/kernel", "key/kernel", "value/kernel")):
                value = value.reshape(*value.shape[:2], *heads)
            if name.endswith("out/kernel"):
                value = value.reshape(len(value), *heads, value.shape[-1])
            name, value = name.replace("/layers/", f"/{stack}/"), np.moveaxis(value, 0, 1)
        flat[name] = np.ascontiguousarray(value)
    return flat


def tree_of(target, *, states=None, step=7):
    state = {"step": np.asarray(step, np.int32)}
    if states is not None:
        state["param_states"] = unflatten_names(states)
    return {"target": unflatten_names(target), "state": state}


def write_tree(file, tree):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(serialization.msgpack_serialize(tree))
    return file


def write_one_file(file, target, *, states=None):
    return write_tree(file, {"version": 3, "optimizer": tree_of(target, states=states)})


def write_zarr(folder, array, *, compressor="gzip", hidden_files=True, chunks=None):
    """One zarr folder; gives the metadata as T5X records it in the tree."""
    # Chunks that do not divide the shape: the last ones are padded.
    chunks = chunks or [min(10, size) for size in array.shape]
    metadata = {
        "shape": list(array.shape),
        "chunks": chunks,
        "compressor": {"id": compressor, "level": 1},
    }
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(folder)}}
    spec |= {"dtype": array.dtype.name, "metadata": metadata}
    tensorstore.open(spec, create=True).result().write(array).result()
    if not hidden_files:
        (folder / ".zarray").unlink()
    return metadata


def write_folder(folder, target, *, kvstore="gfile", compressor="gzip", **zarr):
    """A checkpoint's folder as T5X writes it, every parameter beside the tree."""
    leaves = {}
    for name, array in target.items():
        place = f"target.{name.replace('/', '.')}"
        metadata = write_zarr(folder / place, array, compressor=compressor, **zarr)
        spec = {"driver": "zarr", "dtype": array.dtype.name, "metadata": metadata}
        store = {"driver": kvstore, "path": f"{place}/"}
        if kvstore == "gcs":
            store["bucket"] = "t5x-dummy-bucket"
        leaves[name] = spec | {"kvstore": store}
    write_tree(folder / "checkpoint", {"version": 3, "optimizer": tree_of(leaves)})
    return folder


def write_placeholders(folder, target, *, root=None):
    """A checkpoint's folder as orbax wrote it when the tree was a msgpack file of placeholders."""
    leaves = {}
    for name, array in target.items():
        place = ".".join([*([root] if root else []), "target", *name.split("/")])
        write_zarr(folder / place, array, compressor="zstd")
        leaves[name] = f"PLACEHOLDER://{place}"
    tree = tree_of(leaves)
    if root:
        rest = ("flax_mutables", "flax_mutables_axes", "params_axes")
        tree = {root: tree, **dict.fromkeys(rest)}
    write_tree(folder / "checkpoint", tree)
    return folder
