"""The plans of the recipes for pods, one table: docs/pods.md holds what it printed.

`python benchmarks/plan_pods.py` runs every `t5lite plan` command in the opening comments of
gin/recipes, each in a process of its own, and prints what their steps need of their pods. It needs
the compiler for TPUs, `pip install "t5lite[tpu]"`, and no TPU. `--plans=FOLDER` keeps each plan,
and takes those that are there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import re
import resource
import shlex
import subprocess
import sys
from typing import Any

from t5lite.memory import readable
from t5lite.messages.tables import format_markdown

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
RECIPES = REPOSITORY / "gin" / "recipes"
TITLES = (
    "recipe",
    "pod",
    "mesh",
    "rows",
    "parameters",
    "memory",
    "model FLOPs",
    "a step, at the least",
    "bound by",
    "MFU, at most",
    "chip-hours, at least",
    "largest collective",
    "compiled in",
)
# Flan-PaLM 540B in arXiv:2210.11416: 37 hours for 21,000 steps on 512 chips of v4.
PAPER_HOURS, PAPER_STEPS = 37.0, 21_000
PAPER = ("flan_palm/540b", "v4:8x8x8")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PodPlan:
    """One plan that a recipe's opening comment gives.

    Attributes:
      recipe: its file in gin/recipes, without the ending.
      topology: the pod.
      words: what follows `t5lite` in the command.
    """

    recipe: str
    topology: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tells it from others, fit for a file's name."""
        return re.sub(r"\W+", "-", f"{self.recipe} {self.topology}")


def pod_plans() -> list[PodPlan]:
    """Every plan that a recipe's opening comment gives."""
    found = []
    for path in RECIPES.rglob("*.gin"):
        comment = re.match(r"(?:#.*\n)*", path.read_text(encoding="utf-8"))[0]
        text = re.sub(r"\\\n#", "", comment)
        for words in re.findall(r"^#.*\bt5lite (plan --topology=.*)$", text, re.M):
            parts = shlex.split(words)
            topology = parts[1].removeprefix("--topology=")
            recipe = str(path.relative_to(RECIPES).with_suffix(""))
            found.append(PodPlan(recipe=recipe, topology=topology, words=tuple(parts)))
    return sorted(found, key=lambda pod: pod.name)


def make_plan(pod: PodPlan) -> dict[str, Any]:
    """Runs the command: what `--json` prints, with the seconds of CPU that it took.

    Raises:
      RuntimeError: it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "t5lite", *pod.words, "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not done.stdout:
        raise RuntimeError(f"t5lite {shlex.join(pod.words)}\n{done.stderr}")
    return json.loads(done.stdout) | {"cpu_seconds": after.ru_utime - before.ru_utime}


def largest_collective(plan: dict[str, Any]) -> str:
    """The collective of the largest array, with the axes that it is over."""
    largest = max(plan["collectives"], key=lambda found: found["num_bytes"])
    axes = " x ".join(largest["axes"])
    return f"{largest['kind']} of {readable(largest['num_bytes'])} over {axes}"


def row(pod: PodPlan, plan: dict[str, Any]) -> tuple[str, ...]:
    """What the table says of a plan."""
    memory, bound, run = plan["memory"], plan["roofline"], plan["run"]
    start = (
        pod.recipe,
        pod.topology,
        " x ".join(f"{axis} {size}" for axis, size in plan["mesh"].items() if size > 1),
        f"{plan['batch_size']:,}",
        f"{plan['num_params'] / 1e9:,.3g}e9",
        f"{readable(memory['peak'])} of {readable(memory['available'])}",
        f"{plan['flops']['model']:.3g}",
    )
    took = f"{plan['cpu_seconds']:.0f} s"
    if bound is None:
        return (*start, "" if memory["fits"] else "does NOT fit", "", "", "", "", took)
    return (
        *start,
        f"{bound['seconds']:,.3g} s",
        bound["bound_by"],
        f"{bound['utilisation']:.0%}",
        f"{run['chip_hours']:,.0f}" if run else "",  # epochs have no length without data
        largest_collective(plan),
        took,
    )


def beside_the_paper(plan: dict[str, Any]) -> str:
    """The estimate for Flan-PaLM 540B, beside the time that its paper states."""
    bound = plan["roofline"]["seconds"]
    paper = PAPER_HOURS * 3600 / PAPER_STEPS
    return (
        f"Flan-PaLM 540B on {PAPER[1]}, {PAPER_STEPS:,} steps of {plan['batch_size']} rows: at"
        f" least {bound * PAPER_STEPS / 3600:.1f} hours by this bound, {bound:.3g} s a step;"
        f" {PAPER_HOURS:.0f} hours in the paper, {paper:.3g} s a step, which is"
        f" {bound * plan['roofline']['utilisation'] / paper:.0%} MFU."
    )


def main() -> int:
    """Prints the table; gives 1 where a step does not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="recipes whose name has this in it")
    parser.add_argument("--plans", type=pathlib.Path, help="a folder that keeps each plan")
    options = parser.parse_args()
    plans: list[tuple[PodPlan, dict[str, Any]]] = []
    chosen = [pod for pod in pod_plans() if options.only in pod.name]
    if not chosen:
        names = ", ".join(pod.name for pod in pod_plans())
        parser.error(f"--only={options.only}: no plan has this in its name; there are {names}")
    for pod in chosen:
        kept = options.plans and options.plans / f"{pod.name}.json"
        if kept and kept.exists():
            plan = json.loads(kept.read_text())
        else:
            print(f"compiling {pod.recipe} for {pod.topology}", file=sys.stderr)
            plan = make_plan(pod)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(plan))
        plans.append((pod, plan))
    plans.sort(key=lambda found: (found[0].recipe.split("/")[0], found[1]["num_params"]))
    print(format_markdown(TITLES, [row(*found) for found in plans], right=(3, 4, 6, 7, 9, 10, 12)))
    for pod, plan in plans:
        if (pod.recipe, pod.topology) == PAPER and plan["roofline"]:
            print(f"\n{beside_the_paper(plan)}")
    return 0 if all(plan["memory"]["fits"] for _, plan in plans) else 1


if __name__ == "__main__":
    sys.exit(main())
