"""Rotary positions in config.json, in transformers 4's fields and in 5's."""

from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import LinearScaling, Rotary, linear_scaling

_TYPES = ("default", "linear")
_KNOWN = {"rope_type", "type", "rope_theta", "factor", "partial_rotary_factor"}


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
      ValueError: a way of scaling other than linear.
    """
    theta = fields.get(theta_field, 10000.0)
    fraction = 1.0 if fraction_field is None else fields.get(fraction_field, 0.25)
    where, parameters = "rope_parameters", fields.get("rope_parameters", {})
    if scaling := fields.get("rope_scaling"):
        where, parameters = "rope_scaling", scaling
    for name in ("rope_type", "type"):
        check_type(parameters.get(name), str | None, name=f"config.json: {where}.{name}")
    for name in ("factor", "rope_theta", "partial_rotary_factor"):
        if name in parameters:
            check_type(parameters[name], float, name=f"config.json: {where}.{name}")
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    unknown = parameters.keys() - _KNOWN
    if fraction_field is None and parameters.get("partial_rotary_factor", 1.0) != 1:
        unknown.add("partial_rotary_factor")
    if kind not in _TYPES or unknown:
        raise ValueError(
            f"config.json: {where} is {parameters}; t5lite does only rope_type "
            f"{' and '.join(map(repr, _TYPES))}, with rope_theta and factor"
        )
    if kind == "linear" and "factor" not in parameters:
        raise ValueError(f"config.json: {where} is {parameters}: linear scaling has a factor")
    return Rotary(
        fraction=float(parameters.get("partial_rotary_factor", fraction)),
        theta=float(parameters.get("rope_theta", theta)),
        scaling=linear_scaling(float(parameters["factor"])) if kind == "linear" else None,
    )


def write_rotary(
    config: TransformerConfig, *, theta_field: str, fraction_field: str | None
) -> dict[str, Any]:
    """The fields of both versions; the fraction is left out where a family has none."""
    rotary = config.positions
    assert isinstance(rotary, Rotary)
    scaling = None if rotary.scaling is None else _write_scaling(rotary.scaling)
    parameters = (scaling or {"rope_type": "default"}) | {"rope_theta": rotary.theta}
    fields: dict[str, Any] = {theta_field: rotary.theta}
    if fraction_field is not None:
        parameters["partial_rotary_factor"] = rotary.fraction
        fields[fraction_field] = rotary.fraction
    return fields | {"rope_parameters": parameters, "rope_scaling": scaling}


def _write_scaling(scaling: LinearScaling) -> dict[str, Any]:
    # "type" is what the first releases with scaling called it.
    return {"rope_type": "linear", "type": "linear", "factor": scaling.factor}
