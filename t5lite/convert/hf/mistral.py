"""Mistral without a sliding window (0.2 and later), which is a LLaMA: `modeling_mistral.py`."""

import dataclasses
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.llama import LLAMA, llama_mismatches, read_llama, write_llama
from t5lite.models.config import TransformerConfig


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    # An absent one is 4096 to their class; one that is null is none.
    if "sliding_window" not in fields:
        raise ValueError(
            "config.json has no sliding_window, which then is 4096, and t5lite does no windows; "
            "null says that the model was trained without"
        )
    fields.need("num_key_value_heads")  # their class's default is of one size
    return dataclasses.replace(read_llama(fields, tied), attention_bias=False, mlp_bias=False)


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    return write_llama(config) | {"sliding_window": None}


MISTRAL = dataclasses.replace(
    LLAMA,
    name="Mistral",
    model_type="mistral",
    architecture="MistralForCausalLM",
    read_config=_read_config,
    mismatches=lambda config: llama_mismatches(config, attention_bias=False, mlp_bias=False),
    write_config=_write_config,
)
