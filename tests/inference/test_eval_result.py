"""What an evaluation of several Tasks says of each, and of all."""

import pytest

from t5lite.inference import intervals
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.eval_result import EvalResult, TaskResult

CONFIG = EvalConfig(name="e", mixture_or_task_name="all", task_feature_lengths={"targets": 8})


def result(**values):
    """An evaluation whose Tasks have such values of the metric `em` for their examples."""
    tasks = [
        TaskResult(
            name=name,
            split="test",
            num_examples=len(scores),
            metrics={"em": sum(scores) / len(scores), "blind_guess": 0.25},
            by_example={"em": scores, "blind_guess": [0.25] * len(scores)},
        )
        for name, scores in values.items()
    ]
    return EvalResult(CONFIG, tasks)


@pytest.mark.parametrize("right", [1.0, 100.0])
def test_a_task_without_a_right_answer_has_the_scale_of_the_others(right):
    evaluation = result(none=[0.0] * 10, some=[0.0, right, right])
    assert "em 95%" in evaluation.summary() and "blind_guess 95%" not in evaluation.summary()
    found = evaluation.intervals
    assert found["e/none/em"] == intervals.of_mean([0.0] * 10, right=right)
    assert found["e/none/em"][1] == pytest.approx(0.2775 * right, rel=1e-3)
    assert set(found) == {"e/none/em", "e/some/em", "e/mean/em"}, "and a baseline has none"


def test_where_no_task_has_a_right_answer_no_interval_is_made_up():
    found = result(none=[0.0] * 10, nor=[0.0] * 3)
    assert found.intervals == {}
    assert "95%" not in found.summary()
