"""The page and the picture of a run of Self-Instruct."""

from __future__ import annotations

import collections
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.files.whole_file import write_whole
from t5lite.reports.page import in_page, names_as_they_are, png_of, write_page
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct.statistics import NUM_BINS, table

# Of the ring of verbs, as the paper draws it, and of the nouns of each.
_NUM_VERBS = 20
_NUM_NOUNS = 4
_NUM_SHOWN = 20

_PAGE = """{% extends "frame" %}
{% block body %}
{% for remark in statistics.remarks %}<p><b>{{ remark }}</b></p>{% endfor %}
<pre>{{ table }}</pre>
<p><img src="{{ picture }}" alt="the statistics as a picture"></p>
<h2>Words</h2>
<table><tr><th></th><th>texts</th><th>mean</th><th>median</th><th>95%</th></tr>
{% for name, lengths in statistics.words.items() if lengths.texts %}
<tr><td>{{ name }}</td><td>{{ lengths.texts }}</td><td>{{ "%.1f"|format(lengths.mean) }}</td>
<td>{{ "%.0f"|format(lengths.p50) }}</td><td>{{ "%.0f"|format(lengths.p95) }}</td></tr>
{% endfor %}</table>
<h2>Examples</h2>
<table><tr><th class="text">id</th><th class="text">instruction</th><th class="text">input</th>
<th class="text">output</th></tr>
{% for one in examples %}
<tr><td class="text">{{ one.id }}</td><td class="text">{{ one.instruction }}</td>
<td class="text"><pre>{{ one.input }}</pre></td>
<td class="text"><pre>{{ one.output }}</pre></td></tr>
{% endfor %}</table>
{% endblock %}
"""


def write_report(
    folder: pathlib.Path, statistics: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]
) -> pathlib.Path:
    """Writes `folder.PAGE` and `folder.PICTURE`; the page shows some of the examples, evenly."""
    with names_as_they_are():
        png = _draw(statistics)
    write_whole(folder / files.PICTURE, png)
    stride = max(1, len(examples) // _NUM_SHOWN)
    path = folder / files.PAGE
    write_page(
        path,
        _PAGE,
        title=f"Self-Instruct: {statistics['examples']:,} examples",
        statistics=statistics,
        table=table(statistics),
        picture=in_page(png),
        examples=list(examples[::stride])[:_NUM_SHOWN],
    )
    return path


def _draw(statistics: Mapping[str, Any]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    _draw_growth(axes[0, 0], statistics["rounds"])
    _draw_verdicts(axes[0, 1], statistics)
    _draw_rouge(axes[1, 0], statistics)
    _draw_verbs(axes[1, 1], statistics["verbs_and_nouns"]["pairs"])
    return png_of(figure)


def _draw_growth(axis: Any, rounds: Sequence[Mapping[str, Any]]) -> None:
    candidates = kept = 0
    lines: dict[str, list[int]] = {"written": [0], "kept": [0]}
    for record in rounds:
        candidates += record["candidates"]
        kept += record["kept"]
        lines["written"].append(candidates)
        lines["kept"].append(kept)
    for name, values in lines.items():
        axis.plot(range(len(values)), values, label=name)
    axis.set(title="instructions by round", xlabel="rounds", ylabel="instructions", ylim=(0, None))
    axis.grid(alpha=0.3)
    axis.legend()


def _draw_verdicts(axis: Any, statistics: Mapping[str, Any]) -> None:
    bars: list[tuple[str, float]] = []
    for step in ("instructions", "instances"):
        shares = statistics[step]
        counted = {"kept": shares["kept"], **shares["dropped"]}
        bars += [
            (f"{step}: {name}", n / max(1, shares["candidates"])) for name, n in counted.items()
        ]
    names = [name for name, _ in bars][::-1]
    values = [share for _, share in bars][::-1]
    colors = ["#17734a" if name.endswith(": kept") else "#a63d2f" for name in names]
    axis.barh(names, values, color=colors)
    axis.set(title="share kept, and dropped by which filter", xlim=(0, 1))
    axis.grid(alpha=0.3, axis="x")


def _draw_rouge(axis: Any, statistics: Mapping[str, Any]) -> None:
    edges = [index / NUM_BINS for index in range(NUM_BINS + 1)]
    for key, label, color in (
        ("rouge_l_to_seeds", "kept instructions to the nearest seed", "#30507a"),
        ("rouge_l_among_seeds", "seeds to the nearest of those before", "#c98a2b"),
    ):
        counts = statistics[key]["counts"]
        shares = [count / max(1, sum(counts)) for count in counts]
        axis.stairs(shares, edges, label=label, color=color, lw=2)
    axis.set(title="likeness to the seeds", xlabel="ROUGE-L", ylabel="share", xlim=(0, 1))
    axis.grid(alpha=0.3)
    axis.legend()


def _draw_verbs(axis: Any, pairs: Sequence[tuple[str, str, int]]) -> None:
    """Two rings: the most frequent root verbs, and the most frequent direct objects of each."""
    nouns: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for verb, noun, count in pairs:
        nouns[verb][noun] += count
    verbs = sorted(nouns, key=lambda verb: (-nouns[verb].total(), verb))[:_NUM_VERBS]
    axis.set(title=f"the {len(verbs)} most frequent root verbs, and their objects")
    if not verbs:
        axis.axis("off")
        return
    from matplotlib import colormaps

    inner: list[tuple[str, int, Any]] = []
    outer: list[tuple[str, int, Any]] = []
    for place, verb in enumerate(verbs):
        color = colormaps["tab20"](place % 20)
        inner.append((verb, nouns[verb].total(), color))
        shown = nouns[verb].most_common(_NUM_NOUNS)
        outer += [(noun, count, (*color[:3], 0.6)) for noun, count in shown]
        rest = nouns[verb].total() - sum(count for _, count in shown)
        if rest:
            outer.append(("", rest, (*color[:3], 0.25)))
    for ring, radius, distance, fontsize in ((inner, 0.7, 0.6, 7), (outer, 1.15, 0.68, 6)):
        labels, counts, colors = zip(*ring, strict=True)
        axis.pie(
            counts,
            radius=radius,
            colors=colors,
            labels=labels,
            labeldistance=distance,
            rotatelabels=True,
            textprops={"fontsize": fontsize},
            wedgeprops={"width": 0.45, "edgecolor": "white", "linewidth": 0.5},
        )
