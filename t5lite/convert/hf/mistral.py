"""Mistral, a LLaMA whose tokens may see a window only: `modeling_mistral.py`."""

import dataclasses
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.llama import LLAMA, llama_mismatches, read_llama, write_llama
from t5lite.models.config import TransformerConfig

# What their class takes an absent field for; one that is null is no window (0.2 and later).
_WINDOW = 4096


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.need("num_key_value_heads")  # their class's default is of one size
    window = fields.get("sliding_window") if "sliding_window" in fields else _WINDOW
    return dataclasses.replace(
        read_llama(fields, tied), attention_window=window, attention_bias=False, mlp_bias=False
    )


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return write_llama(config) | {"sliding_window": config.attention_window}


MISTRAL = dataclasses.replace(
    LLAMA,
    name="Mistral",
    model_type="mistral",
    architecture="MistralForCausalLM",
    unread=("sliding_window",),
    read_config=_read_config,
    mismatches=lambda config: llama_mismatches(
        config, attention_window=config.attention_window, attention_bias=False, mlp_bias=False
    ),
    write_config=_write_config,
)
