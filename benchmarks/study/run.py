"""The miniature study: do more training tasks, and chains of thought, help on tasks held out?

    python -m benchmarks.study.run --folder runs/study

Trains every arm with `t5lite train` and study.gin, several at a time; an arm that is finished is
not run again. Then writes results.json and study.png into the folder. docs/study.md tells the
design and the outcome.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

import tqdm

from benchmarks.study.design import Arm, arms
from benchmarks.study.list_tasks import WORDS
from benchmarks.study.plot import draw
from t5lite.files import json_files
from t5lite.training.metrics import read_lines
from tasks.mini.render import final_answer

_ENVIRONMENT = {
    # One thread an arm, so that arms do not wait for each other.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def run(arm: Arm, folder: pathlib.Path) -> dict:
    """Trains and evaluates one arm, unless that is done, and returns its figures.

    Raises:
        RuntimeError: if `t5lite train` fails.
    """
    model_dir = folder / arm.name
    if _last_lines(model_dir).get("eval", {}).get("step") != arm.steps:
        _t5lite(
            "train",
            f"--gin_file={pathlib.Path(__file__).with_name('study.gin')}",
            f"--model_dir={model_dir}",
            f"--vocabulary={folder / 'vocabulary.model'}",
            f"--cache_dir={folder / 'cache'}",
            f"--gin.MIXTURE_OR_TASK_NAME='{arm.mixture}'",
            f"--gin.TRAINED_TASKS='{Arm(arm.size, arm.seed).mixture}'",
            f"--gin.TRAIN_STEPS={arm.steps}",
            f"--gin.SEED={arm.seed}",
            log=folder / f"{arm.name}.log",
        )
    last = _last_lines(model_dir)
    metrics = dict(last["eval"])
    for predictions in sorted(model_dir.glob("eval/*/predictions.jsonl")):
        for name, value in answers(predictions).items():
            metrics[f"{predictions.parent.name}/mean/{name}"] = value
    return dataclasses.asdict(arm) | {
        "metrics": metrics,
        "examples": last["train"]["examples"],
        "tokens": last["train"]["tokens"],
    }


def _last_lines(model_dir: pathlib.Path) -> dict[str, dict]:
    """The last line of `metrics.jsonl` of each kind; none before training."""
    path = model_dir / "metrics.jsonl"
    return {line["kind"]: line for line in read_lines(path)}


def answers(predictions: pathlib.Path) -> dict[str, float]:
    """Shares of the answers that are right, and of those that could be, with or without steps.

    What follows the answer phrase counts, and all of the text where there is none. Could be right
    is one of the prompt's three words, or yes or no where that is asked.

    Args:
        predictions: a `predictions.jsonl` of an evaluation; as many lines of each task.
    """
    right, allowed = [], []
    for _, line in json_files.read_lines(predictions, any_text=True):
        wanted, given = (final_answer(line[key]) or line[key] for key in ("targets", "prediction"))
        words = set(re.findall(r"\w+", line["inputs"])) & WORDS
        right.append(given == wanted)
        allowed.append(given in ({"yes", "no"} if wanted in ("yes", "no") else words))
    return {"right": statistics.mean(right), "allowed": statistics.mean(allowed)}


def _t5lite(*words: str, log: pathlib.Path) -> None:
    """Runs a command of t5lite in a process of its own, its output in a file."""
    environment = {
        **_ENVIRONMENT,
        "JAX_COMPILATION_CACHE_DIR": str(log.parent / "compiled"),
        **os.environ,
    }
    command = [sys.executable, "-m", "t5lite", *words]
    with log.open("a") as file:
        process = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    if process.returncode:
        raise RuntimeError(f"`t5lite {words[0]}` failed; {log} says why")


def summary(records: list[dict]) -> list[dict]:
    """Mean and standard deviation over seeds of every mean metric of every kind of arm."""
    groups: dict[tuple[bool, int, int], list[dict]] = {}
    for record in records:
        groups.setdefault((record["cot"], record["steps"], record["size"]), []).append(record)
    rows = []
    for (cot, steps, size), members in sorted(groups.items()):
        row: dict = {"size": size, "cot": cot, "steps": steps, "seeds": len(members)}
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
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--num_workers", type=int, default=cores, help="arms trained at a time")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocabulary.model"
    if not vocabulary.exists():
        words = ("study_text", "--tasks=benchmarks.study.registry", "--size=376")
        _t5lite("vocabulary", *words, f"--output={vocabulary}", log=folder / "vocabulary.log")
    with concurrent.futures.ThreadPoolExecutor(args.num_workers) as pool:
        running = [pool.submit(run, arm, folder) for arm in arms()]
        try:
            done = concurrent.futures.as_completed(running)
            for arm in tqdm.tqdm(done, total=len(running), unit="arm"):
                arm.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    finished = [arm.result() for arm in running]
    results = {"arms": finished, "summary": summary(finished)}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(finished, folder / "study.png")


if __name__ == "__main__":
    main()
