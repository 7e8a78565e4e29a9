"""Plans of rows: nothing lost, nothing too long, well filled, and the state that continues them."""

import fractions
import json

import numpy as np
import pytest

from t5lite.data.drawn_examples import DrawnExamples
from t5lite.data.mixing.mixing import MixtureReader
from t5lite.data.packing import MAX_WAITING, RowPlanner
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from tests.data.fakes import make_corpus, random_stores
from tests.feature_converters import converter as make_converter

SIZES = [60, 7, 200]
LENGTHS = {"inputs": 64, "targets": 24}


def make_planner(position=None, *, stop="drop_exhausted", name="encoder_decoder", pack=True):
    corpus = make_corpus(random_stores(SIZES), LENGTHS)
    vocabulary = ByteVocabulary()
    reader = MixtureReader(SIZES, [1.0, 2.0, 3.0], seed=1, stop=stop)
    converter = make_converter(name, task_feature_lengths=LENGTHS, pack=pack)
    examples = DrawnExamples(corpus, converter=converter, vocabulary=vocabulary, seed=1)
    return RowPlanner(reader, examples, converter=converter, position=position), corpus, reader


def needs_of(planner, corpus, index_N):
    converter = planner._converter
    return converter.needs(converter.num_tokens(corpus.lengths(index_N)))


def all_plans(planner, num_rows):
    plans = []
    while (plan := planner.plan(num_rows)) is not None:
        plans.append(plan)
    return plans


@pytest.mark.parametrize("name", ["encoder_decoder", "decoder_only", "prefix_lm"])
@pytest.mark.parametrize("pack", [True, False])
def test_every_example_is_placed_once_and_fits(name, pack):
    planner, corpus, _ = make_planner(name=name, pack=pack)
    plans = all_plans(planner, 8)
    placed = np.concatenate([plan.index_N for plan in plans])
    np.testing.assert_array_equal(np.sort(placed), np.arange(sum(SIZES)))
    capacities = planner._converter.capacities
    for plan in plans:
        assert (np.diff(plan.row_N) >= 0).all() and plan.row_N.max() < 8
        needs = needs_of(planner, corpus, plan.index_N)
        for column, capacity in enumerate(capacities):
            assert np.bincount(plan.row_N, weights=needs[:, column]).max() <= capacity
        if not pack:
            assert (np.bincount(plan.row_N) <= 1).all()
    assert planner.plan(8) is None


@pytest.mark.parametrize("name", ["encoder_decoder", "decoder_only"])
def test_rows_take_what_comes_and_then_what_fits_best(name):
    """Against the rule written down plainly, in fractions of the capacities."""
    planner, corpus, reader = make_planner(stop="restart", name=name)
    capacities = planner._converter.capacities
    plan = planner.plan(12)
    windows = [reader.window(number) for number in range(2)]
    drawn = np.concatenate([corpus.index(w.task_D, w.example_D) for w in windows]).tolist()
    needs = {
        i: need.tolist() for i, need in zip(drawn, needs_of(planner, corpus, drawn), strict=True)
    }
    waiting = []
    for row in range(12):
        free, taken = list(capacities), []

        def fits(index, free=free):
            return all(need <= left for need, left in zip(needs[index], free, strict=True))

        def take(index, free=free, taken=taken):
            taken.append(index)
            free[:] = [left - need for left, need in zip(free, needs[index], strict=True)]

        def left_by(index, free=free):
            parts = zip(free, needs[index], capacities, strict=True)
            return max(fractions.Fraction(left - need, capacity) for left, need, capacity in parts)

        passed_over = []
        while len(passed_over) < MAX_WAITING and all(
            4 * left >= capacity for left, capacity in zip(free, capacities, strict=True)
        ):
            index = (waiting or drawn).pop(0)
            take(index) if fits(index) else passed_over.append(index)
        waiting = passed_over + waiting
        while True:
            waiting += [drawn.pop(0) for _ in range(MAX_WAITING - len(waiting))]
            if not any(map(fits, waiting)):
                break
            best = min(filter(fits, waiting), key=left_by)
            waiting.remove(best)
            take(best)
        assert plan.index_N[plan.row_N == row].tolist() == taken


def test_waiting_is_bounded_and_the_oldest_opens_the_next_row():
    planner, corpus, _ = make_planner(stop="restart")
    for _ in range(40):
        waiting = planner.position()["waiting"]
        assert len(waiting) <= MAX_WAITING
        plan = planner.plan(1)
        if waiting:
            task, example, _ = np.array(waiting[0])
            assert plan.index_N[0] == corpus.index(task, example)


def test_rows_are_well_filled():
    planner, corpus, _ = make_planner(stop="restart")
    tokens = [needs_of(planner, corpus, planner.plan(16).index_N).sum(axis=0) for _ in range(30)]
    share = np.mean(tokens, axis=0) / (16 * np.array([LENGTHS["inputs"], LENGTHS["targets"]]))
    assert share.max() > 0.97  # the capacity that binds is nearly used up


@pytest.mark.parametrize("pack", [True, False])
def test_a_position_continues_to_the_very_same_rows(pack):
    planner, *_ = make_planner(pack=pack)
    positions, plans = [planner.position()], []
    while (plan := planner.plan(9)) is not None:
        plans.append(plan)
        positions.append(planner.position())
    for number, position in enumerate(positions):
        again, *_ = make_planner(json.loads(json.dumps(position)), pack=pack)
        assert again.position() == position
        rest = all_plans(again, 9)
        assert len(rest) == len(plans) - number
        for mine, theirs in zip(rest, plans[number:], strict=True):
            np.testing.assert_array_equal(mine.index_N, theirs.index_N)
            np.testing.assert_array_equal(mine.draw_N, theirs.draw_N)
            np.testing.assert_array_equal(mine.row_N, theirs.row_N)


def test_rows_do_not_depend_on_the_batch_size():
    def rows(num_rows):
        planner, *_ = make_planner()
        return [
            plan.index_N[plan.row_N == row].tolist()
            for plan in all_plans(planner, num_rows)
            for row in range(num_rows)
        ]

    small, large = rows(2), rows(32)
    assert small == large[: len(small)] and not any(large[len(small) :])


def test_a_position_of_another_mixture_is_refused():
    with pytest.raises(ValueError, match="data state"):
        make_planner({"window": 0, "offset": 9999, "waiting": []})
