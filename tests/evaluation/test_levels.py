"""Scores by level, of folders with scores that are known."""

import json

import pytest
from scipy import stats

from t5lite import cli
from t5lite.evaluation.levels import report
from tests.evaluation.folders import write_evaluation

SCORES = {
    "fully_held_out": {"a": [0, 0, 1, 0], "b": [1, 0, 0, 0], "c": [0, 0, 0, 0]},
    "partially_supervised": {"d": [1, 0], "e": [1, 1]},
    "fully_supervised": {"f": [1, 1, 1, 0]},
}


def write_levels(folder, *, split="ni", levels=tuple(SCORES), suffix="", **config):
    for level in levels:
        write_evaluation(
            folder / "eval" / f"{level}{suffix}",
            SCORES[level],
            mixture=f"{split}_{level}",
            config={"decoding": {"strategy": "greedy"}, **config},
        )
    return folder


def test_means_and_intervals_are_over_tasks(tmp_path, capsys):
    write_levels(tmp_path / "model")
    write_evaluation(tmp_path / "model" / "eval" / "mmlu", {"x": [1]}, mixture="mmlu_5shot")
    found = report([str(tmp_path / "model")], output=str(tmp_path / "out"))
    assert [(one.level, one.mean) for one in found] == [
        ("fully_held_out", pytest.approx(100 * 0.5 / 3)),
        ("partially_supervised", 75.0),
        ("fully_supervised", 75.0),
    ]
    values = [25.0, 25.0, 0.0]
    low, high = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
    assert low < 0 and found[0].interval == pytest.approx((0.0, high))
    assert found[2].interval is None, "one task says nothing of others"
    printed = capsys.readouterr().out
    assert printed.count(" ni ") == 4 and "x" not in found[0].scores
    mean = (100 * 0.5 / 3 + 75 + 75) / 3
    assert f"{mean:.1f}" in printed.splitlines()[-2]
    record = json.loads((tmp_path / "out" / "levels.json").read_text())
    assert [one["mean"] for one in record["levels"]] == [one.mean for one in found]
    assert "| fully_held_out " in (tmp_path / "out" / "levels.md").read_text()


def test_equal_scores_have_no_interval(tmp_path):
    scores = {"a": [0, 0], "b": [0, 0], "c": [0, 0]}
    write_evaluation(tmp_path / "eval" / "one", scores, mixture="ni_fully_held_out")
    (found,) = report([str(tmp_path)], output=str(tmp_path))
    assert (found.mean, found.interval) == (0.0, None)


def test_zero_shot_and_few_shot_stand_beside_each_other(tmp_path, capsys):
    write_levels(tmp_path / "model", num_shots=0)
    write_levels(tmp_path / "model", num_shots=5, suffix="_5shot", levels=list(SCORES)[:2])
    write_levels(tmp_path / "other", num_shots=5)
    assert (
        cli.main(
            ["eval", "levels", f"new={tmp_path}/model", f"{tmp_path}/other", f"--output={tmp_path}"]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum("0-shot" in line and "new" in line for line in lines) == 3 + 1
    assert sum("5-shot" in line and "new" in line for line in lines) == 2, "no mean of two levels"
    assert sum("5-shot" in line and "other" in line for line in lines) == 3 + 1


def test_two_evaluations_of_one_level_asked_alike_must_be_chosen_from(tmp_path, capsys):
    write_levels(tmp_path / "model", levels=list(SCORES)[:1], suffix="_first")
    write_levels(tmp_path / "model", levels=list(SCORES)[:1], suffix="_second")
    words = ["eval", "levels", str(tmp_path / "model"), f"--output={tmp_path}"]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert "both evaluate ni_fully_held_out, asked alike" in error
    assert "--evaluations=fully_held_out_first" in error
    assert cli.main([*words, "--evaluations=fully_held_out_second"]) == 0
    (one,) = json.loads((tmp_path / "levels.json").read_text())["levels"]
    assert one["evaluation"] == "fully_held_out_second"
    assert cli.main([*words, "--evaluations=fully"]) == 2
    assert "has no evaluation 'fully'" in capsys.readouterr().err


def test_a_folder_without_levels_is_refused(tmp_path, capsys):
    write_evaluation(tmp_path / "eval" / "mmlu", {"x": [1]}, mixture="mmlu_5shot")
    assert cli.main(["eval", "levels", str(tmp_path)]) == 2
    assert "none of the 1 evaluations there is of a level" in capsys.readouterr().err
