"""What callers give is looked at before it is compiled for: ids, lengths, parameters, sizes.

On a device nothing is out of range: an id that is becomes another one, or NaN.
"""

import contextlib
from collections.abc import Iterable, Sequence, Sized
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from t5lite import memory
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.prompt_batches import BatchSize
from t5lite.messages.value_types import check_type, without_arrays
from t5lite.models import finite, lora_bank
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import Params, check_names, flatten_names, of_one_lora, param_shapes
from t5lite.sharding import logical_rules


def token_ids(tokens: Any, *, name: str, vocab_size: int) -> npt.NDArray[np.int32]:
    """The ids of one text, int32 `[length]`.

    Args:
      tokens: a sequence or an array of integers.
      name: what an error calls them.
      vocab_size: ids are below it.

    Raises:
      ValueError: they are no such sequence, or one is no id of the model's.
    """
    if isinstance(tokens, str | bytes):
        raise ValueError(
            f"{name} is a {type(tokens).__name__}; give its ids, such as "
            "model.converter.prompt(model.vocabulary.encode(text))"
        )
    try:
        ids = np.asarray(tokens)
    except (ValueError, OverflowError, TypeError) as error:  # ragged, or beyond all integers
        raise ValueError(f"{name} is no list of ids: {error}") from error
    if ids.ndim == 1 and not ids.size:
        return np.zeros(0, np.int32)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"{name} is of shape {ids.shape} and type {ids.dtype}; give integers, one dimension"
        )
    outside = (ids < 0) | (ids >= vocab_size)
    if outside.any():
        place = int(np.argmax(outside))
        raise ValueError(
            f"{name} holds {ids[place]} at place {place}, and the ids of the model are 0 to "
            f"{vocab_size - 1}"
        )
    return ids.astype(np.int32)


def all_token_ids(
    texts: Iterable[Any], *, name: str, vocab_size: int
) -> list[npt.NDArray[np.int32]]:
    """`token_ids` of each of several.

    Raises:
      ValueError: as `token_ids`, or they are no sequence.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence | np.ndarray):
        raise ValueError(f"{name} is a {type(texts).__name__}; give a list, one item an example")
    return [
        token_ids(tokens, name=f"{name}[{index}]", vocab_size=vocab_size)
        for index, tokens in enumerate(texts)
    ]


def same_number(inputs: Sized, other: Sized, *, name: str) -> None:
    """Checks that there is one for each input.

    Raises:
      ValueError: there is not.
    """
    if len(inputs) != len(other):
        raise ValueError(f"there are {len(inputs)} inputs and {len(other)} {name}; give one each")


def one_each(inputs: Sized, values: Any, hint: Any, *, name: str) -> list[Any]:
    """A number, or a list of them, for each input.

    Args:
      inputs: of each example something.
      values: a sequence or an array.
      hint: the type and range of each, as `value_types.check_type` takes it.
      name: what an error calls them.

    Raises:
      ValueError: there are not as many, or one is none of these.
    """
    found = values.tolist() if isinstance(values, np.ndarray | jax.Array) else values
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise ValueError(f"{name} is a {type(values).__name__}; give a list, one item an example")
    same_number(inputs, found, name=name)
    items = [x.tolist() if isinstance(x, np.ndarray) else without_arrays(x) for x in found]
    for index, item in enumerate(items):
        check_type(item, hint, name=f"{name}[{index}]")
    return items


def check_adapters(indices: Sequence[int], params: Params) -> None:
    """Checks that a bank holds the LoRA that each input is to have.

    Args:
      indices: of each example one; 0 is the model without a LoRA.
      params: the model's.

    Raises:
      ValueError: one is none of the bank's, or the parameters hold no bank.
    """
    if (number := lora_bank.num_loras(params)) is None:
        raise ValueError(
            "adapters are given, and params hold no bank of LoRAs to choose from; give what "
            "lora_bank.make_bank makes, or leave adapters out"
        )
    for place, index in enumerate(indices):
        if index >= number:
            raise ValueError(
                f"adapters[{place}] is {index}, and the bank's LoRAs are 0 to {number - 1}"
            )


def check_params(params: Any, config: TransformerConfig) -> None:
    """Compares parameters with those of a config, by names and shapes.

    Raises:
      ValueError: they are not this model's; names them.
    """
    try:
        found = _shapes(params)
    except (AttributeError, TypeError) as error:
        raise ValueError(
            f"params is a {type(params).__name__}; give a model's, a nested dict of arrays"
        ) from error
    check_names(_shapes(param_shapes(config)), found)


def against_vocabulary(decoding: DecodingConfig, *, vocab_size: int) -> None:
    """Raises ValueError where a config names or counts ids that a model does not have."""
    if beyond := [i for i in decoding.stop_ids if i >= vocab_size]:
        raise ValueError(
            f"DecodingConfig.stop_ids (--stop_ids) holds {beyond[0]}, and the ids of the model "
            f"are 0 to {vocab_size - 1}"
        )
    for field in ("top_k", "num_beams"):
        if (found := getattr(decoding, field)) > vocab_size:
            raise ValueError(
                f"DecodingConfig.{field} (--{field}) is {found}, and the model has "
                f"{vocab_size} ids to choose from"
            )


def positions(
    model: TransformerConfig,
    prompts: Sequence[Sized],
    answer_lengths: Iterable[int],
    *,
    most: int | None,
    converter: FeatureConverter,
    remedy: str,
) -> None:
    """Refuses prompts whose answers would go beyond the positions that a model answers at.

    Those are a learned table's, or the original length where rotary positions are scaled by that of
    a text that grows: in a longer one all keys would be rotated anew, and kept ones are not.

    Args:
      model: the model's config.
      prompts: the tokens of each.
      answer_lengths: most tokens of each prompt's answers.
      most: the positions; None where they have no end.
      converter: what the model's rows look like.
      remedy: what to do about it.

    Raises:
      ValueError: one has none.
    """
    if most is None:
        return
    for prompt, answer_length in zip(prompts, answer_lengths, strict=True):
        if converter.num_positions(len(prompt), answer_length) > most:
            whose = "that this model has learned"
            if model.max_positions is None:
                whose = "of Rotary.scaling's original_length, beyond which kept keys would turn"
            raise ValueError(
                f"a prompt of {len(prompt)} tokens and an answer of up to {answer_length} need "
                f"more places than the {most} {whose}; {remedy}"
            )


def room_to_generate(
    model: TransformerConfig,
    decoding: DecodingConfig,
    *,
    size: BatchSize,
    mesh: jax.sharding.Mesh | None,
) -> None:
    """Refuses to generate what the devices have no memory for.

    Args:
      model: the model's config; its parameters are there already.
      decoding: how to decode.
      size: of a batch.
      mesh: the devices that share it; None for one.

    Raises:
      ValueError: more memory is needed than they have left, or attention cannot be computed as the
        config wants.
    """
    branches = "num_beams" if decoding.strategy == "beam" else "num_return_sequences"
    sizes = {
        "DecodingConfig.max_decode_length (--max_decode_length)": decoding.decode_length,
        f"DecodingConfig.{branches} (--{branches})": decoding.num_branches,
        "the batch size (--eval_batch_size)": size.num_rows,
    }
    lower = " or ".join(f"{name}, {number}" for name, number in sizes.items() if number > 1)
    _room(
        model,
        size,
        mesh=mesh,
        num_branches=decoding.num_branches,
        decode_length=decoding.decode_length,
        what="generating for",
        remedy=f"{f'Lower {lower}, or g' if lower else 'G'}ive shorter prompts.",
    )


def room_to_score(
    model: TransformerConfig, size: BatchSize, *, mesh: jax.sharding.Mesh | None
) -> None:
    """Refuses to score answers to what the devices have no memory to read.

    Args:
      model: the model's config; its parameters are there already.
      size: of a batch.
      mesh: the devices that share it; None for one.

    Raises:
      ValueError: as `room_to_generate`.
    """
    _room(
        model,
        size,
        mesh=mesh,
        num_branches=1,
        decode_length=1,
        what="scoring answers to",
        remedy=(
            f"Lower the batch size (--eval_batch_size), {size.num_rows}, or the lengths "
            "(--task_feature_lengths)."
        ),
    )


def _room(
    model: TransformerConfig,
    size: BatchSize,
    *,
    mesh: jax.sharding.Mesh | None,
    num_branches: int,
    decode_length: int,
    what: str,
    remedy: str,
) -> None:
    where = contextlib.nullcontext() if mesh is None else logical_rules(mesh, decoding=True)
    with where:
        moments = memory.generation_moments(
            model,
            batch_size=size.num_rows,
            prompt_length=size.prompt_length,
            num_branches=num_branches,
            decode_length=decode_length,
            prefix_length=size.prefix_length,
        )
    prompts = f"{size.num_rows} prompts of {size.prompt_length} tokens"
    if size.prefix_length:
        prompts += f" behind {size.prefix_length} that they share"
    memory.check(moments, mesh=mesh, what=f"{what} {prompts}", remedy=remedy)


def finite_log_likelihoods(
    log_likelihoods: np.ndarray, params: Any, config: TransformerConfig
) -> None:
    """Refuses answers that were chosen among numbers that are none.

    Raises:
      ValueError: a log-likelihood is NaN; says which parameters are, or that the model overflows.
    """
    if not np.isnan(log_likelihoods).any():
        return
    found = finite.find(params)
    reason = f"its parameters are not:\n{finite.describe(found)}"
    if not found:
        reason = (
            f"its parameters are, so that it overflows in {config.dtype}; set "
            "TransformerConfig.dtype = 'float32', or take an earlier checkpoint"
        )
    raise ValueError(f"the model's logits are not finite, and {reason}")


def _shapes(params: Any) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for name, leaf in flatten_names(params).items():
        if not isinstance(leaf, np.ndarray | jax.Array | jax.ShapeDtypeStruct):
            raise TypeError(f"{name} is a {type(leaf).__name__}")
        shapes[name] = of_one_lora(name, leaf.shape)
    return shapes
