"""Runs of `t5lite prompt2model` with the teacher of `letters`, for tests."""

import json
import pathlib

from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig
from t5lite.synthetic_data.prompt2model.run import prompt2model
from t5lite.synthetic_data.prompt2model.trainer import StudentTraining
from t5lite.synthetic_data.teachers.config import TeacherConfig
from tests.synthetic_data.prompt2model.folders import FROM_NOTHING, TINY

SKIPPED = ("retrieve_datasets", "retrieve_models", "demo")
# Of the steps that ask a teacher, which alone are killed here: tests/test_resume.py kills training.
NOT_TRAINED = (*SKIPPED, "train", "evaluate", "export")
NUM_EXAMPLES = 40


def run(path, url, *words, skip=NOT_TRAINED, num_examples=NUM_EXAMPLES, **more):
    config = TeacherConfig(teacher=url, model="letters", max_retry_wait=0.0)
    prompt2model(
        output=str(path),
        words=words,
        skip=skip,
        teacher=more.pop("teacher", config),
        generation=GenerationConfig(num_examples=num_examples),
        training=StudentTraining(gin_file=FROM_NOTHING, bindings=TINY),
        **more,
    )


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def made(path: pathlib.Path) -> dict[str, object]:
    """What a run has made, but for when; answers come in any order."""
    names = ("prompt.txt", "prompt_spec.json", "generated.jsonl", "trace.jsonl")
    found = {name: (path / name).read_bytes() for name in names}
    for file in (path / "data").iterdir():
        found[file.name] = file.read_bytes()
    answers = path / "answers/answers.jsonl"
    kept = sorted(answers.read_text().splitlines()) if answers.exists() else []
    return found | {"answers": kept}
