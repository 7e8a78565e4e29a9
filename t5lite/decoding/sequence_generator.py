"""A model's answers to, and scores of, lists of examples: batched by length, compiled once a shape.

Every process of a run holds all examples and gets all results; the devices share the rows.
Shapes: B rows of the batch, N answers of a row, O answers to choose from, T generated tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from t5lite.data.features.feature_converters import FeatureConverter, Tokens
from t5lite.decoding import checks, compiled, ranking, stopping
from t5lite.decoding.compiled import Prepared
from t5lite.decoding.config import DecodingConfig, Temperature
from t5lite.decoding.likelihoods import Likelihoods
from t5lite.decoding.prompt_batches import OnBatch, PromptBatch, PromptBatches
from t5lite.messages.ranges import Count, Size
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig

Params = Any

# Tokens between two looks for stop strings: a look costs a return to the host, and what was
# generated beyond a stop string was for nothing.
_STEPS_BETWEEN_LOOKS = 16


class Generation(NamedTuple):
    """What was generated for one example.

    Attributes:
      tokens: int32, without the end token. What completes a stop string is among them.
      log_likelihood: Sum of log p(token) in nats under the model itself (before temperature,
        penalties, top-k and top-p), the end token included.
      score: What ranks several answers of one example: of a beam search, its score; else
        `log_likelihood`.
    """

    tokens: np.ndarray
    log_likelihood: float
    score: float


class Ranking(NamedTuple):
    """How likely each answer of one example is.

    Attributes:
      best: Index of the answer with the largest score.
      scores: float64, of each answer in nats: its log-likelihood, or what `by` made of it.
      log_likelihoods: float64, of each answer in nats.
      is_greedy: Of each answer whether greedy decoding gives its tokens.
    """

    best: int
    scores: np.ndarray
    log_likelihoods: np.ndarray
    is_greedy: np.ndarray


class SequenceGenerator:
    """Generates for, scores and ranks answers to any number of examples with one model config.

    `decoding.programs` calls its parts on shapes.
    """

    def __init__(
        self,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        eos_ids: Sequence[int],
        batch_size: int,
        decode: stopping.Decode | None = None,
        mesh: jax.sharding.Mesh | None = None,
    ) -> None:
        """Prepares; nothing is compiled before the first batch of a shape.

        Prompts are what `FeatureConverter.prompt` makes, targets what `FeatureConverter.targets`
        does, both without padding.

        Args:
          model_config: What `params` given later are of.
          converter: What the model's rows look like.
          eos_ids: The tokens that end an answer, `DecodingConfig.stop_ids` apart.
          batch_size: Most examples of a batch, rounded up to a multiple of the devices that share
            the rows. Batches are filled up to it, and smaller where all examples together are few,
            where some share a prefix, and where answers to rank take much memory.
          decode: From tokens to text; for stop strings.
          mesh: Where `params` given later lie; None for wherever they are.
        """
        check_type(batch_size, Size, name="batch_size")
        converter.check_model(model_config)
        self.model_config = model_config
        self._converter = converter
        end_ids = checks.token_ids(eos_ids, name="eos_ids", vocab_size=model_config.vocab_size)
        self._eos_ids = tuple(end_ids.tolist())
        self.batches = PromptBatches(
            model_config, converter=converter, batch_size=batch_size, mesh=mesh
        )
        self.likelihoods = Likelihoods(
            model_config,
            converter=converter,
            eos_ids=self._eos_ids,
            batch_size=batch_size,
            mesh=mesh,
        )
        self._decode = decode
        self.mesh = mesh

    def prepare(self, params: Params) -> Prepared:
        """Parameters as the other methods use them, for a caller who uses them more than once.

        On a CPU that is one more copy of the decoder's layers (see `models.layer_loop`).

        Raises:
          ValueError: They are not those of the model's config.
        """
        checks.check_params(params, self.model_config)
        return compiled.prepare(self.model_config, params, mesh=self.mesh)

    def check(self, inputs: Sequence[Tokens], *, config: DecodingConfig) -> None:
        """Refuses what `generate` would, before anything is made or compiled for it.

        Args:
          inputs: The prompt of each example, as for `generate`.
          config: How to decode.

        Raises:
          ValueError: An id, a length or a size is beyond the model, or more memory is needed than
            the devices have left.
        """
        self._plan_to_generate(inputs, config)

    def check_scoring(
        self,
        inputs: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        by: ranking.RankBy = "sum",
    ) -> None:
        """Refuses what `score` and `rank` would, before anything is made or compiled for it.

        Args:
          inputs: The prompt of each example, as for `rank`.
          options: Of each example the answers' tokens, as for `rank`.
          by: What is compared.

        Raises:
          ValueError: As `rank`, but for the parameters.
        """
        checks.same_number(inputs, options, name="lists of options")
        ranking.check_options(options)
        if by == "unconditional":
            self.likelihoods.empty_prompt()
        self.likelihoods.plan(inputs, options)

    def generate(
        self,
        params: Params | Prepared,
        inputs: Sequence[Tokens],
        *,
        config: DecodingConfig,
        indices: Sequence[int] | None = None,
        adapters: Sequence[int] | None = None,
        temperatures: Sequence[float] | None = None,
        on_batch: OnBatch | None = None,
    ) -> list[list[Generation]]:
        """Generates answers to each input.

        Args:
          params: The model's parameters, or what `prepare` made of them.
          inputs: The prompt of each example, as `FeatureConverter.prompt` makes it.
          config: How to decode.
          indices: The examples' indices for `sampling.row_keys`; 0, 1, ... when None.
          adapters: Of each example which LoRA it has, where `params` hold a bank of them
            (`models.lora_bank`); such a batch shares no prefix.
          temperatures: Of each example the temperature that it is drawn with, in place of the
            config's; what is compiled serves all of them.
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          For each input, in order, `config.num_return_sequences` answers: draws as they were drawn,
          beams with the best first.

        Raises:
          ValueError: A prompt is empty where it must not be, prompt and answer together are longer
            than the model's table of positions, an id is none of the model's, there are not as many
            of one list as of another, or the parameters are not this model's.
        """
        inputs = self._checked(inputs, name="inputs")
        if indices is None:
            indices = range(len(inputs))
        indices = checks.one_each(inputs, indices, Count, name="indices")
        if adapters is not None:
            adapters = checks.one_each(inputs, adapters, Count, name="adapters")
        if temperatures is not None:
            assert config.strategy == "sample" and config.temperature == 1.0, "one of the two"
            temperatures = checks.one_each(inputs, temperatures, Temperature, name="temperatures")
        plan = self._plan_to_generate(inputs, config, shares_prefixes=adapters is None)
        whole = prepared = self._prepared(params)
        if adapters is not None:
            checks.check_adapters(adapters, whole.params)
        functions = self.functions(config)
        results: list[list[Generation]] = [[]] * len(inputs)
        for batch, features in self.batches.read(whole.step_params, plan, inputs):
            if adapters is not None:
                index_B = np.array([adapters[row] for row in batch.rows], np.int32)
                row_index = self.batches.put({"adapter": index_B})["adapter"]
                prepared = compiled.of_rows_fn(self.mesh)(whole, row_index)
            examples = batch.examples
            index_B = np.array([indices[row] for row in batch.rows], np.int32)
            features |= self.batches.put({"example_index": index_B})
            if temperatures is not None:
                temperature_B = np.array([temperatures[row] for row in batch.rows], np.float32)
                features |= self.batches.put({"temperature": temperature_B})
            state = functions.start(prepared.step_params, features)
            if config.stop_strings:
                state = self._advance_with_looks(functions, prepared, state, config)
            else:
                state = functions.advance(prepared.step_params, state, config.decode_length)
            output = jax.device_get(functions.report(state))
            checks.finite_log_likelihoods(
                output.log_likelihood_BN[: len(examples)], prepared.params, self.model_config
            )
            for row, example in enumerate(examples):
                results[example] = _generations(output, row)
            if on_batch is not None:
                on_batch(len(examples))
        return results

    def stream(
        self,
        params: Params | Prepared,
        inputs: Tokens,
        *,
        config: DecodingConfig,
        index: int = 0,
    ) -> Iterator[int]:
        """Generates one answer, yielding its tokens as they come, without the end token.

        The tokens are those of `generate` for the same `index`. For a decoder without a mesh, and
        a config with one answer an example that is no beam search.
        """
        assert self.mesh is None, "one row cannot be shared out"
        assert config.num_branches == 1, "only one answer can be streamed"
        (inputs,) = self._checked([inputs], name="inputs")
        self.check([inputs], config=config)
        prepared = self._prepared(params)
        functions = self.functions(config)
        batch = self.batches.whole([inputs])
        batch["example_index"] = np.array([index], np.int32)
        state = functions.start(prepared.step_params, batch)
        so_far: list[int] = []
        while True:
            output = jax.device_get(functions.report(state))
            checks.finite_log_likelihoods(
                output.log_likelihood_BN, prepared.params, self.model_config
            )
            if output.ended_BN[0, 0]:
                return
            token = int(output.tokens_BNT[0, 0, output.lengths_BN[0, 0] - 1])
            so_far.append(token)
            yield token
            if output.all_done or self._stopped_length(so_far, config, known=len(so_far) - 1):
                return
            state = functions.advance(prepared.step_params, state, len(so_far) + 1)

    def score(
        self,
        params: Params | Prepared,
        inputs: Sequence[Tokens],
        targets: Sequence[Tokens],
        *,
        on_batch: OnBatch | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood of each target given its input.

        Args:
          params: The model's parameters, or what `prepare` made of them.
          inputs: Prompt tokens of each example, as for `generate`.
          targets: Target tokens of each example, end token included where it should count.
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          float64 `(log_likelihoods, num_tokens)` in the examples' order: the sum over a target's
          tokens of log p(token | what is before it), in nats, and how many they are.

        Raises:
          ValueError: As `generate`.
        """
        inputs = self._checked(inputs, name="inputs")
        targets = self._checked(targets, name="targets")
        checks.same_number(inputs, targets, name="targets")
        rows = [row for row, target in enumerate(targets) if len(target)]
        log_likelihoods = np.zeros(len(inputs))
        log_likelihoods[rows] = [
            found_O2[0, 0]
            for found_O2 in self.likelihoods.find(
                self._plain(params),
                [inputs[row] for row in rows],
                [[targets[row]] for row in rows],
                on_batch=on_batch,
            )
        ]
        return log_likelihoods, np.array([len(target) for target in targets], np.float64)

    def rank(
        self,
        params: Params | Prepared,
        inputs: Sequence[Tokens],
        options: Sequence[Sequence[Tokens]],
        *,
        by: ranking.RankBy = "sum",
        num_bytes: Sequence[Sequence[int]] | None = None,
        on_batch: OnBatch | None = None,
    ) -> list[Ranking]:
        """Rank classification: chooses among given answers the one the model finds likeliest.

        Args:
          params: The model's parameters, or what `prepare` made of them.
          inputs: Prompt tokens of each example, as for `generate`.
          options: Of each example the answers' tokens, end token included where it should count.
          by: What is compared, see `ranking.RankBy`.
          num_bytes: Of each answer the bytes of its text (`ranking.num_bytes`); for "mean_byte".
          on_batch: Called with the number of examples of each finished batch.

        Returns:
          A `Ranking` of each example, in order.

        Raises:
          ValueError: An example has no answer to choose, or one without tokens; or as `generate`.
        """
        inputs = self._checked(inputs, name="inputs")
        checks.one_each(inputs, options, Any, name="lists of options")
        options = [self._checked(row, name=f"options[{i}]") for i, row in enumerate(options)]
        if num_bytes is not None:
            num_bytes = checks.one_each(inputs, num_bytes, Sequence[Count], name="num_bytes")
        ranking.check_by(by, options, num_bytes=num_bytes)
        ranking.check_options(options)
        compared, found = self.likelihoods.compared(
            *(self._plain(params), inputs, options), by=by, num_bytes=num_bytes, on_batch=on_batch
        )
        return [
            Ranking(int(np.argmax(scores)), scores, found_O2[:, 0], found_O2[:, 1] == 0)
            for scores, found_O2 in zip(compared, found, strict=True)
        ]

    def _advance_with_looks(
        self,
        functions: compiled.Functions,
        prepared: Prepared,
        state: Any,
        config: DecodingConfig,
    ) -> Any:
        """Generates, and ends answers that hold a stop string, until all have ended."""
        longest_BN: np.ndarray | None = None
        known = 0
        while True:
            output = jax.device_get(functions.report(state))
            if longest_BN is None:
                longest_BN = np.full(output.lengths_BN.shape, config.decode_length, np.int32)
            for place in np.ndindex(longest_BN.shape):
                if longest_BN[place] < config.decode_length:
                    continue
                tokens = output.tokens_BNT[place][: output.lengths_BN[place]]
                stopped = self._stopped_length(tokens.tolist(), config, known=known)
                longest_BN[place] = stopped or config.decode_length
            state = functions.cut(state, self.batches.put({"longest": longest_BN})["longest"])
            if output.all_done:
                return state
            known = int(output.lengths_BN.max())
            state = functions.advance(prepared.step_params, state, known + _STEPS_BETWEEN_LOOKS)

    def _stopped_length(
        self, tokens: list[int], config: DecodingConfig, *, known: int
    ) -> int | None:
        if not config.stop_strings:
            return None
        assert self._decode is not None, "stop strings need a SequenceGenerator with `decode`"
        return stopping.stopped_length(
            tokens,
            decode=self._decode,
            stop_strings=config.stop_strings,
            known=min(known, len(tokens)),
        )

    def _plan_to_generate(
        self, inputs: Sequence[Tokens], config: DecodingConfig, *, shares_prefixes: bool = True
    ) -> list[PromptBatch]:
        """Parts examples into batches; raises what `check` does."""
        if not inputs:
            return []
        is_long = config.decode_length > 1
        checks.positions(
            self.model_config,
            inputs,
            [config.decode_length] * len(inputs),
            most=self.model_config.max_answered_positions,
            converter=self._converter,
            remedy="shorten the prompts"
            + (", or lower max_decode_length (--max_decode_length)" if is_long else ""),
        )
        checks.against_vocabulary(config, vocab_size=self.model_config.vocab_size)
        # What occurred in a prompt counts for a repetition penalty, its prefix too.
        shares_prefixes &= config.repetition_penalty == 1.0
        plan = self.batches.plan(inputs, shares_prefixes=shares_prefixes)
        for size in self.batches.sizes(plan, inputs):
            checks.room_to_generate(self.model_config, config, size=size, mesh=self.mesh)
        return plan

    def _prepared(self, params: Params | Prepared) -> Prepared:
        return params if isinstance(params, Prepared) else self.prepare(params)

    def _plain(self, params: Params | Prepared) -> Params:
        if not isinstance(params, Prepared):
            checks.check_params(params, self.model_config)
        return compiled.plain(params)

    def _checked(self, texts: Sequence[Tokens], *, name: str) -> list[np.ndarray]:
        return checks.all_token_ids(texts, name=name, vocab_size=self.model_config.vocab_size)

    def functions(self, config: DecodingConfig) -> compiled.Functions:
        """The jitted parts of generation."""
        end_ids = tuple(dict.fromkeys((*self._eos_ids, *config.stop_ids)))
        return compiled.functions(self.model_config, end_ids, config, self.mesh)


def _generations(output: Any, row: int) -> list[Generation]:
    answers = zip(
        output.tokens_BNT[row],
        output.lengths_BN[row],
        output.ended_BN[row],
        output.log_likelihood_BN[row],
        output.score_BN[row],
        strict=True,
    )
    return [
        Generation(tokens_T[: length - ended], float(log_likelihood), float(score))
        for tokens_T, length, ended, log_likelihood, score in answers
    ]
