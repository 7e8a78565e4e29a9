"""The config of a T5X checkpoint: what names and shapes say, and T5X's own gin file beside it.

T5X keeps no config in a checkpoint. Shapes say all of a T5 but its activations and its numerics.
T5X's networks fix the latter (relative distances up to 128, norms' epsilon 1e-6, logits divided by
sqrt(d_model) exactly where they are tied). Activations are read from `config.gin`, which T5X writes
to its MODEL_DIR; where there is none they are taken from T5X's gin files: a gated MLP is gelu times
linear (T5 1.1, mT5, ByT5, umT5), except UL2's, which is known by its shape, and a plain one is relu
(T5 1.0). Dropout is off until a run sets it.
"""

import ast
import pathlib
import re
from collections.abc import Mapping

from t5lite.convert.names import LazyArray, Tensors
from t5lite.convert.t5x_names import TreeForm
from t5lite.convert.t5x_tree import STATE_FOLDER, STEP_FOLDER
from t5lite.files.regular_files import has_file
from t5lite.messages.suggest import did_you_mean
from t5lite.models.config import ACTIVATIONS, TransformerConfig
from t5lite.models.position_config import RelativeBias

GIN_FILES = ("config.gin", "model.gin")

# d_model, d_ff, heads and d_kv of UL2 20B, the public T5X model whose gate is silu.
_UL2_SHAPE = (4096, 16384, 16, 256)
_BINDING = re.compile(r"^[ \t]*(?P<name>[\w./]+)[ \t]*=[ \t]*(?:\\\s*)?(?P<value>[^#\n]+)", re.M)
_ACTIVATION_NAMES = ("mlp_activations", "activations")
# Flax's names where ours differ.
_FLAX_ACTIVATIONS = {"swish": "silu"}


def infer_config(
    tensors: Tensors, form: TreeForm, *, activations: tuple[str, ...] | None
) -> TransformerConfig:
    """The config that the tensors' names and shapes imply.

    Args:
      tensors: The model's tensors, layer by layer.
      form: How they are kept.
      activations: The MLP's, where something says so.

    Raises:
      ValueError: a tensor that every such T5 has is absent, or the MLP is not of these activations.
    """
    embedding = _need(tensors, form.embedding)
    relative = _need(tensors, form.relative_bias("decoder").replace("{layer}", "0"))
    query = _need_in_layer(tensors, form, "self_attention/query/kernel")
    output = _need_in_layer(tensors, form, "mlp/wo/kernel")
    for array, rank in ((embedding, 2), (relative, 2), (query, 2 + form.heads_apart), (output, 2)):
        if len(array.shape) != rank:
            raise ValueError(
                f"{tensors.source} has tensors of T5X's T5 with {len(array.shape)} axes instead of "
                f"{rank}; t5lite reads the trees of T5X's examples t5, scalable_t5 and decoder_only"
            )
    (vocab_size, d_model), (num_heads, buckets) = embedding.shape, relative.shape
    d_kv = query.shape[2] if form.heads_apart else query.shape[1] // num_heads
    shape = (d_model, output.shape[0], num_heads, d_kv)
    is_gated = _in_layer(form, "mlp/wi_0/kernel") in tensors
    is_tied = "decoder/logits_dense/kernel" not in tensors
    return TransformerConfig(
        architecture="encoder_decoder" if "encoder" in form.stacks else "decoder_only",
        vocab_size=vocab_size,
        d_model=d_model,
        d_ff=output.shape[0],
        d_kv=d_kv,
        num_heads=num_heads,
        num_encoder_layers=_count_layers(tensors, form, "encoder"),
        num_decoder_layers=_count_layers(tensors, form, "decoder"),
        mlp_activations=_activations(tensors, activations, shape, is_gated=is_gated),
        tied_embeddings=is_tied,
        scale_logits=is_tied,
        positions=RelativeBias(num_buckets=buckets, per_layer=form.bias_per_layer),
    )


def read_activations(tree_file: pathlib.Path) -> tuple[str, ...] | None:
    """What T5X's gin file in the checkpoint's folder, or in a folder above, says of the MLP.

    The file is read as text; nothing in it is executed or included.

    Args:
      tree_file: The file with the checkpoint's tree.

    Returns:
      Our names of the activations; None where no such file names any.

    Raises:
      ValueError: a file names activations that t5lite does not have, or different ones.
    """
    folder = tree_file.resolve().parent
    folders = [folder]
    # MODEL_DIR is above checkpoint_<step>, which may have a folder `state` in it.
    while folder.name == STATE_FOLDER or STEP_FOLDER.fullmatch(folder.name):
        folder = folder.parent
        folders.append(folder)
    for file in (folder / name for folder in folders for name in GIN_FILES):
        found = _activations_in(file) if has_file(file) else None
        if found is not None:
            return found
    return None


def _activations_in(file: pathlib.Path) -> tuple[str, ...] | None:
    text = file.read_bytes().decode(errors="replace")
    bindings = [(match["name"], match["value"].strip()) for match in _BINDING.finditer(text)]
    macros = dict(bindings)
    said = {
        macros.get(value.removeprefix("%"), value)
        for name, value in bindings
        if re.split(r"[./]", name)[-1] in _ACTIVATION_NAMES
    }
    values = {_parse(value, file) for value in said}
    if len(values) > 1:
        raise ValueError(
            f"{file} names different activations: {', '.join(sorted(map(str, values)))}; t5lite's "
            "MLPs are alike in all layers. Keep the right one in that file, or move it away"
        )
    return values.pop() if values else None


def _parse(value: str, file: pathlib.Path) -> tuple[str, ...]:
    try:
        names = tuple(str(name) for name in ast.literal_eval(value))
    except (ValueError, SyntaxError, TypeError) as error:
        raise ValueError(
            f"{file} sets the MLP's activations to {value!r:.80}, which is no list of names; write "
            "them out there, for example ('gelu', 'linear')"
        ) from error
    names = tuple(_FLAX_ACTIVATIONS.get(name, name) for name in names)
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(
                f"{file} names the activation {name!r}; t5lite has {', '.join(ACTIVATIONS)}."
                f"{did_you_mean(name, ACTIVATIONS)}"
            )
    return names


def _activations(
    tensors: Tensors,
    said: tuple[str, ...] | None,
    shape: tuple[int, int, int, int],
    *,
    is_gated: bool,
) -> tuple[str, ...]:
    if said is None:
        if not is_gated:
            return ("relu",)
        return ("silu" if shape == _UL2_SHAPE else "gelu", "linear")
    if len(said) != 1 + is_gated:
        raise ValueError(
            f"{tensors.source} has a{' gated' if is_gated else 'n ungated'} MLP, but the gin file "
            f"beside it names the activations {said}: one of the two is of another model"
        )
    return said


def _in_layer(form: TreeForm, rest: str) -> str:
    return form.in_layer("decoder", rest).replace("{layer}", "0")


def _need_in_layer(tensors: Tensors, form: TreeForm, rest: str) -> LazyArray:
    return _need(tensors, _in_layer(form, rest))


def _need(tensors: Mapping[str, LazyArray], name: str) -> LazyArray:
    if name not in tensors:
        source = getattr(tensors, "source", "the checkpoint")
        raise ValueError(
            f"{source} has no {name}, which every T5 of T5X's examples t5, scalable_t5 and "
            f"decoder_only has. It holds {', '.join(sorted(tensors)[:8]) or 'nothing'}, ..."
        )
    return tensors[name]


def _count_layers(tensors: Tensors, form: TreeForm, stack: str) -> int:
    return tensors.count_layers(form.in_layer(stack, "mlp/wo/kernel"))
