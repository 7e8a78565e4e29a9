"""Prompt2Model's devices, with a teacher whose habits and errors are known.

    python -m benchmarks.prompt2model.run --folder runs/prompt2model_study

Asks the teacher of endpoint.py over HTTP for examples of three made tasks, with and without each
device of the generator, and trains students on them. What is finished is not done again. Then
writes results.json and plot.png into the folder. docs/prompt2model_study.md tells the design and
the outcome.
"""

import argparse
import collections
import contextlib
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import tqdm

from benchmarks.prompt2model.arms import (
    DEVICE_SETS,
    EXAMPLE_SETS,
    NUM_ANSWERS,
    NUM_CALLS,
    SEEDS,
    Arm,
    config,
    example_arms,
    student_arms,
)
from benchmarks.prompt2model.endpoint import Habits, serve
from benchmarks.prompt2model.made_tasks import BY_NAME, TASKS, MadeTask
from benchmarks.prompt2model.plot import draw
from t5lite.files.json_files import read_lines, read_object, write_object
from t5lite.synthetic_data.prompt2model.dataset_generator import generate_dataset
from t5lite.synthetic_data.prompt2model.generated_dataset import (
    GENERATED_FILE,
    GeneratedDataset,
    GeneratedExample,
    GenerationConfig,
    write_examples,
)
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.requests import Request

_HERE = pathlib.Path(__file__).parent
_VOCABULARY_SIZE = 310
# Inputs of the test that the teacher answers itself, and answers to each.
_NUM_ASKED, _NUM_DRAWS = 100, 3


@contextlib.contextmanager
def _teacher(habits: Habits, answers: pathlib.Path):
    # One request at a time: what it says depends on what was asked before.
    with (
        serve(habits) as url,
        TeacherConfig(teacher=url, model="made", max_concurrent=1).open(answers) as asking,
    ):
        yield asking


def _generate(
    task: MadeTask, asking: Asking, folder: pathlib.Path, settings: GenerationConfig
) -> GeneratedDataset:
    held_out = {"the test": task.test}
    return generate_dataset(task.spec, asking, folder=folder, config=settings, held_out=held_out)


def count_duplicates(task: MadeTask, seed: int, devices: str, folder: pathlib.Path) -> dict:
    """How many of the first answers have an input that one before them has."""
    settings = config(DEVICE_SETS[devices], seed=seed, num_examples=NUM_ANSWERS)
    # Such as are no JSON, or held out, do not count.
    settings = dataclasses.replace(settings, max_calls=None)
    with _teacher(Habits(seed), folder / "answers") as asking:
        dataset = _generate(task, asking, folder, settings)
    inputs = [one.input for one in dataset.examples]
    record = {"task": task.name, "seed": seed, "devices": devices}
    return record | {"duplicates": NUM_ANSWERS - len(set(inputs))}


def make_examples(arm: Arm, folder: pathlib.Path) -> dict:
    """Writes an arm's examples; returns how many are right before and after the filters."""
    task = BY_NAME[arm.task]
    devices = EXAMPLE_SETS[arm.devices]
    most = NUM_CALLS * GenerationConfig.answers_per_request
    habits = Habits(arm.seed, arm.wrong_by_input)
    with _teacher(habits, folder / "answers") as asking:
        dataset = _generate(task, asking, folder, config(devices, seed=arm.seed, num_examples=most))
    # Before the vote: every answer that could be read and was not held out.
    unread = ("answer", "held out")
    answers = [o.example for o in dataset.origins if o.kept or o.verdicts[-1].filter not in unread]
    votes = collections.Counter(one["input"] for one in answers)
    several = [one for one in dataset.examples if "votes" in devices and votes[one.input] >= 3]
    return dataclasses.asdict(arm) | {
        "answers": len(answers),
        "right_answers": statistics.mean(task.right(a["input"]) == a["output"] for a in answers),
        "examples": len(dataset.examples),
        "inputs": len({one.input for one in dataset.examples}),
        "right_examples": _share_right(task, dataset.examples),
        "of_three_votes": len(several),
        "right_of_three_votes": _share_right(task, several),
        "discarded": dataset.counts,
    }


def _share_right(task: MadeTask, examples) -> float | None:
    return statistics.mean(task.right(e.input) == e.output for e in examples) if examples else None


def ask_teacher(task: MadeTask, seed: int, folder: pathlib.Path) -> dict:
    """How often the teacher answers the test right when it is asked as the student is."""
    inputs = task.test[:_NUM_ASKED]
    requests = [
        Request.of_text(f"{task.instruction}\n\n{one}", n=_NUM_DRAWS, max_tokens=20)
        for one in inputs
    ]
    with _teacher(Habits(seed), folder / "answers") as asking:
        answered = asking.ask(requests, desc=None)
    right = [
        choice.text == task.right(one)
        for one, answer in zip(inputs, answered, strict=True)
        for choice in answer.reply.choices
    ]
    most = collections.Counter(map(task.right, task.test)).most_common(1)[0][1] / len(task.test)
    record = {"task": task.name, "seed": seed, "accuracy": statistics.mean(right)}
    return record | {"best_constant": most}


def train_student(arm: Arm, folder: pathlib.Path) -> dict:
    """Trains on an arm's examples and returns the share of the test that is answered right."""
    model_dir = folder / "student"
    task = BY_NAME[arm.task]
    write_examples(folder / "test.jsonl", _solved(task, task.test))
    # In this process, which spares starting and compiling eighteen times.
    from t5lite import cli

    status = cli.main(
        [
            "train",
            f"--gin_file={_HERE / 'student.gin'}",
            f"--model_dir={model_dir}",
            f"--vocabulary={folder.parent / 'vocabulary.model'}",
            f"--data_dir={folder.parent}",
            f"--cache_dir={folder.parent / 'cache'}",
            f"--gin.MIXTURE_OR_TASK_NAME='made_{arm.name}'",
            f"--gin.SEED={arm.seed}",
        ]
    )
    if status:
        raise RuntimeError(f"training in {model_dir} failed; its message is above")
    (accuracy,) = (
        line["test/mean/accuracy"]
        for _, line in read_lines(model_dir / "metrics.jsonl")
        if line["kind"] == "eval"
    )
    return {**dataclasses.asdict(arm), "accuracy": accuracy}


def make_vocabulary(folder: pathlib.Path) -> None:
    """Trains one vocabulary for all students, of the inputs and right outputs of all tasks."""
    text = folder / "text"
    text.mkdir(exist_ok=True)
    examples = [one for task in TASKS for one in _solved(task, task.catalogue)]
    write_examples(text / GENERATED_FILE, examples)
    command = [
        *(sys.executable, "-m", "t5lite", "vocabulary", "made_text"),
        "--tasks=benchmarks.prompt2model.registry",
        f"--data_dir={folder}",
        f"--size={_VOCABULARY_SIZE}",
        f"--output={folder / 'vocabulary.model'}",
    ]
    # A process imports a module of Tasks with one vocabulary only.
    subprocess.run(command, check=True)


def _solved(task: MadeTask, inputs) -> list[GeneratedExample]:
    return [GeneratedExample(one, task.right(one), f"{i:05}") for i, one in enumerate(inputs)]


def _jobs(num_seeds: int) -> list[tuple]:
    """Kind, folder, function and its arguments of each; students, which take longest, last."""
    jobs: list[tuple] = []
    for seed in SEEDS[:num_seeds]:
        for task in TASKS:
            for devices in DEVICE_SETS:
                name = f"duplicates_{task.name}_{devices.replace(' ', '_')}_{seed}"
                jobs.append(("duplicates", name, count_duplicates, (task, seed, devices)))
            jobs.append(("teachers", f"teacher_{task.name}_{seed}", ask_teacher, (task, seed)))
        jobs += [("examples", arm.name, make_examples, (arm,)) for arm in example_arms(seed)]
    students = [arm for arm in student_arms() if arm.seed in SEEDS[:num_seeds]]
    jobs += [("students", arm.name, train_student, (arm,)) for arm in students]
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = pathlib.Path("runs/prompt2model_study")
    parser.add_argument("--folder", type=pathlib.Path, default=default)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), choices=range(1, len(SEEDS) + 1))
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # One thread: the models are too small for more.
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("XLA_FLAGS", one_thread)
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    results = {"duplicates": [], "teachers": [], "examples": [], "students": []}
    if not (folder / "vocabulary.model").exists():
        make_vocabulary(folder)
    for kind, name, job, arguments in tqdm.tqdm(_jobs(args.seeds), unit="job"):
        done = folder / name / f"{kind}.json"
        if not done.exists():
            if job is not train_student and done.parent.exists():
                # The teacher starts anew, and what it says depends on what it was asked before.
                shutil.rmtree(done.parent)
            done.parent.mkdir(exist_ok=True)
            write_object(done, job(*arguments, folder / name))
        results[kind].append(read_object(done))
    write_object(folder / "results.json", results)
    draw(results, folder / "plot.png")


if __name__ == "__main__":
    main()
