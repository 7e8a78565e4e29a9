"""The page of a plan or a sweep: memory against the chip, what is sent, the least times."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

from t5lite.memory import readable
from t5lite.mesh import MESH_AXES
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.plans import Plan, Program, StepPlan
from t5lite.planning.summary import format_plan, readable_seconds
from t5lite.planning.sweep import TITLES, Sweep
from t5lite.reports.page import write_page

_PAGE = """{% extends "frame" %}
{% block style %}
 .bar { display: flex; height: 1.5rem; background: #eef1f4; border-radius: 4px; overflow: hidden; }
 .bar div { min-width: 1px; } .bar.over { outline: 2px solid #a63d2f; }
 .row { display: grid; grid-template-columns: 13rem 1fr 11rem; gap: .8rem; align-items: center;
   margin: .35rem 0; } .row span:last-child { text-align: right; }
 .key { display: flex; gap: 1.2rem; flex-wrap: wrap; font-size: 13px; color: #5b6675; }
 .key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
   margin-right: .35rem; }
 details { margin: 1.5rem 0; } summary { cursor: pointer; } pre { font-size: 12px; overflow: auto;
   white-space: pre; }
 h3 { margin-bottom: .3rem; } td { white-space: nowrap; }
{% endblock %}
{% macro bars(rows, key) %}{% for row in rows %}<div class="row"><span>{{ row.name }}</span>
<div class="bar{% if row.over %} over{% endif %}" title="{{ row.said }}">{% for part in row.parts %}
<div style="width: {{ "%.3f"|format(part.percent) }}%; background: {{ part.colour }}"
 title="{{ part.name }}: {{ part.said }}"></div>{% endfor %}</div><span>{{ row.said }}</span></div>
{% endfor %}<p class="key">{% for part in key %}<span><i style="background: {{ part.colour }}"></i>
{{ part.name }}</span>{% endfor %}</p>{% endmacro %}
{% block body %}
<p>{{ intro }}</p>
{% for part in parts %}<h2>{{ part.title }}</h2>
{% for line in part.lines %}<p class="{{ part.judged }}">{{ line }}</p>{% endfor %}
<h3>Memory of a device</h3>{{ bars(part.memory, part.memory_key) }}
{% if part.times %}<h3>The least time</h3>{{ bars(part.times, part.times_key) }}{% endif %}
{% if part.sent %}<h3>What each device sends</h3>{{ bars(part.sent, part.sent_key) }}{% endif %}
{% endfor %}
{% if ranked %}<h2>What fits, {{ ranked_order }} first</h2>
{{ bars(ranked_bars, ranked_key) }}
<table><tr>{% for title in ranked_titles %}<th>{{ title }}</th>{% endfor %}</tr>
{% for row in ranked %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</table>{% endif %}
{% if refused %}<h2>What is left out</h2><table><tr><th>settings</th><th class="text">why</th></tr>
{% for reason, count in refused.items() %}<tr><td>{{ count }}</td><td class="text">{{ reason }}</td>
</tr>{% endfor %}</table>{% endif %}
<details><summary>As text</summary><pre>{{ text }}</pre></details>
{% endblock %}
"""

_COLOURS = ("#33658a", "#86bbd8", "#f6ae2d", "#758e4f", "#9d6b9e", "#f26419")
_HELD = ("arguments", "held", "temporaries", "outputs", "program")
_SHOWN = 12


class _Part(NamedTuple):
    """A piece of a bar, in percent of its whole width."""

    name: str
    colour: str
    percent: float
    said: str


_SENT_KEY = [
    _Part("within a slice", _COLOURS[0], 0, ""),
    _Part("between slices", _COLOURS[5], 0, ""),
]


class _Bar(NamedTuple):
    """A bar with its name, what is said behind it, and whether it is longer than there is room."""

    name: str
    parts: list[_Part]
    said: str
    over: bool = False


def write_plan_page(path: pathlib.Path, found: Plan | Sweep) -> None:
    """Draws a plan or a sweep on a page that needs no other file.

    Args:
      path: file to write.
      found: the plan or the sweep.
    """
    if isinstance(found, Sweep):
        _write_sweep(path, found)
        return
    mesh = ", ".join(f"{axis} {size}" for axis, size in found.mesh.items())
    parts = []
    if found.step is not None:
        step = _section("Training step", [found.step.program], found.advice)
        if found.step.measured is not None:
            step["memory"].append(_measured_bar(found.step, found.num_devices))
        parts.append(step)
    parts += [_section(f"Answers: {x.name}", list(x.programs), x.advice) for x in found.answers]
    write_page(
        path,
        _PAGE,
        title=f"Plan for {found.topology}",
        intro=f"{found.num_params:,} parameters on {found.num_devices} devices: {mesh}.",
        parts=parts,
        text=format_plan(found),
    )


def _write_sweep(path: pathlib.Path, found: Sweep) -> None:
    seconds = [one.step.program.roofline for one in found.ranked]
    longest = max((bound.seconds for bound in seconds if bound), default=0.0)
    # CPUs have no roofline, and the last three columns are its.
    kept = None if longest else -3
    write_page(
        path,
        _PAGE,
        title=f"Sweep of {found.topology}",
        intro=f"{found.num_compiled} steps compiled, {len(found.ranked)} fit.",
        parts=[],
        ranked=[(f"{i}", *row[:kept]) for i, row in enumerate(found.rows(), start=1)],
        ranked_titles=("#", *map(str.title, MESH_AXES), *TITLES[:kept]),
        ranked_order="the fastest" if longest else "the smallest peak",
        ranked_bars=[
            _Bar(
                f"{i}: {one.setting}",
                [_Part("least step", _COLOURS[0], 100 * bound.seconds / longest, "")],
                readable_seconds(bound.seconds),
            )
            for i, (one, bound) in enumerate(zip(found.ranked, seconds, strict=True), start=1)
            if bound
        ],
        ranked_key=[],
        refused=found.refused,
        text=found.format(),
    )


def _section(title: str, programs: list[Program], advice: tuple[str, ...]) -> dict[str, Any]:
    use = programs[0].memory
    fits = all(program.memory.fits for program in programs)
    lines = [
        f"{use.whose[0].upper()}{use.whose[1:]} has {readable(use.available)}: "
        f"{'it fits.' if fits else 'it does not fit.'}",
        *(["To make it fit, try:", *advice] if advice else []),
    ]
    bounded = [program for program in programs if program.roofline]
    return {
        "title": title,
        "lines": lines,
        "judged": "right" if fits else "wrong",
        "memory": [_memory_bar(program.name, program.memory) for program in programs],
        "memory_key": _key(("arguments", "held besides", *_HELD[2:])),
        "times": [bar for program in bounded for bar in _time_bars(program)],
        "times_key": [],
        "sent": [bar for program in programs for bar in _sent_bars(program, len(programs) > 1)],
        "sent_key": _SENT_KEY if any(map(_has_slices, programs)) else [],
    }


def _key(names: tuple[str, ...]) -> list[_Part]:
    return [_Part(name, colour, 0, "") for name, colour in zip(names, _COLOURS, strict=False)]


def _has_slices(program: Program) -> bool:
    return any(one.between_slices for one in program.collectives or ())


def _memory_bar(name: str, use: MemoryUse) -> _Bar:
    whole = max(use.peak, use.available)
    parts = [
        _Part(part, colour, 100 * num_bytes / whole, readable(num_bytes))
        for part, colour in zip(_HELD, _COLOURS, strict=False)
        if (num_bytes := getattr(use, part))
    ]
    return _Bar(name, parts, f"{readable(use.peak)}", over=not use.fits)


def _measured_bar(step: StepPlan, num_devices: int) -> _Bar:
    use = step.program.memory
    one = (step.measured or 0) // num_devices
    percent = 100 * one / max(use.peak, use.available)
    return _Bar("measured here", [_Part("measured", _COLOURS[5], percent, "")], readable(one))


def _time_bars(program: Program) -> list[_Bar]:
    assert program.roofline is not None
    bound = program.roofline
    return [
        _Bar(
            f"{program.name}: {what}",
            [_Part(what, _COLOURS[what != bound.bound_by], 100 * seconds / bound.seconds, "")],
            readable_seconds(seconds),
        )
        for what, seconds in bound.times.items()
        if seconds
    ]


def _sent_bars(program: Program, is_one_of_several: bool) -> list[_Bar]:
    found = program.collectives or ()
    most = max((one.bytes_sent for one in found), default=1.0)
    before = f"{program.name}: " if is_one_of_several else ""
    return [
        _Bar(
            f"{before}{one.kind}, {' x '.join(one.axes)}",
            [
                _Part(
                    one.kind,
                    _COLOURS[5 if one.between_slices else 0],
                    100 * one.bytes_sent / most,
                    readable(one.num_bytes),
                )
            ],
            f"{readable(round(one.bytes_sent))}, {one.times} times",
        )
        for one in found[: 4 if is_one_of_several else _SHOWN]
    ]
