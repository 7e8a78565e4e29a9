"""Self-Instruct in miniature: a teacher of 135 million parameters, and a student of 260 thousand.

    python -m benchmarks.self_instruct.run --teacher=MODEL --student=WEIGHTS/stories260K.bin \
        --data_dir=SELF_INSTRUCT --folder=runs/self_instruct

SELF_INSTRUCT holds seed_tasks.jsonl and user_oriented_instructions.jsonl, which people wrote. The
teacher makes instructions from the first. The student is tuned on what it made, on the seeds, or on
both, and tested on the second, from which short ones are taken: half choose the step, half are
reported. What is finished is not run again. results.json and study.png hold what comes out;
docs/self_instruct.md shows it.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping

from benchmarks.self_instruct import plot, scripted
from t5lite.files.json_files import read_lines, read_object, write_lines, write_object
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct.seeds import read_seeds
from t5lite.training.metrics import read_lines as read_metrics

_HERE = pathlib.Path(__file__).parent
_ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
# Characters of what is asked and of the answer, at most: the student reads pieces of two.
_LONGEST = 200
_SEEDS = (0, 1, 2)
TRAINED_ON = ("generated", "seeds", "both")


def call(words: list[str], log: pathlib.Path) -> None:
    """Runs `t5lite` in a process of its own on one core.

    Raises:
      RuntimeError: It fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        environment = {"XLA_FLAGS": _ONE_CORE, **os.environ}
        command = [sys.executable, "-m", "t5lite", *words]
        if subprocess.run(
            command, stdout=file, stderr=file, env=environment, check=False
        ).returncode:
            raise RuntimeError(f"`t5lite {words[0]}` failed; {log} says why")


def make_instructions(teacher: str, data_dir: pathlib.Path, folder: pathlib.Path) -> None:
    """The four steps with the teacher, unless they are done."""
    if (folder / files.PAGE).exists():
        return
    words = [
        *("self_instruct", f"--gin_file={_HERE / 'teacher.gin'}", f"--teacher={teacher}"),
        *(f"--seeds={data_dir / 'seed_tasks.jsonl'}", f"--output={folder}"),
        f"--cache_dir={folder.parent / 'cache'}",
    ]
    call(words, folder.parent / "teacher.log")


def write_data(data_dir: pathlib.Path, made: pathlib.Path, folder: pathlib.Path) -> dict[str, int]:
    """The student's files; how many examples each holds."""
    generated = [record for _, record in read_lines(made / files.EXAMPLES)]
    held_out = _of_people(data_dir / "user_oriented_instructions.jsonl")
    kinds = {
        "generated": _short(generated),
        "seeds": _short(_of_people(data_dir / "seed_tasks.jsonl")),
        "validation": _short(held_out)[::2],
        "test": _short(held_out)[1::2],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in kinds.items():
        write_lines(folder / f"{name}.jsonl", records)
    return {name: len(records) for name, records in kinds.items()}


def _of_people(path: pathlib.Path) -> list[dict[str, str]]:
    return [
        {"instruction": task.instruction, "input": one.input, "output": one.output}
        for task in read_seeds(str(path))
        for one in task.instances
    ]


def _short(records: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [
        record
        for record in records
        if len(record["instruction"]) + len(record["input"]) <= _LONGEST
        and 0 < len(record["output"]) <= _LONGEST
    ]


def train(name: str, seed: int, student: str, folder: pathlib.Path) -> dict[str, float]:
    """Tunes the student, unless that is done; its losses in nats a token.

    Returns:
      `before` and `after` on the instructions that are reported; after is of the step with the
      least loss on those that choose.
    """
    model_dir = folder / f"{name}_{seed}"
    done = model_dir / "report.html"
    if not done.exists():
        words = [
            *("train", f"--gin_file={_HERE / 'study.gin'}", f"--model_dir={model_dir}"),
            *(f"--initial_checkpoint_path={student}", f"--data_dir={folder / 'data'}"),
            *(f"--mixture={name}", f"--seed={seed}", f"--cache_dir={folder / 'cache'}"),
        ]
        call(words, folder / f"{name}_{seed}.log")
    evals = [line for line in read_metrics(model_dir / "metrics.jsonl") if line["kind"] == "eval"]
    chosen = min(evals, key=lambda line: line["chosen_by/held_out/loss"])
    return {
        "before": evals[0]["reported/held_out/loss"],
        "after": chosen["reported/held_out/loss"],
        "step": chosen["step"],
    }


def main() -> None:
    """Runs what is not done, draws it, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--student", required=True)
    parser.add_argument("--data_dir", required=True, type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, default="runs/self_instruct")
    parser.add_argument("--max_rounds", type=int, default=60, help="of the scripted teacher")
    args = parser.parse_args()
    folder, data_dir = args.folder.resolve(), args.data_dir.resolve()

    seeds = read_seeds(str(data_dir / "seed_tasks.jsonl"))
    scripted_rounds = scripted.run(folder / "scripted", seeds, max_rounds=args.max_rounds)
    make_instructions(args.teacher, data_dir, folder / "teacher")
    numbers = write_data(data_dir, folder / "teacher", folder / "data")
    losses = {
        name: [train(name, seed, args.student, folder) for seed in _SEEDS] for name in TRAINED_ON
    }
    results = {
        "teacher": pathlib.Path(args.teacher).name,
        "examples": numbers,
        "losses": losses,
        "scripted_rounds": scripted_rounds,
    }
    write_object(folder / "results.json", results)
    found = read_object(folder / "teacher" / files.STATISTICS)
    plot.draw(found, results, folder / "study.png")

    print("| tuned on | examples | held-out loss, mean of three seeds | least and most |")
    print("|---|---|---|---|")
    before = losses["seeds"][0]["before"]
    print(f"| nothing | 0 | {before:.3f} | |")
    numbers["both"] = numbers["seeds"] + numbers["generated"]
    for name, runs in losses.items():
        after = [one["after"] for one in runs]
        spread = f"{min(after):.3f} to {max(after):.3f}"
        print(f"| {name} | {numbers[name]} | {statistics.mean(after):.3f} | {spread} |")


if __name__ == "__main__":
    main()
