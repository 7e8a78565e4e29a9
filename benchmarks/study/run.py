"""The miniature study: do more training tasks, and chains of thought, help on tasks held out?

    python -m benchmarks.study.run --folder runs/study

Trains every arm with `t5lite train` and study.gin; an arm that is finished is not run again. Then
writes results.json and study.png into the folder. docs/study.md tells the design and the outcome.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

# One thread, so that timings do not depend on what else the machine does.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

from benchmarks.study.design import Arm, arms
from benchmarks.study.plot import draw
from t5lite.cli import main as t5lite


def run(arm: Arm, *, folder: pathlib.Path, vocabulary: pathlib.Path) -> None:
    """Trains and evaluates one arm, unless that is done; leaves a `scores.json`."""
    model_dir = folder / arm.name
    scores = model_dir / "scores.json"
    if scores.exists():
        return
    began = time.process_time()
    evals = "".join(f"@{name}/EvalConfig()," for name in arm.evals)
    words = [
        "train",
        f"--gin_file={pathlib.Path(__file__).with_name('study.gin')}",
        f"--model_dir={model_dir}",
        f"--vocabulary={vocabulary}",
        f"--gin.MIXTURE_OR_TASK_NAME='{arm.mixture}'",
        f"--gin.TRAIN_STEPS={arm.steps}",
        f"--gin.SEED={arm.seed}",
        f"--gin.EVALS=({evals})",
        f"--gin.train.eval_first={arm == arms()[0]}",  # one untrained model will do
    ]
    if t5lite(words) != 0:
        raise SystemExit(f"arm {arm.name} failed")
    lines = [json.loads(line) for line in (model_dir / "metrics.jsonl").read_text().splitlines()]
    evaluations = [line for line in lines if line["kind"] == "eval"]
    last = [line for line in lines if line["kind"] == "train"][-1]
    if last["step"] < arm.steps:
        raise SystemExit(f"arm {arm.name} was stopped; the same command goes on")
    record = dataclasses.asdict(arm) | {
        "metrics": evaluations[-1],
        "untrained": evaluations[0] if evaluations[0]["step"] == 0 else None,
        "examples": last["examples"],
        "tokens": last["tokens"],
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    scores.write_text(json.dumps(record, indent=1) + "\n")


def summary(records: list[dict]) -> list[dict]:
    """Mean and standard deviation over seeds of every mean metric of every kind of arm."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        kind = tuple(record[field] for field in ("pool", "cot", "steps", "size"))
        groups.setdefault(kind, []).append(record)
    rows = []
    for (pool, cot, steps, size), members in sorted(groups.items()):
        row = {"pool": pool, "cot": cot, "steps": steps, "size": size, "seeds": len(members)}
        for metric in members[0]["metrics"]:
            if "/mean/" in metric:
                values = [member["metrics"][metric] for member in members]
                spread = statistics.stdev(values) if len(values) > 1 else None
                row[metric] = {"mean": statistics.mean(values), "stdev": spread, "values": values}
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("runs/study"))
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    vocabulary = folder / "vocabulary.model"
    if not vocabulary.exists():  # in a process of its own, whose tasks know no vocabulary yet
        words = ["vocabulary", "study_text", "--tasks=benchmarks.study.registry", "--size=640"]
        command = [sys.executable, "-m", "t5lite", *words, f"--output={vocabulary}"]
        subprocess.run(command, check=True)
    for arm in arms():
        run(arm, folder=folder, vocabulary=vocabulary)
        finished = [json.loads(path.read_text()) for path in sorted(folder.glob("*/scores.json"))]
        results = {"arms": finished, "summary": summary(finished)}
        (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(finished, folder / "study.png")


if __name__ == "__main__":
    main()
