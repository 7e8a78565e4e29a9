"""Qwen 2 and 2.5, a LLaMA whose queries, keys and values have biases: `modeling_qwen2.py`."""

import dataclasses
from typing import Any

from t5lite.convert.hf.family import Fields
from t5lite.convert.hf.llama import LLAMA, llama_mismatches, read_llama, write_llama
from t5lite.models.config import TransformerConfig

_BIASES: dict[str, Any] = {"attention_bias": True, "attention_out_bias": False, "mlp_bias": False}
# Their class's defaults.
_WINDOW, _FULL_LAYERS = 4096, 28
_FULL, _WINDOWED = "full_attention", "sliding_attention"


def _read_config(fields: Fields, tied: bool) -> TransformerConfig:
    fields.need("num_key_value_heads")  # their class's default is none of ours
    config = read_llama(fields, tied)
    window = _read_window(fields, num_layers=config.num_decoder_layers)
    return dataclasses.replace(config, attention_window=window, **_BIASES)


def _read_window(fields: Fields, *, num_layers: int) -> int | None:
    """The window of all layers; None for none.

    Raises:
      ValueError: some layers have one and some have not.
    """
    window = fields.get("sliding_window") if "sliding_window" in fields else _WINDOW
    if not fields.get("use_sliding_window", False):
        window = None
    # Behind so many layers without.
    num_full = num_layers if window is None else fields.get("max_window_layers", _FULL_LAYERS)
    derived = [_FULL if layer < num_full else _WINDOWED for layer in range(num_layers)]
    kinds = set(fields.get("layer_types", derived))
    if kinds not in ({_FULL}, {_WINDOWED}):
        raise ValueError(
            "config.json: layer_types, or max_window_layers, makes its layers "
            f"{' and '.join(sorted(kinds))}; t5lite does the same attention in all layers, "
            "full or sliding"
        )
    if kinds == {_WINDOWED} and window is None:
        raise ValueError(
            f"config.json: layer_types says {_WINDOWED}, and use_sliding_window or sliding_window "
            "that there is no window; t5lite cannot tell which is meant"
        )
    return window if kinds == {_WINDOWED} else None


def _write_config(config: TransformerConfig) -> dict[str, Any]:
    window = config.attention_window
    record = write_llama(config) | {
        "use_sliding_window": window is not None,
        "sliding_window": window,
        "max_window_layers": config.num_decoder_layers if window is None else 0,
    }
    return {name: value for name, value in record.items() if name not in _BIASES}


QWEN2 = dataclasses.replace(
    LLAMA,
    name="Qwen 2",
    model_type="qwen2",
    architecture="Qwen2ForCausalLM",
    unread=("sliding_window", "use_sliding_window", "layer_types"),
    read_config=_read_config,
    mismatches=lambda config: llama_mismatches(
        config, attention_window=config.attention_window, **_BIASES
    ),
    write_config=_write_config,
)
