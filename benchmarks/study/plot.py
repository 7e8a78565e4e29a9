"""Draws the study: held-out tasks against the number of training tasks, and chains of thought."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_FORMS = {
    "known_direct": "trained,\nasked directly",
    "known_cot": "trained,\nasked to reason",
    "new_direct": "held-out,\nasked directly",
    "new_cot": "held-out,\nasked to reason",
}


def draw(arms: list[dict], path: pathlib.Path) -> None:
    """One dot an arm, dashes at the means over seeds."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), width_ratios=(1, 1, 1.4))
    crossed = [arm for arm in arms if arm["pool"] == "crossed"]
    for axis, metric in zip(axes, ("accuracy", "loss"), strict=False):
        _draw_sizes(axis, crossed, metric)
    axes[0].set(ylim=(0, 1), ylabel="accuracy")
    axes[1].margins(y=0.4)  # room for the legend
    axes[1].set(ylim=(0, None), ylabel="loss of a target token, nats")
    axes[0].axhline(
        crossed[0]["metrics"]["new/mean/best_constant"],
        color="black",
        linestyle=":",
        label="best constant answer, held-out",
    )
    axes[0].legend(fontsize=8)
    _draw_rationales(axes[2], [arm for arm in arms if arm["pool"] == "mini"])
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_sizes(axis, arms: list[dict], metric: str) -> None:
    sizes = sorted({arm["size"] for arm in arms})
    for steps, line in zip(sorted({arm["steps"] for arm in arms}), ("-", "--"), strict=False):
        for name, label, color in (
            ("known", "trained tasks, new instances", "tab:gray"),
            ("new", "held-out tasks", "tab:blue"),
        ):
            key = f"{name}/mean/{metric}"
            groups = [_values(arms, key, size=size, steps=steps) for size in sizes]
            label = f"{label}, {steps} steps"
            _dots_and_means(axis, sizes, groups, color=color, label=label, line=line)
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set(xlabel="training tasks", title=f"Pairs of a question and a kind: {metric}")
    axis.legend(fontsize=8)


def _draw_rationales(axis, arms: list[dict]) -> None:
    for cot, color in ((False, "tab:orange"), (True, "tab:green")):
        groups = [_values(arms, f"{form}/mean/accuracy", cot=cot) for form in _FORMS]
        places = [index + (0.1 if cot else -0.1) for index in range(len(_FORMS))]
        label = f"trained {'with' if cot else 'without'} chains of thought"
        _dots_and_means(axis, places, groups, color=color, label=label, line="")
    axis.set_xticks(range(len(_FORMS)), _FORMS.values(), fontsize=8)
    axis.set(ylim=(0, 1), title="Suite mini, tasks that can be reasoned about: accuracy")
    axis.legend(fontsize=8)


def _values(arms: list[dict], key: str, **wanted: object) -> list[float]:
    chosen = [arm for arm in arms if all(arm[name] == value for name, value in wanted.items())]
    return [arm["metrics"][key] for arm in chosen]


def _dots_and_means(axis, places, groups, *, color, label, line) -> None:
    """`groups` holds the seeds' values at each place; places without any are left out."""
    pairs = [(place, values) for place, values in zip(places, groups, strict=True) if values]
    for place, values in pairs:
        axis.plot([place] * len(values), values, ".", color=color, alpha=0.5)
    means = [sum(values) / len(values) for _, values in pairs]
    places = [place for place, _ in pairs]
    axis.plot(places, means, "_", markersize=14, color=color, linestyle=line, label=label)
