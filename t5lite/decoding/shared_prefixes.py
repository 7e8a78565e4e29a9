"""Which prompts go on from one prefix, to be read once: few shots, a description, a long question.

Prompts are compared as tokens, whatever texts they were. Whether a shared prefix is worth a reading
of its own is decided by floating-point operations: those of the prefix once and of what remains of
each prompt, padding included, against those of all prompts as a whole. What both ways do alike (the
embedding, the logits of the last token) is not counted.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from t5lite.data.features.feature_converters import Tokens
from t5lite.decoding.batching import SMALLEST_FINE_BUCKET, bucket_length, fine_bucket_length
from t5lite.models.config import TransformerConfig

# A prefix takes a call of its own, and often a compilation, which no operation counts.
_MOST_OF_COST = 0.8


class Group(NamedTuple):
    """Prompts that are read together.

    Attributes:
      rows: Which prompts, ascending.
      prefix_length: Tokens they have in common that are read once; 0 for none.
    """

    rows: tuple[int, ...]
    prefix_length: int


@dataclasses.dataclass(frozen=True)
class ReadingCost:
    """Floating-point operations of reading tokens into a decoder's cache.

    Attributes:
      per_token: Of the matrix products with parameters, all layers together.
      per_pair: Of a token and a slot that it looks at.
    """

    per_token: int
    per_pair: int

    @classmethod
    def of(cls, config: TransformerConfig) -> ReadingCost:
        """Counts a model's; a multiplication and an addition are two operations."""
        width, kv_width = config.num_heads * config.d_kv, config.kv_heads * config.d_kv
        attention = 2 * config.d_model * (width + kv_width)
        mlp = config.d_model * config.d_ff * (len(config.mlp_activations) + 1)
        num_layers = config.num_decoder_layers
        return cls(2 * num_layers * (attention + mlp), 4 * num_layers * width)

    def __call__(self, num_tokens: int, *, num_slots: int) -> int:
        """Of so many tokens of a row that look at so many slots."""
        return num_tokens * (self.per_token + self.per_pair * num_slots)


def num_rows_bucket(num_rows: int, *, batch_size: int, multiple: int = 1) -> int:
    """Rows of a batch that holds fewer than the others: one of few numbers, to compile little.

    Args:
      num_rows: At most `batch_size`.
      batch_size: Rows of a whole batch, a multiple of `multiple`.
      multiple: What the number must be a multiple of.
    """
    rows = batch_size
    while (smaller := -(-rows // (4 * multiple)) * multiple) >= num_rows and smaller < rows:
        rows = smaller
    return rows


def plan(
    prompts: Sequence[Tokens],
    *,
    cost: ReadingCost,
    batch_size: int,
    multiple: int = 1,
    longest: int | None = None,
) -> list[Group]:
    """Parts prompts into groups that share a prefix, and those that are best read alone.

    Sorted prompts form a tree: of neighbours that have n tokens in common, some have more. At every
    node, from the leaves on, its whole group is read behind one prefix where that costs least.

    Args:
      prompts: Of each example, one token or more.
      cost: Of the model.
      batch_size: Most rows of a batch.
      multiple: Rows of a batch are a multiple of it.
      longest: Tokens that no prompt or prefix is padded beyond; None for no such limit.

    Returns:
      Every prompt in one group.
    """
    if not len(prompts):
        return []
    keys = [np.asarray(prompt).astype(">i4").tobytes() for prompt in prompts]
    order = sorted(range(len(prompts)), key=keys.__getitem__)
    lengths = np.array([len(prompts[row]) for row in order], np.int64)
    common = [_num_common(prompts[a], prompts[b]) for a, b in itertools.pairwise(order)]
    alone = []
    for length in lengths.tolist():
        padded = bucket_length(length, longest=longest)
        alone.append(cost(padded, num_slots=padded))

    def shared(start: int, end: int, num_common: int) -> tuple[float, int]:
        # Of each prompt one token at least remains: behind it the model says what comes next.
        most = min(num_common, int(lengths[start:end].min()) - 1)
        return min(
            (
                _shared_cost(
                    *(lengths[start:end], prefix_length),
                    cost=cost,
                    batch_size=batch_size,
                    multiple=multiple,
                    longest=longest,
                ),
                prefix_length,
            )
            for prefix_length in (most, _bucket_below(most))
        )

    parts = _best_parts(alone, common, shared)
    groups = [Group(tuple(sorted(order[start:end])), length) for start, end, length in parts]
    in_groups = {row for group in groups for row in group.rows}
    rest = tuple(row for row in range(len(prompts)) if row not in in_groups)
    return [*groups, *([Group(rest, 0)] if rest else [])]


def _num_common(first: Tokens, second: Tokens) -> int:
    """Tokens that two texts begin with alike."""
    length = min(len(first), len(second))
    differs = np.asarray(first)[:length] != np.asarray(second)[:length]
    return int(np.argmax(differs)) if differs.any() else length


def _bucket_below(length: int) -> int:
    """The longest prefix up to `length` that is not padded; 0 where there is none."""
    if length < SMALLEST_FINE_BUCKET:
        return 0
    power = 1 << (length.bit_length() - 1)
    halfway = power * 3 // 2
    return halfway if power > SMALLEST_FINE_BUCKET and halfway <= length else power


def _shared_cost(
    lengths_N: np.ndarray,
    prefix_length: int,
    *,
    cost: ReadingCost,
    batch_size: int,
    multiple: int,
    longest: int | None,
) -> float:
    """What prompts cost behind one prefix, as much dearer as a saving must be to be one."""
    if prefix_length == 0:
        return math.inf
    num_before = fine_bucket_length(prefix_length, longest=longest)
    rests_N = np.array([fine_bucket_length(n) for n in (lengths_N - prefix_length).tolist()])
    num_last = len(lengths_N) % batch_size
    num_filled = 0
    if num_last:
        num_filled = num_rows_bucket(num_last, batch_size=batch_size, multiple=multiple) - num_last
    counts = dict(zip(*np.unique(rests_N, return_counts=True), strict=True))
    counts[min(counts)] += num_filled
    flops = cost(num_before, num_slots=num_before) + sum(
        int(count) * cost(int(rest), num_slots=num_before + int(rest))
        for rest, count in counts.items()
    )
    return flops / _MOST_OF_COST


class _Node(NamedTuple):
    """Neighbours among the sorted prompts: how they are best read."""

    start: int
    cost: float
    parts: list[tuple[int, int, int]]


def _best_parts(
    alone: Sequence[int],
    common: Sequence[int],
    shared: Callable[[int, int, int], tuple[float, int]],
) -> list[tuple[int, int, int]]:
    """Which neighbours are read behind a prefix.

    Args:
      alone: What each prompt costs alone; one at least.
      common: Tokens that each has in common with the next.
      shared: `(start, end, num_common) -> (cost, prefix_length)`.

    Returns:
      (start, end, prefix_length) of each group; what is in none is read alone.
    """
    # Open nodes of the tree, from the root on: (tokens in common, what is known of it).
    open_nodes: list[tuple[int, _Node]] = []
    for end, depth in enumerate([*common, 0], start=1):
        node = _Node(end - 1, alone[end - 1], [])
        while open_nodes and open_nodes[-1][0] >= depth:
            num_common, before = open_nodes.pop()
            node = _Node(before.start, before.cost + node.cost, before.parts + node.parts)
            if num_common > depth:
                cost, prefix_length = shared(node.start, end, num_common)
                if cost < node.cost:
                    node = _Node(node.start, cost, [(node.start, end, prefix_length)])
        open_nodes.append((depth, node))
    return open_nodes[-1][1].parts
