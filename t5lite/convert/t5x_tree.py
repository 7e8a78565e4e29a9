"""Trees of T5X checkpoints: where each kind lies, and its leaves by name.

Formats, all of `t5x/checkpoints.py`:

- One file, msgpack, every array inside.
- A folder `checkpoint_<step>` whose msgpack file `checkpoint` holds the tree, small arrays inside
  it, and TensorStore specs of the zarr folders beside it, `target.encoder.layers_0.mlp.wo.kernel`.
- The same with strings `PLACEHOLDER://<folder>` for specs, as orbax wrote when T5X first used it,
  there or in a folder `state`.
- A folder `state` whose tree is orbax's JSON file `_METADATA`, all arrays in one OCDBT store; what
  T5X writes now when it uses orbax.

Whichever it is, leaves are named `target/...`, `state/step` and `state/param_states/...` here.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
import numpy as np

from t5lite.convert.t5x_arrays import ArrayFolder, Packed, StoredArray, packed_array
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file

TREE_FILE = "checkpoint"
METADATA_FILE = "_METADATA"
STATE_FOLDER = "state"
PLACEHOLDER = "PLACEHOLDER://"
STEP_FOLDER = re.compile(r"checkpoint_(\d+)")

_VERSIONS = (2, 3)
# Keys at the root of a tree that T5X wrote; which comes first varies.
_ROOT_KEYS = (
    b"version optimizer _optimizer target state params_axes flax_mutables flax_mutables_axes"
).split()
_TENSORFLOW_HEAD = b"model_checkpoint_path"
_CHUNKED = "__msgpack_chunked_array__"
# Values up to this size are unpacked at once; larger ones are arrays.
_SMALL_BYTES = 4096


@dataclasses.dataclass(frozen=True)
class _Spec:
    """A TensorStore spec, or a record of chunks: a mapping that counts as a leaf."""

    fields: Mapping[str, Any]


class Tree:
    """The leaves of one checkpoint; arrays are opened when asked for and read when asked again.

    Attributes:
      path: The tree's file, which messages name.
    """

    def __init__(self, path: pathlib.Path, leaves: Mapping[str, Any]):
        self.path = path
        self._leaves = dict(leaves)
        self._folder = ArrayFolder(path.parent)

    def __contains__(self, name: str) -> bool:
        return name in self._leaves

    def names(self, prefix: str) -> list[str]:
        """Names of the leaves below `prefix`, without it; leaves that hold nothing are left out."""
        start = f"{prefix}/"
        return [
            name.removeprefix(start)
            for name, leaf in self._leaves.items()
            if name.startswith(start) and leaf is not None
        ]

    def array(self, name: str) -> StoredArray:
        """One leaf.

        Raises:
          ValueError: its folder is missing or damaged, or it is not an array.
        """
        leaf, what = self._leaves[name], f"{self.path}: {name}"
        if isinstance(leaf, _Spec) and _CHUNKED in leaf.fields:
            return packed_array(leaf.fields, what=what)
        if isinstance(leaf, _Spec):
            return self._folder.described(leaf.fields, what=what)
        if isinstance(leaf, str) and leaf.startswith(PLACEHOLDER):
            return self._folder.named(leaf.removeprefix(PLACEHOLDER), what=what)
        return packed_array(leaf, what=what)


def find_tree(path: pathlib.Path) -> pathlib.Path | None:
    """The file that holds a T5X checkpoint's tree; None if there is no such checkpoint.

    Args:
      path: The checkpoint's folder, its tree's file, or a folder of `checkpoint_<step>` folders,
        of which the last step counts, as in T5X.
    """
    if not path.is_dir():
        return path if path.is_file() and _is_tree(path) else None
    for folder in (path, path / STATE_FOLDER):
        for file in (folder / TREE_FILE, folder / METADATA_FILE):
            if has_file(file) and _is_tree(file):
                return file
    found = ((STEP_FOLDER.fullmatch(entry.name), entry) for entry in path.iterdir())
    steps = {int(match.group(1)): entry for match, entry in found if match}
    return find_tree(steps[max(steps)]) if steps else None


def read_tree(file: pathlib.Path) -> Tree:
    """Reads names, shapes, and where arrays lie.

    Raises:
      ValueError: the file is cut short, of an unknown version, of Mesh TensorFlow's T5, or holds
        what a T5 does not have.
    """
    with file.open("rb") as stream:
        if stream.read(len(_TENSORFLOW_HEAD)) == _TENSORFLOW_HEAD:
            raise ValueError(
                f"{file} is a TensorFlow checkpoint of Mesh TensorFlow's T5. Make a T5X checkpoint "
                "of it first, with T5X's scripts/convert_tf_checkpoint.py"
            )
    root = _read_metadata(file) if file.name == METADATA_FILE else _read_msgpack(file)
    version = root.get("version", _VERSIONS[-1])
    if version not in _VERSIONS:
        raise ValueError(f"{file} is of version {version}; t5lite reads {_VERSIONS} of T5X's")
    body = root.get("optimizer") or root.get("_optimizer") or root
    target = body.get("target")
    if not isinstance(target, Mapping) or not target:
        raise ValueError(
            f"{file} has no parameters (target), so it is no T5X checkpoint of a model; it holds "
            f"{', '.join(map(str, root)) or 'nothing'}"
        )
    mutables = body.get("flax_mutables") or root.get("flax_mutables")
    if mutables:
        names = ", ".join(name for name, _ in _flatten(mutables))
        raise ValueError(f"{file} holds flax_mutables, and no T5 has any: {names}")
    kept = {"target": target, "state": body.get("state") or {}}
    return Tree(file, dict(_flatten(kept)))


def _is_tree(file: pathlib.Path) -> bool:
    if file.name == METADATA_FILE:
        return "target" in _read_metadata(file)
    with file.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(_TENSORFLOW_HEAD):
        return True
    # A msgpack map of a few keys, each a short string.
    if len(head) < 2 or head[0] & 0xF0 != 0x80 or head[1] & 0xE0 != 0xA0:
        return False
    return head[2 : 2 + (head[1] & 0x1F)] in _ROOT_KEYS


def _read_msgpack(file: pathlib.Path) -> dict[str, Any]:
    """The tree of a msgpack file, large values left in it."""
    try:
        with file.open("rb") as stream:
            # Zero stands for as large as an array can be.
            root = _walk(msgpack.Unpacker(stream, max_buffer_size=0), file)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{file} is damaged or cut short ({reason}); copy it again") from error
    if not isinstance(root, dict):
        raise ValueError(f"{file} holds a {type(root).__name__}, not a T5X checkpoint's tree")
    return root


def _walk(unpacker: msgpack.Unpacker, file: pathlib.Path) -> Any:
    try:
        num_keys = unpacker.read_map_header()
    except ValueError:  # Not a map; nothing was consumed.
        start = unpacker.tell()
        unpacker.skip()
        packed = Packed(file, start, unpacker.tell())
        return packed.unpack() if packed.end - start <= _SMALL_BYTES else packed
    return {unpacker.unpack(): _walk(unpacker, file) for _ in range(num_keys)}


def _read_metadata(file: pathlib.Path) -> dict[str, Any]:
    """The tree of orbax's JSON file, with placeholders for arrays."""
    root: dict[str, Any] = {}
    try:
        for entry in read_object(file)["tree_metadata"].values():
            keys = [str(step["key"]) for step in entry["key_metadata"]]
            node = root
            for key in keys[:-1]:
                node = node.setdefault(key, {})
            is_array = not entry["value_metadata"].get("skip_deserialize", False)
            node[keys[-1]] = f"{PLACEHOLDER}{'.'.join(keys)}" if is_array else None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{file} is not orbax's description of a checkpoint, or is damaged ({error!r}); copy "
            "the checkpoint again"
        ) from error
    return root


def _flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, Mapping):
        yield prefix, node
    elif "driver" in node or _CHUNKED in node:
        yield prefix, _Spec(node)
    else:
        for name, child in node.items():
            yield from _flatten(child, f"{prefix}/{name}" if prefix else str(name))


def read_step(tree: Tree) -> int:
    """How many updates the model was trained for; 0 where the checkpoint does not say.

    Raises:
      ValueError: what it says is no number.
    """
    if "state/step" not in tree:
        return 0
    step = tree.array("state/step").read(())
    if np.size(step) != 1:
        raise ValueError(f"{tree.path}: state/step is {step!r:.80}, expected one number")
    return int(np.reshape(step, ()))
