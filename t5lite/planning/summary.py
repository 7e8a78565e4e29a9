"""What a plan says, for people."""

from __future__ import annotations

from t5lite.memory import readable
from t5lite.messages.tables import format_table
from t5lite.planning.collectives import Collective
from t5lite.planning.memory_use import MemoryUse
from t5lite.planning.plans import AnswersPlan, Plan, RunTotals, StepPlan
from t5lite.planning.roofline import Roofline

# Further collectives are in --json.
_MOST_COLLECTIVES = 12


def format_plan(plan: Plan) -> str:
    """A plan as text, a section for each thing that is run."""
    mesh = ", ".join(f"{axis} {size}" for axis, size in plan.mesh.items())
    slices = "" if plan.num_slices == 1 else f" in {plan.num_slices} slices"
    rows = [
        ("devices", f"{plan.num_devices} of {plan.topology}{slices}: {mesh}"),
        ("parameters", f"{plan.num_params:,}"),
    ]
    sections = []
    if plan.step:
        rows[1] = ("parameters", f"{plan.num_params:,}, trained {plan.step.num_trained:,}")
        sections = _step(plan.step, rows, num_devices=plan.num_devices)
    else:
        sections = [format_table(("Model", ""), rows)]
    if plan.run:
        sections.append(_run(plan.run))
    sections += _advice(plan.advice)
    for answers in plan.answers:
        sections += [format_answers(answers), *_advice(answers.advice)]
    return "\n\n".join(sections)


def readable_seconds(seconds: float) -> str:
    """As in "1.23 s", "45.6 ms" or "789 us"."""
    if seconds and seconds < 1e-3:
        return f"{1e6 * seconds:,.3g} us"
    return f"{seconds:,.3g} s" if seconds >= 1 else f"{1000 * seconds:,.3g} ms"


def _step(step: StepPlan, rows: list[tuple[str, str]], *, num_devices: int) -> list[str]:
    program = step.program
    lengths = " + ".join(map(str, step.capacities))
    parts = "" if step.num_microbatches == 1 else f" in {step.num_microbatches} microbatches"
    rows += [
        ("batch", f"{step.batch_size} rows of {lengths} positions{parts}"),
        ("model FLOPs", f"{program.flops.model:.4g}"),
        ("recomputed FLOPs", f"{program.flops.recomputed:.4g}"),
    ]
    sections = [format_table(("Step", ""), rows), _memory(program.memory)]
    if step.measured is not None:
        rows = [
            ("compiled", readable(num_devices * program.memory.peak)),
            ("measured here", readable(step.measured)),
        ]
        sections.append(format_table((f"Memory of all {num_devices} devices", ""), rows))
    if program.collectives:
        sections.append(_collectives(program.collectives))
    if program.roofline:
        sections.append(_roofline(program.roofline))
    return sections


def format_answers(plan: AnswersPlan) -> str:
    """How prompts are answered, as text, without advice."""
    prefix = f" behind {plan.prefix_length} that they share" if plan.prefix_length else ""
    rows = [("prompts", f"{plan.num_rows} at once, of {plan.prompt_length} tokens{prefix}")]
    if plan.num_branches:
        each = "" if plan.num_branches == 1 else f", {plan.num_branches} a prompt side by side"
        rows.append(("answers", f"up to {plan.decode_length} tokens{each}"))
    if plan.num_options:
        what = "a target" if plan.num_options == 1 else f"{plan.num_options} options"
        rows.append(("scored", f"{what} of {plan.option_length} tokens"))
    if plan.cache_bytes is not None:
        shared = f", {readable(plan.prefix_bytes)} of them shared" if plan.prefix_bytes else ""
        rows.append(("keys and values", f"{readable(plan.cache_bytes)} on each device{shared}"))
    if plan.tokens_a_second is not None:
        rows.append(("decoding, at most", f"{plan.tokens_a_second:,.4g} tokens/s"))
    if plan.seconds is not None:
        rows.append(("a batch, at the least", readable_seconds(plan.seconds)))
    table = format_table((f"Answers: {plan.name}", ""), rows)
    return f"{table}\n\n{_programs(plan)}"


def _programs(plan: AnswersPlan) -> str:
    rows = list[tuple[str, ...]]()
    for program in plan.programs:
        use, bound = program.memory, program.roofline
        sent = sum(collective.bytes_sent for collective in program.collectives or ())
        rows.append(
            (
                program.name,
                f"{program.times}",
                f"{program.flops.model:.4g}",
                readable(use.arguments),
                "" if use.temporaries is None else readable(use.temporaries),
                readable(use.held) if use.held else "",
                f"{readable(use.peak)} {'fits' if use.fits else 'does NOT fit'}",
                readable(round(sent)),
                f"{readable_seconds(bound.seconds)}, by {bound.bound_by}" if bound else "",
            )
        )
    titles = (
        *("Program", "times", "FLOPs", "arguments", "temporaries", "held besides"),
        *("peak", "sent by each", "at the least"),
    )
    table = format_table(titles, rows, right=range(1, 8), drops_empty=True)
    use = plan.programs[0].memory
    return f"{table}\nmemory: {readable(use.available)} of {use.whose}"


def _advice(advice: tuple[str, ...]) -> list[str]:
    return ["\n".join(["To make it fit, try:", *(f"  {x}" for x in advice)])] if advice else []


def _memory(use: MemoryUse) -> str:
    rows = [("arguments", readable(use.arguments))]
    for name in ("outputs", "temporaries", "program"):
        if (num_bytes := getattr(use, name)) is not None:
            rows.append((name, readable(num_bytes)))
    verdict = "it fits" if use.fits else "it does NOT fit"
    what = "peak"
    if use.refused:
        what, verdict = "needed", f"{verdict}, and the compiler refuses it"
    rows.append((what, f"{readable(use.peak)} of {readable(use.available)}: {verdict}"))
    return format_table(("Memory", f"of {use.whose}"), rows)


def _collectives(found: tuple[Collective, ...]) -> str:
    rows = [
        (
            collective.kind,
            " x ".join(collective.axes),
            f"{collective.group_size}",
            readable(collective.num_bytes),
            f"{collective.times}",
            readable(round(collective.bytes_sent)),
        )
        for collective in found[:_MOST_COLLECTIVES]
    ]
    titles = ("Collectives", "mesh axes", "devices", "array", "times", "sent by each")
    table = format_table(titles, rows, right=(2, 3, 4, 5))
    total = readable(round(sum(collective.bytes_sent for collective in found)))
    rest = len(found) - len(rows)
    more = f", {rest} smaller kinds among them (--json lists all)" if rest > 0 else ""
    return f"{table}\nsent by each device in all: {total}{more}"


def _roofline(roofline: Roofline) -> str:
    return format_table(
        ("Roofline", ""),
        [
            *((what, readable_seconds(seconds)) for what, seconds in roofline.times.items()),
            (
                "a step, at the least",
                f"{readable_seconds(roofline.seconds)}, by {roofline.bound_by}",
            ),
            ("model-FLOPs utilisation, at most", f"{roofline.utilisation:.1%}"),
        ],
    )


def _run(run: RunTotals) -> str:
    least = "at least " if run.is_least else ""
    rows = [("steps", f"{least}{run.steps:,}"), ("model FLOPs", f"{least}{run.flops:.4g}")]
    if run.chip_hours is not None:
        rows.append(("chip-hours", f"at least {run.chip_hours:,.3g}"))
    if run.pretraining_flops:
        share = f"{100 * run.flops / run.pretraining_flops:.2g}%"
        rows.append(("of pretraining", f"{share} of its {run.pretraining_flops:.2g} FLOPs"))
        rows.append(("", f"({run.pretraining_source})"))
    return format_table(("Run", ""), rows)
