"""`report.png` and `report.html`: what a training run did, for a person to open."""

from __future__ import annotations

import collections
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.files.json_files import read_lines
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.inference.eval_result import BASELINES
from t5lite.inference.records import PREDICTIONS
from t5lite.messages.tables import format_table
from t5lite.reports.page import in_page, names_as_they_are, png_of, write_page
from t5lite.training.metrics import METRICS_FILE
from t5lite.training.metrics import read_lines as read_metrics

log = logging.getLogger(__name__)

# Metrics with columns of their own.
_BESIDE = ("loss", *BASELINES)
# Of each evaluation, printed when training ends.
_PRINTED_SAMPLES = 3
SAMPLES_PER_EVAL = 6

_PAGE = """{% extends "frame" %}{% block body %}
<p>{{ facts }}</p>
<img alt="training loss and evaluation scores" src="{{ image }}">
<h2>Evaluations</h2>
<table><tr><th>evaluation</th><th>metric</th><th>{{ first }}</th><th>after</th>
<th>best constant answer</th><th>blind guess</th>
<th>loss {{ first }}</th><th>loss after</th></tr>
{% for row in means %}<tr><td>{{ row.name }}</td><td>{{ row.metric }}</td><td>{{ row.before }}</td>
<td>{{ row.after }}</td><td>{{ row.constant }}</td><td>{{ row.guess }}</td>
<td>{{ row.loss_before }}</td><td>{{ row.loss_after }}</td></tr>{% endfor %}</table>
{% for name, samples in samples.items() %}<h2>{{ name }}: what it was asked, what it said</h2>
<table><tr><th>task</th><th>prompt</th><th>answer</th><th>reference</th></tr>
{% for s in samples %}<tr><td>{{ s.task }}</td><td class="text"><pre>{{ s.inputs }}</pre></td>
<td class="text {{ 'right' if s.prediction.strip() == s.targets.strip() else 'wrong' }}">
<pre>{{ s.prediction }}</pre></td><td class="text"><pre>{{ s.targets }}</pre></td></tr>
{% endfor %}</table>{% endfor %}
<h2>By task</h2>
{% for name, rows in by_task.items() %}<h3>{{ name }}</h3>
<table><tr><th>task</th><th>metric</th><th>{{ first }}</th><th>after</th>
<th>best constant answer</th><th>blind guess</th></tr>
{% for row in rows %}<tr><td>{{ row.name }}</td><td>{{ row.metric }}</td><td>{{ row.before }}</td>
<td>{{ row.after }}</td><td>{{ row.constant }}</td><td>{{ row.guess }}</td></tr>{% endfor %}</table>
{% endfor %}{% endblock %}
"""


def write_report(model_dir: str | pathlib.Path) -> pathlib.Path:
    """Draws `report.png` and writes `report.html` from what the run left in its folder.

    Args:
      model_dir: a folder that `t5lite train` wrote.

    Returns:
      The path of `report.html`; it holds the picture and needs no other file.
    """
    folder = storage_path(model_dir, name="MODEL_DIR")
    lines = read_metrics(folder / METRICS_FILE)
    training = [line for line in lines if line["kind"] == "train"]
    evals = [line for line in lines if line["kind"] == "eval"]
    means = _rows(evals, task="mean")
    png = _draw(training, evals, means)
    write_whole(folder / "report.png", png)
    path = folder / "report.html"
    write_page(
        path,
        _PAGE,
        title=f"Training report of {folder.name}",
        facts=_facts(folder, training),
        first=_first_column(means),
        image=in_page(png),
        means=_shown(means),
        by_task={
            row["name"]: _shown(_task_rows(evals, row["name"]), first_step=_first_step(means))
            for row in means
        },
        samples={row["name"]: _samples(folder / "eval" / row["name"]) for row in means},
    )
    return path


def conclude(model_dir: pathlib.Path) -> None:
    """Writes the report and prints its gist; a run is none the worse for want of one."""
    try:
        page = write_report(model_dir)
        texts = (format_means(model_dir), format_samples(model_dir))
    except Exception as error:
        log.warning(
            "training is done and saved in %s, but no report could be written: %s: %s. The same "
            "command tries it again.",
            *(model_dir, type(error).__name__, error),
        )
        return
    for text in filter(None, texts):
        print(text + "\n")
    print(f"report: {page}")


def format_samples(model_dir: str | pathlib.Path) -> str:
    """A few prompts of the last evaluations with the model's answers, as text."""
    parts = []
    for folder in sorted((storage_path(model_dir, name="MODEL_DIR") / "eval").glob("*")):
        for sample in _samples(folder)[:_PRINTED_SAMPLES]:
            parts.append(
                f"[{folder.name}] {sample['task']}\n  prompt: {sample['inputs']!r}\n"
                f"  answer: {sample['prediction']!r}   reference: {sample['targets']!r}"
            )
    return "\n".join(parts)


def format_means(model_dir: str | pathlib.Path) -> str:
    """The evaluations before and after as a small text table; '' when there were none."""
    lines = read_metrics(storage_path(model_dir, name="MODEL_DIR") / METRICS_FILE)
    rows = _rows([x for x in lines if x["kind"] == "eval"], task="mean")
    if not rows:
        return ""
    columns = ["name", "metric", "before", "after", "constant", "guess"]
    title = ["evaluation", "metric", _first_column(rows), "after", "best constant", "blind guess"]
    cells = [[row[column] for column in columns] for row in _shown(rows)]
    return format_table(title, cells, right=range(2, len(columns)))


def _rows(evals: Sequence[Mapping[str, Any]], *, task: str) -> list[dict[str, Any]]:
    """First and last value of every metric that judges the model on `task`, by evaluation.

    `first_step` is the step of the first, where it is another evaluation than the last: 0 is before
    training, but a run need not begin by evaluating, and evaluations may come with a resume.
    """
    if not evals:
        return []
    last = evals[-1]
    rows = []
    for key in last:
        name, _, rest = key.partition("/")
        row_task, _, metric = rest.rpartition("/")
        if row_task != task or metric in _BESIDE:
            continue
        first = next(line for line in evals if key in line)
        before = first if first is not last else {}
        rows.append(
            {
                "name": name,
                "metric": metric,
                "before": before.get(key),
                "after": last[key],
                "constant": last.get(f"{name}/{task}/best_constant"),
                "guess": last.get(f"{name}/{task}/blind_guess"),
                "loss_before": before.get(f"{name}/{task}/loss"),
                "loss_after": last.get(f"{name}/{task}/loss"),
                "first_step": before.get("step"),
            }
        )
    return rows


def _first_step(rows: Sequence[Mapping[str, Any]]) -> int:
    """The step of the earliest evaluation; 0 also where there was only one."""
    return min((row["first_step"] for row in rows if row["first_step"] is not None), default=0)


def _first_column(rows: Sequence[Mapping[str, Any]]) -> str:
    """The title of what the rows begin with."""
    step = _first_step(rows)
    return f"at step {step:,}" if step else "before"


def _task_rows(evals: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    tasks = dict.fromkeys(
        key.split("/")[1] for key in evals[-1] if key.startswith(name + "/") and "/mean/" not in key
    )
    found = []
    for task in tasks:
        found += [row | {"name": task} for row in _rows(evals, task=task) if row["name"] == name]
    return found


def _shown(
    rows: Sequence[Mapping[str, Any]], *, first_step: int | None = None
) -> list[dict[str, str]]:
    """Rows as text; a first value of a later step than `first_step` (of these rows) says so."""
    if first_step is None:
        first_step = _first_step(rows)
    shown = []
    for row in rows:
        texts = {
            key: value if isinstance(value, str) else "-" if value is None else f"{value:.3f}"
            for key, value in row.items()
        }
        if row["first_step"] not in (None, first_step):
            texts["before"] += f" (at step {row['first_step']:,})"
        shown.append(texts)
    return shown


def _samples(folder: pathlib.Path) -> list[dict[str, Any]]:
    """The first prediction of each of a few tasks, evenly spread over the evaluation's tasks."""
    path = folder / PREDICTIONS
    if not path.exists():
        return []
    by_task: dict[str, dict[str, Any]] = collections.OrderedDict()
    for _, record in read_lines(path, any_text=True):
        by_task.setdefault(record["task"], record)
    samples = list(by_task.values())
    stride = max(1, len(samples) // SAMPLES_PER_EVAL)
    return samples[::stride][:SAMPLES_PER_EVAL]


def _facts(folder: pathlib.Path, training: Sequence[Mapping[str, Any]]) -> str:
    model = ModelDescription.load(folder).model
    sizes = f"{model.num_encoder_layers}+{model.num_decoder_layers} layers, d_model {model.d_model}"
    if not training:
        return f"{model.architecture}, {sizes}; no step was logged."
    last = training[-1]
    loss, label = _loss(last)
    return (
        f"{model.architecture}, {sizes}; {last['step']:,} steps, {last['examples']:,} examples, "
        f"{last['tokens']:,} tokens; last {label} {loss:.3f}."
    )


def _loss(line: Mapping[str, Any]) -> tuple[float, str]:
    """What a line of training is judged by, and what that is."""
    if "cross_entropy" in line:
        return line["cross_entropy"], "cross entropy (nats per target token)"
    return line["loss"], "loss"


def _draw(
    training: Sequence[Mapping[str, Any]],
    evals: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
) -> bytes:
    """The loss curve, and each evaluation's score over the steps with its two baselines."""
    with names_as_they_are():
        return _draw_plainly(training, evals, means)


def _draw_plainly(
    training: Sequence[Mapping[str, Any]],
    evals: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    loss, score = figure.subplots(1, 2)
    steps = [line["step"] for line in training]
    loss.plot(steps, [_loss(line)[0] for line in training], lw=1, color="#30507a")
    loss.set(title="training", xlabel="step", ylabel=_loss(training[-1])[1] if training else "loss")
    loss.grid(alpha=0.3)
    for index, row in enumerate(means):
        key = f"{row['name']}/mean/{row['metric']}"
        points = [(line["step"], line[key]) for line in evals if key in line]
        label, color = f"{row['name']} ({row['metric']})", f"C{index}"
        score.plot(*zip(*points, strict=True), marker="o", ms=4, label=label, color=color)
        if row["constant"] is not None:
            score.axhline(row["constant"], ls=":", lw=1, color=color)
        if row["guess"] is not None:
            score.axhline(row["guess"], ls="--", lw=1, color=color)
    score.set(title="evaluation (dotted: best constant, dashed: blind guess)", xlabel="step")
    score.grid(alpha=0.3)
    if means:
        score.legend(loc="best", fontsize=9)
    return png_of(figure)
