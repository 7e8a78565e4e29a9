"""How config.json tells of rotary positions, in transformers 4's fields and in 5's."""

from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.models.config import TransformerConfig

_TYPES = ("default", "linear")
_KNOWN = {"rope_type", "type", "rope_theta", "factor", "partial_rotary_factor"}


def read_rotary(fields: Fields, *, theta_field: str, fraction_field: str | None) -> dict[str, Any]:
    """`rope_theta`, `rope_scaling_factor` and `rotary_fraction` of a TransformerConfig.

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
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    unknown = parameters.keys() - _KNOWN
    if fraction_field is None and parameters.get("partial_rotary_factor", 1.0) != 1:
        unknown.add("partial_rotary_factor")
    if kind not in _TYPES or unknown:
        raise ValueError(
            f"config.json: {where} is {parameters}; t5lite does only rope_type "
            f"{' and '.join(map(repr, _TYPES))}, with rope_theta and factor"
        )
    return {
        "rope_theta": float(parameters.get("rope_theta", theta)),
        "rotary_fraction": float(parameters.get("partial_rotary_factor", fraction)),
        "rope_scaling_factor": float(parameters["factor"]) if kind == "linear" else 1.0,
    }


def write_rotary(
    config: TransformerConfig, *, theta_field: str, fraction_field: str | None
) -> dict[str, Any]:
    """The fields of both versions; the fraction is left out where a family has none."""
    scaling: dict[str, Any] = {"rope_type": "default"}
    if config.rope_scaling_factor != 1:
        # "type" is what the first releases with scaling called it.
        scaling = {"rope_type": "linear", "type": "linear", "factor": config.rope_scaling_factor}
    parameters = scaling | {"rope_theta": config.rope_theta}
    fields: dict[str, Any] = {theta_field: config.rope_theta}
    if fraction_field is not None:
        parameters["partial_rotary_factor"] = config.rotary_fraction
        fields[fraction_field] = config.rotary_fraction
    return fields | {
        "rope_parameters": parameters,
        "rope_scaling": scaling if config.rope_scaling_factor != 1 else None,
    }
