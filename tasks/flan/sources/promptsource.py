"""T0's subtasks made here: PromptSource's templates over the raw data sets."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import pathlib
from collections.abc import Sequence

from ..manifest import FlanTask
from ..records import Record
from . import datasets
from .base import Absent, Found, choose
from .datasets import Place
from .folders import Folders, file_problem
from .p3 import prompt_record
from .templates import (
    PromptTemplate,
    read_templates,
    render_templates,
    template_key,
)

# A request to the process that renders.
_ROWS_AT_ONCE = 64


def find(task: FlanTask, name: str, folders: Folders) -> Found | Absent:
    """Looks for the data set's templates and its rows.

    Templates lie in `promptsource/templates/` under the data root, in a checkout there, or in the
    installed package; rows in `flan/<data set>/train.*`, in the cache of Hugging Face's `datasets`
    or in TFDS.
    """
    candidates = [folder / name for folder in _template_folders(folders)]
    path = folders.first(candidates, ["templates.yaml"])
    place = (
        datasets.find_local((name.replace("/", "_"), name), folders)
        or datasets.find_huggingface(name, folders)
        or datasets.find_tfds(name, folders)
    )
    if path is None or place is None:
        missing = f"promptsource/templates/{name}/templates.yaml" if path is None else ""
        if place is None:
            missing += " and " if missing else ""
            missing += f"the data set {name} as flan/{name.replace('/', '_')}/train.* or cached"
        return Absent(missing)
    return Found(
        where=f"{place.where} with {path}",
        files=(path, *place.files),
        problem=file_problem(path) or place.problem,
        read=lambda split: _read(task, path, place, split),
    )


def _template_folders(folders: Folders) -> list[pathlib.Path]:
    found = [] if folders.root is None else [folders.root / "promptsource" / "templates"]
    if folders.root is not None:
        found.append(folders.root / "promptsource" / "promptsource" / "templates")
    package = _package_folder()
    return [*found, package] if package else found


@functools.cache
def _package_folder() -> pathlib.Path | None:
    """The templates of the installed package, which is not imported."""
    spec = importlib.util.find_spec("promptsource")
    return pathlib.Path(spec.origin).parent / "templates" if spec and spec.origin else None


def _read(task: FlanTask, path: pathlib.Path, place: Place, split: str) -> Sequence[Record]:
    """Rows for which the template says nothing are left out."""
    template = _template(task, path)
    rows = place.open()
    wanted = choose(rows.count(), split, maximum=task.cap, key=task.name, in_order=rows.in_order)
    records = []
    found = iter(rows.read(wanted))
    while batch := list(itertools.islice(found, _ROWS_AT_ONCE)):
        keyed = [(f"{task.name} {index}", row) for index, _, row in batch]
        made = render_templates(template, keyed)
        for (index, where, _), rendered in zip(batch, made, strict=True):
            if rendered.prompt and rendered.target:
                records.append(
                    prompt_record(
                        task,
                        str(index),
                        rendered.prompt,
                        rendered.target,
                        rendered.choices,
                        where=where,
                    )
                )
    return records


def _template(task: FlanTask, path: pathlib.Path) -> PromptTemplate:
    """The template whose name, after the data set's, is the task's."""
    templates = read_templates(path)
    name = task.name.removeprefix(template_key(task.dataset) + "_")
    if name not in templates:
        raise ValueError(f"{path}: no template for {task.name}; it has {', '.join(templates)}")
    return templates[name]
