"""Rotary positions in config.json, in transformers 4's fields and in 5's."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.messages.ranges import NotNegative
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary
from t5lite.models.rotary_scaling import (
    DynamicNTKScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    NTKScaling,
    Scaling,
    YarnScaling,
    yarn_mscale,
)

_KINDS: Mapping[str, type[Scaling]] = {
    "linear": LinearScaling,
    "dynamic": DynamicNTKScaling,
    "llama3": Llama3Scaling,
    "yarn": YarnScaling,
    "longrope": LongRopeScaling,
}
# Their names of our fields; the rest have the same.
_ORIGINAL = "original_max_position_embeddings"
_THEIRS = {"original_length": _ORIGINAL}
# What is not the scaling's, and what only says what its attention factor is.
_COMMON = {"rope_type": str, "type": str, "rope_theta": float, "partial_rotary_factor": float}
_OF_ATTENTION = {
    "yarn": {"mscale": NotNegative, "mscale_all_dim": NotNegative},
    "longrope": {"factor": float},
}


def read_rotary(fields: Fields, *, theta_field: str, fraction_field: str | None) -> Rotary:
    """The rotary positions that config.json describes.

    Version 4 has fields of the config for base and fraction, and `rope_scaling` for the rest;
    version 5 puts all in `rope_parameters`. Where a file has both, version 5 asks `rope_scaling`
    first, then `rope_parameters`, then the single fields.

    Args:
      fields: The config's.
      theta_field: The family's own name of the base in version 4.
      fraction_field: That of the share of a head that is rotated; None where all of it is.

    Raises:
      ValueError: a way of scaling that t5lite does not have, or one without what it needs.
    """
    theta = fields.get(theta_field, 10000.0)
    fraction = 1.0 if fraction_field is None else fields.get(fraction_field, 0.25)
    where, parameters = "rope_parameters", fields.get("rope_parameters", {})
    if scaling := fields.get("rope_scaling"):
        where, parameters = "rope_scaling", scaling
    where = f"config.json: {where}"
    parameters = {name: value for name, value in parameters.items() if value is not None}
    _check_types(parameters, _COMMON, where)
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if kind != "default" and kind not in _KINDS:
        raise ValueError(
            f"{where} is {parameters}; t5lite does only rope_type "
            f"{', '.join(map(repr, ('default', *_KINDS)))}"
        )
    if fraction_field is None and parameters.get("partial_rotary_factor", 1.0) != 1:
        raise ValueError(f"{where} is {parameters}; of this family all of a head is rotated")
    return Rotary(
        fraction=float(parameters.get("partial_rotary_factor", fraction)),
        theta=float(parameters.get("rope_theta", theta)),
        scaling=_read_scaling(kind, parameters, fields, where=where),
    )


def write_rotary(
    config: TransformerConfig, *, theta_field: str, fraction_field: str | None
) -> dict[str, Any]:
    """The fields of both versions; the fraction is left out where a family has none.

    `NTKScaling` has no name in config.json: it is written as the larger base that it is.
    """
    rotary = config.positions
    assert isinstance(rotary, Rotary)
    theta, scaling = rotary.theta, rotary.scaling
    if isinstance(scaling, NTKScaling):
        rotated = int(config.d_kv * rotary.fraction)
        theta *= scaling.factor ** (rotated / max(rotated - 2, 1))
        scaling = None
    written = None if scaling is None else _write_scaling(scaling)
    parameters = (written or {"rope_type": "default"}) | {"rope_theta": theta}
    fields: dict[str, Any] = {theta_field: theta}
    if fraction_field is not None:
        parameters["partial_rotary_factor"] = rotary.fraction
        fields[fraction_field] = rotary.fraction
    if isinstance(scaling, DynamicNTKScaling):
        # The one that asks the config how long texts were.
        fields["max_position_embeddings"] = scaling.original_length
    if isinstance(scaling, LongRopeScaling):
        fields[_ORIGINAL] = scaling.original_length  # where version 4 looks
    return fields | {"rope_parameters": parameters, "rope_scaling": written}


def _read_scaling(
    kind: str, parameters: Mapping[str, Any], fields: Fields, *, where: str
) -> Scaling | None:
    cls = _KINDS.get(kind)
    hints = {} if cls is None else typing.get_type_hints(cls, include_extras=True)
    names = {_THEIRS.get(name, name): name for name in hints}
    of_attention = _OF_ATTENTION.get(kind, {})
    if unknown := parameters.keys() - names.keys() - of_attention.keys() - _COMMON.keys():
        raise ValueError(
            f"{where} is {parameters}; rope_type {kind!r} has no {', '.join(sorted(unknown))}"
        )
    if cls is None:
        return None
    _check_types(parameters, of_attention | {n: hints[ours] for n, ours in names.items()}, where)
    given = {ours: parameters[name] for name, ours in names.items() if name in parameters}
    longest = fields.get("max_position_embeddings")
    if cls is DynamicNTKScaling:
        if given.setdefault("original_length", longest) != longest:
            raise ValueError(
                f"{where} is {parameters}: for rope_type 'dynamic' transformers takes "
                f"max_position_embeddings ({longest}) for {_ORIGINAL}; make them one"
            )
    elif "original_length" in hints:
        # A field beside `rope_scaling`, as Phi-3's, counts more than the one inside.
        inside = given.get("original_length", longest)
        given["original_length"] = fields.get(_ORIGINAL, inside)
    original = given.get("original_length")
    if original and longest and cls is YarnScaling:
        given.setdefault("factor", longest / original)
    if original and cls in (YarnScaling, LongRopeScaling) and "attention_factor" not in given:
        given |= _attention_factor(parameters, longest=longest, original=original)
    required = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
    missing = {_THEIRS.get(n, n) for n in required if given.get(n) is None}
    if missing:
        raise ValueError(
            f"{where} is {parameters}: rope_type {kind!r} needs {', '.join(sorted(missing))}"
        )
    if cls is LinearScaling and given["factor"] == 1:
        return None
    return cls(**given)


def _attention_factor(
    parameters: Mapping[str, Any], *, longest: int | None, original: int
) -> dict[str, float]:
    """The factor of attention that version 5 makes of other fields; empty for ours."""
    if parameters.get("short_factor"):
        factor = parameters.get("factor", (longest or original) / original)
        growth = math.log(factor) / math.log(original) if factor > 1 < original else 0.0
        return {"attention_factor": math.sqrt(1 + growth)}
    weight, of_all = parameters.get("mscale"), parameters.get("mscale_all_dim")
    factor = parameters.get("factor", (longest or original) / original)
    if not (weight and of_all):
        return {}
    return {"attention_factor": yarn_mscale(factor, weight) / yarn_mscale(factor, of_all)}


def _write_scaling(scaling: Scaling) -> dict[str, Any]:
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(scaling, cls))
    values = {
        _THEIRS.get(name, name): list(value) if isinstance(value, tuple) else value
        for name, value in vars(scaling).items()
        if value is not None
    }
    if isinstance(scaling, DynamicNTKScaling):
        del values[_ORIGINAL]
    # "type" is what the first releases with scaling called it.
    return {"rope_type": kind, "type": kind} | values


def _check_types(parameters: Mapping[str, Any], hints: Mapping[str, Any], where: str) -> None:
    for name in parameters.keys() & hints.keys():
        check_type(parameters[name], hints[name], name=f"{where}.{name}")
