"""The promises of MixtureReader, checked draw by draw."""

import itertools

import numpy as np
import pytest

from t5lite.data.mixing import mixing
from t5lite.data.mixing.mixing import WINDOW_DRAWS, MixtureReader


def take(reader, num_windows=None):
    """All draws of the first windows of a walk: their tasks, epochs and examples."""
    parts = [draws for _, draws in itertools.islice(reader.walk(), num_windows)]
    task, draw, example = (
        np.concatenate([getattr(p, f) for p in parts]) for f in ("task_D", "draw_D", "example_D")
    )
    return task, draw // reader._num_examples[task], example


SIZES = np.array([5, 40, 300, 2000, 1, 77])
RATES = np.array([0.01, 0.2, 0.3, 0.4, 0.00007, 0.08993])


def test_every_window_and_prefix_is_within_one_of_its_rate():
    reader = MixtureReader(SIZES, RATES, seed=3)
    total = np.zeros(len(SIZES))
    for window, draws in itertools.islice(reader.walk(), 50):
        counts = np.bincount(draws.task_D, minlength=len(SIZES))
        assert (np.abs(counts - WINDOW_DRAWS * reader.rates) < 1).all()
        total += counts
        assert (np.abs(total - (window + 1) * WINDOW_DRAWS * reader.rates) < 1 + 1e-6).all()


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_epoch_holds_each_example_once(shuffle):
    task, epoch, example = take(MixtureReader(SIZES, RATES, seed=1, shuffle=shuffle), 4)
    orders = []
    for t, size in enumerate(SIZES):
        mine, epochs = example[task == t], epoch[task == t]
        np.testing.assert_array_equal(epochs, np.arange(len(mine)) // size)
        for start in range(0, len(mine) - size + 1, size):
            np.testing.assert_array_equal(np.sort(mine[start : start + size]), np.arange(size))
            if size >= 40:
                orders.append(mine[start : start + size].tolist())
    in_order = [order == sorted(order) for order in orders]
    assert len(orders) > 10 and (not any(in_order) if shuffle else all(in_order))
    if shuffle:  # every epoch and every task has its own order
        assert len({tuple(order) for order in orders}) == len(orders)


def test_a_prefix_within_a_window_keeps_the_rates():
    task, *_ = take(MixtureReader([1000] * 3, [0.5, 0.3, 0.2], seed=2), 3)
    for length in range(100, len(task), 997):
        counts = np.bincount(task[:length], minlength=3)
        # Jitter moves a draw by less than one period of its clock.
        assert (np.abs(counts - length * np.array([0.5, 0.3, 0.2])) < 4).all()


def test_neighbours_are_not_periodic():
    task, *_ = take(MixtureReader([1000] * 4, [1, 1, 1, 1], seed=2), 2)
    blocks, counts = np.unique(
        task[: len(task) // 4 * 4].reshape(-1, 4), axis=0, return_counts=True
    )
    assert len(blocks) >= 24 and counts.max() < 0.1 * counts.sum()


def test_windows_are_computed_directly_even_far_away():
    reader = MixtureReader(SIZES, RATES, seed=9)
    far = int(1e12) // WINDOW_DRAWS
    draws = reader.window(far)
    following = dict(itertools.islice(reader.walk(far), 2))
    np.testing.assert_array_equal(draws.example_D, following[far].example_D)
    counts = np.bincount(draws.task_D, minlength=len(SIZES))
    assert (np.abs(counts - WINDOW_DRAWS * reader.rates) < 1).all()
    for t in range(len(SIZES)):  # draws of adjacent windows still follow one another
        numbers = [d.draw_D[d.task_D == t] for d in (draws, following[far + 1])]
        assert not len(numbers[0]) or not len(numbers[1]) or numbers[0].max() < numbers[1].min()
    # The most frequent task: its draws have no gap, and unshuffled give its examples in turn.
    plain = MixtureReader(SIZES, RATES, seed=9, shuffle=False)
    windows = [plain.window(far), plain.window(far + 1)]
    numbers = np.concatenate([d.draw_D[d.task_D == 3] for d in windows])
    np.testing.assert_array_equal(np.diff(numbers), 1)
    examples = np.concatenate([d.example_D[d.task_D == 3] for d in windows])
    np.testing.assert_array_equal(examples, numbers % 2000)
    assert abs(numbers[0] - far * WINDOW_DRAWS * 0.4) < 1000
    last = reader.window(mixing.MAX_WINDOWS - 1)
    assert (
        abs(len(last) - WINDOW_DRAWS) <= len(SIZES) and (last.example_D < SIZES[last.task_D]).all()
    )


def test_many_rare_tasks_come_in_their_turn():
    num_tasks = 3 * WINDOW_DRAWS
    reader = MixtureReader(np.full(num_tasks, 10), np.ones(num_tasks), seed=4)
    task, *_ = take(reader, 9)
    counts = np.bincount(task, minlength=num_tasks)
    assert counts.min() >= 2 and counts.max() <= 4
    assert 0.97 < len(task) / (9 * WINDOW_DRAWS) < 1.03


def test_seed_and_rates_change_the_order():
    first = take(MixtureReader(SIZES, RATES, seed=1), 1)
    again = take(MixtureReader(SIZES, RATES * 17, seed=1), 1)
    other = take(MixtureReader(SIZES, RATES, seed=2), 1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0][:1000] != other[0][:1000]).any()


def test_known_draws_stay_what_they_are():
    """The order is part of the format of a checkpoint: a change here breaks exact resume."""
    draws = MixtureReader([10, 20, 30], [1, 2, 3], seed=42).window(5)
    epoch_D = draws.draw_D // np.array([10, 20, 30])[draws.task_D]
    found = list(zip(draws.task_D, epoch_D, draws.example_D, strict=True))[:6]
    assert [tuple(int(v) for v in row) for row in found] == KNOWN


KNOWN = [(1, 682, 10), (2, 682, 16), (2, 682, 15), (2, 682, 19), (0, 682, 0), (1, 682, 0)]


LATER = [[9, 12], [], [31], []]


@pytest.mark.parametrize("shuffle", [True, False])
def test_epochs_use_passes_in_turn_each_whole(shuffle):
    sizes, rates = [10, 20, 30, 40], [1.0, 2.0, 3.0, 0.0]
    reader = MixtureReader(sizes, rates, seed=4, shuffle=shuffle, later_passes=LATER)
    task, draw, example = take(reader, 3)
    for index, passes in enumerate([[10, 9, 12], [20], [30, 31]]):
        drawn = example[task == index][np.argsort(draw[task == index])]
        starts = np.cumsum([0, *passes])
        for epoch in range(2 * len(passes) + 1):
            first = starts[epoch % len(passes)]
            chunk, drawn = np.split(drawn, [passes[epoch % len(passes)]])
            expected = np.arange(first, first + len(chunk))
            np.testing.assert_array_equal(np.sort(chunk), expected)
            assert (chunk == expected).all() != shuffle


def test_one_pass_is_as_none_and_quotas_count_passes():
    sizes, rates = [10, 20, 30, 40], [1.0, 2.0, 3.0, 1.0]
    plain = take(MixtureReader(sizes, rates, seed=4), 2)
    same = take(MixtureReader(sizes, rates, seed=4, later_passes=[[]] * 4), 2)
    assert all((a == b).all() for a, b in zip(plain, same, strict=True))
    reader = MixtureReader(
        sizes, rates, seed=4, stop="drop_exhausted", num_epochs=4, later_passes=LATER
    )
    drawn = np.bincount(take(reader)[0])
    assert drawn.tolist() == [10 + 9 + 12 + 10, 4 * 20, 2 * (30 + 31), 4 * 40]


@pytest.mark.parametrize("num_epochs", [None, 3])
def test_drop_exhausted_gives_each_example_exactly(num_epochs):
    sizes, rates = np.array([50, 3000, 7, 400]), np.array([1.0, 1e-3, 5.0, 1e-5])
    reader = MixtureReader(sizes, rates, seed=5, stop="drop_exhausted", num_epochs=num_epochs)
    task, epoch, example = take(reader)
    for t, size in enumerate(sizes):
        seen = np.bincount(example[task == t], minlength=size)
        np.testing.assert_array_equal(seen, num_epochs or 1)
        assert epoch[task == t].max() == (num_epochs or 1) - 1
    # Of the two slow ones, mixed 100 : 1, the faster comes first all along.
    slow = task[np.isin(task, [1, 3])]
    assert (slow[:1000] == 3).sum() < 40


def test_drop_exhausted_walks_almost_empty_windows_in_long_strides():
    reader = MixtureReader([100, 2000], [1.0, 1e-7], seed=5, stop="drop_exhausted")
    steps = list(reader.walk())
    assert reader.num_windows > 2_000_000 and len(steps) < 200
    assert sum(len(draws) for _, draws in steps) == 2100
    window, draws = steps[len(steps) // 2]  # and each stop on the way is a state to go on from
    resumed = list(reader.walk(window))
    assert len(resumed) == len(steps) - len(steps) // 2
    np.testing.assert_array_equal(resumed[0][1].example_D, draws.example_D)


def test_first_exhausted_ends_with_the_draw_that_exhausts():
    sizes = np.array([30, 90_000, 90_000])
    reader = MixtureReader(sizes, [0.001, 0.5, 0.499], seed=6, stop="first_exhausted", num_epochs=2)
    task, epoch, _ = take(reader)
    assert task[-1] == 0 and (task == 0).sum() == 60 and epoch[task == 0].max() == 1
    assert (np.bincount(task)[1:] < 2 * 90_000).all()
    unbounded = take(MixtureReader(sizes, [0.001, 0.5, 0.499], seed=6), reader.num_windows)
    np.testing.assert_array_equal(task, unbounded[0][: len(task)])


def test_all_exhausted_restarts_the_others():
    sizes = np.array([30, 9000, 20])
    reader = MixtureReader(sizes, [0.5, 0.4, 0.1], seed=6, stop="all_exhausted")
    task, epoch, _ = take(reader)
    assert task[-1] == 1 and (task == 1).sum() == 9000
    assert epoch[task == 0].max() > 100


def test_tasks_of_rate_zero_are_out():
    for stop in ("first_exhausted", "all_exhausted", "drop_exhausted"):
        task, *_ = take(MixtureReader([3, 0, 5], [1, 0, 1], seed=0, stop=stop))
        assert set(task) <= {0, 2}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rates": [1.0, -1.0]}, "rates must be"),
        ({"rates": [0.0, 0.0]}, "rates must be"),
        ({"rates": [np.nan, 1.0]}, "rates must be"),
        ({"rates": [1.0]}, "rates for"),
        ({"num_examples": [3, 0]}, "task 1 has no examples"),
        ({"stop": "never"}, "one of restart"),
        ({"num_epochs": 2}, "no meaning"),
        ({"stop": "first_exhausted", "num_epochs": 0}, "at least 1"),
        ({"stop": "all_exhausted", "rates": [1.0, 1e-17]}, "would not end"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MixtureReader(**{"num_examples": [3, 4], "rates": [1.0, 2.0], "seed": 0, **arguments})


def test_mixing_rates_formula():
    sizes = [100, 1000, 50_000]
    np.testing.assert_array_equal(mixing.mixing_rates(sizes), sizes)
    capped = mixing.mixing_rates(sizes, maximum=3000, temperature=2.0)
    np.testing.assert_allclose(capped, np.sqrt([100, 1000, 3000]))
    with pytest.raises(ValueError, match="rate_temperature"):
        mixing.mixing_rates(sizes, temperature=0)
    with pytest.raises(ValueError, match=r"rate_temperature is 1e-05, and 50000 examples"):
        mixing.mixing_rates(sizes, temperature=1e-5)
    with pytest.raises(ValueError, match="rate_maximum"):
        mixing.mixing_rates(sizes, maximum=0)


def test_mixing_rates_equal_seqio():
    seqio = pytest.importorskip("seqio")

    class FakeTask:
        name, cache_dir = "fake", None

        def __init__(self, size):
            self.size = size

        def num_input_examples(self, split):
            assert split == "train"
            return self.size

    sizes = [7, 300, 10**7]
    for options in ({}, {"maximum": 256}, {"maximum": 2**20, "temperature": 3.0}):
        theirs = [seqio.mixing_rate_num_examples(FakeTask(n), **options) for n in sizes]
        np.testing.assert_allclose(mixing.mixing_rates(sizes, **options), theirs)
