"""What a plan holds: the programs of a run, what each needs, and the whole run's cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5lite.models.flops import StepFlops
from t5lite.planning.collectives import Collective
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.placement import Placed
from t5lite.planning.roofline import Roofline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A compiled program.

    Attributes:
      name: such as "training step" or "prefill".
      times: how often a batch needs it.
      flops: operations of it once, on all devices together.
      memory: on each device.
      collectives: of it once; None where it was not compiled to the end.
      roofline: the least time of it once; None where the chip is not known or it does not fit.
    """

    name: str
    times: int = 1
    flops: StepFlops
    memory: MemoryUse
    collectives: tuple[Collective, ...] | None
    roofline: Roofline | None

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types, with what is derived."""
        record = dataclasses.asdict(self)
        record["flops"] |= {"model": self.flops.model, "hardware": self.flops.hardware}
        record["memory"] |= {"peak": self.memory.peak, "fits": self.memory.fits}
        if self.roofline:
            record["roofline"] |= {
                "seconds": self.roofline.seconds,
                "bound_by": self.roofline.bound_by,
            }
        for entry, collective in zip(
            record["collectives"] or (), self.collectives or (), strict=True
        ):
            entry["bytes_sent"] = collective.bytes_sent
        return record


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepPlan:
    """A training step.

    Attributes:
      program: the step.
      num_trained: parameters that are trained.
      batch_size: rows of a global batch.
      num_microbatches: the parts that it is split into.
      capacities: positions of a row, of the encoder (where there is one) and the decoder.
      remat: `TransformerConfig.remat`.
      placement: what each device holds of the train state and a batch.
      measured: bytes that a step took here at most, on all devices together; None where none ran.
    """

    program: Program
    num_trained: int
    batch_size: int
    num_microbatches: int
    capacities: tuple[int, ...]
    remat: str
    placement: tuple[Placed, ...]
    measured: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["placement"] = [dataclasses.asdict(array) for array in self.placement]
        return {**fields, **self.program.to_dict()} | {"program": self.program.name}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnswersPlan:
    """How prompts are answered: of an evaluation, or of `t5lite infer`.

    Attributes:
      name: the evaluation's.
      num_rows: prompts of the largest batch.
      prompt_length: tokens of each, behind a prefix that they share.
      prefix_length: tokens of that; 0 for none.
      num_branches: answers that grow side by side; 0 where nothing is generated.
      decode_length: most tokens of an answer.
      num_options: answers to choose from, or 1 for a target that is scored; 0 where none is.
      option_length: tokens of each.
      cache_bytes: keys and values of a batch, on each device, a prefix's among them.
      prefix_bytes: of the prefix alone.
      programs: what is run, in order.
      advice: what to try where it does not fit.
    """

    name: str
    num_rows: int
    prompt_length: int
    prefix_length: int = 0
    num_branches: int = 0
    decode_length: int = 0
    num_options: int = 0
    option_length: int = 0
    cache_bytes: int | None = None
    prefix_bytes: int = 0
    programs: tuple[Program, ...]
    advice: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether each program does."""
        return all(program.memory.fits for program in self.programs)

    @property
    def tokens_a_second(self) -> float | None:
        """That are generated at best, of all answers together, once prompts are read."""
        for program in self.programs:
            if program.name == "decoding step" and program.roofline:
                return self.num_rows * self.num_branches / program.roofline.seconds
        return None

    @property
    def seconds(self) -> float | None:
        """The least time of a batch behind a prefix that was read, its programs in turn."""
        bounds = [(x.times, x.roofline) for x in self.programs if x.name != "prefix"]
        found = [times * bound.seconds for times, bound in bounds if bound]
        return sum(found) if found and len(found) == len(bounds) else None

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types, with what is derived."""
        record = dataclasses.asdict(self)
        record["programs"] = [program.to_dict() for program in self.programs]
        derived = ("fits", "tokens_a_second", "seconds")
        return record | {name: getattr(self, name) for name in derived}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunTotals:
    """What the whole training takes.

    Attributes:
      steps: how many, at the least where `is_least`.
      is_least: whether rows that are not full make more of them.
      flops: model FLOPs of all steps.
      chip_hours: at the roofline, so at the least; None where the chip is not known.
      pretraining_flops: of the model's pretraining; None where that is not known.
      pretraining_source: who says so.
    """

    steps: int
    is_least: bool
    flops: int
    chip_hours: float | None
    pretraining_flops: float | None = None
    pretraining_source: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run needs of a topology.

    Attributes:
      topology: its name.
      num_devices: how many it has.
      num_slices: in how many parts, which a data centre's network connects.
      mesh: the sizes of the mesh's axes.
      num_params: parameters of the model.
      step: the training step; None of a run that does not train.
      answers: evaluations, or what `t5lite infer` does.
      run: the whole training; None where its steps cannot be told without data.
      advice: what to try where the step does not fit.
    """

    topology: str
    num_devices: int
    num_slices: int = 1
    mesh: Mapping[str, int]
    num_params: int
    step: StepPlan | None
    answers: tuple[AnswersPlan, ...] = ()
    run: RunTotals | None = None
    advice: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether all of it does."""
        step_fits = self.step is None or self.step.program.memory.fits
        return step_fits and all(plan.fits for plan in self.answers)

    def to_dict(self) -> dict[str, Any]:
        """All of it in JSON's types, with what is derived; the step's fields stand at the top."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        step = {} if self.step is None else self.step.to_dict()
        del fields["step"]
        return {
            **fields,
            **step,
            "fits": self.fits,
            "mesh": dict(self.mesh),
            "run": None if self.run is None else dataclasses.asdict(self.run),
            "answers": [plan.to_dict() for plan in self.answers],
        }
