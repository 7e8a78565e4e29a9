"""Rank classification: how likely a model finds each of the answers it may choose from.

Answers of a row are branches of one cache (see `models.transformer.extend`): the prompt is read
once, and not once an answer. Many answers are read in chunks, one after the other, each of which
goes on from that same cache.

Shapes: B rows of the batch, C chunks of a row's answers, O answers of a chunk, N tokens of its
answers together but for each answer's last, S slots of the cache, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from t5lite import memory
from t5lite.data.features.feature_converters import Tokens
from t5lite.decoding.batching import bucket_length
from t5lite.models.checks import check_choice
from t5lite.models.config import TransformerConfig
from t5lite.models.transformer import Cache, Model

# By what answers are compared: their log-likelihood; that divided by their tokens, or by the UTF-8
# bytes of their texts, so that an answer loses nothing by its length; or how much likelier the
# prompt makes them than an empty one does (Holtzman et al., arXiv:2104.08315).
RankBy = Literal["sum", "mean", "mean_byte", "unconditional"]

# Of a device's memory, for the answers that are read at once: a constant, so that what is read
# together does not depend on the machine, and a resumed run gives the bytes of one never stopped.
_MOST_BYTES = 2**30

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
    check_choice("by", by, get_args(RankBy))
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


def check_options(options: Sequence[Sequence[Tokens]]) -> None:
    """Raises ValueError where an example has no answers to choose from, or one without tokens."""
    for index, row in enumerate(options):
        if not row or not all(len(option) for option in row):
            raise ValueError(
                f"example {index} has {len(row)} answers to choose from, of "
                f"{[len(option) for option in row]} tokens; give one or more, none empty"
            )


def chunk_length(
    config: TransformerConfig, *, num_rows: int, num_slots: int, longest: int
) -> tuple[int, bool]:
    """How many tokens of answers are read at once, so that memory is bounded.

    Args:
      config: The model's.
      num_rows: Rows of the batch that a device holds.
      num_slots: Of their prompts.
      longest: Tokens of the longest answer, which is not cut up.

    Returns:
      The tokens, `longest` or more, and whether so many rows of them fit in `_MOST_BYTES`.
    """
    length = bucket_length(longest, smallest=_SMALLEST_BUCKET)
    fits = _chunk_bytes(config, num_rows, length, num_slots) <= _MOST_BYTES
    while _chunk_bytes(config, num_rows, 2 * length, num_slots) <= _MOST_BYTES:
        length *= 2
    return length, fits


def _chunk_bytes(config: TransformerConfig, num_rows: int, num_tokens: int, num_slots: int) -> int:
    """What is held at once for so many tokens of each row."""
    num_keys = num_slots + num_tokens
    attention = memory.attention_bytes(
        config, batch_size=num_rows, queries=num_tokens, keys=num_keys
    )
    logits = memory.logits_bytes(config, num_tokens=num_rows * num_tokens)
    # Attention's logits and its weights; who sees whom, and whose token is whose.
    return 2 * attention + logits + num_rows * num_tokens * (2 * num_keys + 5 * num_tokens)


def chunks(options: Sequence[Tokens], *, chunk_length: int) -> list[list[Tokens]]:
    """Answers of a row, parted so that none has more than so many tokens, or one answer."""
    parts: list[list[Tokens]] = []
    num_tokens = 0
    for option in options:
        num_tokens += len(option)
        if not parts or num_tokens > chunk_length:
            parts.append([])
            num_tokens = len(option)
        parts[-1].append(option)
    return parts


def option_features(
    options: Sequence[Sequence[Tokens]], *, chunk_length: int
) -> dict[str, np.ndarray]:
    """What `score_options` reads besides the prompts.

    Args:
      options: Of each row the answers' tokens, one or more each.
      chunk_length: Most tokens of a chunk's answers; see `chunks`.

    Returns:
      int32: `option_first_tokens` [B, C, O]; and [B, C, N] `option_tokens`, `option_targets` (the
      token after each), `option_depths` (0 for the first of an answer) and `option_numbers` (its
      answer, from 1; 0 is padding).
    """
    parts = [chunks(row, chunk_length=chunk_length) for row in options]
    num_chunks = bucket_length(max(map(len, parts)), smallest=1)
    num_options = max(len(chunk) for row in parts for chunk in row)
    num_options = bucket_length(num_options, smallest=_SMALLEST_BUCKET)
    num_tokens = max(sum(len(o) - 1 for o in chunk) for row in parts for chunk in row)
    # Where every answer is one token, what follows the prompt says it all.
    length = bucket_length(num_tokens, smallest=_SMALLEST_BUCKET) if num_tokens else 0
    first_BCO = np.zeros((len(options), num_chunks, num_options), np.int32)
    features = {
        name: np.zeros((len(options), num_chunks, length), np.int32)
        for name in ("option_tokens", "option_targets", "option_depths", "option_numbers")
    }
    for row, chunk in ((row, chunk) for row, part in enumerate(parts) for chunk in enumerate(part)):
        place, chunk_options = chunk
        end = 0
        for number, option in enumerate(chunk_options):
            first_BCO[row, place, number] = option[0]
            taken = (row, place, slice(end, end := end + len(option) - 1))
            features["option_tokens"][taken] = option[:-1]
            features["option_targets"][taken] = option[1:]
            features["option_depths"][taken] = np.arange(len(option) - 1)
            features["option_numbers"][taken] = number + 1
    return features | {"option_first_tokens": first_BCO}


def score_options(model: Model, batch: Mapping[str, Any]) -> jax.Array:
    """Log-likelihood of every answer.

    Args:
      model: A bound model.
      batch: What `prefill` reads, and `option_features`.

    Returns:
      float32 [B, C, O, 2]: log-likelihood in nats, and how many of the answer's tokens are not the
      likeliest; of what is no answer, anything.
    """
    num_tokens = batch["option_tokens"].shape[-1]
    logits_BV, cache = model.prefill(batch, max_decode_length=1 + num_tokens)

    def score_chunk(chunk: Mapping[str, jax.Array]) -> jax.Array:
        first_BO2 = _token_scores(logits_BV, chunk["option_first_tokens"])
        return first_BO2 + _later_tokens(model, cache, chunk, num_options=first_BO2.shape[1])

    chunks_CB = {
        name: jnp.moveaxis(x, 1, 0) for name, x in batch.items() if name.startswith("option_")
    }
    # One after the other, in the memory of one.
    return jnp.moveaxis(jax.lax.map(score_chunk, chunks_CB), 0, 1)


def _later_tokens(
    model: Model, cache: Cache, chunk: Mapping[str, jax.Array], *, num_options: int
) -> jax.Array | float:
    """What `score_options` gives, [B, O, 2], of all but the first token of a chunk's answers."""
    tokens_BN, number_BN = chunk["option_tokens"], chunk["option_numbers"]
    depth_BN = chunk["option_depths"]
    if not tokens_BN.shape[1]:
        return 0.0
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
    later_BN12 = _token_scores(logits_BNV, chunk["option_targets"][..., None])
    is_of_BNO = number_BN[..., None] == 1 + jnp.arange(num_options)
    return jnp.sum(jnp.where(is_of_BNO[..., None], later_BN12, 0.0), axis=1)


def _token_scores(logits: jax.Array, ids: jax.Array) -> jax.Array:
    """Log-likelihood of ids [..., K] under logits [..., V], and 1 if one is not the likeliest."""
    chosen = jnp.take_along_axis(logits, ids, axis=-1)
    log_likelihood = chosen - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
    return jnp.stack([log_likelihood, chosen < logits.max(axis=-1, keepdims=True)], axis=-1)
