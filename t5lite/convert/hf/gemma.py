"""Gemma 1 as Hugging Face lays it out: `modeling_gemma.py`.

A LLaMA whose norms multiply by 1 plus their parameter and whose embeddings are scaled.
"""

import dataclasses
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.llama import LLAMA, llama_mismatches, read_llama, write_llama
from t5lite.models.config import TransformerConfig

_ACTIVATION = "gelu_pytorch_tanh"
_OF_GEMMA: dict[str, Any] = {
    "norm_adds_one": True,
    "scale_embeddings": True,
    "mlp_activations": ("gelu", "linear"),
    "mlp_bias": False,
}


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    # "gelu" was written for what was trained with the approximation by tanh.
    fields.expect("hidden_act", "gelu", _ACTIVATION)
    fields.expect("hidden_activation", None, _ACTIVATION)
    fields.expect("use_bidirectional_attention", None, False)
    for name in ("num_key_value_heads", "head_dim"):
        fields.need(name)  # their class's defaults are of one size
    return dataclasses.replace(read_llama(fields, tied), **_OF_GEMMA)


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return write_llama(config) | {"hidden_act": _ACTIVATION, "hidden_activation": _ACTIVATION}


GEMMA = dataclasses.replace(
    LLAMA,
    name="Gemma",
    model_type="gemma",
    architecture="GemmaForCausalLM",
    tied_by_default=True,
    read_config=_read_config,
    mismatches=lambda config: llama_mismatches(config, **_OF_GEMMA),
    write_config=_write_config,
)
