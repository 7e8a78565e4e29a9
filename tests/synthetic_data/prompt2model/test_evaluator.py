"""A student beside its teacher: files of the same examples, what is asked, and the table."""

import pytest

from t5lite.files.json_files import read_object
from t5lite.synthetic_data.prompt2model.evaluator import (
    SCORES_FILE,
    TABLE_FILE,
    Comparison,
    evaluate_answers,
    score_teacher,
)
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.teacher import TeacherError
from tests.synthetic_data.lines import lines_of, write_lines
from tests.synthetic_data.scripted import asking

pytest.importorskip("sacrebleu")

SPEC = PromptSpec(
    instruction=" Name the capital. ",
    demonstrations=(Demonstration("France", "Paris"), Demonstration("", "None")),
)
CAPITALS = {"Peru": "Lima", "Japan": "東京", "Fiji": "Suva", "Chad": "N'Djamena"}
EXAMPLES = [
    {"id": f"e{place}", "input": country, "output": capital}
    for place, (country, capital) in enumerate(CAPITALS.items())
]


@pytest.fixture
def examples(tmp_path):
    return write_lines(tmp_path / "test.jsonl", EXAMPLES)


def test_answers_are_matched_by_id(examples, tmp_path):
    answered = [{"id": e["id"], "prediction": e["output"], "other": 1} for e in EXAMPLES]
    answered[0]["prediction"], answered[3]["prediction"] = "Cusco", None
    found = evaluate_answers(write_lines(tmp_path / "a.jsonl", reversed(answered)), examples)
    assert found.exact == [0, 1, 1, 0] and found.num_unanswered == 1
    several = [{**EXAMPLES[0], "references": ["Lima", "Cusco"]}, *EXAMPLES[1:]]
    found = evaluate_answers(tmp_path / "a.jsonl", write_lines(tmp_path / "several.jsonl", several))
    assert found.exact == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("answers", "complaint"),
    [
        ([], r"a.jsonl has no answer to 'e0', 'e1', 'e2', ... \(4 of 4\); both files must"),
        ([{"id": "e0"}], "line 1 has no 'prediction'; write null"),
        ([{"prediction": "x"}], "line 1 has no 'id'"),
        ([{"id": None, "prediction": "x"}], "line 1 has no 'id'"),
        ([{"id": "e0", "prediction": 1}], "prediction must be a text or null, got 1"),
        ([{"id": ["e0"], "prediction": "x"}], "id must be"),
        ([{"id": "e0", "prediction": "x"}] * 2, "line 2: a second answer to 'e0'"),
        (
            [{"id": id, "prediction": "x"} for id in ("e0", "e1", "e2", "e3", "e9")],
            r"answers what .*test.jsonl does not hold: 'e9' \(1 of 5\)",
        ),
    ],
)
def test_answers_to_other_examples_are_refused(examples, tmp_path, answers, complaint):
    with pytest.raises(ValueError, match=complaint):
        evaluate_answers(write_lines(tmp_path / "a.jsonl", answers), examples)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "holds no examples"),
        ([{"id": 1, "input": "x"}], "line 1 has no 'output'"),
        ([{"id": 1, "input": None, "output": "x"}], "line 1 has no 'input'"),
        ([{"id": 1, "input": "x", "output": "x"}] * 2, "line 2: a second example 1"),
        ([{"id": 1, "input": "x", "output": ["x"]}], "output must be a text"),
        ([{"id": 1, "input": "x", "output": "x", "references": "x"}], "references must be a list"),
    ],
)
def test_examples_of_another_layout_are_refused(tmp_path, rows, complaint):
    examples = write_lines(tmp_path / "test.jsonl", rows)
    with pytest.raises(ValueError, match=complaint):
        evaluate_answers(write_lines(tmp_path / "a.jsonl", []), examples)


def test_a_file_that_is_not_there_is_named(examples, tmp_path):
    with pytest.raises(ValueError, match=r"none.jsonl cannot be read: No such file"):
        evaluate_answers(tmp_path / "none.jsonl", examples)
    with pytest.raises(ValueError, match=r"none.jsonl cannot be read: No such file"):
        evaluate_answers(examples, tmp_path / "none.jsonl")


def test_a_teacher_is_asked_with_the_prompt_of_the_student(examples, tmp_path):
    asked = []

    def script(request):
        (message,) = request.messages
        asked.append(message.content)
        assert request.temperature == 0 and request.n == 1 and request.stop == ("\nInput:",)
        country = message.content.rpartition("Input: ")[2].partition("\n")[0]
        return {"Chad": TeacherError("503"), "Peru": "Output: Lima\n", "Fiji": " "}.get(
            country, CAPITALS[country] + "!"
        )

    answers = tmp_path / "teacher.jsonl"
    with asking(script, tmp_path / "kept") as teacher:
        assert score_teacher(SPEC, examples, teacher, answers=answers) == answers
    assert asked[0] == (
        "Name the capital.\n\nInput: France\nOutput: Paris\n\nOutput: None\n\nInput: Peru\nOutput:"
    )
    written = lines_of(answers)
    assert [line["prediction"] for line in written] == ["Lima", "東京!", "", None]
    assert "503" in written[3]["problem"] and "東京" in answers.read_text()
    assert [{n: line[n] for n in ("id", "input", "output")} for line in written] == EXAMPLES
    found = evaluate_answers(answers, examples)
    assert found.exact == [1, 0, 0, 0] and found.num_unanswered == 1


def test_a_teacher_that_answers_nothing_is_no_model_to_compare_with(examples, tmp_path):
    answers = tmp_path / "teacher.jsonl"
    with (
        asking(lambda _: "x", tmp_path / "kept", limits=Limits(max_total_tokens=1)) as teacher,
        pytest.raises(ValueError, match=r"answered none of 4 examples: .*budget"),
    ):
        score_teacher(SPEC, examples, teacher, answers=answers)
    assert not answers.exists()


def test_the_table_and_what_is_written(tmp_path):
    rows = [{"id": i, "input": f"{i}", "output": f"answer {i}"} for i in range(40)]
    examples = write_lines(tmp_path / "test.jsonl", rows)

    def answered(name, share):
        given = [
            {"id": i, "prediction": f"answer {i}" if i < 40 * share else None} for i in range(40)
        ]
        return evaluate_answers(write_lines(tmp_path / f"{name}.jsonl", given), examples)

    student, teacher, before = (answered(n, s) for n, s in (("s", 0.9), ("t", 0.5), ("b", 0)))
    found = Comparison(student=student, teacher=teacher, baselines={"before": before})
    table = found.table().split("\n")
    assert table[2].split()[:4] == ["exact", "match", "student", "90.0"]
    exact = next(line for line in table if "teacher" in line and "exact" in line)
    assert "50.0 (" in exact and "+40.0 (+" in exact and "< 0.001" in exact and "20" in exact
    found.write(tmp_path / "scores")
    record = read_object(tmp_path / "scores" / SCORES_FILE)
    assert record["num_examples"] == 40
    assert list(record["models"]) == ["student", "before", "teacher"]
    assert record["models"]["teacher"]["num_unanswered"] == 20
    exact = record["models"]["student"]["scores"]["exact match"]
    assert exact["value"] == 0.9 and exact["low"] < 0.9 < exact["high"]
    difference = record["student_minus"]["teacher"]["exact match"]
    assert difference["difference"]["value"] == pytest.approx(0.4)
    assert difference["test"] == "McNemar, exact"
    markdown = (tmp_path / "scores" / TABLE_FILE).read_text()
    assert markdown.startswith("| score | model |") and "| chrF++ | teacher |" in markdown
    alone = Comparison(student=student).table()
    assert "teacher" not in alone and "90.0" in alone
