"""What a report says of a run's evaluations."""

import json

import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.files.json_files import write_lines
from t5lite.reports.report import conclude, format_means, format_samples, write_report
from tests.feature_converters import converter
from tests.toy_run import MODEL


def write_evals(folder, *evals):
    lines = [{"step": step, "kind": "eval", **scores} for step, scores in evals]
    write_lines(folder / "metrics.jsonl", lines)


def scores(name, accuracy):
    tasks = ("mean", "sums")
    return {
        key: value
        for task in tasks
        for key, value in (
            (f"{name}/{task}/accuracy", accuracy),
            (f"{name}/{task}/loss", 1 - accuracy),
            (f"{name}/{task}/best_constant", 0.25),
        )
    }


def table(folder):
    title, _, *rows = format_means(folder).splitlines()
    return [line.split("  ") for line in (title, *rows)]


def cells(line):
    return [cell.strip() for cell in line if cell.strip()]


def test_before_is_before_training(tmp_path):
    write_evals(tmp_path, *((step, scores("old", 0.1 + step / 1000)) for step in (0, 100, 200)))
    title, row = map(cells, table(tmp_path))
    assert title == ["evaluation", "metric", "before", "after", "best constant", "blind guess"]
    assert row == ["old", "accuracy", "0.100", "0.300", "0.250", "-"]


def test_what_is_not_before_training_is_not_called_that(tmp_path):
    write_evals(tmp_path, *((step, scores("old", 0.1 + step / 1000)) for step in (100, 200)))
    title, row = map(cells, table(tmp_path))
    assert title[2] == "at step 100" and row[2] == "0.200"


def test_an_evaluation_that_came_with_a_resume_says_when_it_began(tmp_path):
    write_evals(
        tmp_path,
        (0, scores("old", 0.1)),
        (100, scores("old", 0.2) | scores("new", 0.4)),
        (200, scores("old", 0.3) | scores("new", 0.5)),
    )
    title, old, new = map(cells, table(tmp_path))
    assert (title[2], old[2], new[2]) == ("before", "0.100", "0.400 (at step 100)")
    ModelDescription(
        model=MODEL,
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(),
    ).save(tmp_path)
    page = write_report(tmp_path).read_text()
    assert page.count("0.400 (at step 100)") == 2, "the mean's and the task's"
    assert "<th>before</th>" in page


def test_one_evaluation_has_no_before(tmp_path):
    write_evals(tmp_path, (200, scores("old", 0.3)))
    assert cells(table(tmp_path)[1])[2] == "-"


def test_a_score_stands_beside_its_baselines(tmp_path):
    write_evals(tmp_path, (0, scores("new", 0.5) | {"new/mean/blind_guess": 0.3}))
    (row,) = map(cells, table(tmp_path)[1:])
    assert row == ["new", "accuracy", "-", "0.500", "0.250", "0.300"]


def write_run(folder, *, name, prediction):
    """What a run of one evaluation leaves, whose answer and names are given."""
    ModelDescription(
        model=MODEL,
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(task_feature_lengths={"inputs": 24, "targets": 12}),
    ).save(folder)
    write_evals(folder, *((step, scores(name, 0.1)) for step in (0, 100)))
    record = {"task": "sums", "inputs": "1+1", "prediction": prediction, "targets": "2"}
    (folder / "eval" / name).mkdir(parents=True)
    text = json.dumps(record, ensure_ascii=False) + "\n"
    (folder / "eval" / name / "predictions.jsonl").write_bytes(
        text.encode("utf-8", "backslashreplace")
    )


@pytest.mark.parametrize(
    ("name", "prediction"),
    [
        ("a$\\frac$", "2"),
        ("$", "$x_$"),
        ("ev", "one\u2028two\x85three\x0bfour"),
        ("ev", "half \ud800 a pair"),
        ("ev", "</pre><script>alert(1)</script>"),
    ],
)
def test_every_answer_and_name_has_its_report(tmp_path, name, prediction):
    write_run(tmp_path, name=name, prediction=prediction)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "<script>" not in page
    assert prediction[:3] in page or "&lt;" in page
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert repr(prediction) in format_samples(tmp_path)


def test_a_report_that_cannot_be_written_ends_no_training(tmp_path, caplog):
    write_run(tmp_path, name="ev", prediction="2")
    (tmp_path / "report.png").mkdir()
    conclude(tmp_path)
    assert f"training is done and saved in {tmp_path}, but no report" in caplog.text
