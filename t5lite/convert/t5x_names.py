"""Tables of names for T5X's T5s, and how their layers lie in a checkpoint.

T5X's `examples/t5` keeps every layer by itself (`encoder/layers_0/...`) and one table of relative
biases a stack, and so does `examples/decoder_only`. `examples/scalable_t5` (umT5, and mT5 and T5
1.1 trained with it) scans: a stack is one module of the stack's own name (`encoder/encoder/...`),
its layers lie along axis 1 of each tensor, heads have an axis of their own, and every layer has a
table.

Shapes: D d_model, H heads, K width of a head.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from t5lite.convert.layouts import SAME, Layout
from t5lite.convert.names import LazyArray, Row, Tensors
from t5lite.convert.t5x_arrays import StoredArray
from t5lite.models.config import TransformerConfig

# Where scanned stacks have their layers.
SCAN_AXIS = 1

_NORMS = {
    "encoder": ("pre_attention_layer_norm", "pre_mlp_layer_norm"),
    "decoder": (
        "pre_self_attention_layer_norm",
        "pre_cross_attention_layer_norm",
        "pre_mlp_layer_norm",
    ),
}
_ATTENTIONS = {
    "encoder": ("attention",),
    "decoder": ("self_attention", "encoder_decoder_attention"),
}
_RELATIVE_BIAS = "relpos_bias/rel_embedding"


@dataclasses.dataclass(frozen=True)
class _HeadsApart:
    """Kernels [D, H, K] or, of the output projection, [H, K, D]; ours are [D, HK] and [HK, D]."""

    is_output: bool

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        joined = config.num_heads * config.d_kv
        return (tensor.reshape((joined, -1) if self.is_output else (-1, joined)),)

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        (part,) = parts
        apart = (config.num_heads, config.d_kv)
        return part.reshape((*apart, -1) if self.is_output else (-1, *apart))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TreeForm:
    """How a T5X checkpoint keeps a T5; the defaults are those of `examples/t5`.

    Attributes:
      stacks: `encoder` and `decoder`, or only the latter.
      scanned: Whether a stack's layers lie in one tensor.
      heads_apart: Whether heads have an axis of their own in attention kernels.
      bias_per_layer: Whether every layer has a table of relative biases.
    """

    stacks: tuple[str, ...] = ("encoder", "decoder")
    scanned: bool = False
    heads_apart: bool = False
    bias_per_layer: bool = False

    @property
    def embedding(self) -> str:
        """Their name of the token embedding; a language model's is its decoder's."""
        return ("" if "encoder" in self.stacks else "decoder/") + "token_embedder/embedding"

    def in_layer(self, stack: str, rest: str) -> str:
        """Their name of one layer's tensor, with `{layer}`."""
        if self.scanned:
            return f"{stack}/{stack}/{rest}[{{layer}}]"
        return f"{stack}/layers_{{layer}}/{rest}"

    def relative_bias(self, stack: str) -> str:
        """Their name of a stack's tables of relative biases."""
        if self.bias_per_layer:
            return self.in_layer(stack, _RELATIVE_BIAS)
        return f"{stack}/{_RELATIVE_BIAS}"

    def table(self) -> tuple[Row, ...]:
        """All rows a model of this form may have."""
        rows = [
            Row("token_embedder/embedding", self.embedding),
            Row("decoder/logits_dense/kernel", "decoder/logits_dense/kernel"),
        ]
        for stack in self.stacks:
            rows += self._stack_rows(stack)
        return tuple(rows)

    def _stack_rows(self, stack: str) -> list[Row]:
        def in_layer(rest: str, layout: Layout = SAME) -> Row:
            return Row(f"{stack}/layers/{rest}", self.in_layer(stack, rest), layout)

        bias = f"{stack}/{'layers/' if self.bias_per_layer else ''}{_RELATIVE_BIAS}"
        rows = [
            Row(f"{stack}/{stack}_norm/scale", f"{stack}/{stack}_norm/scale"),
            Row(bias, self.relative_bias(stack)),
        ]
        rows += [in_layer(f"{norm}/scale") for norm in _NORMS[stack]]
        for attention in _ATTENTIONS[stack]:
            for name in ("query", "key", "value", "out"):
                layout = _HeadsApart(name == "out") if self.heads_apart else SAME
                rows.append(in_layer(f"{attention}/{name}/kernel", layout))
        return rows + [in_layer(f"mlp/{name}/kernel") for name in ("wi", "wi_0", "wi_1", "wo")]


def form_of(stored: Mapping[str, StoredArray]) -> TreeForm:
    """Recognises the form by names and shapes."""
    stacks = tuple(s for s in ("encoder", "decoder") if any(n.startswith(f"{s}/") for n in stored))
    scanned = any(name.startswith("decoder/decoder/") for name in stored)
    form = TreeForm(stacks=stacks or ("decoder",), scanned=scanned)
    query = stored.get(stored_place(form.in_layer("decoder", "self_attention/query/kernel"), 0)[0])
    bias = stored_place(form.in_layer("decoder", _RELATIVE_BIAS), 0)[0]
    return dataclasses.replace(
        form,
        heads_apart=query is not None and len(query.shape) == 3 + scanned,
        bias_per_layer=bias in stored,
    )


def stored_place(theirs: str, layer: int | None) -> tuple[str, int | None]:
    """Where a row's tensor lies: the name in the tree, and the layer in a scanned one, or None."""
    if theirs.endswith("[{layer}]"):
        return theirs.removesuffix("[{layer}]"), layer
    return theirs.replace("{layer}", str(layer)), None


def as_tensors(stored: Mapping[str, StoredArray], form: TreeForm, *, source: str) -> Tensors:
    """What the engine of conversion reads: scanned tensors layer by layer, `name[3]` the fourth."""
    tensors: dict[str, LazyArray] = {}
    for name, array in stored.items():
        in_stack = form.scanned and re.match(r"(\w+)/\1/", name)
        if in_stack and len(array.shape) > SCAN_AXIS:
            for layer in range(array.shape[SCAN_AXIS]):
                tensors[f"{name}[{layer}]"] = array.layer(layer, axis=SCAN_AXIS)
        else:
            tensors[name] = array.whole()
    return Tensors(tensors, source=source)
