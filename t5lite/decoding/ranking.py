"""Rank classification: how likely a model finds each of the answers it may choose from.

All answers of a row are read at once, as branches of one cache (see `models.transformer.extend`):
the prompt is read once, and not once an answer.

Shapes: B rows of the batch, O answers of a row, N tokens of all answers of a row together but for
each answer's last, S slots of the cache, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from t5lite.data.features.feature_converters import Tokens
from t5lite.decoding.batching import bucket_length
from t5lite.messages.suggest import did_you_mean
from t5lite.models.transformer import Model

# By what answers are compared: their log-likelihood; that divided by their tokens, or by the UTF-8
# bytes of their texts, so that an answer loses nothing by its length; or how much likelier the
# prompt makes them than an empty one does (Holtzman et al., arXiv:2104.08315).
RankBy = Literal["sum", "mean", "mean_byte", "unconditional"]

_SMALLEST_BUCKET = 8


def num_bytes(texts: Sequence[str]) -> list[int]:
    """UTF-8 bytes of each text; half a surrogate pair, which JSON may hold, counts as three."""
    return [len(text.encode("utf-8", "surrogatepass")) for text in texts]


def check_by(
    by: str,
    options: Sequence[Sequence[Tokens]],
    *,
    num_bytes: Sequence[Sequence[int]] | None,
) -> None:
    """Looks at what answers are to be compared by.

    Raises:
      ValueError: There is no such way, or it divides by bytes, and not every answer has some.
    """
    if by not in get_args(RankBy):
        raise ValueError(
            f"by is {by!r}; choose one of {', '.join(get_args(RankBy))}."
            f"{did_you_mean(str(by), get_args(RankBy))}"
        )
    if by != "mean_byte":
        return
    if num_bytes is None or [len(row) for row in num_bytes] != [len(row) for row in options]:
        raise ValueError(
            "by is 'mean_byte', so num_bytes must hold a number for each answer of each example; "
            f"found {'None' if num_bytes is None else [len(row) for row in num_bytes]} for "
            f"{[len(row) for row in options]} answers"
        )
    for index, row in enumerate(num_bytes):
        if min(row, default=1) < 1:
            raise ValueError(
                f"by is 'mean_byte', and example {index} has answers of {list(row)} bytes; an "
                "answer without text has no mean, so compare by 'sum' or 'mean'"
            )


def option_features(options: Sequence[Sequence[Tokens]]) -> dict[str, np.ndarray]:
    """What `score_options` reads besides the prompts.

    Args:
      options: Of each row the answers' tokens, one or more each.

    Returns:
      int32: `option_first_tokens` [B, O]; and [B, N] `option_tokens`, `option_targets` (the token
      after each), `option_depths` (0 for the first of an answer) and `option_numbers` (its answer,
      from 1; 0 is padding).
    """
    num_options = bucket_length(max(map(len, options)), smallest=_SMALLEST_BUCKET)
    num_tokens = max(sum(len(option) - 1 for option in row) for row in options)
    length = bucket_length(num_tokens, smallest=_SMALLEST_BUCKET)
    first_BO = np.zeros((len(options), num_options), np.int32)
    features = {
        name: np.zeros((len(options), length), np.int32)
        for name in ("option_tokens", "option_targets", "option_depths", "option_numbers")
    }
    for row, row_options in enumerate(options):
        end = 0
        for number, option in enumerate(row_options):
            first_BO[row, number] = option[0]
            place = slice(end, end := end + len(option) - 1)
            features["option_tokens"][row, place] = option[:-1]
            features["option_targets"][row, place] = option[1:]
            features["option_depths"][row, place] = np.arange(len(option) - 1)
            features["option_numbers"][row, place] = number + 1
    return features | {"option_first_tokens": first_BO}


def score_options(model: Model, batch: Mapping[str, Any]) -> jax.Array:
    """Log-likelihood of every answer.

    Args:
      model: A bound model.
      batch: `batching.prompt_batch` and `option_features` together.

    Returns:
      float32 [B, O], in nats; of what is no answer, anything.
    """
    tokens_BN, number_BN = batch["option_tokens"], batch["option_numbers"]
    depth_BN = batch["option_depths"]
    num_tokens = tokens_BN.shape[1]
    logits_BV, cache = model.prefill(batch, max_decode_length=1 + num_tokens)
    log_probs_BV = jax.nn.log_softmax(logits_BV, axis=-1)
    first_BO = jnp.take_along_axis(log_probs_BV, batch["option_first_tokens"], axis=-1)
    prompt_BS = cache["key_position"][0] >= 0
    earlier_BNN = depth_BN[:, None, :] <= depth_BN[:, :, None]
    same_BNN = number_BN[:, None, :] == number_BN[:, :, None]
    own_BNS = jax.lax.dynamic_update_slice(
        jnp.zeros((*tokens_BN.shape, prompt_BS.shape[1]), bool),
        earlier_BNN & same_BNN,
        (0, 0, cache["next_slot"][0, 0]),
    )
    logits_BNV, _ = model.extend(
        tokens_BN,
        cache,
        position_BN=cache["next_position"][0][:, None] + depth_BN,
        seen_BNS=prompt_BS[:, None] | own_BNS,
    )
    chosen_BN = jnp.take_along_axis(logits_BNV, batch["option_targets"][..., None], axis=-1)[..., 0]
    later_BN = chosen_BN - jax.nn.logsumexp(logits_BNV, axis=-1)
    is_of_BNO = number_BN[..., None] == 1 + jnp.arange(first_BO.shape[1])
    return first_BO + jnp.sum(jnp.where(is_of_BNO, later_BN[..., None], 0.0), axis=1)
