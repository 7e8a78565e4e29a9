import dataclasses
import json
import random

import pytest

from t5lite.synthetic_data.prompt2model.dataset_generator import expected_requests, generate_dataset
from t5lite.synthetic_data.prompt2model.generated_dataset import GENERATED_FILE, GenerationConfig
from t5lite.synthetic_data.prompt2model.meta_templates import META_TEMPLATES
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from t5lite.synthetic_data.provenance import TRACE_FILE, read_trace
from t5lite.synthetic_data.teachers.requests import Choice
from t5lite.synthetic_data.teachers.teacher import TeacherError
from tests.synthetic_data.lines import lines_of
from tests.synthetic_data.scripted import AT_ONCE, asking

_SPEC = PromptSpec(
    instruction="Double the number.", demonstrations=(Demonstration("number 50", "100"),)
)
_CONFIG = GenerationConfig(num_examples=40)
_PLAIN = GenerationConfig(
    num_examples=30,
    anneals_temperature=False,
    shows_generated=False,
    varies_template=False,
    votes=False,
    drops_duplicates=False,
)


def _answer(number, output=None):
    return json.dumps({"input": f"number {number}", "output": str(output or 2 * number)})


class _Teacher:
    """Doubles numbers of two digits at random, often wrong, and now and then writes no JSON."""

    def __init__(self):
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        rng = random.Random(request.digest(""))
        return [self._choice(rng) for _ in range(request.n)]

    def _choice(self, rng):
        if rng.random() < 0.1:
            return rng.choice(["", "no JSON", Choice('{"input": "number 3", "ou', was_cut=True)])
        number = rng.randrange(10, 60)
        return _answer(number, 2 * number + rng.choice([0, 0, 0, 1]))


def _generate(folder, config, teacher=None, *, spec=_SPEC, limits=AT_ONCE, **more):
    with asking(teacher or _Teacher(), folder / "answers", limits=limits) as one:
        return generate_dataset(spec, one, folder=folder, config=config, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A straight run with all devices: the teacher, the folder and what was returned."""
    folder, teacher = tmp_path_factory.mktemp("whole"), _Teacher()
    return teacher, folder, _generate(folder, _CONFIG, teacher)


def test_every_answer_is_in_the_trace_with_what_was_made_of_it(whole):
    teacher, folder, dataset = whole
    origins = read_trace(folder)
    assert tuple(origins.values()) == dataset.origins
    assert len(dataset.origins) == 5 * len(teacher.requests) == 5 * dataset.calls
    by_digest = {request.digest("scripted"): request for request in teacher.requests}
    for call, request in enumerate(by_digest.values()):
        for origin in dataset.origins[5 * call : 5 * call + 5]:
            assert by_digest[origin.request] is request
            assert origin.template == META_TEMPLATES[call % 3].name
            # The request showed these, each as it was generated.
            for shown in origin.demonstrations:
                assert json.dumps(dict(origins[shown].example)) in request.messages[-1].content
    kept = [{"id": one.id, **one.example} for one in dataset.origins if one.kept]
    assert lines_of(folder / GENERATED_FILE) == kept
    assert kept == list(map(dataclasses.asdict, dataset.examples))
    assert sum(dataset.counts.values()) == len(dataset.origins)
    assert dataset.stopped == "" and len(kept) == 40


def test_kept_examples_are_those_of_a_plain_vote_without_the_demonstrations(whole):
    _, _, dataset = whole
    outputs = {}
    for origin in dataset.origins:
        if "input" in origin.example and origin.example["input"] != "number 50":
            outputs.setdefault(origin.example["input"], []).append(origin.example["output"])
    voted = {
        number: sorted(dict.fromkeys(found), key=lambda one: (-found.count(one), len(one)))[0]
        for number, found in outputs.items()
    }
    assert {one.input: one.output for one in dataset.examples} == dict(list(voted.items())[:40])
    whys = {o.verdicts[-1].why for o in dataset.origins if o.example.get("input") == "number 50"}
    assert whys == {"the words of an input of the demonstrations"}
    for name in ("vote", "duplicate", "answer", "held out"):
        assert dataset.counts[name] > 0
    assert "discarded: duplicate" in dataset.summary()


def test_temperature_rises_with_what_is_kept(whole):
    teacher, _, _ = whole
    temperatures = [request.temperature for request in teacher.requests]
    assert temperatures[0] == 0.5 and temperatures == sorted(temperatures)
    # Of the last batch: what was kept before it, of 40.
    before = (temperatures[-1] - 0.5) / 1.2 * 40
    assert before == pytest.approx(round(before)) and 0 < before < 40
    assert all(request.n == 5 and request.json_object for request in teacher.requests)


@pytest.mark.parametrize("calls", [1, 4, 6])
def test_a_killed_run_goes_on_to_the_same_bytes_without_paying_twice(whole, tmp_path, calls):
    straight, folder, dataset = whole
    teacher = _Teacher()

    def dies(request):
        if len(teacher.requests) == calls:
            raise ArithmeticError("the machine is gone")
        return teacher(request)

    with pytest.raises(ArithmeticError):
        _generate(tmp_path, _CONFIG, dies)
    assert _generate(tmp_path, _CONFIG, teacher) == dataset
    assert len(teacher.requests) == len(straight.requests)
    for name in (GENERATED_FILE, TRACE_FILE):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_a_budget_ends_it_and_a_larger_one_goes_on(whole, tmp_path):
    _, folder, dataset = whole
    limits = dataclasses.replace(AT_ONCE, max_calls=7)
    teacher = _Teacher()
    stopped = _generate(tmp_path, _CONFIG, teacher, limits=limits)
    assert stopped.budget_spent and "budget" in stopped.stopped and "budget" in stopped.summary()
    assert 0 < len(stopped.examples) < 40 and stopped.calls == len(teacher.requests) == 7
    assert len(lines_of(tmp_path / GENERATED_FILE)) == len(stopped.examples)
    assert _generate(tmp_path, _CONFIG, teacher) == dataset
    assert (tmp_path / GENERATED_FILE).read_bytes() == (folder / GENERATED_FILE).read_bytes()
    assert tuple(read_trace(tmp_path).values()) == dataset.origins


def test_the_seed_is_what_differs(whole, tmp_path):
    teacher = _Teacher()
    other = _generate(tmp_path, dataclasses.replace(_CONFIG, seed=1), teacher)
    assert other.examples != whole[2].examples


def test_without_devices_one_question_is_put_again_and_again(tmp_path):
    teacher = _Teacher()
    dataset = _generate(tmp_path, _PLAIN, teacher)
    first, *_ = teacher.requests
    for number, request in enumerate(teacher.requests):
        assert request == dataclasses.replace(first, attempt=number)
    assert first.temperature == 0.5
    pairs = [(one.input, one.output) for one in dataset.examples]
    assert len(pairs) == 30 and len(set(pairs)) < 30
    assert {origin.template for origin in dataset.origins} == {"simple"}
    # Batches of the paper's code: at most 5 requests, and no more than answers are missing.
    assert len(teacher.requests) <= 30 / 5 + 3


@pytest.mark.parametrize(
    ("switch", "differs"),
    [
        ("anneals_temperature", lambda requests: {r.temperature for r in requests}),
        ("shows_generated", lambda requests: {"unknown" in str(r.messages) for r in requests}),
        ("varies_template", lambda requests: {r.messages[-1].content[:40] for r in requests}),
    ],
)
def test_each_switch_changes_its_own_part_of_the_requests(tmp_path, switch, differs):
    teacher = _Teacher()
    _generate(tmp_path, dataclasses.replace(_PLAIN, **{switch: True}), teacher)
    assert len(differs(teacher.requests)) > 1
    if switch == "anneals_temperature":
        assert len({request.messages for request in teacher.requests}) == 1
    else:
        assert {request.temperature for request in teacher.requests} == {0.5}


def test_votes_and_duplicates_are_switches_of_their_own(tmp_path):
    answers = [_answer(1, 2), _answer(1, 2), _answer(1, 3), _answer(2, 5), _answer(2, 5)]

    def kept(name, **switches):
        config = dataclasses.replace(_PLAIN, num_examples=5, max_calls=1, **switches)
        dataset = _generate(tmp_path / name, config, lambda request: answers)
        return [(one.id[-1], one.output) for one in dataset.examples]

    everything = [("0", "2"), ("1", "2"), ("2", "3"), ("3", "5"), ("4", "5")]
    assert kept("none") == everything
    assert kept("votes", votes=True) == [everything[i] for i in (0, 1, 3, 4)]
    assert kept("duplicates", drops_duplicates=True) == [everything[i] for i in (0, 2, 3)]
    assert kept("both", votes=True, drops_duplicates=True) == [everything[i] for i in (0, 3)]


def test_held_out_inputs_are_neither_kept_nor_shown(tmp_path):
    teacher = _Teacher()
    held_out = {"the test file": [f"Number {n}!" for n in range(20, 40)]}
    config = GenerationConfig(num_examples=20)
    dataset = _generate(tmp_path, config, teacher, held_out=held_out)
    numbers = [int(one.input.removeprefix("number ")) for one in dataset.examples]
    assert len(numbers) == 20 and not any(20 <= number < 40 for number in numbers)
    assert not any(f"number {n}" in str(teacher.requests) for n in range(20, 40))
    whys = {one.verdicts[-1].why for one in dataset.origins if one.left_out_by == "held out"}
    assert "the words of an input of the test file" in whys


def test_long_examples_are_shown_as_far_as_there_is_room(tmp_path):
    def script(request):
        rng = random.Random(request.digest(""))
        return [_answer(rng.randrange(10**6)).replace("number", "long " * 40) for _ in range(5)]

    def shown(name, room):
        config = GenerationConfig(num_examples=40, max_prompt_tokens=room, drops_duplicates=False)
        dataset = _generate(tmp_path / name, config, script)
        return [len(origin.demonstrations) for origin in dataset.origins]

    assert 0 < max(shown("little", 600)) < max(shown("much", 3500)) <= 10


def test_a_prompt_without_room_for_itself_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1 demonstrations come to \d+ tokens.*max_prompt_tokens"):
        _generate(tmp_path, GenerationConfig(max_prompt_tokens=20))


def test_a_teacher_that_knows_no_more_is_left(tmp_path):
    config = GenerationConfig(num_examples=30, max_fruitless_calls=10)
    dataset = _generate(tmp_path, config, lambda request: [_answer(1)] * request.n)
    assert len(dataset.examples) == 1 and dataset.calls < 30
    assert "brought no new example" in dataset.stopped


def test_max_calls_are_not_exceeded(tmp_path):
    teacher = _Teacher()
    dataset = _generate(tmp_path, GenerationConfig(max_calls=3), teacher)
    assert not dataset.budget_spent
    assert dataset.calls == len(teacher.requests) == 3 and "max_calls 3" in dataset.stopped


def test_a_request_that_fails_for_good_is_an_error_and_the_next_run_goes_on(whole, tmp_path):
    _, folder, dataset = whole
    teacher, calls = _Teacher(), []

    def script(request):
        calls.append(request)
        return TeacherError("503 error of the endpoint") if len(calls) == 7 else teacher(request)

    limits = dataclasses.replace(AT_ONCE, max_concurrent=1, max_retries=0)
    with pytest.raises(ValueError, match=r"503 error of the endpoint.*the same command goes on"):
        _generate(tmp_path, _CONFIG, script, limits=limits)
    assert not (tmp_path / GENERATED_FILE).exists()
    assert _generate(tmp_path, _CONFIG, teacher) == dataset
    assert (tmp_path / GENERATED_FILE).read_bytes() == (folder / GENERATED_FILE).read_bytes()
    assert len(teacher.requests) == dataset.calls


def test_temperatures_beyond_what_an_endpoint_takes_are_refused():
    with pytest.raises(ValueError, match=r"max_temperature.*from 0 to 2"):
        GenerationConfig(max_temperature=2.5)
    with pytest.raises(ValueError, match="is below initial_temperature"):
        GenerationConfig(initial_temperature=1, max_temperature=0.9)


@pytest.mark.parametrize(("max_calls", "expected"), [(None, 9), (4, 4)])
def test_a_dry_run_counts_requests_like_those_that_are_sent(tmp_path, max_calls, expected):
    config = GenerationConfig(num_examples=41, max_calls=max_calls)
    (found,) = expected_requests(_SPEC, config)
    assert found.requests == expected
    teacher = _Teacher()
    _generate(tmp_path, dataclasses.replace(config, max_calls=9), teacher)
    sent = [request.count_tokens() for request in teacher.requests]
    assert min(sent) <= found.example.count_tokens() <= max(sent)
    requests = (found.example, *teacher.requests)
    assert {(r.n, r.max_tokens, r.json_object) for r in requests} == {(5, 500, True)}
