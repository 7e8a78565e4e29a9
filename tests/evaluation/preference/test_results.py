"""What `t5lite preference report` prints and writes of files of judgments."""

import json

import pytest

from t5lite.cli import main
from t5lite.evaluation.preference.judgments import IDENTICAL, Judgment, read_judgments
from t5lite.files.json_files import write_lines
from tests.evaluation.preference.answer_files import pairs


def write(path, compared, verdicts, *, judge="person"):
    """Judgments of the first pairs; None leaves one out."""
    judgments = [
        Judgment.of(pair, compared, verdict=verdict, judge=judge).record()
        for pair, verdict in zip(compared.pairs, verdicts, strict=False)
        if verdict is not None
    ]
    write_lines(path, judgments)
    return str(path)


@pytest.fixture
def compared(tmp_path):
    return pairs(tmp_path, "p1 p2 p3 q1 q2")


def report(capsys, *words):
    assert main(["preference", "report", *words]) == 0
    return capsys.readouterr().out


def test_rates_are_printed_by_category_and_for_all(compared, tmp_path, capsys):
    path = write(tmp_path / "j.jsonl", compared, ["a", "a", "tie", "b", "both_bad"])
    said = report(capsys, path)
    assert "A = x, B = y, judged by person" in said
    rows = [line.split() for line in said.splitlines() if line[:4] in ("p   ", "q   ", "all ")]
    assert [row[:7] for row in rows] == [
        ["p", "3", "2", "0", "1", "0", "83.3%"],
        ["q", "2", "0", "1", "0", "1", "25.0%"],
        ["all", "5", "2", "1", "1", "1", "60.0%"],
    ]
    assert rows[2][7:] == ["23.1%", "to", "88.2%"], "Wilson's of 3 in 5"
    assert "agree" not in said and "identical" not in said


def test_judges_are_compared(compared, tmp_path, capsys):
    person = write(tmp_path / "p.jsonl", compared, ["a", "a", "both_bad", "b"])
    model = write(tmp_path / "m.jsonl", compared, ["a", "b", "tie", "b", "a"], judge="judge-7b")
    said = report(capsys, person, model)
    assert "judged by judge-7b" in said
    assert "agree on 75.0% of the 4 pairs that both judged; Cohen's kappa 0.64." in said
    other = write(tmp_path / "o.jsonl", compared, [None] * 4 + ["a"])
    assert "have judged no pair in common" in report(capsys, person, other)


def test_identical_answers_are_said(compared, tmp_path, capsys):
    path = write(tmp_path / "j.jsonl", compared, ["tie"] * 2, judge=IDENTICAL)
    assert "2 of the ties are pairs of identical answers" in report(capsys, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no judgments yet"),
        ('{"prediction": "x"}', "line 1: field 'pair' is missing.*`t5lite preference serve`"),
        ("{first}\n{first}", "line 2: prompt 'p1' is judged a second time"),
        ("{better}", "line 1: field 'verdict' is 'better'; it must be one of a, b, tie, both_bad"),
        ("{first}\n{other}", "line 2: compares z with y, and the lines before x with y"),
    ],
)
def test_files_that_are_no_judgments_are_refused(compared, tmp_path, text, message):
    path = tmp_path / "j.jsonl"
    write(path, compared, ["a", "b"])
    first, second = map(json.loads, path.read_text().splitlines())
    lines = {
        "{first}": first,
        "{better}": first | {"verdict": "better"},
        "{other}": second | {"model_a": "z"},
    }
    for name, record in lines.items():
        text = text.replace(name, json.dumps(record))
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_judgments(path)


def test_the_page_shows_the_same_and_escapes_it(compared, tmp_path, capsys):
    compared = compared._replace(model_a="<b>x</b>")
    path = write(tmp_path / "j.jsonl", compared, ["a", "a", "b", "b"])
    other = write(tmp_path / "k.jsonl", compared, ["a", "a", "b", "b"], judge="m")
    page = tmp_path / "pages" / "results.html"
    said = report(capsys, path, other, f"--output={page}")
    text = page.read_text()
    assert f"page: {page}" in said
    assert "&lt;b&gt;x&lt;/b&gt; is better" in text and "<b>x" not in text
    for found in ("66.7%", "20.8% to 93.9%", "agree on 100.0% of the 4 pairs"):
        assert found in said and found in text
    assert 'class="a" style="width: 66.67%"' in text
