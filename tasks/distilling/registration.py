"""Registers the sets that lie under the data root."""

from __future__ import annotations

import dataclasses
import pathlib

from t5lite.data.sources import local_files
from t5lite.messages.value_types import check_fields

from .. import cot_files
from ..metrics import exact_match
from ..python_tasks import task_name
from ..rationale_forms import Record, add_set
from . import layouts
from .equations import equation_accuracy

_SUFFIXES = {"llm": "", "gpt-neox": "_neox", "human": "_human"}
_FIELDS = {"input": str, "label": str, "teacher_label": str, "rationale": str}


def register(root: pathlib.Path, *, prefix: str = "distilling") -> None:
    """Registers every set under the data root, as `tasks.distilling` says.

    Raises:
      ValueError: there is none, or two have the same name.
    """
    folder = root / "distilling"
    names = []
    for name in layouts.LAYOUTS:
        if not (folder / name).is_dir():
            continue
        metric = equation_accuracy if name == "svamp" else exact_match
        for source in layouts.sources(folder, name):
            full = f"{prefix}_{name}{_SUFFIXES[source]}"
            reader = layouts.LayoutReader(folder, name, source)
            add_set(full, reader, splits=("train", "validation", "test"), metrics=(metric,))
            names.append(full)
    written = [(path.parent.name, path) for path in folder.glob("*/rationales.jsonl")]
    written += [(path.stem, path) for path in folder.glob("*.jsonl")]
    for name, path in sorted(written):
        if (full := task_name(f"{prefix}_{name}")) in names:
            raise ValueError(f"{path} would be called {full} as another set is; rename it")
        add_set(
            full,
            LinesReader(path),
            splits=("train", "validation"),
            metrics=(cot_files.final_answer_accuracy,),
        )
        names.append(full)
    cot_sets = cot_files.find_sets(root) if (root / "cot").is_dir() else {}
    for name, path in cot_sets.items():
        add_set(
            f"{prefix}_cot_{name}",
            CotReader(path),
            splits=("train", "validation"),
            metrics=(cot_files.final_answer_accuracy,),
        )
        names.append(name)
    if not names:
        raise ValueError(
            f"no set to distil from: looked for {folder}/SET of {', '.join(layouts.LAYOUTS)}, "
            f"{folder}/*.jsonl, {folder}/*/rationales.jsonl and {root}/cot/*.tsv; point the data "
            "root (--data_dir, or T5LITE_DATA_DIR) at a folder that holds one (docs/distilling.md)"
        )


@dataclasses.dataclass(frozen=True)
class CotReader:
    """Reads one of FLAN's chain-of-thought sets.

    Attributes:
      path: the set's file.
    """

    path: pathlib.Path

    def __call__(self, split: str) -> list[Record]:
        """The records of a split."""
        return [
            Record(id=row.id, input=row.question, label=row.answer, rationale=row.rationale)
            for row in cot_files.read_split(self.path, split)
        ]


@dataclasses.dataclass(frozen=True)
class LinesReader:
    """Reads a set that `t5lite rationales` wrote, or anybody in its layout.

    Attributes:
      path: JSON Lines with `input`, and as far as they are known `label`, `teacher_label` and
        `rationale`.
    """

    path: pathlib.Path

    def __call__(self, split: str) -> list[Record]:
        """The records of a split; one input in 20 is validation's.

        Raises:
          ValueError: a line is malformed; names it.
        """
        records = []
        for where, line in local_files.read_jsonl(self.path):
            check_fields(line, _FIELDS, name=where)
            text = local_files.require(line, "input", str, where=where)
            key = local_files.keyed_hash("row", text)
            held_back = key % cot_files.VALIDATION_ONE_IN == 0
            if held_back == (split == "validation"):
                known = {name: line.get(name) for name in _FIELDS if name != "input"}
                records.append(Record(id=f"{key:016x}", input=text, **known))
        return records
