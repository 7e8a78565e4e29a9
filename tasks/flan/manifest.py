"""The tasks of the Flan Collection: what each is, how large, and what may be trained on.

The tables are text in `manifest_<collection>.py`, parsed here: importing opens no data file.
docs/flan.md says where the numbers come from and why they differ from the paper's by two.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Mapping
from typing import Literal

from . import manifest_cot, manifest_muffin, manifest_niv2, manifest_t0_sf

Collection = Literal["muffin", "t0_sf", "niv2", "cot"]

# Most examples of one task that count in its collection (arXiv 2301.13688, table 23).
CAPS: Mapping[Collection, int] = {"muffin": 30_000, "t0_sf": 20_000, "niv2": 5_000, "cot": 100_000}

# What the paper says of its collections; `niv2` differs (see `COUNT_NOTE`).
PAPER_COUNTS: Mapping[Collection, int] = {"muffin": 80, "t0_sf": 193, "niv2": 1_554, "cot": 9}
COUNT_NOTE = (
    "The paper counts 1,836 tasks and 1,554 of Natural Instructions without naming them; the list "
    "that FLAN published has 1,613, less the 57 made from MMLU that is 1,556, and so 1,838 in all."
)

# Suites that the collection is evaluated on, by the data sets a task might name.
HELD_OUT_SUITES: Mapping[str, tuple[str, ...]] = {
    "mmlu": ("mmlu", "mmmlu", "hendrycks_test"),
    "bbh": ("bbh", "big_bench_hard"),
    "tydiqa": ("tydiqa", "tydi_qa", "tydiqa_goldp"),
    "mgsm": ("mgsm",),
}

# Dialogue has no form without options, and the public repository mixes it apart, with this cap.
DIALOGUE = ("qrecc", "task_master", "wiki_dialog")
PUBLIC_DIALOGUE_CAP = 200_000


@dataclasses.dataclass(frozen=True)
class FlanTask:
    """One task.

    Attributes:
      name: its name within its collection; Task names are `flan_<name>_<form>`.
      collection: `muffin`, `t0_sf`, `niv2` or `cot`.
      dataset: the data set it is made from.
      category: Flan's name for what is asked.
      languages: of its texts.
      num_examples: as Flan counted them, or None where it does not say.
      cap: most examples that count for its rate.
      licence: of the examples where its authors state one, else None; no legal advice.
      held_out: evaluation suites it is made from; such a task is in `HELD_OUT_TASKS` only.
      source: kinds of place it is read from, the first that is there: `niv2`, `cot`, `p3`,
        `promptsource:NAME/CONFIG`, `local`, `tfds:NAME/CONFIG`, `hf:NAME/CONFIG`.
      pattern: name of its schema and of the pattern that words it.
    """

    name: str
    collection: Collection
    dataset: str
    category: str
    languages: tuple[str, ...]
    num_examples: int | None
    cap: int
    licence: str | None
    held_out: tuple[str, ...]
    source: tuple[str, ...]
    pattern: str

    @property
    def is_dialogue(self) -> bool:
        """Whether it is one of `DIALOGUE`."""
        return self.name in DIALOGUE

    @property
    def max_read(self) -> int:
        """Most examples that are read: its greatest cap in any mixture."""
        return PUBLIC_DIALOGUE_CAP if self.is_dialogue else self.cap


def _make(
    name: str,
    collection: Collection,
    *,
    dataset: str,
    category: str,
    languages: str,
    number: str,
    licence: str,
    source: tuple[str, ...],
    pattern: str,
) -> FlanTask:
    suites = (suite for suite, names in HELD_OUT_SUITES.items() if dataset in names)
    return FlanTask(
        name=name,
        collection=collection,
        dataset=dataset,
        category=category,
        languages=tuple(languages.split(", ")),
        num_examples=int(number) if number.isdecimal() else None,
        cap=CAPS[collection],
        licence=licence if licence not in ("", "-") else None,
        held_out=tuple(suites),
        source=source,
        pattern=pattern,
    )


def _lines(table: str) -> Iterator[tuple[bool, list[str]]]:
    """(whether it is indented, its cells) of each line of a table."""
    for line in table.strip("\n").split("\n"):
        yield line.startswith("  "), [cell.strip() for cell in line.split("|")]


def _muffin() -> Iterator[FlanTask]:
    for _, cells in _lines(manifest_muffin.TABLE):
        name, schema, dataset, category, tfds, hf, number, languages, licence = cells
        places = [f"tfds:{tfds}"] if tfds != "-" else []
        places += [f"hf:{hf}"] if hf != "-" else []
        yield _make(
            name,
            "muffin",
            dataset=dataset,
            category=category,
            languages=languages,
            number=number,
            licence=licence,
            source=("local", *places),
            pattern=schema,
        )


def _t0_sf() -> Iterator[FlanTask]:
    for indented, cells in _lines(manifest_t0_sf.TABLE):
        if not indented:
            dataset, schema, category, *licence = cells
            continue
        name, number = cells[0].split()
        yield _make(
            name,
            "t0_sf",
            dataset=dataset,
            category=category,
            languages="English",
            number=number,
            licence=licence[0] if licence else "",
            source=("p3", f"promptsource:{dataset}"),
            pattern=schema,
        )


def _niv2() -> Iterator[FlanTask]:
    for indented, cells in _lines(manifest_niv2.TABLE):
        if not indented:
            dataset, category, languages = cells
            continue
        name, number, *licence = cells[0].split(maxsplit=2)
        yield _make(
            name,
            "niv2",
            dataset=dataset,
            category=category,
            languages=languages,
            number=number,
            licence=licence[0] if licence else "",
            source=("niv2",),
            pattern="niv2",
        )


def _cot() -> Iterator[FlanTask]:
    for _, (name, schema, category, number, licence) in _lines(manifest_cot.TABLE):
        yield _make(
            f"cot_{name}",
            "cot",
            dataset=name,
            category=category,
            languages="English",
            number=number,
            licence=licence,
            source=("cot",),
            pattern=schema,
        )


def _index(tasks: list[FlanTask]) -> Mapping[str, FlanTask]:
    by_name = {task.name: task for task in tasks}
    assert len(by_name) == len(tasks), "two tasks share a name"
    return types.MappingProxyType(by_name)


_ALL = [*_muffin(), *_t0_sf(), *_niv2(), *_cot()]
FLAN_TASKS: Mapping[str, FlanTask] = _index([task for task in _ALL if not task.held_out])
HELD_OUT_TASKS: Mapping[str, FlanTask] = _index([task for task in _ALL if task.held_out])
