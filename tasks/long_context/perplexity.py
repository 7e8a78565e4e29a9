"""Perplexity of whole documents in sliding windows, by the size of the window.

As Press et al. (arXiv:2108.12409) and Position Interpolation (arXiv:2306.15595) measure it: a
window of so many tokens is moved on by a stride, and of each but the first the last `stride` tokens
are scored, so that almost every token has almost a window of text before it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from t5lite.data.sources.split_files import Place

from .. import documents
from ..field_templates import FieldTemplate

if TYPE_CHECKING:
    import tensorflow as tf

STRIDE = 256


class Scored(NamedTuple):
    """What a window scores.

    Attributes:
      num_tokens: tokens that are scored.
      num_bytes: UTF-8 bytes that they stand for: of all tokens of a document the same.
    """

    num_tokens: int
    num_bytes: float


def add_perplexity_tasks(
    name: str,
    *,
    files: Mapping[str, Place],
    windows: Sequence[int],
    stride: int = STRIDE,
    text: FieldTemplate = "text",
    format: str | None = None,
    max_tokens: int | None = None,
) -> list[str]:
    """Registers a seqio Task for each size of window, `<name>_<window>`, and the Mixture `name`.

    Their metrics are `perplexity`, of a token, and `bits_per_byte`. An evaluation of them needs
    lengths of a window: `task_feature_lengths = {"inputs": window, "targets": window}`, or more.

    Args:
      name: the Mixture's name.
      files: see `tasks.files.add_file_task`.
      windows: sizes in tokens, without the token that stands before every text of some models.
      stride: tokens by which a window moves on; every window is a multiple of it, and longer.
      text: a document's text: the name of a field, a template, or a function of the record.
      format: see `add_file_task`; `document` where each file is one document.
      max_tokens: the first so many tokens of each document; None for all.

    Returns:
      The names of the Tasks, in the order of the windows.

    Raises:
      ValueError: as `add_file_task`, or a window is no multiple of the stride, or no longer.
    """
    import seqio

    if stride < 1 or not windows or any(w <= stride or w % stride for w in windows):
        raise ValueError(
            f"add_perplexity_tasks({name!r}): windows are {list(windows)} and the stride is "
            f"{stride}; each window must be a multiple of the stride, and longer"
        )
    names = []
    for window in windows:
        names.append(f"{name}_{window}")
        slide = functools.partial(
            sliding_windows, window=window, stride=stride, max_tokens=max_tokens
        )
        documents.register(
            names[-1],
            files=files,
            text=text,
            format=format,
            preprocessors=[slide],
            postprocess_fn=_scored,
            metric_fns=[perplexity],
        )
    seqio.MixtureRegistry.add(name, [(task, 1.0) for task in names])
    return names


def sliding_windows(
    dataset: tf.data.Dataset,
    sequence_length: Mapping[str, int] | None,
    *,
    window: int,
    stride: int,
    max_tokens: int | None,
) -> tf.data.Dataset:
    """A seqio preprocessor: of each document its windows, what is scored behind what is not.

    The first token of a document is never scored.

    Args:
      dataset: has `targets`, a document's tokens without an end, and `targets_pretokenized`.
      sequence_length: tokens that an evaluation takes of each feature; None to look at texts.
      window: tokens of a window.
      stride: tokens by which it moves on.
      max_tokens: the first so many of each document; None for all.

    Raises:
      ValueError: windows would be cut.
    """
    import tensorflow as tf

    shortest = min(sequence_length.values()) if sequence_length else window
    if shortest < window:
        raise ValueError(
            f"windows of {window} tokens would be cut to {shortest}; set task_feature_lengths to "
            f"inputs={window},targets={window} (--task_feature_lengths)"
        )

    def windows(document: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        tokens = document["targets"]
        num_bytes = tf.strings.length(document["targets_pretokenized"]) / tf.size(tokens)
        tokens = tokens[:max_tokens]
        num_tokens = tf.size(tokens, tf.int64)
        more = tf.maximum(-((window - num_tokens) // stride), 0)  # rounded up
        number = tf.where(num_tokens > 1, 1 + more, 0)

        def at(index: tf.Tensor) -> dict[str, tf.Tensor]:
            start = index * stride
            first = tf.where(index == 0, tf.constant(1, tf.int64), start + window - stride)
            scored = tokens[first : start + window]
            return {
                "inputs": tokens[start:first],
                "targets": scored,
                "targets_go_on": tf.constant(True),
                "id": tf.strings.join([document["id"], "/", tf.strings.as_string(first)]),
                "num_bytes": tf.cast(tf.size(scored), tf.float64) * num_bytes,
            }

        return tf.data.Dataset.range(number).map(at)

    return dataset.flat_map(windows)


def perplexity(targets: Sequence[Scored], scores: Sequence[float]) -> dict[str, float]:
    """Perplexity of a token, and bits a byte, over all that windows score.

    Args:
      targets: what was scored.
      scores: log-likelihood of each in nats.

    Returns:
      `{"perplexity": e to the nats a token, "bits_per_byte": value}`.

    Raises:
      ValueError: the two differ in number, or there are none.
    """
    if len(targets) != len(scores) or not len(targets):
        raise ValueError(f"{len(targets)} windows for {len(scores)} scores")
    nats = -math.fsum(scores)
    per_token = nats / sum(target.num_tokens for target in targets)
    num_bytes = math.fsum(target.num_bytes for target in targets)
    return {
        "perplexity": math.exp(per_token) if per_token < 700 else math.inf,
        "bits_per_byte": nats / math.log(2) / num_bytes,
    }


def _scored(text: Any, *, example: Mapping[str, Any], is_target: bool = False) -> Scored:
    """What a window scores; nothing is generated."""
    del text, is_target
    return Scored(len(example["targets"]), float(example["num_bytes"]))
