"""Flan's mixtures: which tasks, in what proportions. Opens no file.

A task's rate in its sub-mixture is its number of examples, at most its cap. The manifest's numbers
are taken, so that a folder with samples of the data mixes as the whole would.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from ..python_tasks import capped_examples
from .manifest import (
    CAPS,
    COUNT_NOTE,
    FLAN_TASKS,
    HELD_OUT_TASKS,
    PUBLIC_DIALOGUE_CAP,
    FlanTask,
)
from .registry import FOUR_FORMS, INVERTED_FORMS, TWO_FORMS, PromptSetting, forms, full_name

# Inverted tasks to straight ones, in chain of thought and dialogue (flan/v2/mixtures.py).
INVERTED_SCALE = 0.3

# Percent of the draws, by sub-mixture. A and B are the Flan Collection paper's (arXiv 2301.13688,
# table 23): of its ablations, and of the released models. The third is that of run_example.py in
# the public repository, which mixes dialogue apart.
PROPORTIONS: Mapping[str, Mapping[str, float]] = {
    "flan2022": {"flan_muffin": 46.0, "flan_t0_sf": 27.9, "flan_niv2": 24.2, "flan_cot": 1.8},
    "flan2022_a": {"flan_muffin": 52.0, "flan_t0_sf": 15.0, "flan_niv2": 30.0, "flan_cot": 3.0},
    "flan2022_public": {
        "flan_flan2021": 40.0,
        "flan_t0_sf": 32.0,
        "flan_niv2": 20.0,
        "flan_cot": 5.0,
        "flan_dialog": 3.0,
    },
}

_ABOUT = {
    "flan2022": "Proportions B, of the released models (arXiv 2210.11416, 2301.13688 table 23)",
    "flan2022_a": "Proportions A, of the paper's ablations (arXiv 2301.13688, table 23)",
    "flan2022_public": "the weights of flan/v2/run_example.py in google-research/FLAN",
}


def register() -> None:
    """Registers sub-mixtures and mixtures; the Tasks must be registered."""
    muffin = _of("muffin")
    flan2021 = [task for task in muffin if not task.is_dialogue]
    dialogue = [task for task in muffin if task.is_dialogue]
    _add_by_form("flan_flan2021", flan2021, FOUR_FORMS)
    _add_by_form("flan_t0_sf", _of("t0_sf"), FOUR_FORMS)
    _add_by_form("flan_niv2", _of("niv2"), TWO_FORMS)
    _add_with_inversions("flan_cot", _of("cot"), cap=CAPS["cot"])
    _add_with_inversions("flan_dialog", dialogue, cap=PUBLIC_DIALOGUE_CAP)
    # The paper has dialogue in Muffin, with Muffin's cap: each part counts by its examples.
    _add_with_inversions("flan_muffin_dialog", dialogue, cap=CAPS["muffin"])
    parts = {"flan_flan2021": flan2021, "flan_muffin_dialog": dialogue}
    _add(
        "flan_muffin",
        {name: float(sum(_size(task) for task in tasks)) for name, tasks in parts.items()},
    )
    for name, proportions in PROPORTIONS.items():
        mixture = _add(name, proportions)
        mixture.notes = _notes(name)


def _of(collection: str) -> list[FlanTask]:
    return [task for task in FLAN_TASKS.values() if task.collection == collection]


def _size(task: FlanTask) -> int:
    return min(task.num_examples or 0, task.cap)


def _add(name: str, rates: Mapping[str, Any]) -> Any:
    import seqio

    return seqio.MixtureRegistry.add(name, list(rates.items()))


def _add_by_form(name: str, tasks: Iterable[FlanTask], kinds: tuple[PromptSetting, ...]) -> None:
    """A mixture `NAME_<form>` for each form, and NAME, which draws from each as often."""
    for form in kinds:
        _add(f"{name}_{form.suffix}", {full_name(t, form): _rate(t, t.cap) for t in tasks})
    _add(name, {f"{name}_{form.suffix}": 1.0 / len(kinds) for form in kinds})


def _add_with_inversions(name: str, tasks: Iterable[FlanTask], *, cap: int) -> None:
    """Likewise with zero-shot and few-shot forms, each with the inverted tasks at 0.3."""
    for straight, inverted in zip(TWO_FORMS, INVERTED_FORMS, strict=True):
        rates = {full_name(task, straight): _rate(task, cap) for task in tasks}
        rates |= {full_name(task, inverted): _rate(task, cap, INVERTED_SCALE) for task in tasks}
        _add(f"{name}_{straight.suffix}", rates)
    _add(name, {f"{name}_{form.suffix}": 0.5 for form in TWO_FORMS})


def _rate(task: FlanTask, cap: int, scale: float = 1.0) -> Any:
    return functools.partial(
        capped_examples, maximum=cap * scale, scale=scale, declared=task.num_examples
    )


def _notes(name: str) -> tuple[str, ...]:
    """What `t5lite tasks describe` says beside the table."""
    counts = {
        collection: sum(task.collection == collection for task in FLAN_TASKS.values())
        for collection in CAPS
    }
    listed = ", ".join(f"{collection} {count:,}" for collection, count in counts.items())
    num_seqio = sum(len(forms(task)) for task in FLAN_TASKS.values())
    unnumbered = sum(task.num_examples is None for task in FLAN_TASKS.values())
    return (
        f"proportions: {_ABOUT[name]}",
        f"{len(FLAN_TASKS):,} tasks ({listed}) in {num_seqio:,} forms. {COUNT_NOTE}",
        "zero-shot and few-shot, with and without options: a quarter each in Flan 2021 and T0-SF; "
        "elsewhere zero-shot and few-shot, half each",
        f"inverted tasks at {INVERTED_SCALE} of the straight ones in cot and dialogue",
        f"examples counted as Flan counted them; {unnumbered} tasks that it has no number for are "
        "counted where their data are there",
        f"held out and never mixed in: MMLU and the {len(HELD_OUT_TASKS)} tasks of Natural "
        "Instructions made from it, BBH, TyDiQA, MGSM",
    )
