"""Do rationales make up for data? A small model, trained on shares of list tasks with and without.

    python -m benchmarks.distilling.run --folder=runs/distilling

Every arm is trained by study.gin, one after another on one core; one that is finished is not
trained again. First each method's learning rate is chosen by the validation split, with a seed that
is not reported. Then prints the table, and writes results.json and distilling.png into the folder.
docs/distilling.md tells the design and the outcome.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.distilling.design import (
    CHOOSING_SEED,
    CHOOSING_SHARE,
    EXAMPLES,
    METHODS,
    RATES,
    SEEDS,
    SHARES,
    STEPS,
    Arm,
)
from t5lite.files.json_files import read_object, write_object

_HERE = pathlib.Path(__file__).parent
_ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_EVALUATIONS = 2  # of an arm, the last at its end
_DONE = "figures.json"


def run(arm: Arm, folder: pathlib.Path) -> dict[str, Any]:
    """Trains and evaluates an arm, unless that is done; gives its figures.

    The test accuracy is that of the evaluation whose validation accuracy is best, the earliest of
    equal ones.
    """
    done = folder / arm.name / _DONE
    if done.exists():
        return read_object(done)
    from t5lite.configuration import config
    from t5lite.train import train
    from t5lite.training.metrics import read_lines

    method = METHODS[arm.method]
    steps = STEPS * method.steps
    settings = {
        "MODEL_DIR": str(folder / arm.name),
        "VOCABULARY": str(folder / "vocabulary.model"),
        "CACHE_DIR": str(folder / "cache"),
        "MIXTURE_OR_TASK_NAME": f"{arm.records}{method.suffix}",
        "ASKED": f"{arm.records}{method.asked}",
        "BATCH_SIZE": method.rows,
        "LEARNING_RATE": arm.rate,
        "TRAIN_STEPS": steps,
        "EVAL_PERIOD": steps // _EVALUATIONS,
        "SEED": arm.seed,
    }
    bindings = [f"{name}={value!r}" for name, value in settings.items()]
    parsed = config.parse([str(_HERE / "study.gin")], [*bindings, *method.objective])
    began = time.process_time()
    with (folder / f"{arm.name}.log").open("a") as log, contextlib.redirect_stdout(log):
        train(**parsed.arguments("train"))
    lines = read_lines(folder / arm.name / "metrics.jsonl")
    evals = [line for line in lines if line["kind"] == "eval"]
    accuracies = [
        {
            split: line[f"{split}/{arm.records}{method.asked}/accuracy"]
            for split in ("validation", "test")
        }
        | {"step": line["step"]}
        for line in evals
    ]
    best = max(accuracies, key=lambda one: one["validation"])
    figures = dataclasses.asdict(arm) | best | {"by_step": accuracies}
    write_object(done, figures | {"cpu_seconds": time.process_time() - began})
    return read_object(done)


def choose_rate(method: str, folder: pathlib.Path) -> tuple[float, list[dict[str, Any]]]:
    """The learning rate of the best validation accuracy, and what was tried."""
    suffix = METHODS[method].suffix
    (shortest,) = (n for n, m in METHODS.items() if m.suffix == suffix and m.steps == 1)
    tried = [run(Arm(shortest, CHOOSING_SHARE, CHOOSING_SEED, rate), folder) for rate in RATES]
    return max(tried, key=lambda one: one["validation"])["rate"], tried


def table(arms: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over seeds of the test accuracy, a line a method."""
    lines = [
        "| trained on | " + " | ".join(f"{round(s * EXAMPLES):,} examples" for s in SHARES) + " |",
        "|---" * (len(SHARES) + 1) + "|",
    ]
    for method in METHODS:
        cells = []
        for share in SHARES:
            values = [a["test"] for a in arms if (a["method"], a["share"]) == (method, share)]
            spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}" if values else "")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def make_vocabulary(folder: pathlib.Path) -> None:
    """Makes the vocabulary of all arms of the choosing seed's examples, unless it is there."""
    path = folder / "vocabulary.model"
    if path.exists():
        return
    command = [
        *(sys.executable, "-m", "t5lite", "vocabulary", "lists_text", "--size=396"),
        *("--tasks=benchmarks.distilling.registry", f"--output={path}"),
        f"--max_examples={EXAMPLES}",
    ]
    # In a process of its own: here Tasks are to have this vocabulary.
    subprocess.run(command, check=True)


def main() -> None:
    """Trains what is not trained, and shows what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, default="runs/distilling")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    args = parser.parse_args()
    # Before JAX is imported, which reads them then.
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XLA_FLAGS", _ONE_CORE)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    make_vocabulary(folder)
    rates = {method: choose_rate(method, folder) for method in args.methods}
    arms: list[dict[str, Any]] = []
    for seed in SEEDS[: args.seeds]:
        for method, (rate, _) in rates.items():
            for share in SHARES:
                arms.append(run(Arm(method, share, seed, rate), folder))
                print(f"{arms[-1]}", flush=True)
    from benchmarks.distilling.plot import draw

    write_object(
        folder / "results.json",
        {
            "rates": {method: rate for method, (rate, _) in rates.items()},
            "tried": {method: found for method, (_, found) in rates.items()},
            "arms": arms,
        },
    )
    draw(arms, folder / "distilling.png")
    print(table(arms))


if __name__ == "__main__":
    main()
