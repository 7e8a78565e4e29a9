"""A seqio Task over files of your own, in one call. docs/own_task.md shows it."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.sources import local_files
from t5lite.data.sources.split_files import Place, SplitFiles
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus, State

from . import field_templates
from .field_templates import FieldTemplate
from .python_tasks import Example, MetricFn, add_python_task

if TYPE_CHECKING:
    import seqio


def add_file_task(
    name: str,
    *,
    files: Mapping[str, Place],
    inputs: FieldTemplate,
    targets: FieldTemplate,
    format: str | None = None,
    metrics: Sequence[MetricFn] = (),
) -> seqio.Task:
    r"""Registers an ordinary seqio Task whose examples are the records of files.

    Args:
      name: the Task's name.
      files: for each split a file, a pattern (`"data/train-*.parquet"`), a folder that Hugging
        Face's `datasets` saved or that is laid out as on its hub, or a list of these. Relative
        paths are under the data root (`--data_dir`, gin macro `DATA_DIR` or `T5LITE_DATA_DIR`).
        Files are read when the Task is used, in a stream.
      inputs: what the model reads: a template such as `"Question: {question}\nAnswer:"`, filled
        from the record's fields (write `{{` for a brace, `{answers.text.0}` for what is inside
        one); or the name of one field; or a function of the record that returns a text.
      targets: what it learns to write, likewise. If it is a field or a function that gives a list
        of strings, all of them count as right, and training writes the one that the record picks.
      format: `jsonl`, `json`, `csv`, `tsv`, `parquet` or `arrow`; `document` for files that are one
        record each, their text its field `text`. None goes by the suffix.
      metrics: functions `(targets, predictions) -> {name: value}`, each target the right
        answer, or a list where there are several. `tasks.metrics` and
        `tasks.natural_instructions_metrics` have some that take both.

    Returns:
      The registered Task.

    Raises:
      ValueError: if `files` is empty or a template is malformed. When the Task is used: for a
        relative path where no data root is set, a missing file, a malformed record or a missing
        field, with file, line and field.
    """
    for argument, template in (("inputs", inputs), ("targets", targets)):
        field_templates.check(template, where=f"Task {name!r}, {argument}")
    reader = _FileReader(split_files(name, files, format=format), inputs, targets)
    return add_python_task(name, reader, splits=tuple(files), metrics=metrics)


def split_files(name: str, files: Mapping[str, Place], *, format: str | None) -> SplitFiles:
    """The files of a Task's splits, relative paths under the data root.

    Raises:
      ValueError: as `add_file_task`.
    """
    places = {}
    for split, place in files.items():
        listed = [place] if isinstance(place, str | pathlib.PurePath) else place
        places[split] = tuple(map(str, listed))
    return SplitFiles(f"Task {name!r}", places, format, root=environment.data_dir)


def under_data_root(file: str) -> pathlib.Path:
    """A whole path as it is, a relative one under the data root."""
    path = pathlib.Path(file).expanduser()
    return path if path.is_absolute() else environment.data_dir() / path


def files_status(task: str, files: SplitFiles, *, split: str | None = None) -> DataStatus:
    """Whether a Task's files are there, those of one split or of any; opens none.

    Args:
      task: the Task's name.
      files: what it reads.
      split: one of its splits; None, or a name that it does not have, for all.
    """
    found, why = [], []
    for name in [n for n in files.places if split in (n, None)] or files.places:
        try:
            found += files.files(name)
        except ValueError as error:
            why.append(str(error))
    where = str(found[0] if found else next(iter(files.places.values()))[0])
    state: State = "present" if found else "missing"
    return DataStatus(task, task, state, where=where, why="; ".join(why))


@dataclasses.dataclass(frozen=True)
class _FileReader:
    """What `add_python_task` reads examples with.

    Attributes:
      files: where the records are.
      inputs: what to make them of.
      targets: likewise.
    """

    files: SplitFiles
    inputs: FieldTemplate
    targets: FieldTemplate

    def __call__(self, split: str) -> list[Example]:
        return list(self.examples(split))

    def examples(self, split: str) -> Iterator[Example]:
        """Yields the split's examples, one by one."""
        for where, record in self.files.records(split):
            yield self._example(record, where)

    def num_examples(self, split: str) -> int:
        """How many there are."""
        return self.files.count(split)

    def fingerprint_parts(self) -> list[Any]:
        """Files, which may be found only when they are read, and the templates."""
        return [self.files, self.inputs, self.targets]

    def _example(self, record: Mapping[str, Any], where: str) -> Example:
        """One record as text; its id is the hash of its inputs."""
        text = field_templates.one_text(self.inputs, record, where=where)
        references = field_templates.one_or_more_texts(self.targets, record, where=where)
        key = local_files.keyed_hash("line", text)
        return Example(
            id=f"{key:016x}",
            inputs=text,
            targets=references[key % len(references)],
            references=references,
        )
