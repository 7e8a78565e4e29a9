"""Comparisons of finished evaluations: what is matched, what is refused, what the page shows."""

import json
import re
import shutil
import subprocess

import pytest

from t5lite import cli
from t5lite.evaluation.comparison import compare
from t5lite.files.json_files import write_lines
from tests.evaluation.folders import write_evaluation

A = {"t_one": [0, 0, 0, 1, 1], "t_two": [1, 1, 0]}
RECORD = {
    **{"task": "t_one", "index": 4, "inputs": "", "targets": "", "references": [""]},
    "prediction": None,
}
B = {"t_one": [1, 1, 0, 1, 0], "t_two": [1, 1, 1]}


@pytest.fixture
def folders(tmp_path):
    """Two model folders with one evaluation each."""
    write_evaluation(tmp_path / "old" / "eval" / "mix", A)
    write_evaluation(tmp_path / "new" / "eval" / "mix", B)
    return tmp_path / "old", tmp_path / "new"


def reasons(found):
    return {key: number for key, number in found.left_out.items() if number}


def test_tasks_are_compared_example_by_example(folders):
    (evaluation,) = compare(*folders).evaluations
    one, two = evaluation.tasks
    assert (one.task, one.found.num_better, one.found.num_worse) == ("t_one", 2, 1)
    assert (two.task, two.found.num_better, two.found.num_worse) == ("t_two", 1, 0)
    assert evaluation.found.difference.value == pytest.approx((0.2 + 1 / 3) / 2)
    assert [pair.has_changed for pair in one.pairs] == [True, True, False, False, True]
    assert all(0 < task.adjusted_p_value <= 1 for task in evaluation.tasks)


def test_a_folder_of_predictions_alone_is_enough(folders):
    old, new = (folder / "eval" / "mix" for folder in folders)
    for folder in (old, new):
        (folder / "metrics.json").unlink()
    assert len(compare(old, new).evaluations[0].tasks) == 2


def test_single_evaluations_may_be_called_otherwise(folders, tmp_path):
    ranked = write_evaluation(tmp_path / "ranked", B)
    (evaluation,) = compare(folders[0] / "eval" / "mix", ranked).evaluations
    assert evaluation.name == "mix, ranked"


def test_evaluations_of_several_are_matched_by_name(folders, tmp_path):
    write_evaluation(folders[0] / "eval" / "more", A)
    write_evaluation(folders[1] / "eval" / "other", A)
    found = compare(*folders)
    assert [evaluation.name for evaluation in found.evaluations] == ["mix"]
    assert found.unmatched == (["more"], ["other"])
    write_evaluation(tmp_path / "third" / "x", A)
    write_evaluation(tmp_path / "third" / "y", A)
    with pytest.raises(ValueError, match=r"no evaluation of the same name: mix, more and x, y"):
        compare(folders[0], tmp_path / "third")


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("targets", "the references are others"),
        ("references", "the references are others"),
        ("id", "the id is another"),
        ("inputs", "the prompt is another"),
        ("skipped", "it was skipped"),
        ("score", "there is no score of single examples"),
    ],
)
def test_what_is_another_question_is_left_out_and_counted(tmp_path, field, reason):
    changed = {"references": ["no"], "score": None}.get(field, "other")
    common = {"id": lambda task, index: f"{task}{index}"}
    old = write_evaluation(tmp_path / "old", A, **common)
    new = write_evaluation(tmp_path / "new", B, **common)
    path = new / "predictions.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1][field] = changed
    write_lines(path, lines)
    found = compare(old, new)
    assert reasons(found) == {("t_one", reason): 1}
    assert found.evaluations[0].tasks[0].found.num_pairs == 4


def test_options_are_compared_where_both_have_some(tmp_path):
    old = write_evaluation(tmp_path / "old", A, options=["yes", "no"])
    new = write_evaluation(tmp_path / "new", B)
    assert not reasons(compare(old, new))
    other = write_evaluation(tmp_path / "other", B, options=["yes", "maybe"])
    with pytest.raises(ValueError, match=r"the options are others \(8\)"):
        compare(old, other)


def test_examples_that_one_alone_has_are_counted(tmp_path):
    old = write_evaluation(tmp_path / "old", A)
    new = write_evaluation(tmp_path / "new", {"t_one": B["t_one"][:4], "t_new": [1]})
    assert reasons(compare(old, new)) == {
        ("t_one", "only A has the example"): 1,
        ("t_two", "only A has the example"): 3,
        ("t_new", "only B has the example"): 1,
    }


def test_other_prompts_are_refused_unless_they_are_allowed(tmp_path):
    old = write_evaluation(tmp_path / "old", A)
    new = write_evaluation(tmp_path / "new", B, inputs=lambda task, i: f"<|user|>{task} {i}")
    with pytest.raises(ValueError, match=r"the prompt is another \(8\).*--allow_different_prompts"):
        compare(old, new)
    assert compare(old, new, allow_different_prompts=True).evaluations[0].found.num_pairs == 8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"task": "t"}', "has no 'in"),
        ('{"task": "t", "index": "0", "inputs": "", "targets": ""}', "index must be an integer"),
        (json.dumps(RECORD), "is there twice"),
        (json.dumps(RECORD | {"samples": [{"text": "a"}]}), "has no 'answer'"),
        ("[", "malformed JSON"),
    ],
)
def test_a_malformed_record_is_named_by_its_line(folders, capsys, line, message):
    path = folders[1] / "eval" / "mix" / "predictions.jsonl"
    path.write_text(path.read_text() + line + "\n")
    assert cli.main(["eval", "compare", *map(str, folders)]) == 2
    error = capsys.readouterr().err
    assert f"{path}, line 9" in error and message in error


def test_a_folder_without_evaluations_is_named(folders, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert cli.main(["eval", "compare", str(folders[0]), str(tmp_path / "empty")]) == 2
    assert "predictions.jsonl" in capsys.readouterr().err
    assert cli.main(["eval", "compare", str(folders[0]), str(tmp_path / "none")]) == 2
    assert f"there is no folder {tmp_path}/none" in capsys.readouterr().err


def test_the_command_prints_and_writes_what_it_found(folders, tmp_path, capsys):
    words = [f"before={folders[0]}", str(folders[1]), f"--output={tmp_path / 'out'}"]
    assert cli.main(["eval", "compare", *words]) == 0
    printed = capsys.readouterr().out
    assert "A is before, B is new" in printed
    assert re.search(r"mix, mean +8 +53\.3 +80\.0 +\+26\.7 ", printed)
    record = json.loads((tmp_path / "out" / "compare.json").read_text())
    one = record["evaluations"]["mix"]["tasks"]["t_one"]
    assert (one["num_better"], one["num_worse"], one["test"]) == (2, 1, "McNemar, exact")
    assert one["difference"]["value"] == pytest.approx(0.2)
    assert "before and new compared" in (tmp_path / "out" / "compare.html").read_text()


def test_equal_differences_are_drawn(tmp_path):
    for name, score in (("old", 0.1), ("new", 0.3)):
        write_evaluation(tmp_path / name, {"t_one": [score] * 3, "t_two": [score] * 3})
    words = ["eval", "compare", str(tmp_path / "old"), str(tmp_path / "new")]
    assert cli.main([*words, f"--output={tmp_path}"]) == 0
    assert '<img alt="differences' in "".join(p.read_text() for p in tmp_path.glob("*.html"))


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium here")
def test_the_page_shows_texts_as_they_are_and_what_changed_only(tmp_path):
    evil = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)> ক $x$"
    old = write_evaluation(tmp_path / "old", A, prediction=lambda t, i: f"{evil} A{t}{i}")
    new = write_evaluation(tmp_path / "new", B, prediction=lambda t, i: f"\ud800 B{t}{i}")
    words = [str(old), f"<script>alert(2)<script>={new}", f"--output={tmp_path}"]
    assert cli.main(["eval", "compare", *words]) == 0
    text = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text and 'src="http' not in text and 'href="http' not in text
    page = _in_a_browser(tmp_path / "compare.html")
    assert "broken</title>" not in page
    shown = page.partition('<div id="list">')[2].partition("<script")[0]
    assert shown.count('class="example"') == 4
    assert "1 to 4 of 4" in page
    assert "&lt;/script&gt;" in shown and "<img" not in shown
    assert "\\ud800 Bt_one0" in shown
    assert {f"At_one{i}" in shown for i in (0, 1, 4)} == {True}
    assert "At_one2" not in shown
    # The counts in the tables link to the examples that they are of.
    links = re.findall(r'<a href="(#task=(\d*)&amp;change=(\w+))">(\d+)</a>', text)
    assert {task for _, task, _, _ in links} == {"", "0", "1"}
    link, _, change, count = next(link for link in links if link[1] and link[3] != "0")
    page = _in_a_browser(tmp_path / "compare.html", link.replace("&amp;", "&"))
    shown = page.partition('<div id="list">')[2].partition("<script")[0]
    assert shown.count('class="example"') == shown.count(f"B is {change}") == int(count)


def _in_a_browser(path, fragment=""):
    """What the page is when its script has run."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    return subprocess.run(
        [*command, f"file://{path}{fragment}"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    ).stdout
