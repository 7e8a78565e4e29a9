"""Reasons and answers of a teacher: what it is asked, what is read, and runs that go on."""

import pytest

from t5lite.synthetic_data import chain_of_thought, rationales
from t5lite.synthetic_data.provenance import read_trace
from t5lite.synthetic_data.rationales import RATIONALES_FILE
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.requests import Choice
from tests.synthetic_data import scripted
from tests.synthetic_data.lines import lines_of, write_lines


def answer(request):
    """A teacher that knows sums, and goes wrong in every way."""
    number = int(request.messages[-1].content.split()[0])
    return {
        0: "It is nothing.\nAnswer: none",
        1: "Because.",
        2: "",
        3: Choice("It goes on and on", was_cut=True),
        4: "I guess.\nAnswer: 5.",
    }.get(number, f"One more than {number} is asked for.\n\n**Answer:** {number + 1}.")


@pytest.fixture
def questions(tmp_path):
    lines = [{"input": f"{n} plus one", "label": f"{n + 1}.0"} for n in range(8)]
    lines[4]["label"] = "6"
    return write_lines(tmp_path / "questions.jsonl", lines)


@pytest.fixture
def run(questions, tmp_path, monkeypatch):
    """`t5lite rationales` of the questions with a scripted teacher; its requests."""

    def run(name="made", *, script=answer, limits=scripted.AT_ONCE, **settings):
        def opened(self, answers, dry_run):
            teachers.append(scripted.asking(script, answers, limits=limits, dry_run=dry_run))
            return teachers[-1]

        teachers = []
        monkeypatch.setattr(TeacherConfig, "open", opened)
        settings = {"input": str(questions), "demonstrations": "arithmetic"} | settings
        teacher = TeacherConfig(teacher="recorded")
        rationales.rationales(teacher=teacher, output=str(tmp_path / name), **settings)
        return teachers[0]._teacher.asked

    return run


def read(folder):
    return lines_of(folder / RATIONALES_FILE)


def test_what_can_be_read_is_kept_and_the_rest_is_counted(run, tmp_path, capsys):
    folder = tmp_path / "made"
    asked = run()
    assert [(x["input"], x["teacher_label"]) for x in read(folder)] == [
        ("0 plus one", "none"),
        *((f"{n} plus one", f"{n + 1}") for n in range(4, 8)),
    ]
    assert read(folder)[-1] == {
        "id": "input_000007",
        "input": "7 plus one",
        "label": "8.0",
        "teacher_label": "8",
        "rationale": "One more than 7 is asked for.",
    }
    out = capsys.readouterr().out
    assert "5 of 8 inputs" in out and "left out: not readable" in out
    # The examples are turns of a conversation before the question.
    roles = [turn.role for turn in asked[0].messages]
    assert roles == ["system", *["user", "assistant"] * 4, "user"]
    origins = read_trace(folder)
    assert origins["input_000003"].verdicts[0].why == "cut short before the answer"
    assert origins["input_000007"].demonstrations == tuple(f"arithmetic_{i}" for i in range(4))
    assert origins["arithmetic_0"].example["label"] == "(48 - 31)"


def test_only_allowed_and_consistent_ones(run, tmp_path):
    folder = tmp_path / "made"
    run(labels=[str(n) for n in range(1, 8)], consistent_only=True)
    assert [x["teacher_label"] for x in read(folder)] == ["6", "7"]
    origins = read_trace(folder)
    verdicts = {i: origins[f"input_00000{i}"].verdicts[-1] for i in (0, 4, 7)}
    assert [v.filter for v in verdicts.values()] == ["not allowed", "not consistent", "not allowed"]
    assert "'5', and the label is '6'" in verdicts[4].why


def test_a_run_whose_budget_is_spent_goes_on(run, tmp_path, caplog):
    folder, whole = tmp_path / "made", tmp_path / "whole"
    assert len(run(limits=Limits(max_calls=6, max_retry_wait=0.0))) == 6
    assert "2 inputs were not answered" in caplog.text
    assert len(read(folder)) == 3
    assert len(run()) == 2
    run("whole")
    for name in (RATIONALES_FILE, "trace.jsonl"):
        assert (folder / name).read_text() == (whole / name).read_text()


def test_base_models_are_asked_to_go_on(run, tmp_path):
    def script(request):
        assert request.prompt.endswith("\nQuestion: 7 plus one\n") or "7 plus" not in request.prompt
        assert request.prompt.count("Answer: ") == 1
        return "Add.\nAnswer: 3\n\nQuestion: what else\nAnswer: 9"

    shown = tmp_path / "shown.jsonl"
    shown.write_text('{"input": "1 plus one", "rationale": "Add one to 1.", "label": "2"}\n')
    form = {"demonstrations": str(shown), "prompt_form": "continuation"}
    asked = run(script=script, max_examples=2, **form)
    assert len(asked) == 2 and not asked[0].messages
    assert {x["teacher_label"] for x in read(tmp_path / "made")} == {"3"}


def test_a_dry_run_asks_nothing(run, tmp_path, capsys):
    assert run(dry_run=True) == []
    assert "8" in capsys.readouterr().out
    assert not (tmp_path / "made").exists()


def test_a_task_is_asked(run, tmp_path):
    def script(request):
        return f"It is said.\nAnswer: {request.messages[-1].content[-1]}"

    run(
        script=script,
        input=None,
        mixture_or_task_name="toy_first",
        task_modules=("tests.toy_tasks",),
        split="validation",
        max_examples=3,
    )
    found = read(tmp_path / "made")
    assert [x["id"] for x in found] == [f"toy_first/validation/{i}" for i in range(3)]
    assert all(x["input"].startswith("first: ") and len(x["label"]) == 1 for x in found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"demonstrations": "aritmetic"}, r"none of nli, commonsense, arithmetic\. .*arithmetic"),
        ({"mixture_or_task_name": "toy"}, "and not both"),
        ({"input": None}, "give --input=FILE.jsonl, or --mixture=NAME"),
        ({"inputs_field": "question"}, "line 1: no text 'question'; name the field"),
        ({"prompt_form": "completion"}, "--prompt_form"),
        ({"input": "absent.jsonl"}, "absent.jsonl"),
    ],
)
def test_mistakes(run, settings, message):
    with pytest.raises(ValueError, match=message):
        run(**settings)


@pytest.mark.parametrize("id", ["arithmetic_0", "input_000001"])
def test_an_id_names_one_thing(run, questions, id):
    write_lines(questions, [{"input": "1 plus one", "id": id}, {"input": "2 plus one"}])
    with pytest.raises(ValueError, match=f"the id '{id}' comes twice, or is that of a demonstr"):
        run()


def test_consistency_needs_labels(run, questions):
    write_lines(questions, [{"input": "1 plus one"}])
    with pytest.raises(ValueError, match=r"--consistent_only .* no input has one"):
        run(consistent_only=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So it is.\nAnswer: a b.", ("So it is.", "a b")),
        ("Reasons: so.\nAnswer: 1\nand more", ("so.", "1")),
        ("Answer: 1", None),
        ("No answer", None),
        ("Why.\nAnswer:", None),
        ("Answer: no. Better so.\nAnswer: yes", ("Answer: no. Better so.", "yes")),
        ("**So.**\n\n**Answer: (b)**", ("**So.", "(b)")),
    ],
)
def test_answers(text, expected):
    assert chain_of_thought.read_answer(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Entailment.", "entailment", True),
        ("(76 - 25)", "( 76.0 - 25.0 )", True),
        ("1,200", "1200.0", True),
        ("(76 - 25)", "(25 - 76)", False),
        ("yes", "no", False),
    ],
)
def test_answers_that_are_the_same(one, other, same):
    assert chain_of_thought.same_answer(one, other) == same
