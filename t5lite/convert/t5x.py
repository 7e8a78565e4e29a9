"""Checkpoints of T5X: encoder-decoder T5, its scanned form (umT5), and decoder-only T5."""

import functools
import pathlib

from t5lite.convert.names import to_ours
from t5lite.convert.source import Format, Source
from t5lite.convert.t5x_config import infer_config, read_activations
from t5lite.convert.t5x_names import as_tensors, form_of
from t5lite.convert.t5x_optimizer import read_adafactor
from t5lite.convert.t5x_tree import TREE_FILE, find_tree, read_step, read_tree


def open_checkpoint(path: pathlib.Path) -> Source:
    """Opens a T5X checkpoint of any of its formats; no parameter is read yet.

    Args:
      path: Its folder, its tree's file, or a folder of `checkpoint_<step>` folders.

    Raises:
      ValueError: it is damaged or cut short, or its tensors are not all, and only, those of a T5.
    """
    file = find_tree(path)
    if file is None:
        raise ValueError(f"{path} holds no T5X checkpoint")
    tree = read_tree(file)
    stored = {name: tree.array(f"target/{name}") for name in tree.names("target")}
    form = form_of(stored)
    tensors = as_tensors(stored, form, source=str(file))
    activations = read_activations(file)
    config = infer_config(tensors, form, activations=activations)
    is_decoder = config.architecture == "decoder_only"
    has_state = bool(tree.names("state/param_states"))
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(form.table(), tensors, config=config),
        not_said=frozenset() if activations else frozenset({"mlp_activations"}),
        # T5X decodes from the token 0, whatever the vocabulary.
        prompt_prefix=(0,) if is_decoder else None,
        prompt_suffix=() if is_decoder else None,
        step=read_step(tree),
        read_optimizer_state=functools.partial(read_adafactor, tree, form, config)
        if has_state
        else None,
    )


FORMAT = Format(
    name="t5x",
    looked_for=f"a file {TREE_FILE} or checkpoint_<step> folders (T5X)",
    recognise=lambda path: find_tree(path) is not None,
    open=open_checkpoint,
)
