"""Prompts in batches: of like length, and behind a prefix that is read once where many share it.

Shapes: B rows of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from t5lite.data.features.feature_converters import (
    DecoderOnlyFeatureConverter,
    FeatureConverter,
    Tokens,
)
from t5lite.decoding import batching, compiled, shared_prefixes
from t5lite.mesh import DECODING_BATCH_AXES, num_devices
from t5lite.models.config import TransformerConfig
from t5lite.sharding import decoding_sharding, put_replicable

Params = Any
# Called with the number of examples of each finished batch.
OnBatch = Callable[[int], Any]


class PromptBatch(NamedTuple):
    """Examples that are read together.

    Attributes:
      examples: Which, the longest first.
      num_rows: B, at least as many.
      prefix: The tokens that all their prompts begin with, to be read once; none for prompts that
        are read alone.
    """

    examples: list[int]
    num_rows: int
    prefix: Tokens

    @property
    def rows(self) -> list[int]:
        """An example for each row; one that is repeated ends no later than the first."""
        return self.examples + self.examples[:1] * (self.num_rows - len(self.examples))


class BatchSize(NamedTuple):
    """What memory a batch takes depends on.

    Attributes:
      num_rows: its rows.
      prompt_length: tokens that prompts, less their prefix, are padded to.
      prefix_length: tokens of the prefix; 0 for none.
    """

    num_rows: int
    prompt_length: int
    prefix_length: int


class PromptBatches:
    """Plans batches, and makes of each what a model's `prefill` reads."""

    def __init__(
        self,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        batch_size: int,
        mesh: jax.sharding.Mesh | None,
        answers_are_given: bool = False,
    ) -> None:
        """Prepares.

        Args:
          model_config: The model's.
          converter: What its rows look like.
          batch_size: Most examples of a batch; rounded up to a multiple of the devices that share
            the rows.
          mesh: Where parameters lie; None for wherever they are.
          answers_are_given: Whether answers are there and are scored, not generated: then the
            length of the whole text is known, which is what a `LengthScaling` needs.
        """
        self._model_config = model_config
        self._converter = converter
        self._mesh = mesh
        self.num_parts = 1 if mesh is None else num_devices(mesh, DECODING_BATCH_AXES)
        self.batch_size = math.ceil(batch_size / self.num_parts) * self.num_parts
        self._answers_are_given = answers_are_given
        # A learned table has no row for a place beyond it, padding's places included.
        self._most_positions = (
            model_config.max_positions if answers_are_given else model_config.max_answered_positions
        )
        if self._most_positions is not None:
            self._most_positions -= len(converter.soft_prompt)
        self._longest = min(
            converter.longest_prompt, self._most_positions or converter.longest_prompt
        )

    def plan(
        self,
        prompts: Sequence[Tokens],
        *,
        more_sizes: Sequence[int] | None = None,
        fits: Callable[[Sequence[int], int], bool] | None = None,
        shares_prefixes: bool = True,
    ) -> list[PromptBatch]:
        """Parts examples into batches, those that take the longest first.

        The longest come first: if memory does not suffice, the first batch says so, and the time a
        progress bar promises only shrinks.

        Args:
          prompts: Of each example, as `FeatureConverter.prompt` makes it.
          more_sizes: Of each example a length that matters after that of its prompt.
          fits: Whether there is memory for some examples in a batch of so many rows; where there is
            none, batches are smaller. None for always.
          shares_prefixes: Whether a prefix may be read once for many.
        """
        groups = [shared_prefixes.Group(tuple(range(len(prompts))), 0)]
        if shares_prefixes and self._can_share():
            groups = shared_prefixes.plan(
                prompts,
                cost=shared_prefixes.ReadingCost.of(self._model_config),
                batch_size=self.batch_size,
                multiple=self.num_parts,
                longest=self._longest,
            )
        groups.sort(key=lambda group: -max((len(prompts[row]) for row in group.rows), default=0))
        # Fewer examples than a batch takes are not repeated to fill it.
        batch_size = shared_prefixes.num_rows_bucket(
            min(len(prompts), self.batch_size),
            batch_size=self.batch_size,
            multiple=self.num_parts,
        )
        batches = []
        for rows, prefix_length in groups:
            sizes = [
                (len(prompts[row]) - prefix_length, *([more_sizes[row]] if more_sizes else []))
                for row in rows
            ]
            for places in batching.plan_batches(sizes, batch_size=self.batch_size):
                together = [rows[place] for place in places]
                prefix = prompts[together[0]][:prefix_length]
                limit = batch_size
                while fits and limit > self.num_parts and not fits(together, limit):
                    limit = -(-limit // (2 * self.num_parts)) * self.num_parts
                for start in range(0, len(together), limit):
                    part = together[start : start + limit]
                    num_rows = limit
                    if prefix_length:
                        num_rows = shared_prefixes.num_rows_bucket(
                            len(part), batch_size=limit, multiple=self.num_parts
                        )
                    batches.append(PromptBatch(part, num_rows, prefix))
        return batches

    def sizes(self, batches: Sequence[PromptBatch], prompts: Sequence[Tokens]) -> list[BatchSize]:
        """Those of different batches.

        Args:
          batches: What `plan` gave.
          prompts: As given to it.
        """
        return sorted(
            {
                BatchSize(batch.num_rows, self._length(batch, prompts), len(batch.prefix))
                for batch in batches
            }
        )

    def read(
        self, params: Params, batches: Sequence[PromptBatch], prompts: Sequence[Tokens]
    ) -> Iterator[tuple[PromptBatch, dict[str, Any]]]:
        """Makes of each batch what a model's `prefill` reads, where the model is.

        Args:
          params: The model's parameters, which read the prefixes.
          batches: What `plan` gave.
          prompts: As given to `plan`.
        """
        last: Tokens = ()
        cache = None
        for batch in batches:
            num_before = len(batch.prefix)
            rests = [prompts[row][num_before:] for row in batch.rows]
            length = self._length(batch, prompts)
            features = self.put(
                self._converter.prompt_batch(rests, length=length, is_rest=bool(num_before))
            )
            if not np.array_equal(batch.prefix, last):
                cache = None  # before another takes its memory
                last = batch.prefix
                cache = self._read_prefix(params, last) if num_before else None
            yield batch, features | ({"prefix": cache} if num_before else {})

    def whole(self, prompts: Sequence[Tokens]) -> dict[str, Any]:
        """What `prefill` reads of prompts that are read alone, on the host."""
        return self._converter.prompt_batch(prompts, length=self.bucket_length(prompts))

    def bucket_length(self, prompts: Sequence[Tokens]) -> int:
        """Tokens that the prompts of a batch are padded to."""
        return batching.bucket_length(max(map(len, prompts), default=0), longest=self._longest)

    def put(self, features: dict[str, Any]) -> dict[str, Any]:
        """Features where the model is; each device takes its rows."""
        return features if self._mesh is None else put_replicable(features, self._mesh)

    def _length(self, batch: PromptBatch, prompts: Sequence[Tokens]) -> int:
        """What a batch's prompts, less their prefix, are padded to."""
        if not len(batch.prefix):
            return self.bucket_length([prompts[row] for row in batch.examples])
        longest = max(len(prompts[row]) for row in batch.examples)
        return batching.fine_bucket_length(longest - len(batch.prefix))

    def rows(self, prompts: Sequence[Tokens], *, length: int) -> dict[str, Any]:
        """What `prefill` reads of prompts padded to a length, on the host."""
        return self._converter.prompt_batch(prompts, length=length)

    def check_prefix(self, prefix_length: int, *, longest: int) -> None:
        """Raises ValueError where prompts cannot share so many tokens."""
        if not self._can_share() or prefix_length >= longest:
            raise ValueError(
                f"a prefix of {prefix_length} tokens (--shared_prefix) cannot be read once: "
                + (
                    f"prompts have at most {longest} tokens"
                    if self._can_share()
                    else "only a causal language model reads a token without those behind it"
                )
            )

    def _can_share(self) -> bool:
        """Whether what a token is to the model depends on the tokens before it alone."""
        converter = self._converter
        if self._model_config.length_scaling is not None and self._answers_are_given:
            return False
        return isinstance(converter, DecoderOnlyFeatureConverter) and not converter.prefix_lm

    def _read_prefix(self, params: Params, prefix: Tokens) -> Any:
        """A cache with one row for each device that has rows: they read it at the same time."""
        run = compiled.prefix_fn(self._model_config, self._mesh)
        return run(params, self.put(self.prefix_rows(prefix)))

    def prefix_rows(self, prefix: Tokens) -> dict[str, Any]:
        """What `prefill` reads of a prefix, on the host: a row for each device that has rows."""
        length = batching.fine_bucket_length(len(prefix), longest=self._longest)
        return self._converter.prompt_batch([prefix] * self.num_parts, length=length)

    def longest_prompt(self, answer_length: int) -> int:
        """Tokens of the longest prompt that has room for such an answer behind it."""
        if self._most_positions is None or self._converter.architecture == "encoder_decoder":
            return self._longest
        return max(min(self._longest, self._most_positions + 1 - answer_length), 1)

    def shapes(self, features: dict[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
        """What `put` makes of features, with shapes in place of arrays."""
        where = None if self._mesh is None else decoding_sharding(self._mesh)
        return {
            name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where)
            for name, x in features.items()
        }
