"""What reports read is what the evaluator wrote, whatever the scale of a Task's metric."""

import pytest

from t5lite.evaluation.finished import read_evaluation
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.eval_result import EvalResult, TaskResult


def saved(folder, right, **values):
    """Reads an evaluation back in which a right answer scores `right`; `values` are in [0, 1]."""
    tasks = [
        TaskResult(
            name=name,
            split="test",
            num_examples=len(shares),
            metrics={"em": right * sum(shares) / len(shares), "loss": 2.0},
            by_example={"em": [right * share for share in shares]},
            by_num_samples={"em": [0.0, right * 0.25]},
            score_metric="em",
        )
        for name, shares in values.items()
    ]
    config = EvalConfig(name="e", mixture_or_task_name="all", task_feature_lengths={"targets": 8})
    EvalResult(config, tasks).save(folder)
    return read_evaluation(folder).tasks


def test_metrics_of_0_to_100_are_read_as_those_of_0_to_1(tmp_path):
    values = {"some": [1.0] * 5 + [0.0] * 3, "none": [0.0] * 10, "part": [0.25, 0.5]}
    ones, hundreds = (saved(tmp_path / f"{right}", right, **values) for right in (1.0, 100.0))
    assert {name: task.score.value for name, task in hundreds.items()} == {
        "some": 62.5,
        "none": 0.0,
        "part": 37.5,
    }
    for name, task in ones.items():
        assert hundreds[name].score == pytest.approx(task.score) and task.has_interval
        assert hundreds[name].by_num_samples == task.by_num_samples == [0.0, 25.0]
    assert hundreds["none"].score.high == pytest.approx(27.75, rel=1e-3)


def test_votes_say_the_scale_where_the_last_is_never_right(tmp_path):
    (task,) = saved(tmp_path, 100.0, only=[0.0, 0.0]).values()
    assert not task.has_interval and task.by_num_samples == [0.0, 25.0]
