"""The jitted functions behind `SequenceGenerator`; equal ones share what was compiled.

Shapes: B rows of the batch, N answers of a row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from t5lite.decoding import ranking
from t5lite.decoding.beam import BeamSearch
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.generate import Generator
from t5lite.models.config import TransformerConfig
from t5lite.models.layer_loop import step_params
from t5lite.models.layers import traced_platform
from t5lite.models.lora_bank import of_rows
from t5lite.models.parameters import bind
from t5lite.sharding import logical_rules, replicated

Params = Any
Mesh = jax.sharding.Mesh


class Prepared(NamedTuple):
    """Parameters, and their form for generating (see `models.layer_loop.step_params`)."""

    params: Params
    step_params: Params


class Functions(NamedTuple):
    """Generation in parts; see `generate.Generator`.

    Attributes:
      start: `(step_params, batch) -> state`; the batch has an `example_index` too.
      advance: `(step_params, state, until) -> state`; the state given is used up.
      cut: `(state, longest_BN) -> state`; likewise. Not for a beam search.
      report: `state -> generate.Output`, whole on every process.
    """

    start: Callable[..., Any]
    advance: Callable[..., Any]
    cut: Callable[..., Any]
    report: Callable[..., Any]


def prepare(model_config: TransformerConfig, params: Params, *, mesh: Mesh | None) -> Prepared:
    """Makes `Prepared` of parameters."""
    return Prepared(params, prepare_fn(model_config, mesh)(params))


def plain(params: Params | Prepared) -> Params:
    """The parameters themselves."""
    return params.params if isinstance(params, Prepared) else params


@functools.cache
def prepare_fn(model_config: TransformerConfig, mesh: Mesh | None) -> Callable[..., Any]:
    """`params -> step_params`; see `Prepared`."""

    def run(params: Params) -> Params:
        return step_params(model_config, params, unstacked=_unstacks())

    return _jit(run, mesh)


@functools.cache
def of_rows_fn(mesh: Mesh | None) -> Callable[..., Any]:
    """`(prepared, index_B) -> prepared`, with the LoRA of each row; see `models.lora_bank`."""

    def run(prepared: Prepared, index_B: jax.Array) -> Prepared:
        return Prepared(*(of_rows(params, index_B) for params in prepared))

    return _jit(run, mesh)


@functools.cache
def functions(
    model_config: TransformerConfig,
    end_ids: tuple[int, ...],
    config: DecodingConfig,
    mesh: Mesh | None,
) -> Functions:
    """The parts of generation for one config."""
    kind = BeamSearch if config.strategy == "beam" else Generator
    generator = kind(config, end_ids)

    def start(params: Params, batch: dict[str, jax.Array]) -> Any:
        features = dict(batch)
        index_B = features.pop("example_index")
        return generator.start(bind(model_config, params), features, index_B=index_B)

    def advance(params: Params, state: Any, until: jax.Array) -> Any:
        return generator.advance(bind(model_config, params), state, until=until)

    def cut(state: Any, longest_BN: jax.Array) -> Any:
        assert isinstance(generator, Generator)
        return generator.cut(state, longest_BN)

    return Functions(
        start=_jit(start, mesh),
        advance=_jit(advance, mesh, donate=1),
        cut=_jit(cut, mesh, donate=0),
        report=_jit(generator.report, mesh, is_result=True),
    )


@functools.cache
def prefix_fn(model_config: TransformerConfig, mesh: Mesh | None) -> Callable[..., Any]:
    """`(step_params, batch) -> cache`: the `prefix` of batches of prompts that begin with it."""

    def run(params: Params, batch: dict[str, jax.Array]) -> Any:
        return bind(model_config, params).prefill(batch, max_decode_length=1)[1]

    return _jit(run, mesh)


@functools.cache
def rank_fn(model_config: TransformerConfig, mesh: Mesh | None) -> Callable[..., Any]:
    """`(params, batch) -> ranking.score_options(...)`."""

    def run(params: Params, batch: dict[str, jax.Array]) -> jax.Array:
        return ranking.score_options(bind(model_config, params), batch)

    return _jit(run, mesh, is_result=True)


def _unstacks() -> bool:
    """Whether the decoder's layers are unstacked for a loop of steps; see `models.layer_loop`."""
    return traced_platform() == "cpu"


def _jit(
    run: Callable[..., Any],
    mesh: Mesh | None,
    *,
    donate: int | None = None,
    is_result: bool = False,
) -> Callable[..., Any]:
    """Results lie whole on every process, whatever the mesh."""
    donated = () if donate is None else donate
    if mesh is None:
        return jax.jit(run, donate_argnums=donated)

    def on_mesh(*arguments: Any) -> Any:
        with logical_rules(mesh, decoding=True):
            return run(*arguments)

    if is_result:
        return jax.jit(on_mesh, donate_argnums=donated, out_shardings=replicated(mesh))
    return jax.jit(on_mesh, donate_argnums=donated)
