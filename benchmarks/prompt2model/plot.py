"""Draws the study with a made teacher."""

import pathlib
import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.prompt2model.arms import DEVICE_SETS, EXAMPLE_SETS, NUM_ANSWERS, STUDENTS
from benchmarks.prompt2model.made_tasks import TASKS

_SHORT = {
    "anneals_temperature": "annealing",
    "shows_generated": "examples",
    "varies_template": "templates",
}


def draw(results: dict[str, list[dict]], path: pathlib.Path) -> None:
    """Duplicates, right labels, and students beside their teacher; a dot a task and seed.

    Args:
        results: what `run.main` writes to results.json.
        path: the picture to write.
    """
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), width_ratios=(1.2, 1.2, 1))
    _draw_duplicates(axes[0], results["duplicates"])
    _draw_labels(axes[1], results["examples"])
    _draw_students(axes[2], results)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_duplicates(axis, records: list[dict]) -> None:
    names = []
    for place, devices in enumerate(DEVICE_SETS):
        values = [one["duplicates"] for one in records if one["devices"] == devices]
        _dots_and_mean(axis, place, values, "tab:blue")
        for device, short in _SHORT.items():
            devices = devices.replace(device, short)
        names.append(devices)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axis.set(ylim=(0, None), title=f"Duplicates among {NUM_ANSWERS} answers, by devices on")


def _draw_labels(axis, records: list[dict]) -> None:
    forms = {
        "right_answers": ("all answers", "tab:gray"),
        "right_examples": ("examples kept", "tab:blue"),
        "right_of_three_votes": ("kept, of three answers or more", "tab:green"),
    }
    groups = [(devices, False) for devices in EXAMPLE_SETS] + [("vote", True), ("all", True)]
    for shift, (key, (label, color)) in zip((-0.2, 0, 0.2), forms.items(), strict=True):
        axis.plot([], [], "_", markersize=14, color=color, label=label)
        for place, (devices, by_input) in enumerate(groups):
            values = [
                one[key]
                for one in records
                if (one["devices"], one["wrong_by_input"]) == (devices, by_input)
            ]
            _dots_and_mean(axis, place + shift, values, color)
    names = [f"{devices},\nerrors by input" if by else devices for devices, by in groups]
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    axis.set(title="Right outputs, by devices on")
    axis.legend(fontsize=7)


def _draw_students(axis, results: dict[str, list[dict]]) -> None:
    shown = [("teacher", "tab:gray"), ("best constant", "black")]
    colors = dict(zip(STUDENTS, ("tab:orange", "tab:blue"), strict=True))
    for place, task in enumerate(task.name for task in TASKS):
        teachers = [one for one in results["teachers"] if one["task"] == task]
        groups = [
            [one["accuracy"] for one in teachers],
            [one["best_constant"] for one in teachers],
        ]
        for (_, color), values in zip(shown, groups, strict=True):
            _dots_and_mean(axis, place - 0.25, values, color)
        for number, (devices, color) in enumerate(colors.items()):
            values = [
                one["accuracy"]
                for one in results["students"]
                if (one["task"], one["devices"]) == (task, devices)
            ]
            _dots_and_mean(axis, place + 0.25 * number, values, color)
    named = [*shown, *((f"student, devices: {name}", color) for name, color in colors.items())]
    for label, color in named:
        axis.plot([], [], "_", markersize=14, color=color, label=label)
    axis.set_xticks(range(len(TASKS)), [task.name for task in TASKS])
    axis.set(ylim=(0, 1.02), title="Test: students and their teacher")
    axis.legend(fontsize=7)


def _dots_and_mean(axis, place: float, values: list, color: str) -> None:
    values = [value for value in values if value is not None]
    if values:
        axis.plot([place] * len(values), values, ".", color=color, alpha=0.4)
        axis.plot(place, statistics.mean(values), "_", markersize=14, color=color)
