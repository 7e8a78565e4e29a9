"""Seed pools: tasks that people wrote, from a file of a known layout or a registered Task."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources.record_files import open_records
from t5lite.files.local_paths import storage_path
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import check_fields

_LAYOUTS = """\
  Self-Instruct: instruction, instances (a list of input and output), is_classification
  Alpaca: instruction, input, output
  Dolly: instruction, context, response, category"""
# How Alpaca and Dolly write a prompt, with or without an input.
_PROMPT = re.compile(
    r"### Instruction:\s*(?P<instruction>.+?)\s*"
    r"(?:\n(?:### )?Input:\s*(?P<input>.*?)\s*)?\n### Response:",
    re.DOTALL,
)
# What Dolly calls the answers that are a class.
_CLASSIFICATION = "classification"


@dataclasses.dataclass(frozen=True)
class Instance:
    """An input, which may be empty, and the output that an instruction wants for it."""

    input: str
    output: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeedTask:
    """A task that somebody wrote.

    Attributes:
      id: Its name in the pool.
      instruction: What is asked, without blanks around it.
      instances: One or more.
      is_classification: Whether its outputs are classes; None where the pool does not say.
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    is_classification: bool | None = None


def read_seeds(
    seeds: str,
    *,
    split: str = "train",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
) -> list[SeedTask]:
    """The tasks of a seed pool.

    Args:
      seeds: A file whose records have one of the known layouts, in any format that its suffix says;
        or the name of a registered Task, whose inputs are the instructions and whose targets are
        the outputs; a prompt as Alpaca and Dolly write them, with headings, is taken apart.
      split: Of the Task.
      task_modules: Modules that register it.
      data_dir: Root of the Task's files.

    Raises:
      ValueError: There is no such file or Task; a record has another layout; two have one id; or
        there are none.
    """
    path = storage_path(seeds, name="--seeds")
    if path.is_file():
        found = list(_of_records((w, r) for _, w, r in open_records(path).read()))
    elif task_modules and path.suffix == "":
        found = list(_of_task(seeds, split=split, task_modules=task_modules, data_dir=data_dir))
    else:
        raise ValueError(
            f"--seeds={seeds}: there is no such file. Give one whose records have a layout of\n"
            f"{_LAYOUTS}\nor the name of a registered task with --tasks=MODULES."
        )
    if not found:
        raise ValueError(f"--seeds={seeds} holds no task; give at least one.")
    # An instruction that several records have is one task with their instances.
    return list(_merged(found))


def _of_task(
    name: str, *, split: str, task_modules: Sequence[str], data_dir: str | None
) -> Iterator[SeedTask]:
    from t5lite.data.tasks.seqio_adapter import import_tasks, iterate_texts

    import_tasks(task_modules, data_dir=data_dir)
    for number, texts in enumerate(iterate_texts(name, split, question_only=True)):
        if not {"inputs", "targets"} <= set(texts):
            raise ValueError(
                f"--seeds={name}: its examples have {', '.join(texts)}, and no inputs and targets."
            )
        instruction, input_ = texts["inputs"].strip(), ""
        if found := _PROMPT.search(instruction):
            instruction, input_ = found["instruction"], found["input"] or ""
        instance = Instance(input_, texts["targets"].strip())
        yield SeedTask(id=f"{name}_{number:05d}", instruction=instruction, instances=(instance,))


def _of_records(records: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[SeedTask]:
    for number, (where, record) in enumerate(records):
        instruction, instances = _text(record, "instruction", where), _instances(record, where)
        id = record.get("id", f"seed_{number:05d}")
        check_fields({"id": id}, {"id": str | int}, name=where)
        yield SeedTask(
            id=str(id),
            instruction=instruction.strip(),
            instances=instances,
            is_classification=_is_classification(record, where),
        )


def _instances(record: Mapping[str, Any], where: str) -> tuple[Instance, ...]:
    if "instances" in record:
        check_fields(record, {"instances": list[dict[str, Any]]}, name=where)
        instances = [
            Instance(_text(one, "input", inner).strip(), _text(one, "output", inner).strip())
            for index, one in enumerate(record["instances"] or ())
            for inner in [f"{where}: instances[{index}]"]
        ]
        if not instances:
            raise ValueError(f"{where}: field 'instances' is empty; a seed has at least one.")
        return tuple(instances)
    for given, answer in (("input", "output"), ("context", "response")):
        if answer in record:
            # Alpaca's layout leaves an empty input out now and then.
            input_ = _text(record, given, where) if record.get(given) is not None else ""
            return (Instance(input_.strip(), _text(record, answer, where).strip()),)
    fields = ", ".join(record) or "none"
    raise ValueError(f"{where}: no known layout (fields: {fields}). Known are\n{_LAYOUTS}")


def _is_classification(record: Mapping[str, Any], where: str) -> bool | None:
    check_fields(record, {"is_classification": bool, "category": str}, name=where)
    if record.get("is_classification") is not None:
        return bool(record["is_classification"])
    category = record.get("category")
    return None if category is None else category == _CLASSIFICATION


def _text(record: Mapping[str, Any], field: str, where: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or (field == "instruction" and not value.strip()):
        found = f"found {value!r}" if field in record else f"fields: {', '.join(record) or 'none'}"
        raise ValueError(
            f"{where}: field {field!r} must be a text ({found[:80]})."
            f"{did_you_mean(field, list(record)) if field not in record else ''} Known layouts "
            f"are\n{_LAYOUTS}"
        )
    return value


def _merged(tasks: Iterable[SeedTask]) -> Iterator[SeedTask]:
    by_instruction: dict[str, list[SeedTask]] = {}
    ids: dict[str, str] = {}
    for task in tasks:
        if ids.setdefault(task.id, task.instruction) != task.instruction:
            raise ValueError(f"--seeds: two tasks have the id {task.id!r}; give each its own.")
        by_instruction.setdefault(task.instruction, []).append(task)
    for same in by_instruction.values():
        instances = dict.fromkeys(instance for task in same for instance in task.instances)
        yield dataclasses.replace(same[0], instances=tuple(instances))
