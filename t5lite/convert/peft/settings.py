"""adapter_config.json: what a folder of `peft` holds, by kind, checked.

Fields and what they mean: the config classes of peft 0.21 (`LoraConfig`, `PromptTuningConfig`,
`AdaptionPromptConfig`). A field that t5lite does not know, or knows and does not do, may be there
as long as it is null, false or empty; anything else in it is refused by name.
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from t5lite.convert.names import Tensors
from t5lite.convert.peft.modules import Modules, check_pattern, matches_pattern
from t5lite.files.json_files import read_object
from t5lite.messages.ranges import Positive, Rate, Size
from t5lite.messages.value_types import check_fields, shown

CONFIG_FILE = "adapter_config.json"

_Names = Sequence[str] | str
_FIELD_TYPES: Mapping[str, Any] = {
    "peft_type": str,
    "task_type": str,
    "base_model_name_or_path": str,
    "revision": str,
    "r": Size,
    "lora_alpha": Positive,
    "lora_dropout": Rate,
    "use_rslora": bool,
    "target_modules": _Names,
    "exclude_modules": _Names,
    "layers_to_transform": Sequence[int] | int,
    "layers_pattern": _Names,
    "modules_to_save": Sequence[str],
    "bias": Literal["none", "all", "lora_only"],
    "rank_pattern": Mapping[str, Size],
    "alpha_pattern": Mapping[str, Positive],
    "num_virtual_tokens": Size,
    "token_dim": Size,
    "num_transformer_submodules": Size,
    "adapter_len": Size,
    "adapter_layers": Size,
}

# What stands in files of every kind and changes nothing of what a model computes.
_WITHOUT_EFFECT = ("auto_mapping", "inference_mode", "peft_version", "runtime_config")

# Ways to start that leave the base as it is. Others (pissa, olora, loftq, corda ...) change the
# base's own weights, so that such an adapter is one to a base that is in no folder.
_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")

# By kind: the fields that are read, and those that count while training starts, or nowhere here.
_READ: Mapping[str, tuple[str, ...]] = {
    "LORA": (
        *("r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "exclude_modules"),
        *("layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "bias"),
        *("init_lora_weights", "modules_to_save"),
    ),
    "PROMPT_TUNING": ("num_virtual_tokens", "token_dim", "num_transformer_submodules"),
    "ADAPTION_PROMPT": ("adapter_len", "adapter_layers", "target_modules"),
}
_OF_THE_START: Mapping[str, tuple[str, ...]] = {
    "LORA": (
        *("fan_in_fan_out", "megatron_core", "qalora_group_size", "loftq_config", "eva_config"),
        "ensure_weight_tying",
    ),
    "PROMPT_TUNING": (
        *("num_attention_heads", "num_layers", "prompt_tuning_init", "prompt_tuning_init_text"),
        *("tokenizer_name_or_path", "tokenizer_kwargs"),
    ),
    "ADAPTION_PROMPT": (),
}
_TASKS = {"CAUSAL_LM": "decoder_only", "SEQ_2_SEQ_LM": "encoder_decoder"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What adapter_config.json says.

    Attributes:
      file: Where it lies.
      kind: Its `peft_type`, a key of `_READ`.
      fields: All that it says.
    """

    file: pathlib.Path
    kind: str
    fields: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """A field; the default where it is absent or null."""
        value = self.fields.get(name)
        return default if value is None else value

    def need(self, name: str) -> Any:
        """A field.

        Raises:
          ValueError: it is absent or null.
        """
        if self.get(name) is None:
            raise ValueError(f"{self.file} has no {name}, which every {self.kind} has")
        return self.fields[name]

    def refuse(self, name: str, reason: str) -> None:
        """Raises ValueError that names a field, what is in it, and why it cannot be."""
        raise ValueError(f"{self.file}: {name} is {shown(self.fields.get(name))}; {reason}")


def read_settings(folder: pathlib.Path, *, architecture: str) -> Settings:
    """Reads and checks adapter_config.json.

    Args:
      folder: Peft's folder.
      architecture: The base model's, of `models.config.ARCHITECTURES`.

    Raises:
      ValueError: it is of a kind that t5lite does not do, or of another architecture; a field is of
        another type, or asks for what t5lite does not do.
    """
    file = folder / CONFIG_FILE
    record = read_object(file)
    check_fields(record, _FIELD_TYPES, name=str(file))
    settings = Settings(file=file, kind=str(record.get("peft_type")), fields=record)
    if settings.kind not in _READ:
        settings.refuse("peft_type", f"t5lite does {', '.join(_READ)}")
    known = {*_READ[settings.kind], *_OF_THE_START[settings.kind], *_WITHOUT_EFFECT}
    known |= {"peft_type", "task_type", "base_model_name_or_path", "revision"}
    for name, value in record.items():
        if name not in known and value:
            settings.refuse(name, f"of {settings.kind} t5lite does not do it")
    task = settings.get("task_type")
    if task is not None and _TASKS.get(task) != architecture:
        settings.refuse(
            "task_type", f"the base is {architecture}, and t5lite does {' and '.join(_TASKS)}"
        )
    if settings.kind == "LORA":
        _check_lora(settings)
    return settings


def base_named(folder: pathlib.Path) -> str | None:
    """The base model that adapter_config.json names: a folder, or a name in a catalog of models.

    Raises:
      ValueError: there is no adapter_config.json, or it is damaged.
    """
    record = read_object(folder / CONFIG_FILE)
    check_fields(record, _FIELD_TYPES, name=str(folder / CONFIG_FILE))
    return record.get("base_model_name_or_path") or None


def check_shapes(
    settings: Settings, tensors: Tensors, wanted: Mapping[str, tuple[int, ...]]
) -> None:
    """Compares tensors with those that adapter_config.json and the base ask for.

    Raises:
      ValueError: some are missing, left over, or of another shape; lists the first.
    """
    problems = [f"missing {name}" for name in wanted if name not in tensors]
    problems += [f"unused {name}" for name in tensors if name not in wanted]
    problems += [
        f"{name} is {tensors[name].shape}, expected {shape}"
        for name, shape in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    if problems:
        shown = problems[:20] + [f"and {len(problems) - 20} more"] * (len(problems) > 20)
        raise ValueError(
            f"{tensors.source} does not hold what {settings.file.name} says, of this base:\n  "
            + "\n  ".join(shown)
        )


def _check_lora(settings: Settings) -> None:
    if settings.get("init_lora_weights") not in _STARTS:
        settings.refuse(
            "init_lora_weights",
            "it changes the base's own weights, which the folder does not hold. Save the adapter "
            "as one to the unchanged base (peft: path_initial_model_for_weight_conversion)",
        )
    for name in ("rank_pattern", "alpha_pattern", "layers_pattern"):
        value = settings.get(name, ())
        for pattern in (value,) if isinstance(value, str) else value:
            check_pattern(pattern, name=f"{settings.file}: {name}")
    for name in ("target_modules", "exclude_modules"):  # Expressions only where they are no list.
        if isinstance(value := settings.get(name), str):
            check_pattern(value, name=f"{settings.file}: {name}")


def rank_of(settings: Settings, module: str) -> int:
    """Rank of a module's LoRA."""
    return int(_by_pattern(settings.get("rank_pattern", {}), module, settings.need("r")))


def scale_of(settings: Settings, module: str) -> float:
    """What a module's product of A and B is multiplied by."""
    alpha = _by_pattern(settings.get("alpha_pattern", {}), module, settings.need("lora_alpha"))
    rank = rank_of(settings, module)
    return float(alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank))


def targets_of(settings: Settings, modules: Modules) -> set[str]:
    """The modules that target_modules and the fields beside it choose.

    Args:
      settings: Those of a LoRA.
      modules: The base's linear maps.

    Raises:
      ValueError: target_modules is absent.
    """
    return modules.chosen(
        settings.need("target_modules"),
        excluded=settings.get("exclude_modules", ()),
        layers=settings.get("layers_to_transform"),
        layers_pattern=settings.get("layers_pattern", ()),
    )


def _by_pattern(patterns: Mapping[str, Any], module: str, default: Any) -> Any:
    """The value of the first pattern that a module's name ends with."""
    return next((v for p, v in patterns.items() if matches_pattern(p, module)), default)
