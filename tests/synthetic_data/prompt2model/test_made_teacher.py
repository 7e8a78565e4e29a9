"""The study's teacher: its answers and habits are what its docstring says."""

import collections
import json
import pathlib

import pytest

from benchmarks.prompt2model import run
from benchmarks.prompt2model.arms import ALL, DEVICE_SETS, EXAMPLE_SETS, Arm, config
from benchmarks.prompt2model.endpoint import ACCURACY, NO_JSON, Habits, MadeTeacher, serve
from benchmarks.prompt2model.made_tasks import BY_NAME, TASKS
from benchmarks.prompt2model.plot import draw
from t5lite.synthetic_data.prompt2model.meta_templates import META_TEMPLATES
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.requests import Request
from tests.synthetic_data.lines import lines_of


def _body(prompt, *, temperature=1.0, n=1):
    return {
        "messages": [{"role": "user", "content": prompt}],
        "temperature": temperature,
        "n": n,
        "response_format": {"type": "json_object"},
    }


def _examples(task, *, habits=Habits(0), generated=(), **settings):  # noqa: B008
    """What the teacher writes, as far as it is JSON, and how many answers there were."""
    prompt = META_TEMPLATES[0].prompt(task.spec, generated=generated)
    texts = MadeTeacher(habits).answers(_body(prompt, **settings))
    return [json.loads(text) for text in texts if text.startswith("{")], len(texts)


@pytest.mark.parametrize(
    ("name", "input", "output"),
    [
        ("find", "coat, drill, pig", "pig"),
        ("count", "coat, rice, plum", "two"),
        ("count", "coat, drill, pig", "zero"),
        ("twice", "coat, pig, scarf", "garment"),
        ("twice", "saw, pig, spade", "tool"),
    ],
)
def test_right_answers(name, input, output):
    task = BY_NAME[name]
    assert task.right(input) == output
    assert task.mistakes(input) and output not in task.mistakes(input)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_test_is_of_the_catalogue_and_no_demonstration_is_of_the_test(task):
    assert len(set(task.catalogue)) == 4000 and len(set(task.test)) == 300
    assert set(task.test) <= set(task.catalogue)
    assert not {one.input for one in task.spec.demonstrations} & set(task.test)
    assert all(one.output == task.right(one.input) for one in task.spec.demonstrations)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_four_outputs_in_five_are_right_and_two_answers_in_a_hundred_no_json(task):
    examples, number = _examples(task, n=2000)
    right = sum(task.right(one["input"]) == one["output"] for one in examples)
    # Four standard deviations of a binomial of 2,000.
    assert abs(right / len(examples) - ACCURACY) < 0.036
    assert abs(1 - len(examples) / number - NO_JSON) < 0.013


def test_errors_by_input_are_the_same_each_time():
    outputs = collections.defaultdict(set)
    (task, *_) = TASKS
    for one in _examples(task, habits=Habits(0, wrong_by_input=True), n=1000, temperature=0.5)[0]:
        outputs[one["input"]].add(one["output"])
    assert all(len(found) == 1 for found in outputs.values())
    right = [task.right(one) in found for one, found in outputs.items()]
    assert 0.65 < sum(right) / len(right) < 0.95


def test_what_it_repeats_depends_on_temperature_and_on_what_it_is_shown():
    (task, *_) = TASKS

    def distinct(**settings):
        return len({one["input"] for one in _examples(task, n=200, **settings)[0]})

    assert distinct(temperature=0.5) < distinct(temperature=1) < distinct(temperature=1.7)
    written = {one["input"] for one in _examples(task, n=500, temperature=0.5)[0]}
    assert not written & {one.input for one in task.spec.demonstrations}
    assert written <= set(task.catalogue)


def test_it_speaks_the_protocol_over_http(tmp_path: pathlib.Path):
    (task, *_) = TASKS
    inputs = task.test[:20]
    requests = [Request.of_text(f"{task.instruction}\n\n{one}", n=3) for one in inputs]
    with (
        serve(Habits(0)) as url,
        TeacherConfig(teacher=url, model="made", max_concurrent=1).open(tmp_path) as asking,
    ):
        replies = [one.reply for one in asking.ask(requests, desc=None)]
    assert url.startswith("http://127.0.0.1:")
    right = [
        choice.text == task.right(one)
        for one, reply in zip(inputs, replies, strict=True)
        for choice in reply.choices
    ]
    assert len(right) == 60 and 36 < sum(right) < 60


def test_sets_of_devices():
    assert len(DEVICE_SETS) == 5 and EXAMPLE_SETS["all"] == ALL
    plain = config((), seed=0, num_examples=200)
    assert not any(getattr(plain, device) for device in ALL) and plain.max_calls == 40
    assert all(getattr(config(ALL, seed=0, num_examples=5), device) for device in ALL)


def test_an_arm_tells_what_its_answers_and_examples_are(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "NUM_CALLS", 8)
    record = run.make_examples(Arm("find", 0, "vote"), tmp_path / "one")
    assert record == run.make_examples(Arm("find", 0, "vote"), tmp_path / "two")
    examples = lines_of(tmp_path / "one" / "generated.jsonl")
    assert record["examples"] == len(examples) == record["inputs"] < record["answers"] <= 40
    right = [BY_NAME["find"].right(one["input"]) == one["output"] for one in examples]
    assert record["right_examples"] == sum(right) / len(right)
    assert not {one["input"] for one in examples} & set(BY_NAME["find"].test)
    results = {
        "duplicates": [{"task": "find", "seed": 0, "devices": "none", "duplicates": 120}],
        "teachers": [{"task": "find", "seed": 0, "accuracy": 0.8, "best_constant": 0.2}],
        "examples": [record],
        "students": [{"task": "find", "devices": "all", "accuracy": 0.9}],
    }
    draw(results, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
