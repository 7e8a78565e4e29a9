"""The page of the table of Flan's suites: tables, and plots of suites and of their members."""

from __future__ import annotations

import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from t5lite.evaluation import flan_cells
from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.flan_table import ModelRow
from t5lite.evaluation.published import PUBLISHED
from t5lite.evaluation.suites import SUITES, Suite
from t5lite.reports.page import in_page, names_as_they_are, png_of, write_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAGE = """{% extends "frame" %}
{% block style %}
 body { max-width: 80rem; } .wide { overflow-x: auto; }
 table { font-size: 14px; } th { vertical-align: bottom; }
 th, td { padding: .2rem .6rem; font-variant-numeric: tabular-nums; vertical-align: top; }
 td { white-space: nowrap; } td:last-child { white-space: normal; min-width: 15rem; }
 tr.ours td { font-weight: 600; background: #eef3f8; }
 details > summary { cursor: pointer; margin: .5rem 0; }
{% endblock %}
{% block body %}
{% macro table(cells, ours=0) %}<div class="wide"><table><tr>{% for title in cells.titles %}
<th{% if loop.index0 not in cells.right %} class="text"{% endif %}>{{ title }}</th>{% endfor %}</tr>
{% for row in cells.rows %}<tr{% if loop.index0 < ours %} class="ours"{% endif %}>
{% for cell in row %}<td{% if loop.index0 not in cells.right %} class="text"{% endif %}>{{ cell }}
</td>{% endfor %}</tr>{% endfor %}</table></div>{% endmacro %}
<p>{{ legend }}</p>
<img alt="scores of each suite beside the published ones" src="{{ image }}">
{{ table(main, ours=num_models) }}
{% if notes %}<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
<p>The normalized average is the mean of the six suites after the baseline is put at 0 and no
mistake at 100: each subject, subtask and language by itself. In the row &ldquo;baseline&rdquo; that
of BBH is the mean of its subtasks'. Most are what a blind guess gets, but not that of
penguins_in_a_table, which is 0 while guesses get 20.</p>
<h2>Evaluations</h2>
{{ table(evaluations) }}
<p>An interval is of the mean over other examples of the same kind, and says nothing of other
prompts or seeds. Unparsed: no answer was found in the output, which counts as wrong. Skipped: not
asked, for the prompt was too long even without demonstrations; no score counts it. Dropped shots:
demonstrations left out of prompts that were too long, of all examples together.</p>
{% if votes %}<h2>Self-consistency</h2>
<p>The score when the first so many sampled chains of thought vote on each answer.</p>
<img alt="score by number of chains that vote" src="{{ votes }}">{% endif %}
<h2>By task</h2>
{% for suite in suites %}<details><summary>{{ suite.title }}</summary>
<img alt="{{ suite.title }} by task" src="{{ suite.image }}">{{ table(suite.cells) }}</details>
{% endfor %}
{% endblock %}
"""


def write_flan_page(
    path: pathlib.Path,
    rows: Sequence[ModelRow],
    *,
    title: str,
    legend: str,
    notes: Sequence[str],
) -> None:
    """Writes the page; it needs no other file.

    Args:
      path: HTML file to write.
      rows: A model each.
      title: Of the page.
      legend: What the numbers are.
      notes: What lacks, and what was done otherwise.
    """
    shown = [suite for suite in SUITES if any(suite.name in row.suites for row in rows)]
    with names_as_they_are():
        image = in_page(_draw_suites(rows))
        curves = _vote_curves(rows)
        votes = in_page(_draw_votes(curves)) if curves else None
        by_task = [
            {
                "title": suite.title,
                "image": in_page(_draw_members(rows, suite)),
                "cells": flan_cells.task_table(rows, suite),
            }
            for suite in shown
        ]
    write_page(
        path,
        _PAGE,
        title=title,
        legend=legend,
        notes=notes,
        image=image,
        main=flan_cells.main_table(rows),
        num_models=len(rows),
        evaluations=flan_cells.evaluation_table(rows),
        votes=votes,
        suites=by_task,
    )


def _draw_suites(rows: Sequence[ModelRow]) -> bytes:
    """A group of bars a suite, the published scores as marks behind them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    axes = figure.subplots()
    width = 0.7 / len(rows)
    for number, row in enumerate(rows):
        label: str | None = row.label
        for place, suite in enumerate(SUITES):
            score = row.suites.get(suite.name)
            if score is None or not score.members:
                continue
            left = place - 0.35 + (number + 0.5) * width
            mean = score.score
            hatch = "//" if score.gaps else None
            axes.bar(
                left,
                mean.value,
                width * 0.92,
                color=f"C{number}",
                label=label,
                hatch=hatch,
                edgecolor="white",
                zorder=2,
            )
            label = None
            if score.has_interval:
                _error_bar(axes, left, mean, color="#1c2430")
    marks = [(place + 0.42, score) for place, s in enumerate(SUITES) for score in _published(s)]
    axes.plot(
        *zip(*marks, strict=True),
        "_",
        ms=9,
        mew=1.2,
        color="#5b6675",
        alpha=0.7,
        label="published models",
        zorder=3,
    )
    for place, suite in enumerate(SUITES):
        baseline = statistics.fmean(suite.baselines.values())
        axes.plot(
            [place - 0.38, place + 0.46],
            [baseline, baseline],
            "--",
            lw=1.2,
            color="#a63d2f",
            label="baseline" if place == 0 else None,
            zorder=4,
        )
    axes.set_xticks(range(len(SUITES)), [suite.title for suite in SUITES])
    axes.set(ylabel="percent", ylim=(0, None), title="hatched: not the whole suite")
    axes.grid(alpha=0.3, axis="y")
    axes.legend(loc="upper right", fontsize=9)
    return png_of(figure)


def _published(suite: Suite) -> list[float]:
    return [found.scores[suite.name] for found in PUBLISHED if suite.name in found.scores]


def _draw_members(rows: Sequence[ModelRow], suite: Suite) -> bytes:
    """Each member's score with its interval, a color a model, by the first model's score."""
    from matplotlib.figure import Figure

    found = [
        (n, row.label, row.suites[suite.name])
        for n, row in enumerate(rows)
        if suite.name in row.suites
    ]
    means = {
        member: statistics.fmean(
            s.members[member].score.value for _, _, s in found if member in s.members
        )
        for member in suite.members
        if any(member in s.members for _, _, s in found)
    }
    members = sorted(means, key=lambda member: means[member])
    figure = Figure(figsize=(10, 1 + 0.24 * len(members)), layout="constrained")
    axes = figure.subplots()
    for place, member in enumerate(members):
        baseline = suite.baselines[member]
        axes.plot(
            [baseline, baseline],
            [place - 0.4, place + 0.4],
            color="#a63d2f",
            lw=1.2,
            label="baseline" if place == 0 else None,
        )
    for offset, (number, label, score) in enumerate(found):
        shown = [
            (place, score.members[member].score)
            for place, member in enumerate(members)
            if member in score.members
        ]
        shift = 0.5 * (offset + 0.5) / len(found) - 0.25
        axes.errorbar(
            [estimate.value for _, estimate in shown],
            [place - shift for place, _ in shown],
            xerr=[[e.value - e.low for _, e in shown], [e.high - e.value for _, e in shown]],
            fmt="o",
            ms=4,
            lw=1,
            color=f"C{number}",
            label=label,
        )
    axes.set_yticks(range(len(members)), members, fontsize=9)
    axes.set(xlabel="percent", xlim=(-1, 101), ylim=(-0.7, len(members) - 0.3))
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="lower right", fontsize=9)
    return png_of(figure)


def _vote_curves(rows: Sequence[ModelRow]) -> dict[str, list[float]]:
    """Score by number of chains, of the evaluations where several vote."""
    found = {}
    for row in rows:
        named = [(score.suite.title, score.evaluation) for score in row.suites.values()]
        named += [(other.mixture_or_task_name, other) for other in row.others]
        for title, evaluation in named:
            if curve := evaluation.by_num_samples:
                found[f"{row.label}, {title}" if len(rows) > 1 else title] = curve
    return found


def _draw_votes(curves: Mapping[str, Sequence[float]]) -> bytes:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 3.8), layout="constrained")
    axes = figure.subplots()
    for label, curve in curves.items():
        axes.plot(range(1, len(curve) + 1), curve, marker="o", ms=4, label=label)
    axes.set(xlabel="chains that vote", ylabel="percent", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    return png_of(figure)


def _error_bar(axes: Axes, place: float, mean: Estimate, *, color: str) -> None:
    error = [[mean.value - mean.low], [mean.high - mean.value]]
    axes.errorbar(place, mean.value, yerr=error, fmt="none", lw=1, capsize=3, color=color, zorder=5)
