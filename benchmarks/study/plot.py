"""Draws the study: held-out tasks against the number of training tasks, and chains of thought."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.study.design import LONG_STEPS, SIZES, STEPS

_FORMS = {
    "trained": "trained,\nasked directly",
    "trained_cot": "trained,\nasked for steps",
    "new": "held-out,\nasked directly",
    "new_cot": "held-out,\nasked for steps",
}


def draw(records: list[dict], path: pathlib.Path) -> None:
    """One dot an arm, dashes at the means over seeds, crosses for the long arms.

    Args:
        records: what `run.run` returns, one an arm.
        path: the picture to write.
    """
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), width_ratios=(1, 1, 1.4))
    for axis, metric in zip(axes, ("accuracy", "loss"), strict=False):
        _draw_sizes(axis, _chosen(records, cot=False), metric)
    axes[0].set(ylim=(0, 1.02), ylabel="accuracy")
    axes[0].axhline(
        records[0]["metrics"]["new/mean/best_constant"],
        color="black",
        linestyle=":",
        label="best constant answer, held-out",
    )
    axes[0].legend(fontsize=7)
    axes[1].set(ylim=(0, None), ylabel="loss of a target token, nats")
    _draw_rationales(axes[2], _chosen(records, size=SIZES[-1]))
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_sizes(axis, records: list[dict], metric: str) -> None:
    for group, label, color in (
        ("trained", "the trained tasks, new instances", "tab:gray"),
        ("new", "held-out tasks", "tab:blue"),
    ):
        key = f"{group}/mean/{metric}"
        groups = [_values(_chosen(records, size=size, steps=STEPS), key) for size in SIZES]
        _dots_and_means(axis, SIZES, groups, color=color, label=label, line="-")
        longer = _chosen(records, steps=LONG_STEPS)
        axis.plot([record["size"] for record in longer], _values(longer, key), "x", color=color)
    axis.set_xscale("log", base=2)
    axis.set_xticks(SIZES, [str(size) for size in SIZES])
    axis.set(xlabel="training tasks", title=f"Questions times kinds of word: {metric}")
    axis.legend(fontsize=7)


def _draw_rationales(axis, records: list[dict]) -> None:
    for cot, color in ((False, "tab:orange"), (True, "tab:green")):
        keys = [f"{form}/mean/right" for form in _FORMS]
        places = [index + (0.1 if cot else -0.1) for index in range(len(_FORMS))]
        label = f"trained {'with' if cot else 'without'} chains of thought"
        groups = [_values(_chosen(records, cot=cot, steps=STEPS), key) for key in keys]
        _dots_and_means(axis, places, groups, color=color, label=label, line="")
        for place, key in zip(places, keys, strict=True):
            longer = _values(_chosen(records, cot=cot, steps=LONG_STEPS), key)
            axis.plot([place] * len(longer), longer, "x", color=color)
    axis.plot([], [], "x", color="black", label=f"{LONG_STEPS} steps instead of {STEPS}, one seed")
    axis.set_xticks(range(len(_FORMS)), _FORMS.values(), fontsize=8)
    axis.set(ylim=(0, 1.02), title=f"{SIZES[-1]} training tasks: accuracy of the answer")
    axis.legend(fontsize=7)


def _chosen(records: list[dict], **wanted: object) -> list[dict]:
    return [
        record for record in records if all(record[name] == value for name, value in wanted.items())
    ]


def _values(records: list[dict], key: str) -> list[float]:
    return [record["metrics"][key] for record in records]


def _dots_and_means(axis, places, groups, *, color, label, line) -> None:
    """`groups` holds the seeds' values at each place; places without any are left out."""
    pairs = [(place, values) for place, values in zip(places, groups, strict=True) if values]
    for place, values in pairs:
        axis.plot([place] * len(values), values, ".", color=color, alpha=0.5)
    means = [sum(values) / len(values) for _, values in pairs]
    places = [place for place, _ in pairs]
    axis.plot(places, means, "_", markersize=14, color=color, linestyle=line, label=label)
