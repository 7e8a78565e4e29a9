"""Task files in the layout of Natural Instructions v2: finding, checking, splitting, rendering.

The layout is that of the official collection (Wang et al. 2022, arXiv 2204.07705): one JSON file
a task, `Definition` a list of strings, `Positive Examples` and `Negative Examples` lists of
{input, output, explanation}, `Instances` a list of {id, input, output}, where `output` is a list
of equally good answers. No TensorFlow here.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite.data.sources import local_files

from .python_tasks import Example

# One instance in 20 of a training task is held back, but never more than 100 of them: the
# official evaluation also looks at 100 instances a task.
VALIDATION_ONE_IN = 20
MAX_VALIDATION_INSTANCES = 100
# The official evaluation scores the first 100 instances of each test task
# (eval/leaderboard/create_reference_file.py of the official repository).
MAX_TEST_INSTANCES = 100

_LEGACY_REMEDY = (
    "this looks like the draft layout of 2021; the v2 layout (github.com/allenai/"
    "natural-instructions) has Definition as a list of strings, and instances with an id and a "
    "list of outputs"
)


@dataclasses.dataclass(frozen=True)
class Demonstrations:
    """How many of a task's own examples its prompt shows.

    Attributes:
      suffix: what the form adds to the Task's name; empty for zero-shot.
      num_positive: how many positive examples stand before the instance, where there are as many.
      num_negative: how many negative examples, with why they are wrong.
    """

    suffix: str = ""
    num_positive: int = 0
    num_negative: int = 0


@dataclasses.dataclass(frozen=True)
class Shown:
    """An example a prompt shows: its input, its output, and why the output is right or wrong."""

    input: str
    output: str
    explanation: str


@dataclasses.dataclass(frozen=True)
class Instance:
    """One instance: its id, its input, and every output that is right."""

    id: str
    input: str
    outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TaskFile:
    """The checked content of one task file."""

    definition: str
    positive: tuple[Shown, ...]
    negative: tuple[Shown, ...]
    instances: tuple[Instance, ...]
    output_languages: tuple[str, ...]
    categories: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of task files and the official split lists beside it.

    Attributes:
      tasks_dir: the folder that holds the task files.
      task_names: the files' stems, sorted.
      splits_dir: the folder of the split lists, or None where there is none.
      splits: the lists by name: `train`, `test`, `xlingual_test`; empty where a file is absent.
    """

    tasks_dir: pathlib.Path
    task_names: tuple[str, ...]
    splits_dir: pathlib.Path | None
    splits: Mapping[str, tuple[str, ...]]


_SPLIT_FILES = {
    "train": "default/train_tasks.txt",
    "test": "default/test_tasks.txt",
    "xlingual_test": "xlingual/test_tasks.txt",
}


def find_folder(root: pathlib.Path) -> Folder:
    """Finds the task files under a data root: `ROOT/tasks/*.json`, else `ROOT/niv2/tasks/*.json`.

    Only names are listed; no task file is opened.

    Raises:
      ValueError: if neither folder holds a JSON file, with the paths looked at.
    """
    candidates = (root, root / "niv2")
    for base in candidates:
        tasks_dir = base / "tasks"
        names = tuple(sorted(p.stem for p in tasks_dir.glob("*.json")))
        if names:
            splits_dir = base / "splits" if (base / "splits").is_dir() else None
            return Folder(tasks_dir, names, splits_dir, _read_splits(splits_dir))
    looked = " and ".join(str(base / "tasks" / "*.json") for base in candidates)
    raise ValueError(
        f"no Natural Instructions task files: looked for {looked}; point the data root "
        "(--data_dir, or T5LITE_DATA_DIR) at a checkout of github.com/allenai/"
        "natural-instructions, or at a folder that holds one as niv2/"
    )


def _read_splits(splits_dir: pathlib.Path | None) -> Mapping[str, tuple[str, ...]]:
    """The task names of each official list that is there."""
    lists: dict[str, tuple[str, ...]] = {}
    for name, file in _SPLIT_FILES.items():
        path = None if splits_dir is None else splits_dir / file
        found = path is not None and path.is_file()
        lists[name] = tuple(local_files.read_text(path).split()) if path and found else ()
    return lists


def read_task_file(path: pathlib.Path) -> TaskFile:
    """Reads and checks one task file.

    The last few files are remembered (several forms of a Task read the same file one after the
    other); a file that changes on disk is read anew.

    Raises:
      ValueError: with file and line for malformed JSON; with file, instance index and field for
        a missing or wrongly typed field; for the 2021 layout, saying so.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    return _read_task_file(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4)
def _read_task_file(path: pathlib.Path, mtime_ns: int, size: int) -> TaskFile:
    del mtime_ns, size  # Only part of the cache's key.
    content = local_files.read_json(path)
    where = str(path)
    definition = local_files.require_strings(
        content, "Definition", where=where, remedy=_LEGACY_REMEDY
    )
    if not definition:
        raise ValueError(f"{where}: field 'Definition' is an empty list")
    return TaskFile(
        # A few tasks word their definition twice; like the official baselines we take the first.
        definition=definition[0].strip(),
        positive=_read_shown(content, "Positive Examples", where=where),
        negative=_read_shown(content, "Negative Examples", where=where),
        instances=_read_instances(content, where=where),
        output_languages=tuple(
            local_files.require_strings(content, "Output_language", where=where)
        ),
        # Files of one's own need not have any.
        categories=tuple(local_files.require_strings(content, "Categories", where=where))
        if "Categories" in content
        else (),
    )


def _read_shown(content: Any, field: str, *, where: str) -> tuple[Shown, ...]:
    """The task's own examples of one kind."""
    shown = []
    for index, record in enumerate(local_files.require(content, field, list, where=where)):
        at = f"{where}, {field}[{index}]"
        texts = [
            local_files.require(record, key, str, where=at).strip()
            for key in ("input", "output", "explanation")
        ]
        shown.append(Shown(*texts))
    return tuple(shown)


def _read_instances(content: Any, *, where: str) -> tuple[Instance, ...]:
    """The task's instances."""
    instances = []
    for index, record in enumerate(local_files.require(content, "Instances", list, where=where)):
        at = f"{where}, Instances[{index}]"
        instance_id = local_files.require(record, "id", str, where=at, remedy=_LEGACY_REMEDY)
        text = local_files.require(record, "input", str, where=at)
        outputs = local_files.require_strings(record, "output", where=at, remedy=_LEGACY_REMEDY)
        if not outputs:
            raise ValueError(f"{at}: field 'output' is an empty list; give at least one output")
        instances.append(
            Instance(instance_id, text.strip(), tuple(output.strip() for output in outputs))
        )
    if not instances:
        raise ValueError(f"{where}: field 'Instances' is an empty list")
    return tuple(instances)


def select_split(instances: tuple[Instance, ...], split: str) -> tuple[Instance, ...]:
    """The instances of one split, in the file's order.

    `test` is the first 100. `validation` is the twentieth part of the instances (rounded down,
    at least 1, at most 100) whose ids have the smallest hashes, so it depends on neither order
    nor machine; `train` is the rest. Instances with one input go together, as `_held_back` says.
    A task with a single input trains on it.
    """
    if split == "test":
        return instances[:MAX_TEST_INSTANCES]
    held_back = _held_back(instances)
    keep_held_back = split == "validation"
    return tuple(
        instance
        for index, instance in enumerate(instances)
        if (index in held_back) == keep_held_back
    )


def _held_back(instances: tuple[Instance, ...]) -> set[int]:
    """Indices of the instances of `validation`.

    Some tasks repeat an input under several ids: such instances are held back all or none, in
    the place of the one with the smallest hash. Repeats that would make validation larger than it
    may be are passed over; where all would, those of the fewest instances are taken.
    """
    num_wanted = min(
        max(len(instances) // VALIDATION_ONE_IN, 1), MAX_VALIDATION_INSTANCES, len(instances) - 1
    )
    by_hash = sorted(
        range(len(instances)),
        key=lambda i: (local_files.keyed_hash("validation", instances[i].id), i),
    )
    same_input: dict[str, list[int]] = {}
    for index in by_hash:
        same_input.setdefault(" ".join(instances[index].input.split()), []).append(index)
    groups = list(same_input.values())
    if len(groups) < 2 or num_wanted < 1:
        return set()
    held_back: set[int] = set()
    for group in groups:
        if len(held_back) + len(group) <= num_wanted:
            held_back.update(group)
    if not held_back:
        fewest = min(groups, key=len)
        held_back.update(fewest)
    return held_back


def word_example(task: TaskFile, instance: Instance, form: Demonstrations) -> Example:
    """The instance as the model sees it.

    Of several outputs, training writes the one that the instance's id picks, always the same;
    evaluation counts all as right.
    """
    pick = local_files.keyed_hash("output", instance.id) % len(instance.outputs)
    return Example(
        id=instance.id,
        inputs=word_prompt(task, instance.input, form),
        targets=instance.outputs[pick],
        references=instance.outputs,
    )


def word_prompt(task: TaskFile, text: str, form: Demonstrations) -> str:
    """The definition, the form's examples, and the instance's input.

    An example whose input is the instance's own is left out: it would give the answer away.
    """
    parts = [task.definition]
    positive = [shown for shown in task.positive if shown.input != text][: form.num_positive]
    negative = [shown for shown in task.negative if shown.input != text][: form.num_negative]
    for number, shown in enumerate(positive, start=1):
        parts.append(f"Example {number}\nInput: {shown.input}\nOutput: {shown.output}")
    for number, shown in enumerate(negative, start=1):
        mistake = f"Mistake {number}\nInput: {shown.input}\nWrong output: {shown.output}"
        if shown.explanation:
            mistake += f"\nWhy it is wrong: {shown.explanation}"
        parts.append(mistake)
    if positive or negative:
        parts.append(f"Your turn\nInput: {text}\nOutput:")
    else:
        parts.append(f"Input: {text}\nOutput:")
    return "\n\n".join(parts)
