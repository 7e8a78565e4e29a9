"""What one family of Hugging Face is to us: a table of names, and config.json both ways."""

import dataclasses
import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.convert.layouts import TRANSPOSED, Layout
from t5lite.convert.names import LazyArray, Row, Tensors, wanted_names
from t5lite.memory import readable
from t5lite.messages.ranges import Count, NotNegative, NumLayers, Size
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_fields
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import count_params
from t5lite.models.position_config import Positions

log = logging.getLogger(__name__)

# Their name of an activation, ours; where several are one function, the first is written.
ACTIVATIONS = {
    "relu": "relu",
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_fast": "gelu",
    "gelu": "gelu_exact",
    "silu": "silu",
    "swish": "silu",
}

# MLPs of one activation that they can spell.
PLAIN_MLPS = [(activation,) for activation in dict.fromkeys(ACTIVATIONS.values())]

# What some class or other in transformers can be set to do and no family here does that does not
# say so, with the value that means "not that".
_NOT_DONE: Mapping[str, tuple[object, ...]] = {
    "add_cross_attention": (False, None),
    "alibi": (False, None),
    "attention_multiplier": (None,),
    "attn_logit_softcapping": (None,),
    "auto_map": (None,),
    "clip_qkv": (None,),
    "embedding_multiplier": (1, None),
    "final_logit_softcapping": (None,),
    "logit_scale": (1, None),
    "logits_scaling": (1, None),
    "num_experts": (None,),
    "num_local_experts": (None,),
    "pruned_heads": ({}, None),
    "qk_layernorm": (False, None),
    "quantization_config": (None,),
    "residual_multiplier": (1, None),
    "scale_embedding": (False, None),
    "sliding_window": (None,),
    "use_qk_norm": (False, None),
    "use_sliding_window": (False, None),
}


# Fields that are read, of all families, by type.
_SIZES = (
    *("vocab_size", "d_model", "d_ff", "d_kv", "ffn_dim", "hidden_size", "intermediate_size"),
    *("n_embd", "n_embed", "n_head", "n_heads", "n_inner", "n_positions", "num_attention_heads"),
    *("num_heads", "max_seq_len", "seq_length"),
    *("num_key_value_heads", "head_dim", "word_embed_proj_dim", "max_position_embeddings"),
    "original_max_position_embeddings",
    *("relative_attention_max_distance", "relative_attention_num_buckets", "sliding_window"),
)
_LAYERS = ("n_layer", "n_layers", "num_hidden_layers", "num_layers", "num_decoder_layers")
_NUMBERS = (
    *("attention_dropout", "dropout", "dropout_rate", "hidden_dropout", "resid_pdrop", "init_std"),
    *("initializer_range", "layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps", "rope_theta"),
    *("rotary_emb_base", "rotary_pct"),
)
_FLAGS = (
    *("attention_bias", "mlp_bias", "do_layer_norm_before", "enable_bias", "is_gated_act"),
    *("scale_attn_weights", "scale_decoder_outputs", "tie_word_embeddings"),
    *("use_parallel_residual", "use_sliding_window"),
)
_TEXTS = ("model_type", "activation_function", "hidden_act", "dense_act_fn", "feed_forward_proj")
_FIELD_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(_SIZES, Size),
    **dict.fromkeys(_LAYERS, NumLayers),
    **dict.fromkeys(_NUMBERS, NotNegative),
    **dict.fromkeys(_FLAGS, bool),
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("rope_scaling", "rope_parameters"), Mapping[str, Any]),
    "attn_config": Mapping[str, Any],
    "layer_types": Sequence[str],
    "max_window_layers": Count,
}

# What all families want that do not say otherwise.
_USUAL = {
    "attention_window": None,
    "embedding_norm": False,
    "qkv_clip": None,
    "attention_out_bias": True,
    "norm_adds_one": False,
    "scale_embeddings": False,
}


class Fields:
    """config.json's fields, read with complaints that name them."""

    def __init__(
        self,
        record: Mapping[str, Any],
        *,
        file: str = "config.json",
        types: Mapping[str, Any] = _FIELD_TYPES,
        prefix: str = "",
    ):
        """Takes the record; raises ValueError where a field is of another type or out of range."""
        self._record, self._file, self._prefix = record, file, prefix
        check_fields(record, types, name=f"{file}: {prefix[:-1]}" if prefix else file)

    def check_size(self, config: TransformerConfig, tensors: Tensors) -> None:
        """Compares the size that the fields give a model with that of the tensors beside them.

        Args:
          config: The model.
          tensors: Those of the files.

        Raises:
          ValueError: it is more than twice as large, so that the fields are of another model.
        """
        wanted, held = count_params(config), sum(tensor.size for tensor in tensors.values())
        if wanted <= 2 * held:
            return
        sizes = ", ".join(
            f"{name} {self._record[name]}" for name in (*_SIZES, *_LAYERS) if self.get(name)
        )
        raise ValueError(
            f"{self._file}: {sizes}: these make a model of {readable(4 * wanted)} in float32, and "
            f"the weights beside it are {readable(4 * held)}; one of the two is of another model"
        )

    def __contains__(self, name: str) -> bool:
        """Whether a field is there, be it null."""
        return name in self._record

    def get(self, name: str, default: Any = None) -> Any:
        """A field's value; the default where it is absent or null."""
        value = self._record.get(name)
        return default if value is None else value

    def inner(self, name: str, types: Mapping[str, Any]) -> "Fields":
        """The fields of a field that is an object; none where it is absent or null.

        Args:
          name: The field.
          types: Those of its fields, which no other families have.

        Raises:
          ValueError: one of its fields is of another type or out of range.
        """
        record = {"model_type": self._record.get("model_type"), **self.get(name, {})}
        return Fields(record, file=self._file, types=types, prefix=f"{name}.")

    def need(self, name: str) -> Any:
        """A field's value.

        Raises:
          ValueError: it is absent or null.
        """
        value = self.get(name)
        if value is None:
            raise ValueError(
                f"config.json has no {name!r}, which every {self._record.get('model_type')} has"
            )
        return value

    def expect(self, name: str, *allowed: object) -> None:
        """Checks a field that t5lite can only have one way, absent or not.

        Raises:
          ValueError: it holds something else.
        """
        if name in self._record and self._record[name] not in allowed:
            raise ValueError(
                f"config.json: {self._prefix}{name} is {self._record[name]!r}; of "
                f"{self._record['model_type']} t5lite does only {' or '.join(map(repr, allowed))}"
            )

    def expect_nothing_not_done(self, *, but: Sequence[str] = ()) -> None:
        """Checks what no family here does.

        Args:
          but: Fields that say nothing of the family at hand.

        Raises:
          ValueError: config.json asks for it.
        """
        for name, allowed in _NOT_DONE.items():
            if name not in but:
                self.expect(name, *allowed)
        if "layer_types" not in but and set(self.get("layer_types", ())) - {"full_attention"}:
            self.expect("layer_types", None)

    def activation(self, name: str, default: str) -> str:
        """Our name of the activation in a field.

        Raises:
          ValueError: t5lite has none such.
        """
        theirs = self.get(name, default)
        if theirs not in ACTIVATIONS:
            raise ValueError(
                f"config.json: {name} is {theirs!r}, none of {', '.join(ACTIVATIONS)}."
                + did_you_mean(str(theirs), ACTIVATIONS)
            )
        return ACTIVATIONS[theirs]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """One model class of transformers, and what of a TransformerConfig it can be.

    Attributes:
      name: What messages call it.
      model_type: What config.json calls it.
      architecture: Its class with a language-model head.
      table: Its names.
      base_prefix: What their names begin with, all but the output projection's; files saved from
        the class without head leave it out.
      embedding: Name of the token embedding.
      output: Name of the output projection, absent where it is the embedding.
      other_embeddings: Further names that files give the token embedding.
      tied_by_default: What transformers takes `tie_word_embeddings` for where it is absent.
      always_tied: Whether its class ties a missing output projection whatever config.json says.
      leftovers: Patterns found in names that its class declares as remains of older versions and
        passes over: buffers computed from the config, parameters that nothing uses. Only names
        that no parameter has are compared with them.
      unread: Fields of what most families do not do that its class does not look at, or that
        `read_config` reads.
      context_field: The field that says how long a text the model was made for.
      prepare: Brings oddities of older files' tensors into order.
      read_config: Our config from config.json's fields and whether the embeddings are tied.
        Raises ValueError for what t5lite does not do.
      mismatches: Why a config cannot be of this family, one phrase each; empty where it can.
      write_config: config.json's fields of its own, for a config without mismatches.
    """

    name: str
    model_type: str
    architecture: str
    table: tuple[Row, ...]
    base_prefix: str = ""
    embedding: str
    output: str
    other_embeddings: tuple[str, ...] = ()
    tied_by_default: bool
    always_tied: bool = False
    leftovers: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    context_field: str
    prepare: Callable[[Tensors], Tensors] = lambda tensors: tensors
    read_config: Callable[[Fields, bool], TransformerConfig]
    mismatches: Callable[[TransformerConfig], list[str]]
    write_config: Callable[[TransformerConfig], dict[str, Any]]


def norm_rows(ours: str, theirs: str) -> list[Row]:
    """A norm with a bias."""
    return [Row(f"{ours}/scale", f"{theirs}.weight"), Row(f"{ours}/bias", f"{theirs}.bias")]


def linear_rows(ours: str, theirs: str, layout: Layout = TRANSPOSED) -> list[Row]:
    """A linear map, and its bias where it has one."""
    return [
        Row(f"{ours}/kernel", f"{theirs}.weight", layout),
        Row(f"{ours}/bias", f"{theirs}.bias"),
    ]


def fused_rows(ours: str, theirs: str, layout: Layout) -> list[Row]:
    """Query, key and value of an attention, which lie in one linear map of theirs."""
    parts = ("query", "key", "value")
    return [
        Row(tuple(f"{ours}/{part}/{name}" for part in parts), f"{theirs}.{there}", layout)
        for name, there in (("kernel", "weight"), ("bias", "bias"))
    ]


def normalise(family: Family, tensors: Tensors, fields: Fields) -> tuple[Tensors, bool]:
    """Brings a file's names to the table's, and finds whether the output is the embedding.

    config.json is no guide to the latter: transformers' own reading of it changed between
    releases, and fine-tuning programs write it carelessly.

    Returns:
      The tensors without copies of the embedding, and whether the model is tied.

    Raises:
      ValueError: there is no embedding, or two that differ, or no output projection where the
        config wants one.
    """
    prefix = family.base_prefix
    if not any(name.startswith(prefix) for name in tensors):
        tensors = tensors.renamed(lambda name: name if name == family.output else prefix + name)
    tensors = family.prepare(tensors)
    declared = fields.get("tie_word_embeddings", family.tied_by_default)
    tensors = _with_one_embedding(family, tensors, ties=declared or family.always_tied)
    if family.output in tensors:
        tied = same_numbers(tensors[family.output], tensors[family.embedding])
        return tensors.without([family.output] if tied else []), tied
    if not declared and not family.always_tied:
        raise ValueError(
            f"{tensors.source} has no {family.output}, and config.json's tie_word_embeddings "
            "does not say that the embedding takes its place: it was saved without its "
            "language-model head. Save it from the class that has one"
        )
    if not declared:
        log.warning(
            "%s has no %s: as in transformers, the embedding takes its place, although "
            "config.json's tie_word_embeddings is false",
            tensors.source,
            family.output,
        )
    return tensors, True


def without_leftovers(family: Family, tensors: Tensors, config: TransformerConfig) -> Tensors:
    """Passes over what the model has no use for and the family's class declares; says so once."""
    wanted = wanted_names(family.table, config)
    names = [
        name
        for name in tensors
        if name not in wanted and any(re.search(pattern, name) for pattern in family.leftovers)
    ]
    if names:
        log.info(
            "%s: %d tensors are left out, which %s in transformers declares as leftovers: %s%s",
            tensors.source,
            len(names),
            family.architecture,
            ", ".join(names[:3]),
            ", ..." if len(names) > 3 else "",
        )
    return tensors.without(names)


def _with_one_embedding(family: Family, tensors: Tensors, *, ties: bool) -> Tensors:
    """The token embedding under the table's name, and under no other but the output's.

    Programs that save shared numbers once keep whichever of their names they meet first.

    Args:
      family: The family.
      tensors: Theirs.
      ties: Whether the output projection can stand for an absent embedding.

    Raises:
      ValueError: there is none, or its copies differ.
    """
    embedding = family.embedding
    copies = [name for name in family.other_embeddings if name in tensors]
    if embedding not in tensors:
        others = [*copies, *([family.output] if ties and family.output in tensors else [])]
        if not others:
            held = ", ".join(list(tensors)[:4])
            raise ValueError(
                f"{tensors.source} has no tensor {embedding}; is it a {family.name} with a "
                f"language-model head? It has {held or 'no tensors'}"
            )
        found = others[0]
        tensors = tensors.renamed(lambda name: embedding if name == found else name)
        copies = copies[1:]
    for name in copies:
        if not same_numbers(tensors[name], tensors[embedding]):
            raise ValueError(
                f"{tensors.source}: {name} differs from {embedding}; {family.name} has one "
                "embedding"
            )
    return tensors.without(copies)


def same_numbers(a: LazyArray, b: LazyArray) -> bool:
    """Whether two tensors are equal to the bit; holds only one of them at a time."""
    return a.shape == b.shape and a.dtype == b.dtype and _digest(a.read()) == _digest(b.read())


def demands(config: TransformerConfig, wanted: Mapping[str, object]) -> list[str]:
    """What of a config is not as a family wants it.

    Args:
      config: The model.
      wanted: A value, or a list of several, by field or property of the config.
    """
    return _unlike(config, {**_USUAL, **wanted})


def demand_positions(
    config: TransformerConfig, kind: type[Positions], wanted: Mapping[str, object] | None = None
) -> list[str]:
    """What of a config's positions is not as a family wants it.

    Args:
      config: The model.
      kind: The positions that it should have.
      wanted: Values of their fields.
    """
    if not isinstance(config.positions, kind):
        return [f"positions is {config.positions!r}, not {kind.__name__}(...)"]
    return _unlike(config.positions, wanted or {}, prefix="positions.")


def _unlike(found: object, wanted: Mapping[str, object], *, prefix: str = "") -> list[str]:
    phrases = []
    for name, value in wanted.items():
        allowed: Sequence[object] = value if isinstance(value, list) else [value]
        if getattr(found, name) not in allowed:
            wants = " or ".join(map(repr, allowed))
            phrases.append(f"{prefix}{name} is {getattr(found, name)!r}, not {wants}")
    return phrases


def full_width(config: TransformerConfig) -> list[str]:
    """The demand of families whose heads split the model's width between them."""
    if config.num_heads * config.d_kv == config.d_model:
        return []
    return [f"num_heads * d_kv is {config.num_heads * config.d_kv}, not d_model ({config.d_model})"]


def gpt_demands(config: TransformerConfig, wanted: Mapping[str, object]) -> list[str]:
    """The demands of families built as GPT-2 is, beside those of `demands`.

    A decoder alone, norms with means before its branches, a key and a value for each query head.
    """
    usual = {
        "architecture": "decoder_only",
        "norm": "layer",
        "norm_position": "pre",
        "scale_logits": False,
        "kv_heads": config.num_heads,
        "embedding_width": config.d_model,
    }
    return full_width(config) + demands(config, {**usual, **wanted})


def write_activation(ours: str) -> str:
    """Their name of an activation."""
    return next(theirs for theirs, name in ACTIVATIONS.items() if name == ours)


def _digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).digest()
