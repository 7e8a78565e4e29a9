"""Choices drawn from a key."""

import collections
import itertools

from tasks.flan.keyed_random import KeyedRandom

# Noted once; other numbers here would change every prompt.
FIRST_FIVE = [463, 356, 618, 163, 423]


def test_a_key_always_gives_the_same_choices():
    first, second = KeyedRandom("key", 3), KeyedRandom("key", 3)
    assert [first.below(10) for _ in range(500)] == [second.below(10) for _ in range(500)]


def test_choices_are_the_same_on_every_machine():
    draws = KeyedRandom("t5lite", "record")
    assert [draws.below(1000) for _ in range(5)] == FIRST_FIVE


def test_other_keys_give_other_choices():
    drawn = {tuple(KeyedRandom("key", i).permutation(20)) for i in range(200)}
    drawn.add(tuple(KeyedRandom(3, "key").permutation(20)))
    assert len(drawn) == 201


def test_numbers_are_equally_likely():
    draws = KeyedRandom("even")
    counts = collections.Counter(draws.below(7) for _ in range(7000))
    assert set(counts) == set(range(7))
    # Chi-square with 6 degrees of freedom: beyond 22.5 once in a thousand keys.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 22.5


def test_orders_are_equally_likely():
    draws = KeyedRandom("orders")
    counts = collections.Counter(tuple(draws.permutation(4)) for _ in range(12000))
    assert set(counts) == set(itertools.permutations(range(4)))
    # 23 degrees of freedom: beyond 49.7 once in a thousand keys.
    assert sum((count - 500) ** 2 / 500 for count in counts.values()) < 49.7


def test_pick_takes_one_of_the_choices():
    draws = KeyedRandom("pick")
    assert {draws.pick("abc") for _ in range(100)} == set("abc")
