"""Runs of `t5lite prompt2model` with a teacher who knows which of two letters comes first."""

import hashlib
import json
import pathlib
import random
from typing import Any

from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig
from t5lite.synthetic_data.prompt2model.run import prompt2model
from t5lite.synthetic_data.prompt2model.trainer import StudentTraining
from t5lite.synthetic_data.teachers.config import TeacherConfig
from tests.synthetic_data.prompt2model.folders import FROM_NOTHING, SPEC, TINY
from tests.synthetic_data.scripted import Answer

PROMPT = "Say which of two letters comes first.\n\nInput: b a\nOutput: a\nInput: c d\nOutput: c\n"
SKIPPED = ("retrieve_datasets", "retrieve_models", "demo")
# Of the steps that ask a teacher, which alone are killed here: tests/test_resume.py kills training.
NOT_TRAINED = (*SKIPPED, "train", "evaluate", "export")
NUM_EXAMPLES = 40


def script(body: dict[str, Any]) -> Answer:
    """Takes the prompt apart, writes examples, or answers; the same for the same request."""
    text = body["messages"][-1]["content"]
    if text.strip() == PROMPT.strip():
        demonstrations = [{"input": d.input, "output": d.output} for d in SPEC.demonstrations]
        return Answer(
            (json.dumps({"Instruction": SPEC.instruction, "Demonstrations": demonstrations}),)
        )
    if text.endswith("Output:"):
        first, second = text.split("Input: ")[-1].split("\n")[0].split()
        return Answer((min(first, second),))
    rng = random.Random(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest())
    pairs = [rng.sample("abcdefghijklmnop", 2) for _ in range(body["n"])]
    return Answer(
        tuple(json.dumps({"input": " ".join(pair), "output": min(pair)}) for pair in pairs)
    )


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


def made(path: pathlib.Path) -> dict[str, object]:
    """What a run has made, but for when; answers come in any order."""
    names = ("prompt.txt", "prompt_spec.json", "generated.jsonl", "trace.jsonl")
    found = {name: (path / name).read_bytes() for name in names}
    for file in (path / "data").iterdir():
        found[file.name] = file.read_bytes()
    answers = path / "answers/answers.jsonl"
    kept = sorted(answers.read_text().splitlines()) if answers.exists() else []
    return found | {"answers": kept}
