"""What the pretraining of known models took, to set a run's operations beside."""

from __future__ import annotations

from typing import NamedTuple

from t5lite.models.config import TransformerConfig
from t5lite.models.flops import train_step_flops
from t5lite.models.parameters import count_params, flatten_names, param_shapes

_FLAN = "Chung et al. 2022 (arXiv:2210.11416), table 2"
_PYTHIA = "Biderman et al. 2023 (arXiv:2304.01373), 299.9 billion tokens, counted from the model"


class Pretraining(NamedTuple):
    """What a pretraining took.

    Attributes:
      flops: all of it.
      source: who says so, or how it was counted.
    """

    flops: float
    source: str


# A model is known by its architecture and the number of its parameters, which no two here share.
_PUBLISHED = {
    ("encoder_decoder", 76_961_152): 1.8e20,  # T5 1.1 small, and with it Flan-T5
    ("encoder_decoder", 247_577_856): 6.6e20,  # base
    ("encoder_decoder", 783_150_080): 2.3e21,  # large
    ("encoder_decoder", 2_849_757_184): 9.0e21,  # XL
    ("encoder_decoder", 11_135_332_352): 3.3e22,  # XXL
    ("decoder_only", 8_632_012_800): 3.7e22,  # PaLM 8B
    ("decoder_only", 62_495_662_080): 2.9e23,
    ("decoder_only", 540_356_474_880): 2.5e24,
}
# 143,000 steps of 1,024 rows of 2,048 tokens, of all sizes.
_PYTHIA_ROWS, _PYTHIA_LENGTH = 143_000 * 1024, 2048
_PYTHIA_SIZES = frozenset(
    {
        *(14_067_712, 30_494_720, 70_426_624, 162_322_944, 405_334_016, 1_011_781_632),
        *(1_414_647_808, 2_775_208_960, 6_857_302_016, 11_846_072_320),
    }
)


def pretraining(config: TransformerConfig) -> Pretraining | None:
    """What the pretraining of a model took; None where that is not known."""
    known = (config.architecture, count_params(config))
    if known in _PUBLISHED:
        return Pretraining(_PUBLISHED[known], _FLAN)
    if known[0] == "decoder_only" and known[1] in _PYTHIA_SIZES:
        row = train_step_flops(
            config,
            batch_size=1,
            capacities=(_PYTHIA_LENGTH,),
            trainable=flatten_names(param_shapes(config)),
        )
        return Pretraining(float(row.model * _PYTHIA_ROWS), _PYTHIA)
    return None
