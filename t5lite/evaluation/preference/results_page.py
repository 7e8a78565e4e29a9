"""Win rates as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from t5lite.evaluation.preference.results import TITLES, Result, cells
from t5lite.evaluation.preference.win_rates import WinRate
from t5lite.files.local_paths import storage_path
from t5lite.reports.page import write_page

_PAGE = """{% extends "frame" %}
{% block style %}
 body { max-width: 74rem; } th, td { white-space: nowrap; }
 .bar { display: flex; width: 9rem; height: .9rem; }
 .a { background: #17734a; } .tie { background: #c9d1da; } .b { background: #b9793a; }
 tr:last-child td { font-weight: bold; border-top: 2px solid #b8c1cc; }
 .key { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; }
{% endblock %}
{% block body %}
{% for result, rows in results %}<h2>{{ result.title }}</h2>
<p><span class="key a"></span>{{ result.model_a }} is better
<span class="key tie"></span>tie, or both are bad
<span class="key b"></span>{{ result.model_b }} is better</p>
<table><tr>{% for title in titles %}<th>{{ title }}</th>{% endfor %}<th></th></tr>
{% for cells, shares in rows %}<tr>{% for cell in cells %}<td>{{ cell }}</td>{% endfor %}
<td><div class="bar">{% for name, share in shares %}
<span class="{{ name }}" style="width: {{ share }}"></span>{% endfor %}</div></td></tr>
{% endfor %}</table>
<p>{{ result.note }}</p>{% endfor %}
{% if agreements %}<h2>Agreement</h2>
{% for line in agreements %}<p>{{ line }}</p>{% endfor %}{% endif %}
{% endblock %}
"""


def write_results(output: str, results: Sequence[Result], agreements: Sequence[str]) -> None:
    """Writes the page.

    Args:
      output: HTML file to write.
      results: What each judge says, one or more.
      agreements: Sentences on how far they agree.
    """
    path = storage_path(output, name="--output")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        (result, [(cells(name, rate), _shares(rate)) for name, rate in result.rates().items()])
        for result in results
    ]
    title = f"{results[0].model_a} against {results[0].model_b}"
    write_page(path, _PAGE, title=title, results=rows, titles=TITLES, agreements=agreements)


def _shares(rate: WinRate) -> list[tuple[str, str]]:
    """The parts of a bar from left to right: what they are called, and how wide."""
    parts = (("a", rate.wins), ("tie", rate.ties + rate.both_bad), ("b", rate.losses))
    return [(name, f"{count / rate.num_pairs:.2%}") for name, count in parts]
