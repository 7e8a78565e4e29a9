"""The last step: which instances are kept, and the examples that a student trains on."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.files.json_files import write_lines
from t5lite.synthetic_data.provenance import Origin, Verdict
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.seeds import Instance, SeedTask

# The filters, in their order.
FILTERS = (
    *("format", "cut", "empty_output", "same_as_input", "other_output", "duplicate"),
    "too_many",
)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the teacher wrote of one instruction.

    Attributes:
      instances: As they were read; None for one without an output.
      was_cut: Whether the last one may be incomplete.
      request: The digest of the request.
    """

    instances: Sequence[Instance | None]
    was_cut: bool
    request: str


def answer_of(record: Mapping[str, Any]) -> Answer:
    """A line of `folder.INSTANCES`."""
    instances = [None if one is None else Instance(**one) for one in record["instances"]]
    return Answer(instances, record["was_cut"], record["request"])


def filter_instances(
    instruction: KeptInstruction, answer: Answer, *, max_instances: int
) -> list[Origin]:
    """All instances of an instruction with what the filters say of each.

    Instances that have one input, and not all the same output, are all dropped, for nobody knows
    which is right; so are those after the first with the same input and output.
    """
    if not answer.instances:
        nothing = Verdict("format", kept=False, why="no instance in the answer")
        return [_origin(instruction, None, answer, number=1, verdicts=(nothing,))]
    first = [
        _alone(instance, is_cut=answer.was_cut and number == len(answer.instances))
        for number, instance in enumerate(answer.instances, start=1)
    ]
    outputs: dict[str, set[str]] = collections.defaultdict(set)
    for instance, why in zip(answer.instances, first, strict=True):
        if instance is not None and why is None:
            outputs[instance.input].add(instance.output)
    seen: set[Instance] = set()
    found = []
    for number, (instance, why) in enumerate(zip(answer.instances, first, strict=True), start=1):
        if why is None and instance is not None:
            others = len(outputs[instance.input]) - 1 if instance.input else 0
            why = _among(instance, others, seen, max_instances=max_instances)
        if why is None and instance is not None:
            seen.add(instance)
        verdicts = _verdicts(why)
        found.append(_origin(instruction, instance, answer, number=number, verdicts=verdicts))
    return found


def write_examples(
    folder: pathlib.Path,
    kept: Sequence[Origin],
    classifications: Mapping[str, bool],
    seeds: Sequence[SeedTask],
) -> int:
    """Writes the examples, those of seeds first; their number.

    Args:
      folder: Where `folder.EXAMPLES` is written, as a whole.
      kept: Instances that passed, whose one demonstration is their instruction.
      classifications: By the id of an instruction; None where nobody asked.
      seeds: Those to write.
    """
    records: list[dict[str, Any]] = [
        {
            "id": f"{seed.id}.{number}",
            "instruction": seed.instruction,
            **dataclasses.asdict(instance),
            **_class(seed.is_classification),
        }
        for seed in seeds
        for number, instance in enumerate(seed.instances, start=1)
    ]
    records += [
        {"id": one.id, **one.example, **_class(classifications.get(one.demonstrations[0]))}
        for one in kept
    ]
    write_lines(folder / files.EXAMPLES, records)
    return len(records)


def _class(is_classification: bool | None) -> dict[str, bool]:
    return {} if is_classification is None else {"is_classification": is_classification}


def _alone(instance: Instance | None, *, is_cut: bool) -> Verdict | None:
    """Why an instance is dropped whatever the others are; None if it is not."""
    if instance is None:
        return Verdict("format", kept=False, why="no output")
    if is_cut:
        return Verdict("cut", kept=False, why="the answer ended for its length")
    if not instance.output:
        return Verdict("empty_output", kept=False)
    if instance.output == instance.input:
        return Verdict("same_as_input", kept=False)
    return None


def _among(
    instance: Instance, others: int, seen: set[Instance], *, max_instances: int
) -> Verdict | None:
    """Why one is dropped beside those before it; None if it is not."""
    if others:
        return Verdict("other_output", kept=False, why=f"{others} other outputs for its input")
    if instance in seen:
        return Verdict("duplicate", kept=False)
    if len(seen) >= max_instances:
        return Verdict("too_many", kept=False, why=f"{max_instances} are kept already")
    return None


def _verdicts(why: Verdict | None) -> tuple[Verdict, ...]:
    """Those of the filters that it passed, and of the one that dropped it."""
    passed = FILTERS if why is None else FILTERS[: FILTERS.index(why.filter)]
    return (*(Verdict(name, kept=True) for name in passed), *(() if why is None else (why,)))


def _origin(
    instruction: KeptInstruction,
    instance: Instance | None,
    answer: Answer,
    *,
    number: int,
    verdicts: tuple[Verdict, ...],
) -> Origin:
    fields = {} if instance is None else dataclasses.asdict(instance)
    return Origin(
        id=f"{instruction.id}.{number}",
        example={"instruction": instruction.instruction, **fields},
        request=answer.request,
        demonstrations=(instruction.id,),
        verdicts=verdicts,
    )
