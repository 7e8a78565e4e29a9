"""The page of a comparison: differences, and the examples that changed, to be browsed."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Sequence
from typing import Any

from t5lite.evaluation.comparison import Comparison, EvaluationComparison, Pair
from t5lite.evaluation.paired_difference import PairedDifference
from t5lite.files import strict_json
from t5lite.inference.records import Record
from t5lite.reports.page import in_page, names_as_they_are, png_of, write_page

_PAGE = """{% extends "frame" %}
{% block style %}
 body { max-width: 76rem; }
 .number { white-space: nowrap; } tr.mean td { font-weight: 600; }
 details > summary { cursor: pointer; margin: .5rem 0; }
 .controls { position: sticky; top: 0; background: #fff; padding: .6rem 0; display: flex;
   flex-wrap: wrap; gap: .6rem; align-items: center; border-bottom: 1px solid #dfe4ea; }
 .controls select, .controls input, .controls button { font: inherit; padding: .15rem .4rem; }
 .example { border: 1px solid #dfe4ea; border-radius: 6px; padding: .6rem 1rem; margin: 1rem 0; }
 .example h3 { font-size: 15px; margin: 0 0 .4rem; }
 .example pre { max-height: 26rem; overflow: auto; overflow-wrap: anywhere; }
 .example .label { color: #5b6675; font-size: 13px; margin-top: .5rem; }
 .sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin-top: .6rem; }
 .sides > div { background: #f6f8fa; border-radius: 6px; padding: .5rem .8rem; min-width: 0; }
{% endblock %}
{% block body %}
<p>A is {{ a }} ({{ folder_a }}), B is {{ b }} ({{ folder_b }}). Scores are in percent; a difference
is B's score minus A's on the same examples, with its 95% confidence interval. A mean over several
tasks counts every task alike.</p>
{% if notes %}<ul>{% for note in notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
{% macro head(name) %}<tr><th>{{ name }}</th><th>examples</th><th>A</th><th>B</th>
<th>difference</th><th>better</th><th>worse</th><th>p</th><th class="text">test</th>
{{ caller() }}</tr>{% endmacro %}
{% macro count(row, task, change) %}<td>{% if task is none %}{{ row[change] }}{% else %}
<a href="#task={{ task }}&amp;change={{ change }}">{{ row[change] }}</a>{% endif %}</td>
{% endmacro %}
{% macro cells(row, task) %}<td>{{ row.pairs }}</td><td>{{ row.a }}</td><td>{{ row.b }}</td>
<td class="number {{ row.judged }}">{{ row.difference }}</td>
{{ count(row, task, "better") }}{{ count(row, task, "worse") }}
<td>{{ row.p }}</td><td class="text">{{ row.test }}</td>{% endmacro %}
<table>{% call head("evaluation") %}{% endcall %}
{% for e in evaluations %}<tr><td>{{ e.name }}{% if e.tasks|length > 1 %}, mean of
{{ e.tasks|length }} tasks{% endif %}</td>{{ cells(e.row, e.number) }}</tr>{% endfor %}</table>
<p>The p-value is of the hypothesis that both models score alike. The adjusted one, by Benjamini and
Hochberg, allows for how many tasks are compared here.</p>
{% for e in evaluations if e.tasks|length > 1 %}<details{% if evaluations|length == 1 %} open
{% endif %}><summary>{{ e.name }} by task</summary>
<img alt="differences of {{ e.name }} by task" src="{{ e.image }}">
<table>{% call head("task") %}<th>adjusted p</th>{% endcall %}
{% for t in e.tasks %}<tr><td>{{ t.name }}</td>{{ cells(t.row, t.number) }}
<td>{{ t.adjusted }}</td></tr>
{% endfor %}</table></details>{% endfor %}
<h2 id="examples">Examples that changed</h2>
<p>{{ num_changed }} of {{ num_pairs }} examples have another score or another answer.</p>
<noscript><p>Browsing them needs JavaScript.</p></noscript>
<div class="controls">
<select id="task" aria-label="task"></select>
<select id="change" aria-label="change">
<option value="">any change</option><option value="better">B is better</option>
<option value="worse">B is worse</option><option value="same">same score, other answer</option>
</select>
<input id="search" type="search" placeholder="text in prompt or output" aria-label="text">
<button id="back">back</button><span id="place"></span><button id="next">next</button></div>
<div id="list"></div>
<script type="application/json" id="data">{{ data|tojson }}</script>
<script>
const data = JSON.parse(document.getElementById("data").textContent);
const SHOWN = 20;
const NAMES = {better: "B is better", worse: "B is worse", same: "same score, other answer"};
const part = (id) => document.getElementById(id);
let start = 0;

function make(parent, tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return parent.appendChild(made);
}

function prompt(parent, prompt, task) {
  const shared = data.tasks[task].shared[prompt.side];
  if (shared) {
    const details = make(parent, "details");
    make(details, "summary", "what all prompts of this task begin with", "label");
    make(details, "pre", shared);
  }
  make(parent, "pre", prompt.rest);
}

function side(parent, title, side, task) {
  const box = make(parent, "div");
  const kind = side.score === 100 ? "right" : side.score === 0 ? "wrong" : "";
  make(box, "strong", title + ": " + (side.answer === null ? "no answer found" : side.answer));
  make(box, "span", "  score " + side.score, kind);
  if (side.prompt) {
    make(box, "div", "prompt", "label");
    prompt(box, side.prompt, task);
  }
  make(box, "div", "output", "label");
  make(box, "pre", side.output);
}

function show(example) {
  const box = make(part("list"), "div", undefined, "example");
  const name = data.tasks[example.task].name + ", example " + example.index;
  const id = example.id === null ? "" : ", " + example.id;
  const heading = make(box, "h3", name + id + ": ");
  const kind = {better: "right", worse: "wrong", same: ""}[example.change];
  make(heading, "span", NAMES[example.change], kind);
  if (example.prompt) prompt(box, example.prompt, example.task);
  make(box, "div", "reference", "label");
  make(box, "pre", example.references.join("\\n"));
  const sides = make(box, "div", undefined, "sides");
  side(sides, data.labels[0], example.a, example.task);
  side(sides, data.labels[1], example.b, example.task);
}

function holds(example, text) {
  const prompts = [example, example.a, example.b].map((x) => x.prompt ? x.prompt.rest : "");
  const texts = [...prompts, ...example.references, example.a.output, example.b.output];
  return texts.some((x) => x.toLowerCase().includes(text));
}

function draw() {
  const task = part("task").value, change = part("change").value;
  const text = part("search").value.toLowerCase();
  const found = data.examples.filter((example) =>
    (task === "" || example.task === Number(task)) && (!change || example.change === change) &&
    (!text || holds(example, text)));
  start = Math.max(0, Math.min(start, Math.floor((found.length - 1) / SHOWN) * SHOWN));
  part("list").replaceChildren();
  found.slice(start, start + SHOWN).forEach(show);
  const end = Math.min(start + SHOWN, found.length);
  part("place").textContent = (found.length ? start + 1 : 0) + " to " + end + " of " + found.length;
  part("back").disabled = start === 0;
  part("next").disabled = end === found.length;
}

function move(by) { start += by; draw(); part("examples").scrollIntoView(); }
function restart() { start = 0; draw(); }

// What a number in the tables links to: the examples that it counts.
function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  if (!wanted.has("change")) return;
  part("task").value = wanted.get("task");
  part("change").value = wanted.get("change");
  part("search").value = "";
  move(-start);
}

make(part("task"), "option", "all tasks").value = "";
data.tasks.forEach((task, number) => {
  if (!task.changed) return;
  make(part("task"), "option", task.name + " (" + task.changed + ")").value = number;
});
part("task").addEventListener("change", restart);
part("change").addEventListener("change", restart);
part("search").addEventListener("input", restart);
part("back").addEventListener("click", () => move(-SHOWN));
part("next").addEventListener("click", () => move(SHOWN));
addEventListener("hashchange", follow);
draw();
follow();
</script>
{% endblock %}
"""


def write_comparison_page(
    path: pathlib.Path, found: Comparison, *, label_a: str, label_b: str, notes: Sequence[str]
) -> None:
    """Writes the page; it needs no other file.

    Args:
      path: HTML file to write.
      found: The comparison.
      label_a: What A is called.
      label_b: What B is called.
      notes: What else a reader has to know.
    """
    tasks = [(e, task) for e in found.evaluations for task in e.tasks]
    pairs = sum(len(task.pairs) for _, task in tasks)
    examples = _examples(found)
    write_page(
        path,
        _PAGE,
        title=f"{label_a} and {label_b} compared",
        a=label_a,
        b=label_b,
        folder_a=str(found.folders[0]),
        folder_b=str(found.folders[1]),
        notes=notes,
        evaluations=_shown(found.evaluations),
        num_pairs=f"{pairs:,}",
        num_changed=f"{len(examples['examples']):,}",
        data=examples | {"labels": [f"A, {label_a}", f"B, {label_b}"]},
    )


def row(found: PairedDifference) -> dict[str, str]:
    """A difference as texts, scores in percent."""
    value, low, high = (100 * x for x in found.difference)
    is_sure = found.p_value < 0.05
    return {
        "pairs": f"{found.num_pairs:,}",
        "a": f"{100 * found.mean_a:.1f}",
        "b": f"{100 * found.mean_b:.1f}",
        "difference": f"{value:+.1f} ({low:+.1f} to {high:+.1f})",
        "better": f"{found.num_better:,}",
        "worse": f"{found.num_worse:,}",
        "p": p_text(found.p_value),
        "test": found.test,
        "judged": ("right" if value > 0 else "wrong") if is_sure else "",
    }


def p_text(p_value: float) -> str:
    """A probability, for a table."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _shown(evaluations: Sequence[EvaluationComparison]) -> list[dict[str, Any]]:
    """The tables; a Task's number is its place among all, and all of them together have none."""
    numbers = itertools.count()
    shown = []
    for evaluation in evaluations:
        tasks = [
            {
                "name": task.task,
                "number": next(numbers),
                "row": row(task.found),
                "adjusted": p_text(task.adjusted_p_value),
            }
            for task in evaluation.tasks
        ]
        number = tasks[0]["number"] if len(tasks) == 1 else "" if len(evaluations) == 1 else None
        image = in_page(_draw(evaluation)) if len(tasks) > 1 else None
        shown.append(
            {
                "name": evaluation.name,
                "number": number,
                "row": row(evaluation.found),
                "tasks": tasks,
                "image": image,
            }
        )
    return shown


def _draw(evaluation: EvaluationComparison) -> bytes:
    """The difference of each Task and of their mean, with intervals, the largest first."""
    from matplotlib.figure import Figure

    tasks = sorted(evaluation.tasks, key=lambda task: task.found.difference.value)
    rows = [*((task.task, task.found) for task in tasks), ("mean", evaluation.found)]
    with names_as_they_are():
        figure = Figure(figsize=(10, 0.8 + 0.24 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, (_, found) in enumerate(rows):
            value, low, high = (100 * x for x in found.difference)
            color = "#1c2430" if place == len(rows) - 1 else "#30507a"
            # Not `errorbar`: a bootstrap's interval need not hold the mean.
            axes.plot([low, high], [place, place], lw=1.2, color=color)
            axes.plot(value, place, "o", ms=4, color=color)
        axes.axvline(0, lw=1, color="#8792a0")
        axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=9)
        axes.set(xlabel="B minus A, in points", ylim=(-0.7, len(rows) - 0.3))
        axes.grid(alpha=0.3, axis="x")
        return png_of(figure)


# ---- The examples --------------------------------------------------------------------------------


def _examples(found: Comparison) -> dict[str, Any]:
    """What the page's script shows: the examples that changed, and the Tasks they are of.

    What all prompts of a Task begin with, its description and demonstrations, is kept once.
    """
    several = len(found.evaluations) > 1
    tasks: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    for evaluation in found.evaluations:
        for task in evaluation.tasks:
            shared = {side: _beginning([getattr(p, side) for p in task.pairs]) for side in "ab"}
            changed = [pair for pair in task.pairs if pair.has_changed]
            examples += (_example(pair, len(tasks), shared) for pair in changed)
            name = f"{evaluation.name}: {task.task}" if several else task.task
            tasks.append(
                {
                    "name": name,
                    "changed": len(changed),
                    "shared": {side: _whole(text) for side, text in shared.items()},
                }
            )
    return {"tasks": tasks, "examples": examples}


def _beginning(records: Sequence[Record]) -> str:
    """What all prompts begin with, up to the end of a line; '' of one prompt alone."""
    if len(records) < 2:
        return ""
    prompts = [record.inputs for record in records]
    ends = zip(min(prompts), max(prompts), strict=False)  # what these two share, all do
    common = "".join(x for x, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))
    return common[: common.rfind("\n") + 1]


def _example(pair: Pair, task: int, shared: dict[str, str]) -> dict[str, Any]:
    a, b = pair.a, pair.b
    assert a.score is not None and b.score is not None
    is_same_prompt = a.inputs == b.inputs
    prompts = {
        side: {"side": side, "rest": _whole(record.inputs.removeprefix(shared[side]))}
        for side, record in (("a", a), ("b", b))
    }
    return {
        "task": task,
        "index": a.index,
        "id": None if a.id is None else _whole(str(a.id)),
        "change": "better" if b.score > a.score else "worse" if b.score < a.score else "same",
        "references": [_whole(text) for text in a.references or (a.targets,)],
        "prompt": prompts["a"] if is_same_prompt else None,
        "a": _side(a, None if is_same_prompt else prompts["a"]),
        "b": _side(b, None if is_same_prompt else prompts["b"]),
    }


def _side(record: Record, prompt: dict[str, str] | None) -> dict[str, Any]:
    assert record.score is not None
    answer = record.answer
    if not (answer is None or isinstance(answer, str)):
        answer = strict_json.dumps(answer, ensure_ascii=False)
    return {
        "answer": answer and _whole(answer),
        "score": round(100 * record.score, 2),
        "output": _whole(record.prediction or ""),
        "prompt": prompt,
    }


def _whole(text: str) -> str:
    """A text where the escape of half a surrogate pair stands for it, which no browser can show."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
