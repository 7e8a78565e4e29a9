"""What answering compiles, called on shapes in place of arrays: for a plan of it.

Nothing is allocated, and the devices may be ones that are elsewhere.

Shapes: B rows of the batch, N answers of a row, C chunks of a row's options.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from t5lite.decoding import batching, compiled
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator

# `(name, function, *arguments)` -> what the function gives of such arguments, as shapes.
Call = Callable[..., Any]


class Generation(NamedTuple):
    """The largest batch that is answered at once.

    Attributes:
      num_rows: B.
      prompt_length: tokens that are read of each prompt, behind a prefix.
      prefix_length: slots of a prefix that is read once; 0 for none.
      num_slots: of each row's cache, a prefix's among them.
      prompts: features of the prompts, on the host.
      prefix: of the prefix; nothing where there is none.
    """

    num_rows: int
    prompt_length: int
    prefix_length: int
    num_slots: int
    prompts: dict[str, Any]
    prefix: dict[str, Any]


class Scoring(NamedTuple):
    """The largest batch whose options are scored at once.

    Attributes:
      num_rows: B.
      prompt_length: tokens of each prompt.
      num_chunks: C, which are read one after the other.
      chunk_length: tokens of each that are read at once.
      features: of prompts and options, on the host.
    """

    num_rows: int
    prompt_length: int
    num_chunks: int
    chunk_length: int
    features: dict[str, Any]


def largest_batch(
    generator: SequenceGenerator, config: DecodingConfig, *, prefix_length: int = 0
) -> Generation:
    """A whole batch of the longest prompts, of zeros.

    Args:
      generator: what would answer.
      config: how to decode.
      prefix_length: tokens that all prompts begin with, to be read once.

    Raises:
      ValueError: prompts are no longer than the prefix, or the model reads no prefix apart.
    """
    batches = generator.batches
    rest = batches.longest_prompt(config.decode_length) - prefix_length
    length, num_before, prefix = batches.bucket_length([range(rest)]), 0, dict[str, Any]()
    if prefix_length:
        batches.check_prefix(prefix_length, longest=rest + prefix_length)
        prefix = batches.prefix_rows(np.zeros(prefix_length, np.int32))
        num_before = prefix["decoder_input_tokens"].shape[1]
        length = batching.fine_bucket_length(rest)
    num_rows = batches.batch_size
    prompts = batches.rows([np.zeros(rest, np.int32)] * num_rows, length=length)
    num_read = 1 if generator.model_config.architecture == "encoder_decoder" else length
    return Generation(
        num_rows=num_rows,
        prompt_length=length,
        prefix_length=num_before,
        num_slots=num_before + num_read + config.num_branches * (config.decode_length - 1),
        prompts=prompts | {"example_index": np.zeros(num_rows, np.int32)},
        prefix=prefix,
    )


def generate(
    generator: SequenceGenerator,
    call: Call,
    params: Any,
    *,
    config: DecodingConfig,
    batch: Generation,
) -> None:
    """Calls what `SequenceGenerator.generate` does.

    Args:
      generator: what would answer.
      call: compiles "prepare", "prefix", "prefill" and "decoding", in this order; "decoding" is
        the loop of all steps.
      params: the model's parameters, shapes with their shardings.
      config: how to decode.
      batch: what `largest_batch` gave.
    """
    model, mesh, shapes = generator.model_config, generator.mesh, generator.batches.shapes
    features: dict[str, Any] = shapes(batch.prompts)
    step_params = call("prepare", compiled.prepare_fn(model, mesh), params)
    if batch.prefix:
        run = compiled.prefix_fn(model, mesh)
        features["prefix"] = call("prefix", run, step_params, shapes(batch.prefix))
    functions = generator.functions(config)
    state = call("prefill", functions.start, step_params, features)
    length = jax.ShapeDtypeStruct((), np.int32, weak_type=True)  # As a Python int is traced.
    call("decoding", functions.advance, step_params, state, length)


def largest_scoring(
    generator: SequenceGenerator, *, num_options: int, option_length: int
) -> Scoring:
    """The largest batch of the longest prompts with such options, all of zeros.

    Args:
      generator: what would score.
      num_options: answers to choose from; 1 for a target that is scored.
      option_length: tokens of each.
    """
    likelihoods = generator.likelihoods
    batches = likelihoods.prompt_batches
    prompt = np.zeros(batches.longest_prompt(option_length), np.int32)
    option = np.zeros(option_length, np.int32)
    prompts, options = likelihoods.rows(
        [prompt] * batches.batch_size, [[option] * num_options] * batches.batch_size
    )
    batch = likelihoods.batches(prompts, options, shares_prefixes=False)[0]
    of_options, _ = likelihoods.option_rows(batch, prompts, options)
    length = batches.bucket_length(prompts)
    num_chunks, chunk_length = of_options["option_tokens"].shape[1:]
    return Scoring(
        num_rows=batch.num_rows,
        prompt_length=length,
        num_chunks=num_chunks,
        chunk_length=chunk_length,
        features=batches.rows(prompts[: batch.num_rows], length=length) | of_options,
    )


def score(generator: SequenceGenerator, call: Call, params: Any, *, scoring: Scoring) -> None:
    """Calls what `SequenceGenerator.rank` and `score` do, as "scoring"; see `generate`."""
    run = compiled.rank_fn(generator.model_config, generator.mesh)
    call("scoring", run, params, generator.batches.shapes(scoring.features))
