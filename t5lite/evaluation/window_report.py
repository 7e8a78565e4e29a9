"""What a model makes of long texts: perplexity by window, and keys found by distance, as a report.

`t5lite eval` writes it where gin sets `evaluate.report = @WindowReport()`, as
recipes/eval_long_context.gin does.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.evaluation.eval_report import EvalReport
from t5lite.evaluation.finished import METRICS
from t5lite.files.json_files import read_object, write_object
from t5lite.inference.records import PREDICTIONS, read_records
from t5lite.messages.tables import format_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# By window or distance in tokens.
Curve = Mapping[int, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowReport(EvalReport):
    """Tables and a plot by window of the evaluations of one command.

    A Task whose name ends in `_<window>` and that has a metric `perplexity` is a point of a curve;
    a Task with a metric `k_max`, whose ids are `<distance>/<trial>`, is a curve of its own.
    """

    def write(self, folder: pathlib.Path, *, names: Sequence[str], model: str) -> None:
        """Prints the tables, and writes `windows.json` and `windows.png` into `folder`.

        Raises:
          ValueError: None of the evaluations has such a Task.
        """
        perplexity: dict[str, dict[int, float]] = {}
        bits: dict[str, dict[int, float]] = {}
        retrieval: dict[str, Curve] = {}
        k_max: dict[str, float] = {}
        for name in names:
            metrics = read_object(folder / name / METRICS)["metrics"]
            for full, value in metrics.items():
                task, _, metric = full.removeprefix(f"{name}/").rpartition("/")
                window = re.fullmatch(r"(.+)_(\d+)", task)
                if metric in ("perplexity", "bits_per_byte") and window:
                    curves = perplexity if metric == "perplexity" else bits
                    curves.setdefault(window[1], {})[int(window[2])] = value
                elif metric == "k_max" and task != "mean":
                    retrieval[task] = found_by_distance(folder / name / PREDICTIONS, task)
                    k_max[task] = value
        if not perplexity and not retrieval:
            raise ValueError(
                f"the evaluations {', '.join(names)} have no Task of perplexity by window, such as "
                "pg19_perplexity_2048, and none of passkeys; leave evaluate.report out"
            )
        found = {
            "model": model,
            "perplexity": perplexity,
            "bits_per_byte": bits,
            "retrieval": retrieval,
            "k_max": k_max,
        }
        write_object(folder / "windows.json", found)
        for title, curves in (("perplexity", perplexity), ("bits a byte", bits)):
            if curves:
                print(_table(title, curves))
        for task, value in k_max.items():
            print(f"{task}: k_max {value:,.0f} of {max(retrieval[task]):,} tokens")
        _draw(folder / "windows.png", perplexity, retrieval, title=model)
        print(f"In {folder}: windows.json, windows.png")


def found_by_distance(path: pathlib.Path, task: str) -> Curve:
    """The share of keys that were found, by their distance in tokens.

    Args:
      path: a `predictions.jsonl`.
      task: whose records are meant.
    """
    hits: dict[int, list[float]] = {}
    for record in read_records(path):
        if record.task == task and record.skipped is None:
            distance = int(str(record.id).partition("/")[0])
            hits.setdefault(distance, []).append(record.score or 0.0)
    return {distance: sum(of_one) / len(of_one) for distance, of_one in sorted(hits.items())}


def _table(title: str, curves: Mapping[str, Curve]) -> str:
    windows = sorted({window for curve in curves.values() for window in curve})
    rows = [
        [name, *(f"{curve[window]:.4g}" if window in curve else "" for window in windows)]
        for name, curve in curves.items()
    ]
    header = [title, *(f"{window:,}" for window in windows)]
    return format_table(header, rows, right=range(1, len(header)))


def _draw(
    path: pathlib.Path,
    perplexity: Mapping[str, Curve],
    retrieval: Mapping[str, Curve],
    *,
    title: str,
) -> None:
    """Draws what there is: a panel of perplexity, and one of retrieval."""
    from matplotlib.figure import Figure

    panels: list[tuple[Mapping[str, Curve], Mapping[str, Any]]] = []
    if perplexity:
        panels.append((perplexity, {"xlabel": "window, tokens", "ylabel": "perplexity"}))
    if retrieval:
        labels = {"xlabel": "distance, tokens", "ylabel": "share of keys found"}
        panels.append((retrieval, {**labels, "ylim": (-0.03, 1.03)}))
    figure = Figure(figsize=(5.5 * len(panels), 4), layout="constrained")
    figure.suptitle(title, parse_math=False)
    all_axes: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (curves, settings) in zip(all_axes, panels, strict=True):
        _draw_curves(axes, curves, **settings)
    figure.savefig(path, dpi=100)


def _draw_curves(axes: Axes, curves: Mapping[str, Curve], **settings: Any) -> None:
    for name, curve in curves.items():
        places, values = zip(*sorted(curve.items()), strict=True)
        axes.plot(places, values, marker="o", ms=4, label=name)
    axes.set_xscale("log", base=2)
    axes.set(**settings)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
