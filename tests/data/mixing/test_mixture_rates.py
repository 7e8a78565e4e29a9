"""Compares with seqio's own Mixtures, of Tasks and Mixtures that nothing registers."""

import functools

import numpy as np
import pytest

from t5lite.data.mixing import mixture_rates

seqio = pytest.importorskip("seqio")

RATES = (1, 0.25, 3.0, np.float32(2.5), True, 7e5)


def make_task(name, *, declared=None):
    source = seqio.FunctionDataSource(
        lambda split, shuffle_files: None, splits=["train"], num_input_examples=declared
    )
    features = {"targets": seqio.Feature(seqio.ByteVocabulary())}
    return seqio.Task(name, source=source, output_features=features)


def theirs(mixture):
    """What seqio samples with: rates, as they are."""
    return {task.name: mixture.get_rate(task) for task in mixture.tasks}


def check(mixture, counts=()):
    expected = theirs(mixture)
    found = mixture_rates.weights(mixture, dict(counts))
    assert found == pytest.approx(expected)
    assert mixture_rates.leaves(mixture) == set(expected)


def random_mixture(random, tasks, name="outer", depth=3):
    """A mixture of some Tasks and mixtures, some of them often, one perhaps of a Task's name."""
    listed = []
    for index in range(random.integers(1, 5)):
        if depth and random.random() < 0.5:
            inner_name = "b" if random.random() < 0.1 else f"{name}_{index}"
            child = random_mixture(random, tasks, inner_name, depth - 1)
        else:
            child = tasks[random.integers(len(tasks))]
        rate = RATES[random.integers(len(RATES))]
        if isinstance(child, seqio.Task) and random.random() < 0.3:
            rate = functools.partial(
                seqio.mixing_rate_num_examples,
                maximum=[None, 50, 1000][random.integers(3)],
                scale=random.choice([1.0, 0.5]),
                temperature=random.choice([1.0, 3.0]),
            )
        if random.random() < 0.1 and listed:
            rate = 0
        listed.append((child, rate))
    if listed and random.random() < 0.2:
        listed.append(listed[0])
    return seqio.Mixture(name, listed)


def test_rates_of_random_trees_are_those_of_seqio():
    tasks = [make_task(n, declared={"train": 10 ** (2 + i)}) for i, n in enumerate("abcd")]
    for seed in range(300):
        mixture = random_mixture(np.random.default_rng(seed), tasks)
        try:
            theirs(mixture)
        except ZeroDivisionError:  # All that a mixture inside lists has the rate 0.
            assert all(np.isfinite(list(mixture_rates.weights(mixture, {}).values())))
        except ValueError:  # A mixture has the name, and so the rate function, of a Task beside it.
            with pytest.raises(ValueError, match="sub-mixture 'b' is a function"):
                mixture_rates.weights(mixture, {})
        else:
            check(mixture)


def test_every_form_of_a_rate_that_seqio_takes():
    a, b = make_task("a", declared={"train": 30}), make_task("b", declared={"train": 500})
    by_size = functools.partial(seqio.mixing_rate_num_examples, maximum=100)
    check(seqio.Mixture("names", [a, b], default_rate=0.5))
    check(seqio.Mixture("sizes", [a, b], default_rate=by_size))
    check(seqio.Mixture("pairs", ((a, 2), (b, lambda task: len(task.name)))))
    check(
        seqio.Mixture("nested", [seqio.Mixture("inner", [a, (b, by_size)], default_rate=1), a], 3)
    )


def test_a_mixture_of_a_tasks_name_is_weighed_as_in_seqio():
    a, b = make_task("a"), make_task("b")
    named_a = seqio.Mixture("a", [(a, 1.0), (b, 3.0)])
    check(seqio.Mixture("outer", [(named_a, 2.0), (b, 1.0)]))
    check(seqio.Mixture("outer", [(a, 1.0), (named_a, 2.0), (b, 1.0)]))
    check(seqio.Mixture("twice", [(named_a, 2.0), (b, 1.0), (named_a, 2.0)]))
    check(seqio.Mixture("most", [(seqio.Mixture("outer", [(named_a, 2.0), (b, 1.0)]), 5), (b, 1)]))


def test_declared_sizes_come_before_counted_ones_unless_the_source_counts_by_itself():
    declared, silent = make_task("a", declared={"train": 1000}), make_task("b")
    counting = make_task("c", declared={"train": 1000})
    counting.source.counts_when_asked = True
    other = make_task("d", declared={"validation": 9})
    mixture = seqio.Mixture(
        "sizes", [declared, silent, counting, other], default_rate=seqio.mixing_rate_num_examples
    )
    found = mixture_rates.weights(mixture, dict.fromkeys("abcd", 50))
    assert found == {"a": 1000, "b": 50, "c": 50, "d": 50}
    assert mixture_rates.needs_counts(mixture)


def test_what_is_left_out_is_as_if_it_were_not_listed():
    a, b, c = map(make_task, "abc")
    inner = seqio.Mixture("inner", [(a, 1.0), (b, 3.0)])
    outer = seqio.Mixture("outer", [(inner, 2.0), (c, 2.0), (seqio.Mixture("i", [(a, 9)]), 4.0)])
    found = mixture_rates.weights(outer, {}, leave_out={"a"})
    assert found == {"b": 2.0, "c": 2.0}


def test_a_mixture_class_that_computes_its_own_rates_is_asked():
    class Equal(seqio.Mixture):
        def get_rate(self, task):
            return 1.0

        @property
        def total_rate(self):
            return float(len(self.tasks))

    a, b = make_task("a"), make_task("b")
    equal = Equal("equal", [(a, 1.0), (b, 9.0)])
    check(equal)
    check(seqio.Mixture("outer", [(equal, 2.0), (a, 1.0)]))


@pytest.mark.parametrize(
    "rate, message",
    [
        (None, "'a' must be .* of 0 or more, got None"),
        ("many", "'a' must be .*, got 'many'"),
        (-1, "'a' must be .*, got -1"),
        (float("nan"), "'a' must be .*, got nan"),
        (1e308, r"'a' must be .*, got 1e\+308"),
        (10**400, "'a' must be .*, got 1000"),
        (lambda task: task.no_such_thing, "'a' is a function, and it fails: AttributeError"),
        (seqio.mixing_rate_num_characters, "'a' is a function, and it fails.*cached"),
    ],
)
def test_unusable_rates_are_named(rate, message):
    with pytest.raises(ValueError, match=rf"Mixture 'bad': the rate of {message}"):
        mixture_rates.weights(seqio.Mixture("bad", [(make_task("a"), rate)]), {"a": 3})


def test_shares_of_mixtures_inside():
    a, b, c = map(make_task, "abc")
    inner = seqio.Mixture("inner", [(a, 1.0), (b, 3.0)])
    middle = seqio.Mixture("middle", [(inner, 1.0), (c, 1.0)])
    outer = seqio.Mixture("outer", [(middle, 2.0), (inner, 1.0), (c, 1.0)])
    found = [(m.name, m.share, m.num_tasks) for m in mixture_rates.inner_mixtures(outer, {})]
    assert found == [("middle", 0.5, 3), ("inner", 0.5, 2)]
