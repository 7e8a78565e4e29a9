"""Verification of a conversion: our model and Hugging Face's, on the same random ids."""

import dataclasses
import functools
import importlib.util
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from t5lite import memory
from t5lite.convert.hf.folder import choose_family
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, bind, count_params

# Rows of one batch, padded to the longest.
_LENGTHS = (3, 17, 40, 40)

# Largest difference allowed, for logits of size 1 or less, else for each unit of the largest. Two
# float32 programs that sum in different orders differ by some 1e-6 of the largest logit, deep ones
# by 1e-4; parameters that went to the wrong place differ by about 1.
TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What came of running two models.

    Attributes:
      difference: Largest difference between two logits.
      largest_logit: Largest logit, whatever its sign.
      num_logits: How many were compared.
      rounding: Largest difference that the new type of the parameters makes to our own logits;
        None where the type is kept. Both models ran on rounded parameters.
      remarks: What was done to make the two comparable, if anything.
    """

    difference: float
    largest_logit: float
    num_logits: int
    rounding: float | None = None
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {
            "largest_difference": self.difference,
            "largest_logit": self.largest_logit,
            "relative_difference": self.relative,
            "tolerance": TOLERANCE,
            "num_logits": self.num_logits,
            "largest_difference_by_rounding": self.rounding,
            "remarks": list(self.remarks),
        }

    @property
    def relative(self) -> float:
        """The difference in units of the largest logit."""
        return self.difference / max(self.largest_logit, 1e-30)

    @property
    def holds(self) -> bool:
        """Whether the two are the same model."""
        # Not a number is neither small nor large.
        return self.difference <= TOLERANCE * max(self.largest_logit, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merge:
    """What came of merging adapters into a model.

    Attributes:
      difference: Largest difference between two logits.
      largest_logit: Largest logit, whatever its sign.
    """

    difference: float
    largest_logit: float

    @property
    def summary(self) -> str:
        """The figures in words."""
        return (
            f"LoRA is merged: logits differ from the unmerged model's by at most "
            f"{self.difference:.2g}, the largest being {self.largest_logit:.3g}."
        )


def compare_merged(
    with_adapters: TransformerConfig, params: Params, config: TransformerConfig, merged: Params
) -> Merge:
    """Compares float32 logits of a model with adapters, and of the one they were merged into."""
    batch, _, real_BT = _batch(config)
    unmerged_BTV, merged_BTV = (
        _run_ours(*m, batch) for m in ((with_adapters, params), (config, merged))
    )
    return Merge(
        difference=float(np.abs(unmerged_BTV - merged_BTV)[real_BT].max()),
        largest_logit=float(np.abs(unmerged_BTV[real_BT]).max()),
    )


def missing_packages(packages: Sequence[str]) -> list[str]:
    """Those that are not installed."""
    return [name for name in packages if importlib.util.find_spec(name) is None]


def why_not(
    config: TransformerConfig,
    verified: bool | None,
    *,
    num_models: int = 2,
    packages: Sequence[str] = ("torch", "transformers"),
) -> str | None:
    """The reason why a model is not compared with transformers', if there is one.

    Args:
      config: The model.
      verified: Whether the user asked for it; None leaves it to what is possible.
      num_models: How many of its size have to be in memory.
      packages: What it needs.
    """
    if verified is False:
        return "--noverify was given"
    if absent := missing_packages(packages):
        return f"{' and '.join(absent)} not installed"
    try:
        choose_family(config)
    except ValueError as error:
        return str(error)
    # Asked for by hand, it is tried whatever the memory.
    return None if verified else is_too_large(config, num_models=num_models)


def is_too_large(config: TransformerConfig, *, num_models: int) -> str | None:
    """Why this machine's memory would not do for float32 models at once; None if it would."""
    needed = num_models * 4 * count_params(config) * 1.2
    free = memory.host_free().num_bytes
    if needed < 0.8 * free:
        return None
    return (
        f"{num_models} float32 models take about {memory.readable(int(needed))} of memory, and "
        f"this machine has {memory.readable(free)} left"
    )


def summary(outcome: Verification | str, *, against: str = "transformers") -> str:
    """What a verification gave, or why there was none, in a sentence."""
    if isinstance(outcome, str):
        return f"Not verified: {outcome}."
    verdict = "the same model" if outcome.holds else "NOT THE SAME MODEL"
    text = (
        f"Verified against {against}: {verdict}. Largest difference of {outcome.num_logits:,} "
        f"logits {outcome.difference:.2g}, {outcome.relative:.2g} of the largest logit"
    )
    if outcome.rounding is not None:
        text += f"; by rounding the parameters {outcome.rounding:.2g}"
    return ". ".join((text, *outcome.remarks)) + "."


def verify(
    config: TransformerConfig,
    params: Params,
    hf_folder: pathlib.Path,
    *,
    adapter: pathlib.Path | None = None,
    rounded_to: str | None = None,
    unrounded: Params | None = None,
) -> Verification:
    """Compares the float32 logits of a model of ours with those of a Hugging Face folder.

    Args:
      config: Our model.
      params: Its parameters.
      hf_folder: Theirs.
      adapter: A folder of peft, which is loaded onto theirs; None for none.
      rounded_to: The type that the parameters of one of them were rounded to, so that the other's
        must be too before the two can be compared.
      unrounded: Our parameters before that.

    Raises:
      ValueError: transformers or peft cannot load the folder.
    """
    model, remarks = _load_theirs(config, hf_folder, rounded_to)
    if adapter is not None:
        model = _adapted(model, adapter)
    ours, theirs, real_BT = _batch(config)
    expected = _run_theirs(model, theirs)[real_BT]
    found = _run_ours(config, params, ours)[real_BT]
    rounding = None
    if unrounded is not None:
        rounding = float(np.abs(found - _run_ours(config, unrounded, ours)[real_BT]).max())
    return Verification(
        difference=float(np.abs(found - expected).max()),
        largest_logit=float(np.abs(expected).max()),
        num_logits=expected.size,
        rounding=rounding,
        remarks=remarks,
    )


@functools.partial(jax.jit, static_argnums=0)
def _logits(config: TransformerConfig, params: Params, batch: Mapping[str, Any]) -> jax.Array:
    return bind(config, params).logits(batch)


def _run_ours(
    config: TransformerConfig, params: Params, batch: Mapping[str, np.ndarray]
) -> np.ndarray:
    config = dataclasses.replace(config, dtype="float32", dropout_rate=0.0)
    return np.asarray(_logits(config, params, batch))


def _load_theirs(
    config: TransformerConfig, folder: pathlib.Path, rounded_to: str | None
) -> tuple[Any, tuple[str, ...]]:
    """Their model in float32, and what had to be done to make it comparable."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    kind = "Seq2SeqLM" if config.architecture == "encoder_decoder" else "CausalLM"
    auto = getattr(transformers, f"AutoModelFor{kind}")
    try:
        model = auto.from_pretrained(folder, local_files_only=True).float().eval()
    # Whatever their loading runs into: the conversion may be right all the same.
    except Exception as error:
        raise ValueError(
            f"transformers {transformers.__version__} cannot load {folder} to compare with "
            f"({type(error).__name__}: {str(error).strip()[:300]}); with --noverify the conversion "
            "is not compared"
        ) from error
    if rounded_to is not None:
        # Not `model.to`, which would round tables computed from the config as well.
        for parameter in model.parameters():
            parameter.data = parameter.data.to(getattr(torch, rounded_to)).float()
    if model.config.model_type != "umt5":
        return model, ()
    # Version 5 scales umT5's logits whatever config.json says.
    scales, model.config.tie_word_embeddings = (
        model.config.tie_word_embeddings,
        config.scale_logits,
    )
    if scales == config.scale_logits:
        return model, ()
    return model, (
        f"transformers {transformers.__version__} divides umT5's logits by sqrt(d_model), which "
        "the model was not trained with; that was undone to compare",
    )


def _adapted(model: Any, folder: pathlib.Path) -> Any:
    import peft

    try:
        with warnings.catch_warnings():  # of what in transformers peft calls
            warnings.simplefilter("ignore", FutureWarning)
            return peft.PeftModel.from_pretrained(model, folder).eval()
    except Exception as error:
        raise ValueError(
            f"peft {peft.__version__} cannot load {folder} to compare with "
            f"({type(error).__name__}: {str(error).strip()[:300]}); with --noverify the conversion "
            "is not compared"
        ) from error


def _run_theirs(model: Any, batch: Mapping[str, np.ndarray]) -> np.ndarray:
    import torch

    with torch.no_grad():
        output = model(**{name: torch.tensor(ids).long() for name, ids in batch.items()})
    return output.logits.numpy()


def _batch(
    config: TransformerConfig,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """The same random ids as our features and as theirs, and which outputs are to be compared.

    A decoder's rows are padded at the end, where no real token sees it.
    """
    rng = np.random.default_rng(0)
    soft = np.tile(np.array(config.soft_prompt_ids, np.int32), (len(_LENGTHS), 1))
    most = max(_LENGTHS) if config.max_positions is None else config.max_positions - soft.shape[1]
    longest = min(max(_LENGTHS), most)
    ids = rng.integers(1, config.vocab_size, (len(_LENGTHS), longest), dtype=np.int32)
    real = np.arange(longest) < np.minimum(_LENGTHS, longest)[:, None]
    ids = np.where(real, ids, 0).astype(np.int32)
    mask = real.astype(np.int32)
    # Peft puts a soft prompt before a text by itself, and a decoder has logits of it too.
    read = np.concatenate([soft, ids], axis=1)
    if config.architecture == "decoder_only":
        compared = np.concatenate([np.ones_like(soft, dtype=bool), real], axis=1)
        return {"decoder_input_tokens": read}, {"input_ids": ids, "attention_mask": mask}, compared
    outputs = rng.integers(1, config.vocab_size, ids.shape, dtype=np.int32)
    outputs[:, 0] = 0
    ours = {"encoder_input_tokens": read, "decoder_input_tokens": outputs}
    theirs = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": outputs}
    return ours, theirs, np.ones_like(real)
