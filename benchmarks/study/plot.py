"""Draws the study: held-out accuracy against training tasks, and with chains of thought."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_TITLES = {
    "crossed": "Held-out pairs of a known\nquestion and a known kind",
    "mini": "Held-out tasks\nof the suite mini",
}
_FORMS = {
    "known_direct": "trained tasks,\nasked directly",
    "known_cot": "trained tasks,\nasked to reason",
    "new_direct": "held-out tasks,\nasked directly",
    "new_cot": "held-out tasks,\nasked to reason",
}


def draw(arms: list[dict], path: pathlib.Path) -> None:
    """One dot an arm, lines through the means of the seeds."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), width_ratios=(1, 1, 1.4))
    for axis, (pool, title) in zip(axes, _TITLES.items(), strict=False):
        _draw_sizes(axis, [arm for arm in arms if arm["pool"] == pool and not arm["cot"]], title)
    _draw_rationales(axes[2], [arm for arm in arms if "new_cot" in arm["evals"]])
    axes[0].set_ylabel("accuracy")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_sizes(axis, arms: list[dict], title: str) -> None:
    sizes = sorted({arm["size"] for arm in arms})
    for name, label, color in (
        ("known", "trained tasks, new instances", "tab:gray"),
        ("new", "held-out tasks", "tab:blue"),
    ):
        key = f"{name}/mean/accuracy"
        _dots_and_means(axis, sizes, [_values(arms, key, size=n) for n in sizes], color, label)
    baselines = [arm["metrics"]["new/mean/best_constant"] for arm in arms]
    if baselines:
        axis.axhline(baselines[0], color="black", linestyle=":", label="best constant, held-out")
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set(xlabel="training tasks", ylim=(0, 1), title=title)
    axis.legend(fontsize=8)


def _draw_rationales(axis, arms: list[dict]) -> None:
    for cot, color in ((False, "tab:orange"), (True, "tab:green")):
        groups = [_values(arms, f"{form}/mean/accuracy", cot=cot) for form in _FORMS]
        places = [index + (0.1 if cot else -0.1) for index in range(len(_FORMS))]
        label = f"trained {'with' if cot else 'without'} chains of thought"
        _dots_and_means(axis, places, groups, color, label, line="")
    axis.set_xticks(range(len(_FORMS)), _FORMS.values(), fontsize=8)
    axis.set(ylim=(0, 1), title="Number tasks with a rationale,\nall of mini trained on")
    axis.legend(fontsize=8)


def _values(arms: list[dict], key: str, **wanted: object) -> list[float]:
    chosen = [arm for arm in arms if all(arm[name] == value for name, value in wanted.items())]
    return [arm["metrics"][key] for arm in chosen if key in arm["metrics"]]


def _dots_and_means(axis, places, groups, color, label, line="-") -> None:
    pairs = [(place, values) for place, values in zip(places, groups, strict=True) if values]
    for place, values in pairs:
        axis.plot([place] * len(values), values, ".", color=color, alpha=0.5)
    means = [sum(values) / len(values) for _, values in pairs]
    axis.plot(
        [place for place, _ in pairs], means, "_", markersize=14, color=color, ls=line, label=label
    )
