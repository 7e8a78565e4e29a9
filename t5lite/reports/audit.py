"""What a run really drew beside what is expected.

By task, prompt setting, prompt template, number of exemplars, and length.

Behind `t5lite tasks audit MODEL_DIR`. The counts come from the latest checkpoint, what is expected
from `MODEL_DIR/mixture.json`; no task is imported and no data are read.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.messages.tables import format_table
from t5lite.reports.page import png_of
from t5lite.training.draws import MIXTURE_FILE, read_expected

PLOT_FILE = "audit.png"

# Cells that expect fewer draws are taken together: below, the statistic's distribution is not
# chi-square's. Cochran (1952), "The chi-square test of goodness of fit".
_SMALLEST_EXPECTED = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Draws beside those expected, cell by cell.

    Attributes:
      title: what the cells are.
      cells: their names.
      expected: float64 `[C]`, of the same sum as `drawn`.
      drawn: int64 `[C]`.
    """

    title: str
    cells: tuple[str, ...]
    expected: npt.NDArray[np.float64]
    drawn: npt.NDArray[np.int64]

    def chi_square(self) -> tuple[float, int, float]:
        """Pearson's statistic, its degrees of freedom, and its p-value.

        The sum of (drawn - expected)**2 / expected over the cells, those that expect under 5 draws
        pooled; p = Q(degrees / 2, statistic / 2), Q the regularised upper incomplete gamma
        function (Pearson 1900). Draws where none were expected give an infinite statistic.
        """
        from jax.scipy.special import gammaincc

        rare = self.expected < _SMALLEST_EXPECTED
        expected = np.append(self.expected[~rare], self.expected[rare].sum())
        drawn = np.append(self.drawn[~rare], self.drawn[rare].sum())
        expected, drawn = expected[drawn + expected > 0], drawn[drawn + expected > 0]
        degrees = len(expected) - 1
        if (drawn[expected == 0] > 0).any() or (self.drawn[self.expected == 0] > 0).any():
            return float("inf"), degrees, 0.0
        statistic = float(((drawn - expected) ** 2 / expected).sum())
        if degrees == 0:
            return statistic, 0, 1.0
        return statistic, degrees, float(gammaincc(degrees / 2, statistic / 2))

    def deviations(self) -> npt.NDArray[np.float64]:
        """`[C]`, how far each cell is off, in standard deviations of a Poisson count."""
        return (self.drawn - self.expected) / np.sqrt(np.maximum(self.expected, 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """What a model folder's run drew.

    Attributes:
      step: of the checkpoint whose counts these are.
      mixture: the content of `mixture.json`.
      num_examples: examples trained on.
      by_task: draws of each task.
      by_prompt_setting: draws of each, such as `zs_opt`; None where no task says which it has.
      by_label: draws of each prompt template and of each number of exemplars (`shots`), where the
        examples of some task are labelled.
      by_length: for each feature, draws of each bin of lengths.
    """

    step: int
    mixture: dict[str, Any]
    num_examples: int
    by_task: Comparison
    by_prompt_setting: Comparison | None
    by_label: tuple[Comparison, ...]
    by_length: tuple[Comparison, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All of them."""
        return tuple(
            filter(None, (self.by_task, self.by_prompt_setting, *self.by_label, *self.by_length))
        )


def read_audit(model_dir: str | pathlib.Path) -> Audit:
    """Reads what a run drew and what is expected.

    Raises:
      ValueError: the folder holds no run, no checkpoint, or one that counted no draws.
    """
    folder = storage_path(model_dir, name="MODEL_DIR")
    mixture = read_expected(folder)
    if mixture is None:
        raise ValueError(
            f"{model_dir} holds no {MIXTURE_FILE}, which `t5lite train` writes when it "
            "starts: it is no folder of a run, as one that was converted, or its run was made "
            "before draws were counted"
        )
    checkpointer = Checkpointer(folder, read_only=True)
    step = checkpointer.latest_step()
    if step is None:
        raise ValueError(f"{model_dir} holds no finished checkpoint yet, so no draw is on record")
    saved = checkpointer.restore_data(step)
    checkpointer.close()
    draws = saved.get("draws")
    if draws is None or len(draws["by_task"]) != len(mixture["tasks"]):
        raise ValueError(
            f"checkpoint {step} of {model_dir} holds no count of draws that fits {MIXTURE_FILE}; "
            "was it saved by an older run? Its next checkpoint will hold them"
        )
    by_task = _compare("task", mixture["tasks"], mixture["rates"], draws["by_task"])
    # Runs that began under an older version call them templates.
    settings = mixture.get("prompt_settings") or mixture["templates"]
    by_prompt_setting = None
    if any(settings):
        by_prompt_setting = _group(by_task, [name or "not said" for name in settings])
    # Runs that began before labels were counted have none.
    by_label = [
        _compare(kind, labels["cells"], labels["shares"], draws["by_label"][kind])
        for kind, labels in mixture.get("labels", {}).items()
        if kind in draws.get("by_label", {})
    ]
    by_length = [
        _compare(
            f"length of {feature}",
            [f"{b * bins['bin_width']}-{(b + 1) * bins['bin_width'] - 1}" for b in range(len(row))],
            bins["shares"],
            row,
        )
        for (feature, bins), row in zip(mixture["lengths"].items(), draws["by_length"], strict=True)
    ]
    return Audit(
        step=step,
        mixture=mixture,
        num_examples=saved["progress"]["examples"],
        by_task=by_task,
        by_prompt_setting=by_prompt_setting,
        by_label=tuple(by_label),
        by_length=tuple(by_length),
    )


def audit(model_dir: str | pathlib.Path, *, num_shown: int = 20) -> Audit:
    """Prints what a run drew beside what is expected, and draws `MODEL_DIR/audit.png`.

    Args:
      model_dir: a folder that `t5lite train` wrote; the run may still be going on.
      num_shown: how many tasks, and how many templates, to print: those that are off the most.

    Raises:
      ValueError: as `read_audit`.
    """
    result = read_audit(model_dir)
    mixture, total = result.mixture, int(result.by_task.drawn.sum())
    print(
        f"{mixture['mixture_or_task_name']}, split {mixture['split']}: {total:,} draws of "
        f"{len(mixture['tasks']):,} tasks up to step {result.step:,}"
    )
    if total != result.num_examples:
        print(f"note: {result.num_examples - total:,} more were made before draws were counted")
    if mixture["stop"] != "restart":
        print(f"note: stop={mixture['stop']!r}; exhausted tasks depart from their rates by design")
    print()
    print(_tests(result))
    if result.by_prompt_setting is not None:
        print("\n" + _cells(result.by_prompt_setting, range(len(result.by_prompt_setting.cells))))
    for comparison in (*result.by_label, result.by_task):
        print("\n" + _worst_cells(comparison, num_shown))
    path = storage_path(model_dir, name="MODEL_DIR") / PLOT_FILE
    _draw(result, path)
    print(f"\nplot: {path}")
    return result


def _compare(
    title: str, cells: Sequence[str], shares: Sequence[float], drawn: Sequence[int]
) -> Comparison:
    counts, share_C = np.array(drawn, np.int64), np.array(shares, np.float64)
    expected = share_C / share_C.sum() * counts.sum()
    return Comparison(title=title, cells=tuple(cells), expected=expected, drawn=counts)


def _group(by_task: Comparison, groups: Sequence[str]) -> Comparison:
    """The same draws by group of tasks."""
    names, place_T = np.unique(groups, return_inverse=True)
    return Comparison(
        title="prompt setting",
        cells=tuple(names.tolist()),
        expected=np.bincount(place_T, weights=by_task.expected).astype(np.float64),
        drawn=np.bincount(place_T, weights=by_task.drawn).astype(np.int64),
    )


def _tests(result: Audit) -> str:
    rows = []
    for comparison in result.comparisons:
        statistic, degrees, p = comparison.chi_square()
        cells = str(len(comparison.cells))
        rows.append((comparison.title, cells, f"{statistic:,.2f}", f"{degrees:,}", f"{p:.3g}"))
    titles = ("draws by", "cells", "chi-square", "degrees", "p")
    return format_table(titles, rows, right=range(1, 5))


def _cells(comparison: Comparison, shown: Sequence[int] | npt.NDArray[np.int64]) -> str:
    total = max(int(comparison.drawn.sum()), 1)
    deviations = comparison.deviations()
    rows = [
        (
            comparison.cells[cell],
            f"{comparison.expected[cell]:,.1f}",
            f"{comparison.drawn[cell]:,}",
            f"{comparison.expected[cell] / total:.3%}",
            f"{comparison.drawn[cell] / total:.3%}",
            f"{deviations[cell]:+.2f}",
        )
        for cell in shown
    ]
    titles = (
        comparison.title,
        "expected",
        "drawn",
        "expected share",
        "drawn share",
        "deviations off",
    )
    return format_table(titles, rows, right=range(1, 6))


def _worst_cells(comparison: Comparison, num_shown: int) -> str:
    """All cells in their order if they are not more than so many, else those that are off most."""
    total = len(comparison.cells)
    if total <= num_shown:
        return _cells(comparison, range(total))
    worst = np.argsort(-np.abs(comparison.deviations()), kind="stable")[:num_shown]
    rest = f"and {total - num_shown:,} more, which are off by less"
    return f"{_cells(comparison, worst)}\n{rest}"


def _draw(result: Audit, path: pathlib.Path) -> None:
    """Points for tasks and templates, bars for settings and exemplars, curves for lengths."""
    from matplotlib.figure import Figure

    compared = (result.by_task, result.by_prompt_setting, *result.by_label)
    known = [comparison for comparison in compared if comparison is not None]
    figure = Figure(figsize=(5.2 * (len(known) + 1), 4.2), layout="constrained")
    axes: Any = figure.subplots(1, len(known) + 1)
    for axis, comparison in zip(axes, known, strict=False):
        if comparison.title in ("task", "template"):
            _draw_points(axis, comparison)
        else:
            _draw_bars(axis, comparison)
    lengths = axes[-1]
    for index, (feature, bins) in enumerate(result.mixture["lengths"].items()):
        comparison = result.by_length[index]
        used = int(np.flatnonzero(comparison.expected + comparison.drawn).max(initial=0)) + 1
        middle = (np.arange(used) + 0.5) * bins["bin_width"]
        color = f"C{index}"
        lengths.step(middle, comparison.expected[:used], where="mid", ls=":", color=color)
        lengths.step(middle, comparison.drawn[:used], where="mid", lw=1, color=color, label=feature)
    lengths.set(title="lengths (dotted: expected)", xlabel="tokens", ylabel="draws")
    lengths.legend()
    write_whole(path, png_of(figure))


def _draw_points(axis: Any, comparison: Comparison) -> None:
    expected, drawn = comparison.expected, comparison.drawn
    ends = [0.5, max(expected.max(), drawn.max()) * 1.2]
    axis.plot(ends, ends, lw=1, color="#999999")
    axis.scatter(np.maximum(expected, 0.5), np.maximum(drawn, 0.5), s=9, color="#30507a")
    axis.set(xscale="log", yscale="log", xlabel="draws expected", ylabel="draws made")
    axis.set_title(f"{comparison.title}s")


def _draw_bars(axis: Any, comparison: Comparison) -> None:
    place = np.arange(len(comparison.cells))
    axis.bar(place - 0.2, comparison.expected, 0.4, label="expected", color="#b8c4d6")
    axis.bar(place + 0.2, comparison.drawn, 0.4, label="drawn", color="#30507a")
    axis.set_xticks(place, comparison.cells, rotation=45, ha="right")
    axis.set(title=f"by {comparison.title}", ylabel="draws")
    axis.legend()
