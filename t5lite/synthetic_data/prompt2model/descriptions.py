"""Data sets that can be searched, each with a description: registered Tasks, and what it reads."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from t5lite.data.sources.split_files import SplitFiles
from t5lite.files.strict_json import encodable
from t5lite.messages.progress import progress_bar
from t5lite.messages.streams import say
from t5lite.synthetic_data.prompt2model.columns import Record, cell_text, flat, is_about

# The split that is taken: the first of these that a data set has.
SPLITS = ("train", "validation", "test")
# Characters of an example that stand for a description where there is none.
_SHOWN_EXAMPLE = 1000
_SHOWN_PROBLEMS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """A data set that can be searched.

    Attributes:
      name: The Task's name, or the file or folder; one of several configurations follows in round
        brackets.
      kind: A registered Task, or files.
      text: What is searched.
      split: The split that would be read.
      files: The paths, patterns or folder of that split, where it is files.
      class_names: By column, what its numbers from 0 on are called, where they are classes.
      license: As its card has it; "" where that is not known.
    """

    name: str
    kind: Literal["task", "files"]
    text: str
    split: str
    files: tuple[str, ...] = ()
    class_names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    license: str = ""

    def is_called(self, name: str | None) -> bool:
        """Whether this is its name; of a file or folder, its last part will do."""
        path = pathlib.PurePath(self.name)
        return name == self.name or (self.kind == "files" and name in (path.name, path.stem))

    def records(self, *, max_records: int | None = None) -> Iterator[Record]:
        """The records of its split, in order; at most so many.

        Raises:
          ValueError: They cannot be read; names the Task, or file and line.
        """
        if self.kind == "task":
            from t5lite.data.tasks.seqio_records import task_records

            yield from task_records(self.name, self.split, max_records=max_records)
            return
        files = SplitFiles(f"data set {self.name}", {self.split: self.files})
        for _, record in itertools.islice(files.records(self.split), max_records):
            yield record


def registered_tasks(
    task_modules: Sequence[str],
    *,
    problems: list[str],
    data_dir: str | None = None,
    vocabulary: str | None = None,
) -> list[DatasetDescription]:
    """The Tasks that modules register, as far as their data are there.

    Tasks that say that they are forms of one task (other templates, with exemplars or without) are
    searched once, under the first name. Those whose source has no description are searched by
    their name, category and first example.

    Args:
      task_modules: What to import.
      problems: Gets a sentence for each that is left out.
      data_dir: Data root of the modules.
      vocabulary: Vocabulary of the modules.

    Raises:
      ValueError: A module cannot be imported.
    """
    from t5lite.data.tasks import seqio_adapter

    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    names = seqio_adapter.registered_names()[0]
    found: dict[tuple[str, str], DatasetDescription] = {}
    with progress_bar(
        total=len(names), desc="reading descriptions", unit="task", disable=not names
    ) as bar:
        for name in names:
            bar.update()
            try:
                status = seqio_adapter.data_status(name)
                if status is not None and status.state != "present":
                    continue
                kind = seqio_adapter.task_kind(name)
                form_of = (kind.category, kind.task) if kind and kind.task else (name, name)
                if form_of not in found:
                    found[form_of] = _described_task(name, kind.category if kind else "")
            except ValueError as error:
                problems.append(f"task {name} is left out: {error}")
    return [*found.values()]


def _described_task(name: str, category: str) -> DatasetDescription:
    from t5lite.data.tasks import seqio_adapter
    from t5lite.data.tasks.seqio_records import task_description, task_records

    splits = seqio_adapter.splits(name)
    split = next((split for split in SPLITS if split in splits), splits[0])
    text = task_description(name)
    if not text:
        text = example_text(task_records(name, split, max_records=1))
    return DatasetDescription(
        name=name, kind="task", text=f"{name_words(name)}\n{category}\n{text}", split=split
    )


def example_text(records: Iterator[Record]) -> str:
    """The first record as text, cut, for want of a description; "" where there is none."""
    fields = flat(next(records, {}))
    texts = (cell_text(value) for name, value in fields.items() if is_about(name))
    return encodable("\n".join(text for text in texts if text is not None))[:_SHOWN_EXAMPLE]


def name_words(name: str) -> str:
    """A name as words: `natural_instructions_task001_quoref` and `squadAnswers` too."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+|(?<=[^\W\d])(?=\d)", " ", name).strip()


def say_problems(problems: Sequence[str]) -> None:
    """Warns of what could not be read, of the first few one by one."""
    for problem in problems[:_SHOWN_PROBLEMS]:
        say(f"warning: {problem}")
    if len(problems) > _SHOWN_PROBLEMS:
        say(f"warning: and {len(problems) - _SHOWN_PROBLEMS} more of this kind")
