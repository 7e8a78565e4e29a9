"""A seqio Task over JSON Lines files of your own, in one call. docs/own_task.md shows it."""

from __future__ import annotations

import pathlib
import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data import environment, local_files
from tasks.python_tasks import Example, MetricFn, add_python_task

if TYPE_CHECKING:
    import seqio


def add_jsonl_task(
    name: str,
    *,
    files: Mapping[str, str],
    inputs: str,
    targets: str,
    metrics: Sequence[MetricFn] = (),
) -> seqio.Task:
    r"""Registers an ordinary seqio Task whose examples are the lines of JSON Lines files.

    Args:
      name: the Task's name.
      files: a file for each split. Relative paths are under the data root (`--data_dir`, gin
        macro `DATA_DIR` or `T5LITE_DATA_DIR`). Files are read when the Task is used.
      inputs: what the model reads: a template such as `"Question: {question}\nAnswer:"`, filled
        from the line's fields (write `{{` for a brace), or the name of one field.
      targets: what it learns to write, likewise. If it names a field that holds a list of
        strings, all of them count as right, and training writes the one that the line picks.
      metrics: functions `(targets, predictions) -> {name: value}`, each target the right
        answer, or a list where there are several. `tasks.metrics` and
        `tasks.natural_instructions_metrics` have some that take both.

    Returns:
      The registered Task.

    Raises:
      ValueError: if `files` is empty, a template is malformed, or a relative path is given and no
        data root is set. When the Task is used: for a
        missing file, malformed JSON or a missing field, with file, line and field.
    """
    if not files:
        raise ValueError(f'Task {name!r}: files is empty; give {{"train": "train.jsonl"}}')
    for argument, template in (("inputs", inputs), ("targets", targets)):
        _template_fields(template, where=f"Task {name!r}, {argument}")

    # Whole paths, here: a token store notices a change of the files that its Task names so.
    paths = {split: _resolve(file) for split, file in files.items()}

    def read(split: str) -> list[Example]:
        wanted_by = f"Task {name!r}, split {split!r}"
        return [
            _word_example(record, inputs, targets, where=where)
            for where, record in local_files.read_jsonl(paths[split], wanted_by=wanted_by)
        ]

    return add_python_task(
        name,
        read,
        splits=tuple(files),
        metrics=metrics,
    )


def _resolve(file: str) -> pathlib.Path:
    path = pathlib.Path(file).expanduser()
    return path if path.is_absolute() else environment.data_dir() / path


def _word_example(record: Mapping[str, Any], inputs: str, targets: str, *, where: str) -> Example:
    """One line as text; its id is the hash of its inputs."""
    text = _fill(inputs, record, where=where)
    if targets in record and isinstance(record[targets], list):
        references = tuple(local_files.require_strings(record, targets, where=where))
        if not references:
            raise ValueError(f"{where}: field {targets!r} is an empty list")
    else:
        references = (_fill(targets, record, where=where),)
    key = local_files.keyed_hash("line", text)
    return Example(
        id=f"{key:016x}",
        inputs=text,
        targets=references[key % len(references)],
        references=references,
    )


def _fill(template: str, record: Mapping[str, Any], *, where: str) -> str:
    """The template with the record's fields put in, or the field that it names."""
    fields = _template_fields(template, where=where)
    texts = {field: _as_text(record, field, where=where) for field in fields or (template,)}
    return template.format(**texts) if fields else texts[template]


def _as_text(record: Mapping[str, Any], field: str, *, where: str) -> str:
    """A field's text; numbers are written as JSON writes them."""
    value = record.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return local_files.require(record, field, str, where=where)


def _template_fields(template: str, *, where: str) -> tuple[str, ...]:
    """The fields a template names; none where it is itself a field's name."""
    try:
        named = [field for _, field, _, _ in string.Formatter().parse(template)]
    except ValueError as error:
        raise ValueError(
            f"{where}: malformed template {template!r}: {error}; write {{{{ for a brace"
        ) from error
    fields = tuple(field for field in named if field is not None)
    for field in fields:
        if not field.isidentifier():
            raise ValueError(
                f"{where}: template {template!r}: {{{field}}} is not a field name; "
                "write {{ for a brace"
            )
    return fields
