"""All of Self-Instruct with a scripted teacher: what it asks, what is kept, how it resumes."""

import collections
import dataclasses
import random

import pytest

from t5lite.files.appended_lines import AppendedLines
from t5lite.files.json_files import read_object
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import page
from t5lite.synthetic_data.self_instruct.run import make_data
from t5lite.synthetic_data.self_instruct.seeds import Instance, SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.requests import Choice
from t5lite.synthetic_data.teachers.teacher import TeacherError
from tests.synthetic_data.lines import lines_of, write_lines
from tests.synthetic_data.scripted import AT_ONCE, ScriptedTeacher, asking

SEEDS = [
    SeedTask(id=f"seed_{n}", instruction=text, instances=(Instance("", "x"),))
    for n, text in enumerate(
        (
            "Describe the way to the nearest post office.",
            "Which of these animals lay eggs?",
            "Turn the recipe into a shopping list.",
        )
    )
]
CONFIG = SelfInstructConfig(num_instructions=6, requests_per_round=2, num_asked=3)
_WORDS = ("sea", "dog", "law", "moon")


def _text(request):
    return request.prompt if request.prompt is not None else request.messages[-1].content


def _script(request):
    """Three instructions, of which one is like another, and two instances of each."""
    text, rng = _text(request), random.Random(request.attempt)
    if "further tasks" in text:
        word, other = (f"{word}{request.attempt}" for word in rng.sample(_WORDS, 2))
        return (
            f"Sure:\n\n1. Tell {word} from {other}.\n2. Tell the {word} from {other}.\n3. Sort it."
        )
    if "Classification:" in text:
        return "yes" if "dog" in text.split("Task:")[-1] else "no"
    if "Label:" in text:
        return "Label: good\nInput: one\nLabel: bad\nInput: two"
    return "Input: a\nOutput: b\n\nExample 2\nInput: a\nOutput: b\n\nExample 3\nInput: c"


def _listing(answer):
    """A teacher who answers this to every request for instructions."""
    return lambda request: answer if "further tasks" in _text(request) else _script(request)


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch):
    """Drawing takes longer than everything else; one test draws."""
    monkeypatch.setattr(page, "_draw", lambda statistics: b"")


def _run(folder, script=_script, config=CONFIG, *, limits=AT_ONCE, seeds=SEEDS):
    """Runs all steps; the requests that the teacher saw."""
    with asking(script, folder / "answers", limits=limits) as ask:
        files.begin(folder, config, seeds, teacher=ask.teacher_name)
        make_data(ask, seeds, config, folder=folder)
        assert isinstance(ask._teacher, ScriptedTeacher)
        return ask._teacher.asked


def _files(folder):
    """All that a run writes, but the answers, whose order may be another."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_four_steps(tmp_path):
    asked = _run(tmp_path)
    kept = lines_of(tmp_path / files.INSTRUCTIONS)
    assert len(kept) == 6
    assert [record["round"] for record in kept] == [0, 0, 1, 1, 2, 2]
    rounds = lines_of(tmp_path / files.ROUNDS)
    assert rounds[0] == {
        **{"round": 0, "requests": 2, "not_answered": 0, "cut": 0, "no_list": 0},
        **{"candidates": 6, "kept": 2, "dropped": {"rouge_l": 2, "min_words": 2}},
    }
    # Two of the teacher's own are shown as soon as there are two, with seeds for the rest.
    lists = [request for request in asked if "further tasks" in _text(request)]
    assert [_text(r).count(". Tell ") for r in lists] == [0, 0, 2, 2, 2, 2]
    assert all(r.temperature == 0.7 and r.top_p == 0.5 and r.presence_penalty == 2 for r in lists)
    assert all(r.temperature == 0 for r in asked if r not in lists)

    origins = {record["id"]: record for record in lines_of(tmp_path / "trace.jsonl")}
    assert len(origins) == 3 + 18 + sum(
        len(record["instances"]) for record in lines_of(tmp_path / files.INSTANCES)
    )
    first = origins["machine_00000_00_01"]
    assert first["verdicts"][-1]["filter"] == "rouge_l"
    assert first["verdicts"][-1]["why"].endswith("with machine_00000_00_00")
    assert set(first["demonstrations"]) == {"seed_0", "seed_1", "seed_2"}

    examples = lines_of(tmp_path / files.EXAMPLES)
    by_class = collections.defaultdict(set)
    for one in examples:
        assert one["is_classification"] == ("dog" in one["instruction"])
        by_class[one["is_classification"]].add((one["input"], one["output"]))
    assert by_class[False] == {("a", "b")}
    assert by_class[True] == {("one", "good"), ("two", "bad")}
    found = read_object(tmp_path / files.STATISTICS)
    assert found["instructions"] == {
        **{"candidates": 18, "kept": 6, "kept_share": 1 / 3},
        "dropped": {"min_words": 6, "rouge_l": 6},
    }
    assert found["instances"]["kept"] == found["examples"] == len(examples)
    assert sum(found["rouge_l_to_seeds"]["counts"]) == 6
    assert found["verbs_and_nouns"]["instructions_with"] == 6


def test_a_run_killed_at_any_write_ends_with_the_same_files(tmp_path, monkeypatch):
    _run(tmp_path / "whole")
    whole = _files(tmp_path / "whole")
    append = AppendedLines.append
    written = 0

    class Killed(BaseException):
        pass

    def dying(self, records):
        nonlocal written
        written += 1
        if written == deadline:
            # Some of the lines are there, and a piece of one.
            append(self, records[: len(records) // 2])
            with self.path.open("ab") as file:
                file.write(b'{"id": "mach')
            raise Killed
        append(self, records)

    monkeypatch.setattr(AppendedLines, "append", dying)
    deadline = 1
    while True:
        folder, written = tmp_path / str(deadline), 0
        try:
            _run(folder)
            break  # no write was left to die in
        except Killed:
            written, dead = -1_000_000, deadline
            asked = _run(folder)
            assert _files(folder) == whole, f"killed at write {dead}"
            assert len({_text(r) + str(r.attempt) for r in asked}) == len(asked)
        deadline += 1
    assert deadline > 10


def test_more_instructions_are_added_to_a_finished_run(tmp_path):
    _run(tmp_path)
    before = lines_of(tmp_path / files.INSTRUCTIONS)
    asked = _run(tmp_path)
    assert asked == []  # everything is on disk
    more = dataclasses.replace(CONFIG, num_instructions=9)
    _run(tmp_path, config=more)
    assert lines_of(tmp_path / files.INSTRUCTIONS)[:6] == before
    assert len(lines_of(tmp_path / files.INSTRUCTIONS)) == 10
    with pytest.raises(ValueError, match="num_asked was 3, and is 4 now"):
        _run(tmp_path, config=dataclasses.replace(more, num_asked=4))
    with pytest.raises(ValueError, match="seeds_sha256 was"):
        _run(tmp_path, config=more, seeds=SEEDS[:2])


def test_a_teacher_that_repeats_itself_ends_the_rounds(tmp_path):
    answer = "9. Write about the green sea.\n9. Write about the green sea."
    config = SelfInstructConfig(requests_per_round=1, max_rounds_without_new=3)
    _run(tmp_path, _listing(answer), config)
    assert [record["kept"] for record in lines_of(tmp_path / files.ROUNDS)] == [1, 0, 0, 0]
    remarks = read_object(tmp_path / files.STATISTICS)["remarks"]
    assert remarks == [
        "The last 3 rounds brought no new instruction, so that asking ended; 1 of the 1,000 "
        "instructions are there."
    ]


@pytest.mark.parametrize("answer", ["", "I cannot do that.", Choice("1. Write about it now", True)])
def test_answers_of_no_use_end_without_examples(tmp_path, answer):
    config = SelfInstructConfig(requests_per_round=2, max_rounds_without_new=2)
    _run(tmp_path, lambda request: answer if isinstance(answer, str) else [answer], config)
    rounds = lines_of(tmp_path / files.ROUNDS)
    assert [(r["candidates"], r["kept"], r["no_list"]) for r in rounds] == [(0, 0, 2)] * 2
    assert lines_of(tmp_path / files.EXAMPLES) == []
    assert (tmp_path / files.PAGE).exists()


def test_of_a_cut_answer_all_but_the_last_item_may_be_kept(tmp_path):
    cut = [Choice("1. Write about the sea now.\n2. Write about", was_cut=True)]
    config = SelfInstructConfig(requests_per_round=1, max_rounds=1, cut_answers="drop_last")
    _run(tmp_path, _listing(cut), config)
    kept = lines_of(tmp_path / files.INSTRUCTIONS)
    assert [record["instruction"] for record in kept] == ["Write about the sea now."]
    assert lines_of(tmp_path / files.ROUNDS)[0]["cut"] == 1


def test_a_budget_that_is_spent_stops_and_goes_on(tmp_path):
    _run(tmp_path / "whole")
    folder = tmp_path / "poor"
    for calls in (1, 4, 9, 15, None):
        limits = Limits(max_retry_wait=0.0, max_retries=0, max_calls=calls)
        _run(folder, limits=limits)
        remarks = " ".join(read_object(folder / files.STATISTICS)["remarks"])
        assert ("budget was spent" in remarks) == (calls is not None)
    whole, poor = _files(tmp_path / "whole"), _files(folder)
    assert set(whole) == set(poor)
    # The instances of some instructions were traced before the last instructions were.
    assert sorted(poor.pop("trace.jsonl").split(b"\n")) == sorted(
        whole.pop("trace.jsonl").split(b"\n")
    )
    assert poor == whole


def test_whole_tasks_as_alpaca_asks_for_them(tmp_path):
    def script(request):
        assert "further tasks" in _text(request)
        n = request.attempt
        return (
            f"Task 4\nInstruction: Explain the number {n}.\nInput: (none)\nOutput: It is {n}.\n\n"
            f"Task 5\nInstruction: Sort list {n} for me.\nInput: b a\nOutput: a b\n\n"
            "Task 6\nInstruction: Say something else now.\nInput: b"
        )

    config = SelfInstructConfig(
        **{"num_instructions": 4, "requests_per_round": 1, "num_asked": 3, "whole_tasks": True},
        **{"num_seed_demonstrations": 2, "num_machine_demonstrations": 0, "max_rouge_l": 0.9},
    )
    _run(tmp_path, script, config)
    examples = lines_of(tmp_path / files.EXAMPLES)
    assert [(one["input"], one["output"]) for one in examples] == [
        *(("", "It is 0."), ("b a", "a b"), ("", "It is 1."), ("b a", "a b"))
    ]
    assert lines_of(tmp_path / files.ROUNDS)[0]["dropped"] == {"format": 1}
    assert not (tmp_path / files.CLASSIFICATION).exists()


def test_a_text_to_go_on_with(tmp_path):
    config = SelfInstructConfig(
        num_instructions=2, requests_per_round=1, num_asked=2, prompt_form="continuation"
    )

    def script(request):
        assert request.messages == ()
        if request.prompt.endswith("\n4."):
            assert request.stop == ("\n\n", "\n6.")
            return " Write about the sea.\n5. Explain how bread is made."
        return _script(request)

    _run(tmp_path, script, config)
    kept = [record["instruction"] for record in lines_of(tmp_path / files.INSTRUCTIONS)]
    assert kept == ["Write about the sea.", "Explain how bread is made."]


def test_seeds_may_be_included(tmp_path):
    _run(tmp_path, config=dataclasses.replace(CONFIG, include_seeds=True))
    ids = [record["id"] for record in lines_of(tmp_path / files.EXAMPLES)]
    assert ids[:4] == ["seed_0.1", "seed_1.1", "seed_2.1", "machine_00000_00_00.1"]


def test_the_page_shows_what_came_out(tmp_path, monkeypatch):
    monkeypatch.undo()
    answer = "1. Write a $short$ poem for <b>me</b>.\n2. Sort the big list."
    config = SelfInstructConfig(num_instructions=2, requests_per_round=1)
    _run(tmp_path, _listing(answer), config)
    assert (tmp_path / files.PICTURE).read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / files.PAGE).read_text("utf-8")
    assert "Write a $short$ poem for &lt;b&gt;me&lt;/b&gt;" in text
    assert "http" not in text.replace("http-equiv", "")
    pairs = read_object(tmp_path / files.STATISTICS)["verbs_and_nouns"]["pairs"]
    assert pairs == [["sort", "list", 1], ["write", "poem", 1]]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        (files.ROUNDS, "kept", "two"),
        (files.INSTRUCTIONS, "instruction", None),
        (files.INSTRUCTIONS, "note", "mine"),
        (files.CLASSIFICATION, "classification", "yes"),
        (files.INSTANCES, "instances", [{"input": 3}]),
    ],
)
def test_lines_that_somebody_changed_are_named(tmp_path, name, field, value):
    _run(tmp_path)
    records = lines_of(tmp_path / name)
    records[1][field] = value
    write_lines(tmp_path / name, records)
    with pytest.raises(ValueError, match=rf"{name}.*{field}"):
        _run(tmp_path)


@pytest.mark.parametrize("failing", ["further tasks", "Classification:", "Example 1"])
def test_requests_that_fail_are_asked_again_at_the_next_start(tmp_path, failing):
    seen: dict[str, int] = {}

    def script(request):
        """Every other request of one step fails with all its retries."""
        text = _text(request)
        is_asked = text.endswith(failing) or (failing == "further tasks" and failing in text)
        name = text + str(request.attempt)
        if is_asked and seen.setdefault(name, len(seen)) % 2 == 0:
            return TeacherError("500 server error")
        return _script(request)

    _run(tmp_path, script)
    found = read_object(tmp_path / files.STATISTICS)
    if failing == "further tasks":
        # A round is not put again; others bring what it did not.
        assert found["answers"]["not_answered"] >= 3 and found["instructions"]["kept"] == 6
        assert found["remarks"] == []
        return
    assert "requests" in found["remarks"][0] and "failed" in found["remarks"][0]
    _run(tmp_path)
    assert read_object(tmp_path / files.STATISTICS)["remarks"] == []
    _run(tmp_path / "whole")
    for name in (files.EXAMPLES, files.STATISTICS):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
