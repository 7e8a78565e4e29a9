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
import statistics
import subprocess
import sys
import time

import tqdm

from benchmarks.study.design import STEPS, Arm, arms
from benchmarks.study.plot import draw

# One thread an arm, so that arms do not wait for each other.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def run(arm: Arm, folder: pathlib.Path) -> dict:
    """Trains and evaluates one arm, unless that is done, and returns what `scores.json` holds.

    Raises:
        RuntimeError: if `t5lite train` fails.
    """
    model_dir = folder / arm.name
    scores = model_dir / "scores.json"
    if not scores.exists():
        began = time.monotonic()
        _t5lite(
            "train",
            f"--gin_file={pathlib.Path(__file__).with_name('study.gin')}",
            f"--model_dir={model_dir}",
            f"--vocabulary={folder / 'vocabulary.model'}",
            f"--cache_dir={folder / 'cache'}",
            f"--gin.MIXTURE_OR_TASK_NAME='{arm.name}'",
            f"--gin.TRAINED_TASKS='{Arm(arm.size, arm.seed).name}'",
            f"--gin.TRAIN_STEPS={STEPS}",
            f"--gin.SEED={arm.seed}",
            log=folder / f"{arm.name}.log",
        )
        lines = map(json.loads, (model_dir / "metrics.jsonl").read_text().splitlines())
        last = {line["kind"]: line for line in lines}
        record = dataclasses.asdict(arm) | {
            "metrics": last["eval"],
            "examples": last["train"]["examples"],
            "tokens": last["train"]["tokens"],
            "seconds": round(time.monotonic() - began),
        }
        scores.write_text(json.dumps(record, indent=1) + "\n")
    return json.loads(scores.read_text())


def _t5lite(*words: str, log: pathlib.Path) -> None:
    """Runs a command of t5lite in a process of its own, its output in a file."""
    environment = {
        "XLA_FLAGS": _ONE_THREAD,
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
    groups: dict[tuple[int, bool], list[dict]] = {}
    for record in records:
        groups.setdefault((record["size"], record["cot"]), []).append(record)
    rows = []
    for (size, cot), members in sorted(groups.items()):
        row: dict = {"size": size, "cot": cot, "seeds": len(members)}
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
    finished = []
    with concurrent.futures.ThreadPoolExecutor(args.num_workers) as pool:
        running = [pool.submit(run, arm, folder) for arm in arms()]
        try:
            for arm in tqdm.tqdm(
                concurrent.futures.as_completed(running), total=len(running), unit="arm"
            ):
                finished.append(arm.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    finished.sort(key=lambda record: (record["cot"], record["size"], record["seed"]))
    results = {"arms": finished, "summary": summary(finished)}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(finished, folder / "study.png")


if __name__ == "__main__":
    main()
