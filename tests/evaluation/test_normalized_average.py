"""The normalized average against rows worked out by hand, and against what the paper prints."""

import statistics

import pytest

from t5lite.evaluation.normalized_average import normalize, normalized_average
from t5lite.evaluation.published import PUBLISHED
from t5lite.evaluation.suites import SUITES, suite_of


def constant(**scores):
    """The same score for every member of a suite."""
    return {suite.name: dict.fromkeys(suite.members, scores[suite.name]) for suite in SUITES}


def published(model):
    (found,) = [row for row in PUBLISHED if row.model == model]
    return found


def from_averages(scores):
    """What can be had without the subtasks: BBH normalized as a whole."""
    return statistics.fmean(
        normalize(scores[suite.name], statistics.fmean(suite.baselines.values()))
        for suite in SUITES
    )


def test_the_suites_have_the_members_that_the_paper_counts():
    assert [len(suite.members) for suite in SUITES] == [57, 57, 27, 27, 8, 10]
    bbh = SUITES[2].baselines
    assert sum(baseline == 50 for baseline in bbh.values()) == 8
    assert statistics.fmean(bbh.values()) == pytest.approx(26.0, abs=0.05)


def test_the_baseline_is_zero_and_no_mistake_a_hundred():
    baselines = {suite.name: dict(suite.baselines) for suite in SUITES}
    assert normalized_average(baselines) == pytest.approx(0)
    assert normalized_average(constant(**{s.name: 100.0 for s in SUITES})) == pytest.approx(100)
    assert normalize(5.6, 25) == pytest.approx(-25.8667, abs=1e-4)


def test_a_row_by_hand():
    """BBH's baselines here are 50 (eight times), 25 (three) and so on: by hand for 50 everywhere.

    100 (50 - r) / (100 - r) is 0 for r 50; 39.614 for 17.2; 25.150 for 33.2; 49.393 for 1.2; 43.439
    for 11.6; 25.037 for 33.3 (twice); 37.5 for 20 (twice); 41.657 for 14.3 (twice); 33.333 for 25
    (three times); 39.976 for 16.7; 43.246 for 11.9; 50 for 0 (four times). Their sum is
    39.614 + 25.150 + 49.393 + 43.439 + 2 (25.037 + 37.5 + 41.657) + 100 + 39.976 + 43.246 + 200
    = 749.206, of 27: 27.748.
    """
    scores = constant(
        mmlu_direct=40.0, mmlu_cot=25.0, bbh_direct=50.0, bbh_cot=50.0, tydiqa=30.0, mgsm=6.0
    )
    # (40 - 25) / 75 = 20 %, then 0, twice 27.748, 30 and 6: 111.496 / 6.
    assert normalized_average(scores) == pytest.approx(18.583, abs=1e-3)


def test_subtasks_are_normalized_before_they_are_averaged():
    """A point on a subtask with a high baseline is worth more."""
    scores = constant(**{suite.name: 50.0 for suite in SUITES})
    before = normalized_average(scores)
    scores["bbh_cot"]["snarks"] += 10
    assert normalized_average(scores) - before == pytest.approx(20 / 27 / 6)
    scores["bbh_cot"]["snarks"] -= 10
    scores["bbh_cot"]["word_sorting"] += 10
    assert normalized_average(scores) - before == pytest.approx(10 / 27 / 6)


def test_what_is_not_there_is_not_averaged():
    scores = constant(**{suite.name: 50.0 for suite in SUITES})
    del scores["mgsm"]["th"], scores["mgsm"]["zh"]
    with pytest.raises(ValueError, match=r"2 are missing, such as MGSM: th"):
        normalized_average(scores)
    with pytest.raises(ValueError, match="186 are missing"):
        normalized_average({})


def test_published_averages_give_the_published_number_as_far_as_averages_go():
    """They lack the subtasks of BBH: a model near chance is off by up to 1.3 points."""
    small = published("T5 small, LM-adapted")
    assert from_averages(small.scores) == pytest.approx(-7.9, abs=0.05)
    assert small.normalized_average == -9.2
    whole = [row for row in PUBLISHED if row.normalized_average is not None]
    assert len(whole) == 20
    errors = [from_averages(row.scores) - row.normalized_average for row in whole]
    assert max(map(abs, errors)) < 1.4
    xxl = published("Flan-T5 XXL")
    assert from_averages(xxl.scores) == pytest.approx(xxl.normalized_average, abs=0.05)


@pytest.mark.parametrize(
    ("tasks", "name"),
    [
        (["mmlu_virology_5shot", "mmlu_anatomy_5shot"], "mmlu_direct"),
        (["mmlu_virology_5shot_letters"], "mmlu_direct"),
        (["mmlu_virology_5shot_cot"], "mmlu_cot"),
        (["bbh_logical_deduction_five_objects_3shot"], "bbh_direct"),
        (["bbh_snarks_3shot_cot"], "bbh_cot"),
        (["tydiqa_ko_1shot"], "tydiqa"),
        (["mgsm_th_8shot_cot", "mgsm_sw_8shot_cot"], "mgsm"),
        (["mmlu_virology_0shot"], None),
        (["mmlu_alchemy_5shot"], None),
        (["mmlu_virology_5shot", "bbh_snarks_3shot"], None),
        (["mmlu_virology_5shot", "mmlu_virology_5shot_cot"], None),
        (["tydiqa_en_1shot"], None),
        (["mgsm_en_8shot_cot"], None),
        ([], None),
    ],
)
def test_a_suite_is_told_by_its_tasks(tasks, name):
    suite = suite_of(tasks)
    assert (suite and suite.name) == name
