"""Soft prompts and adaption prompts between `peft` and ours.

What differs from the papers, as peft 0.21 computes it: its prompt tuning keeps a table of twice the
tokens for an encoder-decoder unless told otherwise, and reads the first half alone, in front of the
encoder's input; its adaption prompts (LLaMA-Adapter) have one gate a layer that multiplies as it
is, where the paper has one a head under tanh.
"""

import logging

import numpy as np

from t5lite.convert.hf.family import Family
from t5lite.convert.names import Arrays, Key, LazyArray, Tensors
from t5lite.convert.peft.settings import Settings, check_shapes
from t5lite.models.adapter_config import AdaptionPrompt, PromptTuning
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)

# The families whose attention peft gives adaption prompts as the paper does. It knows GPT-2 too,
# but adds what is seen of a prompt behind the output projection, which it did not pass.
_WITH_ADAPTION_PROMPTS = ("llama", "mistral")
_SOFT_PROMPT, _SOFT_PROMPTS = "token_embedder/soft_prompt", "prompt_embeddings"
_EMBEDDING, _GATE = "decoder/adaption_prompt/embedding", "decoder/adaption_prompt/gate"
_ATTENTION = "model.layers.{layer}.self_attn"
_PROMPT, _PROMPT_GATE = f"{_ATTENTION}.adaption_prompt", f"{_ATTENTION}.adaption_gate"


def read_prompt_tuning(
    settings: Settings, tensors: Tensors, *, base: TransformerConfig
) -> tuple[PromptTuning, dict[Key, LazyArray]]:
    """Their soft prompt as ours.

    Args:
      settings: adapter_config.json.
      tensors: All of the folder's.
      base: The base model.

    Returns:
      The adapter, and its parameters.

    Raises:
      ValueError: it is of another width than the base's embedding; tensors are missing or left
        over; or which model it is depends on the version of transformers.
    """
    _check_soft_prompt(base)
    num_tokens, parts = settings.need("num_virtual_tokens"), 1
    if base.architecture == "encoder_decoder":
        parts = settings.get("num_transformer_submodules", 2)
    width = base.embedding_width
    check_shapes(settings, tensors, {_SOFT_PROMPTS: (num_tokens * parts, width)})
    if parts > 1:
        log.info(
            "%s: num_transformer_submodules is %d; peft computes with the first %d tokens, in "
            "front of the encoder's input, and the others are left out",
            settings.file,
            parts,
            num_tokens,
        )
    read = tensors[_SOFT_PROMPTS].read
    soft_prompt_PE = LazyArray(
        (num_tokens, width), np.dtype(np.float32), lambda: read()[:num_tokens].astype(np.float32)
    )
    return PromptTuning(num_tokens=num_tokens), {(_SOFT_PROMPT, None): soft_prompt_PE}


def write_prompt_tuning(
    adapter: PromptTuning, arrays: Arrays, *, base: TransformerConfig
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Ours as theirs; the inverse of `read_prompt_tuning`.

    Args:
      adapter: The adapter.
      arrays: Its parameters.
      base: The base model.

    Returns:
      Fields of adapter_config.json, and the tensors.

    Raises:
      ValueError: which model it would be depends on the version of transformers.
    """
    _check_soft_prompt(base)
    fields: dict[str, object] = {
        "num_virtual_tokens": adapter.num_tokens,
        "token_dim": base.embedding_width,
        "num_transformer_submodules": 1,
        "num_attention_heads": base.num_heads,
        "num_layers": base.num_decoder_layers,
        "prompt_tuning_init": "RANDOM",
    }
    return fields, {_SOFT_PROMPTS: arrays[_SOFT_PROMPT, None].read()}


def read_adaption_prompt(
    settings: Settings, tensors: Tensors, *, family: Family, base: TransformerConfig
) -> tuple[AdaptionPrompt, dict[Key, LazyArray]]:
    """Their adaption prompts as ours.

    Args:
      settings: adapter_config.json.
      tensors: All of the folder's, by names without a prefix.
      family: The base's.
      base: The base model.

    Returns:
      The adapter, and its parameters.

    Raises:
      ValueError: peft computes something else than ours with them; or tensors are missing, left
        over, or of another shape.
    """
    if reason := _why_no_adaption_prompt(family, base):
        settings.refuse("peft_type", reason)
    if settings.get("target_modules", "self_attn") != "self_attn":
        settings.refuse("target_modules", "t5lite does 'self_attn'")
    tokens, num_layers = settings.need("adapter_len"), settings.need("adapter_layers")
    if num_layers > base.num_decoder_layers:
        settings.refuse("adapter_layers", f"the base has {base.num_decoder_layers} layers")
    layers = range(base.num_decoder_layers - num_layers, base.num_decoder_layers)
    wanted: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        wanted[_PROMPT.format(layer=layer)] = (1, tokens, base.d_model)
        wanted[_PROMPT_GATE.format(layer=layer)] = (1,)
    check_shapes(settings, tensors, wanted)

    def stacked(name: str) -> np.ndarray:
        read = [tensors[name.format(layer=layer)].read() for layer in layers]
        return np.stack(read).astype(np.float32)

    adapter = AdaptionPrompt(num_tokens=tokens, num_layers=num_layers, gate="linear")
    float32 = np.dtype(np.float32)
    embedding_NPD = LazyArray(
        (num_layers, tokens, base.d_model), float32, lambda: stacked(_PROMPT)[:, 0]
    )
    gate_N1 = LazyArray((num_layers, 1), float32, lambda: stacked(_PROMPT_GATE))
    return adapter, {(_EMBEDDING, None): embedding_NPD, (_GATE, None): gate_N1}


def write_adaption_prompt(
    adapter: AdaptionPrompt, arrays: Arrays, *, family: Family, base: TransformerConfig
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Ours as theirs; the inverse of `read_adaption_prompt`.

    Args:
      adapter: The adapter.
      arrays: Its parameters.
      family: The base's.
      base: The base model.

    Returns:
      Fields of adapter_config.json, and the tensors by names without a prefix.

    Raises:
      ValueError: peft has no such adapter: the family, or gates that differ between heads.
    """
    if reason := _why_no_adaption_prompt(family, base):
        raise ValueError(f"AdaptionPrompt: {reason}")
    embedding_NPD, gate_NH = arrays[_EMBEDDING, None].read(), arrays[_GATE, None].read()
    if adapter.gate == "tanh":
        gate_NH = np.tanh(gate_NH)
    if (gate_NH != gate_NH[:, :1]).any():
        raise ValueError(
            "AdaptionPrompt.gate is 'tanh', with a gate for each head, and peft has one for all "
            "heads of a layer. For an adapter that peft can load, train with AdaptionPrompt.gate "
            "= 'linear'"
        )
    num_layers, tokens, _ = embedding_NPD.shape
    tensors = {}
    for index in range(num_layers):
        layer = base.num_decoder_layers - num_layers + index
        tensors[_PROMPT.format(layer=layer)] = embedding_NPD[index : index + 1]
        tensors[_PROMPT_GATE.format(layer=layer)] = gate_NH[index, :1]
    fields: dict[str, object] = {
        "adapter_len": tokens,
        "adapter_layers": num_layers,
        "target_modules": "self_attn",
    }
    return fields, tensors


def _check_soft_prompt(base: TransformerConfig) -> None:
    if base.scale_embeddings:
        raise ValueError(
            "the base multiplies its token embeddings by sqrt(d_model) (Gemma), and with them a "
            "soft prompt of peft in transformers 4, but not in 5: t5lite reads and writes none "
            "such, as no folder says which"
        )


def _why_no_adaption_prompt(family: Family, base: TransformerConfig) -> str | None:
    if family.model_type not in _WITH_ADAPTION_PROMPTS:
        known = " and ".join(_WITH_ADAPTION_PROMPTS)
        return f"the base is a {family.name}; peft has adaption prompts as t5lite does of {known}"
    if base.attention_bias and base.attention_out_bias:
        return "the base's attention_bias is true, and peft adds that of the output twice"
    # Peft takes the ratio of widths for that of numbers of heads.
    if base.d_model // (base.kv_heads * base.d_kv) != base.num_heads // base.kv_heads:
        return (
            f"the base's {base.num_heads} heads of {base.d_kv} are not as wide together as its "
            f"hidden_size ({base.d_model}), which peft's adaption prompts take for granted"
        )
    return None
