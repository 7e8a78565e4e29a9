"""A folder of `peft`: adapter_config.json and adapter_model.safetensors beside it."""

import dataclasses
import logging
import pathlib

from t5lite.convert.hf.family import Family
from t5lite.convert.hf.folder import choose_family
from t5lite.convert.hf.weights import check_floats, read_safetensors, write_safetensors
from t5lite.convert.names import Arrays, Key, LazyArray, Tensors
from t5lite.convert.peft import unfrozen
from t5lite.convert.peft.lora import read_lora, write_lora
from t5lite.convert.peft.modules import modules_of
from t5lite.convert.peft.prompts import (
    read_adaption_prompt,
    read_prompt_tuning,
    write_adaption_prompt,
    write_prompt_tuning,
)
from t5lite.convert.peft.settings import CONFIG_FILE, read_settings
from t5lite.convert.source import Source
from t5lite.convert.torch_file import read_torch_file
from t5lite.files.json_files import write_object
from t5lite.files.regular_files import has_file
from t5lite.models.adapter_config import AdaptionPrompt, Lora, PromptTuning
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)

WEIGHTS_FILE = "adapter_model.safetensors"
_TORCH_FILE = "adapter_model.bin"
_PREFIX = "base_model.model."


def is_peft_folder(path: pathlib.Path) -> bool:
    """Whether there is an adapter of peft, and no model of its own."""
    return has_file(path / CONFIG_FILE) and not has_file(path / "config.json")


def read_folder(
    folder: pathlib.Path, *, base: Source
) -> tuple[TransformerConfig, dict[Key, LazyArray]]:
    """Reads an adapter, for a base that is there already.

    Args:
      folder: Peft's folder.
      base: The base model.

    Returns:
      The base with the adapter, and the adapter's parameters alone, a layer at a time.

    Raises:
      ValueError: the folder is of another base, asks for what t5lite does not do, or is damaged; or
        transformers has no such base.
    """
    config = base.config
    settings = read_settings(folder, architecture=config.architecture)
    family = choose_family(config, base.model_type)
    tensors = _read_tensors(folder)
    if settings.kind == "PROMPT_TUNING":
        soft_prompt, arrays = read_prompt_tuning(settings, tensors, base=config)
        return dataclasses.replace(config, adapters=(soft_prompt,)), arrays
    tensors = _with_base_names(tensors, family)
    if settings.kind == "ADAPTION_PROMPT":
        prompts, arrays = read_adaption_prompt(settings, tensors, family=family, base=config)
        return dataclasses.replace(config, adapters=(prompts,)), arrays
    lora_tensors, beside = unfrozen.split(tensors)
    modules = modules_of(family, config)
    loras, arrays = read_lora(settings, lora_tensors, modules=modules, base=config)
    names, own = unfrozen.read_unfrozen(settings, beside, family=family, base=base)
    first, *others = loras
    adapters = (dataclasses.replace(first, unfrozen=names), *others)
    return dataclasses.replace(config, adapters=adapters), arrays | own


def write_folder(
    folder: pathlib.Path,
    config: TransformerConfig,
    arrays: Arrays,
    *,
    base_path: str | None = None,
    model_type: str | None = None,
) -> None:
    """Writes an adapter that `peft.PeftModel.from_pretrained` loads onto its base.

    Args:
      folder: An existing folder.
      config: The base with the adapter.
      arrays: The adapter's parameters, a layer at a time.
      base_path: Where the base lies, in Hugging Face's format; None where that is nowhere.
      model_type: What Hugging Face calls it, where that is known.

    Raises:
      ValueError: peft has no such adapter, or transformers no such base.
    """
    base, loras = config.base, [a for a in config.adapters if isinstance(a, Lora)]
    family = choose_family(base, model_type)
    adapter = config.adapters[0] if len(config.adapters) == 1 else None
    if loras and len(loras) == len(config.adapters):
        modules = modules_of(family, base)
        own = {key: array for key, array in arrays.items() if "/lora_" not in key[0]}
        kind, (fields, tensors) = "LORA", write_lora(loras, arrays, modules=modules, base=base)
        adapted = {name.rpartition(".lora_")[0] for name in tensors}
        saved, beside = unfrozen.write_unfrozen(own, family=family, base=base, adapted=adapted)
        fields, tensors = fields | saved, tensors | beside
    elif isinstance(adapter, AdaptionPrompt):
        kind = "ADAPTION_PROMPT"
        fields, tensors = write_adaption_prompt(adapter, arrays, family=family, base=base)
    elif isinstance(adapter, PromptTuning):
        kind, (fields, tensors) = "PROMPT_TUNING", write_prompt_tuning(adapter, arrays, base=base)
    else:
        kinds = ", ".join(type(adapter).__name__ for adapter in config.adapters) or "none"
        raise ValueError(
            f"TransformerConfig.adapters are {kinds}; a folder of peft holds LoRA, one "
            "PromptTuning, or one AdaptionPrompt"
        )
    record = {
        "peft_type": kind,
        "task_type": "CAUSAL_LM" if base.architecture == "decoder_only" else "SEQ_2_SEQ_LM",
        "base_model_name_or_path": base_path,
        "inference_mode": True,
        **fields,
    }
    write_object(folder / CONFIG_FILE, record)
    prefix = "" if kind == "PROMPT_TUNING" else _PREFIX
    named = {prefix + name: LazyArray.of(array) for name, array in tensors.items()}
    write_safetensors(folder / WEIGHTS_FILE, named)


def _read_tensors(folder: pathlib.Path) -> Tensors:
    if has_file(folder / WEIGHTS_FILE):
        held = read_safetensors(folder / WEIGHTS_FILE)
    elif has_file(folder / _TORCH_FILE):
        held = read_torch_file(folder / _TORCH_FILE)
    else:
        raise ValueError(
            f"{folder} has no weights beside its {CONFIG_FILE}: neither {WEIGHTS_FILE} nor "
            f"{_TORCH_FILE}. Copy or download it again"
        )
    tensors = Tensors(held, source=str(folder))
    check_floats(tensors)
    return tensors


def _with_base_names(tensors: Tensors, family: Family) -> Tensors:
    """The tensors without what peft puts before the names of the base's modules."""
    tensors = tensors.renamed(lambda name: name.removeprefix(_PREFIX))
    prefix = family.base_prefix
    if any(name.startswith(prefix) for name in tensors):
        return tensors
    # An adapter to the class without a head, whose names have no prefix of the model's.
    return tensors.renamed(lambda name: prefix + name)
