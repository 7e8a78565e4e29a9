"""How likely a model finds given answers to any number of prompts.

Shapes: B rows of the batch, C chunks of a row's answers, O answers of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from t5lite.data.features.feature_converters import FeatureConverter, Tokens
from t5lite.decoding import checks, compiled, ranking
from t5lite.decoding.prompt_batches import OnBatch, PromptBatch, PromptBatches
from t5lite.models.config import TransformerConfig

Params = Any


class Likelihoods:
    """Log-likelihoods of answers under one model config."""

    def __init__(
        self,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        eos_ids: Sequence[int],
        batch_size: int,
        mesh: jax.sharding.Mesh | None,
    ) -> None:
        """Prepares.

        Args:
          model_config: The model's.
          converter: What its rows look like.
          eos_ids: The tokens that end an answer.
          batch_size: As for `PromptBatches`.
          mesh: Where parameters lie; None for wherever they are.
        """
        self._model_config = model_config
        self._converter = converter
        self._eos_ids = eos_ids
        self.prompt_batches = PromptBatches(
            model_config,
            converter=converter,
            batch_size=batch_size,
            mesh=mesh,
            answers_are_given=True,
        )
        self._mesh = mesh

    def plan(
        self, prompts: Sequence[Tokens], options: Sequence[Sequence[Tokens]]
    ) -> list[PromptBatch]:
        """Parts examples into batches that the devices have memory for; compiles nothing.

        Args:
          prompts: Of each example, as `FeatureConverter.prompt` makes it.
          options: Of each example one answer or more, a token or more each.

        Raises:
          ValueError: A prompt and one of its answers have no place in the model's table of
            positions, or more memory is needed than there is.
        """
        prompts, options = self.rows(prompts, options)
        plan = self.batches(prompts, options)
        for size in self.prompt_batches.sizes(plan, prompts):
            checks.room_to_score(self._model_config, size, mesh=self._mesh)
        return plan

    def rows(
        self, prompts: Sequence[Tokens], options: Sequence[Sequence[Tokens]]
    ) -> tuple[Sequence[Tokens], Sequence[Sequence[Tokens]]]:
        """Examples as they are read: with all of their answers, or a row for each answer.

        Under a `LengthScaling` the keys of a prompt depend on the length of prompt and answer, so
        that a prompt is read anew for each of its answers.
        """
        if self._model_config.length_scaling is None:
            return prompts, options
        each = zip(prompts, options, strict=True)
        return [prompt for prompt, row in each for _ in row], [[x] for row in options for x in row]

    def batches(
        self,
        prompts: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        shares_prefixes: bool = True,
    ) -> list[PromptBatch]:
        """As `plan`, whatever memory the devices have; see `PromptBatches.plan`."""
        checks.positions(
            self._model_config,
            prompts,
            [max(map(len, row)) for row in options],
            most=self._model_config.max_positions,
            converter=self._converter,
            remedy="shorten the prompts or the answers",
        )
        return self.prompt_batches.plan(
            prompts,
            more_sizes=[sum(map(len, row)) for row in options],
            fits=lambda examples, num_rows: self._chunk_length(
                [prompts[example] for example in examples],
                [options[example] for example in examples],
                num_rows=num_rows,
            )[1],
            shares_prefixes=shares_prefixes,
        )

    def option_rows(
        self,
        batch: PromptBatch,
        prompts: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
    ) -> tuple[dict[str, np.ndarray], int]:
        """What is read of a batch's answers besides its prompts, and how much of it at once."""
        length, _ = self._chunk_length(
            [prompts[example] for example in batch.examples],
            [options[example] for example in batch.examples],
            num_rows=batch.num_rows,
        )
        rows = [options[row] for row in batch.rows]
        features = ranking.option_features(rows, chunk_length=length)
        if self._model_config.length_scaling is not None:
            lengths = [
                self._converter.num_positions(len(prompts[row]), len(option))
                for row in batch.rows
                for option in options[row]
            ]
            features["text_lengths"] = np.array(lengths, np.int32)
        return features, length

    def find(
        self,
        params: Params,
        prompts: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        on_batch: OnBatch | None = None,
    ) -> list[np.ndarray]:
        """Log-likelihoods of each prompt's answers, and how far from greedy decoding they are.

        Args:
          params: The model's parameters.
          prompts: As for `plan`.
          options: As for `plan`.
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          Of each example float64 [O, 2], in its answers' order, as `ranking.score_options`.

        Raises:
          ValueError: As `plan`, or the model's logits are not finite.
        """
        if not options:
            return []
        numbers = [len(row) for row in options]
        prompts, options = self.rows(prompts, options)
        is_new = np.ones(len(options), bool)
        if len(options) > len(numbers):  # Of an example that takes several rows the first counts.
            is_new = np.concatenate([np.arange(number) == 0 for number in numbers])
        results = [np.zeros((len(row), 2)) for row in options]
        plan = self.plan(prompts, options)
        run = compiled.rank_fn(self._model_config, self._mesh)
        for batch, features in self.prompt_batches.read(params, plan, prompts):
            examples = batch.examples
            of_rows, length = self.option_rows(batch, prompts, options)
            found_BCO2 = jax.device_get(run(params, features | self.prompt_batches.put(of_rows)))
            checks.finite_log_likelihoods(found_BCO2[: len(examples)], params, self._model_config)
            for example, found_CO2 in zip(examples, found_BCO2, strict=False):
                parts = ranking.chunks(options[example], chunk_length=length)
                results[example][:] = np.concatenate(
                    [found[: len(part)] for found, part in zip(found_CO2, parts, strict=False)]
                )
            if on_batch is not None:
                on_batch(int(is_new[examples].sum()))
        return np.split(np.concatenate(results), np.cumsum(numbers)[:-1])

    def compared(
        self,
        params: Params,
        prompts: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        by: ranking.RankBy,
        num_bytes: Sequence[Sequence[int]] | None,
        on_batch: OnBatch | None = None,
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What each prompt's answers are compared by.

        Args:
          params: The model's parameters.
          prompts: As for `plan`.
          options: As for `plan`.
          by: See `ranking.RankBy`.
          num_bytes: Of each answer the bytes of its text; for "mean_byte".
          on_batch: As for `find`.

        Returns:
          Of each example float64 [O] in nats, in its answers' order; and what `find` gives.

        Raises:
          ValueError: As `find` and `empty_prompt`.
        """
        empty = self.empty_prompt() if by == "unconditional" else None
        found = self.find(params, prompts, options, on_batch=on_batch)
        sums = [x_O2[:, 0] for x_O2 in found]
        if by == "mean":
            lengths = [[len(option) for option in row] for row in options]
            return [x_O / count_O for x_O, count_O in zip(sums, lengths, strict=True)], found
        if by == "mean_byte":
            assert num_bytes is not None
            return [x_O / count_O for x_O, count_O in zip(sums, num_bytes, strict=True)], found
        if empty is not None:
            alone = self._alone(params, empty, options)
            return [x_O - alone_O for x_O, alone_O in zip(sums, alone, strict=True)], found
        return sums, found

    def empty_prompt(self) -> Tokens:
        """What stands for a prompt that says nothing.

        Raises:
          ValueError: The model knows no token for it.
        """
        prompt = self._converter.prompt(())
        if not len(prompt):
            prompt = np.array(self._eos_ids[:1], np.int32)
        if not len(prompt):
            raise ValueError(
                "by is 'unconditional', and this model has neither a token that goes before every "
                "prompt nor one that ends texts, so that nothing stands for an empty prompt; "
                "choose another way to rank"
            )
        return prompt

    def _alone(
        self, params: Params, empty_prompt: Tokens, options: Sequence[Sequence[Tokens]]
    ) -> list[np.ndarray]:
        """Log-likelihoods of answers after an empty prompt, each different one read once."""
        keys = [[tuple(option) for option in row] for row in options]
        different = {
            key: option
            for row, row_keys in zip(options, keys, strict=True)
            for key, option in zip(row_keys, row, strict=True)
        }
        prompts = [empty_prompt] * len(different)
        alone = self.find(params, prompts, [[option] for option in different.values()])
        by_key = {key: x_O2[0, 0] for key, x_O2 in zip(different, alone, strict=True)}
        return [np.array([by_key[key] for key in row_keys]) for row_keys in keys]

    def _chunk_length(
        self,
        prompts: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        num_rows: int,
    ) -> tuple[int, bool]:
        """How much of some examples' answers is read at once; see `ranking.chunk_length`."""
        return ranking.chunk_length(
            self._model_config,
            num_rows=num_rows // self.prompt_batches.num_parts,
            num_slots=self.prompt_batches.bucket_length(prompts),
            longest=max(len(option) for row in options for option in row),
        )
