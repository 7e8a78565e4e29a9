"""How two models differ that could share parameters: by field of TransformerConfig, and by id.

Shapes alone do not say what a model computes. Under other rotary wavelengths, another epsilon or
another activation the same parameters load without a word, and are another model's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from t5lite.checkpoints.model_dir import RUNTIME_FIELDS
from t5lite.data.vocabularies.load import same_vocabulary, vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.models.config import TransformerConfig
from t5lite.models.nested_config import Difference, differences, field_names

# Fields that only say how fresh parameters are drawn, and what is added to those there are.
_FRESH_FIELDS = frozenset({"initializer", "initializer_range", "adapters"})

COMPARED_FIELDS = tuple(
    name for name in field_names(TransformerConfig) if name not in RUNTIME_FIELDS | _FRESH_FIELDS
)

# Fields that the names and shapes of the parameters say as well.
SHAPE_FIELDS = frozenset(
    {
        "vocab_size",
        "d_model",
        "d_ff",
        "num_encoder_layers",
        "num_decoder_layers",
        "positions.num_buckets",
        "positions.max_positions",
        "embedding_dim",
    }
)

# Where None stands for the value of a property.
_PROPERTIES = {"num_kv_heads": "kv_heads", "embedding_dim": "embedding_width"}

# What a SentencePiece model and a tokenizer.json made of it read alike, and two others do not.
_PROBES = (
    "The quick brown fox jumps over 13 lazy dogs; isn't that (at least) 100% remarkable?",
    "Où est la bibliothèque? Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "def add(a, b): return a + b  # 0x1F, 3.14159, #42, e-mail: name@example.org",
)

# Single precision, in which some formats keep their numbers.
_RELATIVE_TOLERANCE = 1e-6


def model_differences(
    first: TransformerConfig, second: TransformerConfig, *, ignored: Collection[str] = ()
) -> list[Difference]:
    """Lists the fields that make two models compute different things from the same parameters.

    How a model is run (`RUNTIME_FIELDS`) and how fresh parameters are drawn make no difference.

    Args:
      first: a model.
      second: another.
      ignored: dotted names of fields that are not to be compared.
    """
    found = []
    for difference in differences(first, second):
        name = difference.field
        if name not in COMPARED_FIELDS or name in ignored:
            continue
        if name in _PROPERTIES:
            a, b = getattr(first, _PROPERTIES[name]), getattr(second, _PROPERTIES[name])
            difference = Difference(name, a, b)
        if not _is_same(difference.first, difference.second):
            found.append(difference)
    return found


def reads_alike(vocabulary: Vocabulary, spec: Mapping[str, Any]) -> bool:
    """Whether a vocabulary gives the ids of another, which may be kept in another kind of file.

    Args:
      vocabulary: one.
      spec: `spec()` of the other.
    """
    if vocabulary.spec()["kind"] == spec["kind"]:
        return same_vocabulary(vocabulary.spec(), spec)
    other = vocabulary_from_spec(spec)
    if vocabulary.vocab_size != other.vocab_size or vocabulary.eos_ids != other.eos_ids:
        return False
    try:
        return all(vocabulary.encode(text) == other.encode(text) for text in _PROBES)
    except ValueError:  # One of them has no texts.
        return False


def _is_same(a: Any, b: Any) -> bool:
    kinds = {type(a), type(b)}
    if float in kinds and kinds <= {int, float}:
        return math.isclose(a, b, rel_tol=_RELATIVE_TOLERANCE)
    return bool(a == b)
