"""Draws the study of Distilling Step-by-Step: accuracy against the share of the data."""

import pathlib
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.distilling.design import EXAMPLES, METHODS, SHARES

_COLOURS = ("tab:gray", "tab:blue", "black", "tab:orange")


def draw(arms: list[dict[str, Any]], path: pathlib.Path) -> None:
    """One dot an arm, lines through the means over seeds.

    Args:
      arms: what `run.run` gives.
      path: the picture to write.
    """
    figure, axis = plt.subplots(figsize=(6, 4))
    counts = [round(share * EXAMPLES) for share in SHARES]
    for method, colour in zip(METHODS, _COLOURS, strict=True):
        values = [
            [arm["test"] for arm in arms if (arm["method"], arm["share"]) == (method, share)]
            for share in SHARES
        ]
        for count, of_seeds in zip(counts, values, strict=True):
            axis.plot([count] * len(of_seeds), of_seeds, ".", color=colour, alpha=0.5)
        if not all(values):  # a method that was left out
            continue
        means = [sum(of_seeds) / len(of_seeds) for of_seeds in values]
        axis.plot(counts, means, color=colour, label=method)
    axis.set_xscale("log", base=2)
    axis.set_xticks(counts, [f"{count:,}" for count in counts])
    axis.set(xlabel="training examples", ylabel="test accuracy", ylim=(0, 1.02))
    axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
