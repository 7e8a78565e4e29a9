"""What answering prompts needs of a topology: reading them, decoding, scoring."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from t5lite import memory
from t5lite.decoding import programs
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.models.config import TransformerConfig
from t5lite.models.flops import StepFlops, extend_flops, prefill_flops
from t5lite.models.parameters import flatten_names
from t5lite.planning import memory_use
from t5lite.planning.compiling import Compiled, compile_program
from t5lite.planning.plans import AnswersPlan, Program
from t5lite.planning.roofline import roofline
from t5lite.planning.topology import Topology


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
    """What is asked of a model, as far as it is known without data.

    Attributes:
      name: the evaluation's.
      generator: what answers.
      decoding: how; None where nothing is generated.
      num_options: answers to choose from, or 1 for a target that is scored; 0 where none is.
      option_length: most tokens of each.
      prefix_length: tokens that all prompts begin with, and that are read once.
    """

    name: str
    generator: SequenceGenerator
    decoding: DecodingConfig | None
    num_options: int
    option_length: int
    prefix_length: int = 0


class _Cost(NamedTuple):
    """Operations of a program, and how often a batch needs it."""

    flops: int
    times: int = 1


class _TooLargeError(Exception):
    """A program gives nothing that another could go on from."""


def plan_answers(
    questions: Questions,
    topology: Topology,
    params: Any,
    *,
    mesh: jax.sharding.Mesh,
    held: int = 0,
) -> AnswersPlan:
    """Compiles what answers the largest batch that there can be.

    Args:
      questions: what is asked.
      topology: the devices.
      params: the model's parameters, shapes with their shardings.
      mesh: the devices as they are arranged.
      held: bytes of each device that a run has besides: an optimizer's state.
    """
    found, beside_params = dict[str, Compiled](), dict[str, int]()

    def call(name: str, function: Any, *arguments: Any) -> Any:
        what = f"{name} of {questions.name}"
        beside_params[name] = memory.tree_bytes(arguments[1:])
        found[name] = compile_program(topology, function, arguments, mesh=mesh, name=what)
        if found[name].outputs is None:
            raise _TooLargeError
        return found[name].outputs

    counted = dict[str, Any]()
    costs = dict[str, _Cost]()
    try:
        if questions.decoding is not None:
            _generate(questions, questions.decoding, call, params, counted=counted, costs=costs)
        if questions.num_options:
            _score(questions, call, params, counted=counted, costs=costs)
    except _TooLargeError:
        pass
    # Parameters are there all the time, and the copies that steps have of some; of either a program
    # is given those that it uses.
    held += memory.tree_bytes(params) + _copied_bytes(params, found)
    used = {name: one.memory.arguments - beside_params[name] for name, one in found.items()}
    made = [
        _program(
            name,
            one,
            topology,
            cost=costs.get(name, _Cost(0)),
            held=max(held - used[name], 0),
            moved=_moved(name, found, questions.generator.model_config, mesh),
            mesh=mesh,
        )
        for name, one in found.items()
        if name != "prepare" or one.memory.refused  # else its memory is others' `held`
    ]
    return AnswersPlan(
        name=questions.name,
        **counted,
        **_cache_bytes(found),
        programs=tuple(made),
        advice=tuple(_advice(made, questions, mesh.shape, params=memory.tree_bytes(params))),
    )


def _generate(
    questions: Questions,
    decoding: DecodingConfig,
    call: programs.Call,
    params: Any,
    *,
    counted: dict[str, Any],
    costs: dict[str, _Cost],
) -> None:
    generator, model = questions.generator, questions.generator.model_config
    batch = programs.largest_batch(generator, decoding, prefix_length=questions.prefix_length)
    is_pair = model.architecture == "encoder_decoder"
    counted |= {
        "num_rows": batch.num_rows,
        "prompt_length": batch.prompt_length,
        "prefix_length": batch.prefix_length,
        "num_branches": decoding.num_branches,
        "decode_length": decoding.decode_length,
    }
    if batch.prefix:
        read = prefill_flops(
            model,
            batch_size=generator.batches.num_parts,
            prompt_length=batch.prefix_length,
            num_slots=batch.prefix_length,
        )
        costs["prefix"] = _Cost(read)
    read = prefill_flops(
        model,
        batch_size=batch.num_rows,
        prompt_length=batch.prompt_length,
        num_slots=batch.num_slots,
    )
    costs["prefill"] = _Cost(read)
    step = extend_flops(
        model,
        num_tokens=batch.num_rows * decoding.num_branches,
        num_slots=batch.num_slots,
        source_length=batch.prompt_length if is_pair else 0,
    )
    costs["decoding"] = _Cost(step, decoding.decode_length - 1)
    programs.generate(generator, call, params, config=decoding, batch=batch)


def _score(
    questions: Questions,
    call: programs.Call,
    params: Any,
    *,
    counted: dict[str, Any],
    costs: dict[str, _Cost],
) -> None:
    model = questions.generator.model_config
    scoring = programs.largest_scoring(
        questions.generator,
        num_options=questions.num_options,
        option_length=questions.option_length,
    )
    is_pair = model.architecture == "encoder_decoder"
    num_slots = scoring.chunk_length + (1 if is_pair else scoring.prompt_length)
    counted |= {
        "num_rows": counted.get("num_rows", scoring.num_rows),
        "prompt_length": counted.get("prompt_length", scoring.prompt_length),
        "num_options": questions.num_options,
        "option_length": questions.option_length,
    }
    # What is generated at once may be more than there is memory to score at once.
    rows_each = 1 if model.length_scaling is None else questions.num_options
    times = -(-counted["num_rows"] * rows_each // scoring.num_rows)
    flops = prefill_flops(
        model,
        batch_size=scoring.num_rows,
        prompt_length=scoring.prompt_length,
        num_slots=num_slots,
    ) + scoring.num_chunks * extend_flops(
        model,
        num_tokens=scoring.num_rows * scoring.chunk_length,
        num_slots=num_slots,
        source_length=scoring.prompt_length if is_pair else 0,
    )
    costs["scoring"] = _Cost(flops, times)
    programs.score(questions.generator, call, params, scoring=scoring)


def _program(
    name: str,
    compiled: Compiled,
    topology: Topology,
    *,
    cost: _Cost,
    held: int,
    moved: float,
    mesh: jax.sharding.Mesh,
) -> Program:
    use = dataclasses.replace(compiled.memory, held=held)
    bound = None
    if topology.chip is not None and compiled.collectives is not None and use.fits:
        bound = roofline(
            topology.chip,
            num_chips=mesh.size,
            model_flops=cost.flops,
            hardware_flops=cost.flops,
            moved_bytes=moved,
            found=compiled.collectives,
        )
    return Program(
        name="decoding step" if name == "decoding" else name,
        times=cost.times,
        flops=StepFlops(forward=cost.flops),
        memory=use,
        collectives=compiled.collectives,
        roofline=bound,
    )


def _moved(
    name: str, found: Mapping[str, Compiled], model: TransformerConfig, mesh: jax.sharding.Mesh
) -> float:
    """Bytes that a device reads and writes at the least, in a step of decoding or all of a program.

    A step reads the decoder's matrices, whole but for what the axis tensor cuts, and the cache.
    """
    if name != "decoding":
        use = found[name].memory
        return use.arguments + (use.outputs or 0) + 2 * (use.temporaries or 0)
    params = flatten_names(found["prepare"].outputs)
    read = [
        leaf
        for parameter, leaf in params.items()
        if parameter.startswith("decoder/") or model.tied_embeddings
        if not parameter.startswith("encoder/")
    ]
    whole = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(read))
    return whole / mesh.shape["tensor"] + _cache_bytes(found)["cache_bytes"]


def _cache_bytes(found: Mapping[str, Compiled]) -> dict[str, int]:
    """Keys and values on each device."""
    if "prefill" not in found or found["prefill"].outputs is None:
        return {}
    cache = found["prefill"].outputs.branches.cache

    def held(*kinds: str) -> int:
        return memory.tree_bytes(
            [
                leaf
                for name, leaf in cache.items()
                if name.endswith(("_key", "_value")) and name.startswith(kinds)
            ]
        )

    return {"cache_bytes": held("self", "cross", "prefix"), "prefix_bytes": held("prefix")}


def _copied_bytes(params: Any, found: Mapping[str, Compiled]) -> int:
    """Bytes of the copies that steps have of the decoder's matrices, on each device."""
    if "prepare" not in found or found["prepare"].outputs is None:
        return 0
    before, after = flatten_names(params), flatten_names(found["prepare"].outputs)
    copies = [after[n] for n in before if getattr(after[n], "dtype", None) != before[n].dtype]
    return memory.tree_bytes(copies)


def _advice(
    made: Sequence[Program], questions: Questions, mesh: Mapping[str, int], *, params: int
) -> list[str]:
    """What to try where answering does not fit, the cheapest first."""
    if all(program.memory.fits for program in made):
        return []
    rows = questions.generator.batches.batch_size
    parts = questions.generator.batches.num_parts
    tried = []
    has_room = params < made[0].memory.available
    if has_room and rows > parts:
        tried.append(f"--eval_batch_size={max(rows // 2, parts)} (it is {rows})")
    length = questions.decoding.decode_length if questions.decoding else 1
    if has_room and length > 1:
        tried.append(f"a lower --max_decode_length (it is {length})")
    fullest = max((program.memory for program in made), key=lambda use: use.peak)
    return [*tried, *memory_use.advice_on_devices(fullest, mesh)]
