"""Natural Instructions v2: a seqio Task for each task file under the data root, and mixtures.

Importing this module registers what lies under the data root (`--data_dir`, gin macro `DATA_DIR`
or `T5LITE_DATA_DIR`): `tasks/*.json` and `splits/`, as in a checkout of
github.com/allenai/natural-instructions, or the same under `niv2/`. File names are listed; no file
is opened until a Task is used. docs/natural_instructions.md explains names, splits and scores.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.tasks import environment
from t5lite.data.tasks.task_kinds import TaskKind

from . import natural_instructions_files as files
from . import natural_instructions_metrics as metrics
from .python_tasks import Example, add_python_task, capped_examples, task_name

# Flan 2022 counts at most 5,000 examples of each of these tasks (arXiv 2301.13688, table 23).
MAX_EXAMPLES_PER_TASK = 5000

FORMS = (
    files.Demonstrations(),
    files.Demonstrations("_1shot", num_positive=1),
    files.Demonstrations("_2shot", num_positive=2),
    files.Demonstrations("_2shot_2neg", num_positive=2, num_negative=2),
)


def register(root: pathlib.Path, *, prefix: str = "natural_instructions") -> None:
    """Registers the Tasks and mixtures of one folder.

    Tasks are `PREFIX_<file stem><form>` (with `_` for `-` in the stem), mixtures
    `PREFIX_{train,test,xlingual_test,all}<form>`: the official lists, and every task that is in
    neither test list. A mixture of which no task is there is not registered.

    Args:
      root: a folder that `natural_instructions_files.find_folder` accepts.
      prefix: what every name starts with; another one registers a second folder.

    Raises:
      ValueError: if the folder holds no task files.
    """
    folder = files.find_folder(root)
    evaluation_only = {*folder.splits["test"], *folder.splits["xlingual_test"]}
    for name in folder.task_names:
        source = TaskSource(
            folder.tasks_dir / f"{name}.json",
            ("test",) if name in evaluation_only else ("train", "validation"),
        )
        for form in FORMS:
            source.add(_task_name(prefix, name, form), form)
    for form in FORMS:
        _add_mixtures(folder, form, prefix=prefix)


class TaskSource:
    """One task file: what its Tasks, one a form, read and are scored by. Opened when first used."""

    def __init__(self, path: pathlib.Path, splits: tuple[str, ...]):
        self.path = path
        self.splits = splits

    def add(self, name: str, form: files.Demonstrations) -> None:
        """Registers the file's Task in one form."""
        add_python_task(
            name,
            FormReader(self, form),
            splits=self.splits,
            metrics=(metrics.exact_match, self.rouge_l),
        )

    def read(self, split: str, *, form: files.Demonstrations) -> list[Example]:
        """The examples of a split in one form."""
        task = files.read_task_file(self.path)
        return [
            files.word_example(task, instance, form)
            for instance in files.select_split(task.instances, split)
        ]

    def rouge_l(
        self, targets: Sequence[metrics.Target], predictions: Sequence[str]
    ) -> dict[str, float]:
        """ROUGE-L with the tokenizer that the task's output language needs."""
        languages = files.read_task_file(self.path).output_languages
        if set(languages) <= {"English"}:
            return metrics.rouge_l(targets, predictions)
        return metrics.rouge_l_any_language(targets, predictions)


@dataclasses.dataclass(frozen=True)
class FormReader:
    """Reads a task file in one form; what `add_python_task` calls a reader.

    Attributes:
      source: the task file.
      form: the form.
    """

    source: TaskSource
    form: files.Demonstrations

    def __call__(self, split: str) -> list[Example]:
        """The examples of a split."""
        return self.source.read(split, form=self.form)

    def task_kind(self) -> TaskKind:
        """The first of the file's categories; empty where it names none."""
        path = self.source.path
        return TaskKind((*files.read_task_file(path).categories, "")[0], path.stem)

    def task_description(self) -> str:
        """The definition, and the languages of the outputs."""
        task = files.read_task_file(self.source.path)
        return "\n".join((task.definition, *task.output_languages))

    def records(self, split: str) -> Iterator[Mapping[str, Any]]:
        """The instances, without definition and demonstrations."""
        for instance in files.select_split(files.read_task_file(self.source.path).instances, split):
            yield {"id": instance.id, "input": instance.input, "output": list(instance.outputs)}


def _task_name(prefix: str, file_stem: str, form: files.Demonstrations) -> str:
    return task_name(f"{prefix}_{file_stem}{form.suffix}")


def _add_mixtures(folder: files.Folder, form: files.Demonstrations, *, prefix: str) -> None:
    """Registers the mixtures of one form, each with a note on what is present of its list."""
    import seqio

    present = set(folder.task_names)
    held_out = {*folder.splits["test"], *folder.splits["xlingual_test"]}
    trainable = tuple(name for name in folder.task_names if name not in held_out)
    for list_name, official in {**folder.splits, "all": trainable}.items():
        names = [name for name in official if name in present]
        if not names:
            continue
        mixture = seqio.MixtureRegistry.add(
            f"{prefix}_{list_name}{form.suffix}",
            [_task_name(prefix, name, form) for name in names],
            default_rate=functools.partial(capped_examples, maximum=MAX_EXAMPLES_PER_TASK),
        )
        mixture.notes = _notes(folder, list_name, num_present=len(names))


def _notes(folder: files.Folder, list_name: str, *, num_present: int) -> tuple[str, ...]:
    """What `t5lite tasks describe` says beside the table."""
    notes = [f"{num_present} tasks of {folder.tasks_dir} ({len(folder.task_names)} files)"]
    if list_name != "all":
        total = len(folder.splits[list_name])
        path = folder.splits_dir
        notes.append(
            f"the official list under {path} names {total}; {total - num_present} are not here"
        )
    elif folder.splits_dir is None:
        notes.append("no split lists (splits/) beside them: every task has train and validation")
    return tuple(notes)


register(environment.data_dir())
