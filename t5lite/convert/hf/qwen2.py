"""Qwen 2 and 2.5, a LLaMA whose queries, keys and values have biases: `modeling_qwen2.py`."""

import dataclasses
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.llama import LLAMA, llama_mismatches, read_llama, write_llama
from t5lite.models.config import TransformerConfig

_BIASES: dict[str, Any] = {"attention_bias": True, "attention_out_bias": False, "mlp_bias": False}


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.need("num_key_value_heads")  # their class's default is none of ours
    return dataclasses.replace(read_llama(fields, tied), **_BIASES)


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    record = write_llama(config) | {"use_sliding_window": False, "sliding_window": None}
    return {name: value for name, value in record.items() if name not in _BIASES}


QWEN2 = dataclasses.replace(
    LLAMA,
    name="Qwen 2",
    model_type="qwen2",
    architecture="Qwen2ForCausalLM",
    # `use_sliding_window` says whether it counts.
    unread=("sliding_window",),
    read_config=_read_config,
    mismatches=lambda config: llama_mismatches(config, **_BIASES),
    write_config=_write_config,
)
