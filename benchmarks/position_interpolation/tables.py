"""What came out of the study, laid out as the paper's tables 1, 3, 4 and 5, and drawn."""

from __future__ import annotations

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.position_interpolation.texts import EXTENDED
from t5lite.messages.tables import format_table

Result = Mapping[str, Any]

# A figure, and what its table is called.
_TABLES = {
    "perplexity": "Perplexity of a byte in the new window, by steps (tables 1 and 3)",
    "k_max": "Distance up to which a fifth of the keys are found, bytes (table 4)",
    "perplexity_256": "Perplexity of a byte in windows of 256 (what is lost of the old window)",
    "short_accuracy": "Share of keys found in texts of up to 256 bytes (table 5's short tasks)",
}


def text(results: Sequence[Result]) -> str:
    """Tables, a row for each method and window, means over seeds."""
    return "\n\n".join(f"{title}\n{_table(results, name)}" for name, title in _TABLES.items())


def _table(results: Sequence[Result], figure: str) -> str:
    steps = sorted({int(step) for result in results for step in result["by_step"]})
    rows = []
    for (method, window), members in _groups(results).items():
        cells = [_mean(members, step, figure) for step in steps]
        rows.append([method, f"{window:,}", *cells])
    titles = ("method", "window", *(f"step {step:,}" for step in steps))
    return format_table(titles, rows, right=range(1, len(titles)))


def _groups(results: Sequence[Result]) -> dict[tuple[str, int], list[Result]]:
    groups: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        groups.setdefault((result["method"], result["window"]), []).append(result)
    return groups


def _mean(members: Sequence[Result], step: int, figure: str) -> str:
    values = _values(members, step, figure)
    if not values:
        return ""
    digits = ".0f" if figure == "k_max" else ".3f"
    spread = f" ± {statistics.stdev(values):{digits}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{digits}}{spread}"


def _values(members: Sequence[Result], step: int, figure: str) -> list[float]:
    """A figure of those seeds that were evaluated at a step; JSON's steps are texts."""
    found = (m["by_step"].get(step, m["by_step"].get(str(step))) for m in members)
    return [figures[figure] for figures in found if figures]


def draw(results: Sequence[Result], path: pathlib.Path) -> None:
    """Draws perplexity and `k_max` by steps, a line for each method and window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for (method, window), members in _groups(results).items():
        steps = sorted(int(step) for step in members[0]["by_step"])
        style = "-" if method == "interpolated" else "--"
        color = f"C{EXTENDED.index(window)}"
        for panel, name in zip(axes, ("perplexity", "k_max"), strict=True):
            values = [statistics.fmean(_values(members, step, name)) for step in steps]
            label = f"{method}, {window:,}"
            panel.plot(steps, values, style, marker="o", ms=4, color=color, label=label)
    axes[0].set(xlabel="steps", ylabel="perplexity of a byte in the new window", yscale="log")
    axes[1].set(xlabel="steps", ylabel="k_max, bytes")
    for panel in axes:
        panel.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=90)
