"""Which instances are held out: by what they are, on one side, whatever their order."""

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.data.tasks.instance_selection import InstanceSelection

BASE = InstanceSelection(task="quoref", seed=0, share=0.1, held_out=True)
MANY = [(f"id-{i}", f"text {i}") for i in range(2000)]
# Ids and texts that repeat, and ids that are missing.
INSTANCES = st.lists(
    st.tuples(st.sampled_from(["", *"abcdef"]), st.sampled_from(["", "", "x", "y", "z", "x"]))
)


def held_out(instances, **changes):
    kept = dataclasses.replace(BASE, **changes).choose(instances)
    return {one for one, is_kept in zip(instances, kept, strict=True) if is_kept}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(INSTANCES, min_size=2, max_size=3),
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 0.1, 0.5, 0.99]),
)
def test_nothing_is_evaluated_in_one_form_and_trained_on_in_another(forms, rng, share):
    evaluated, trained = set(), set()
    for instances in forms:
        out = held_out(instances, share=share)
        other = held_out(instances, share=share, held_out=False)
        assert not {text for _, text in out} & {text for _, text in other}
        left_out = set(instances) - out - other
        assert {text for _, text in left_out} <= {text for _, text in out}, "only copies are lost"
        assert held_out(rng.sample(instances, len(instances)), share=share) == out
        evaluated |= {name or text for name, text in out}
        trained |= {name or text for name, text in other}
    assert not evaluated & trained


def test_shorter_forms_hold_out_what_longer_ones_do_however_small_the_share():
    forms = [
        [(f"id-{i}", f"form {form}, text {i}") for i in range(n)]
        for form, n in enumerate((200, 100))
    ]
    for seed in range(30):
        evaluated, trained = (
            [
                {name for name, _ in held_out(form, seed=seed, share=0.001, held_out=side)}
                for form in forms
            ]
            for side in (True, False)
        )
        assert not set.union(*evaluated) & set.union(*trained)
        assert evaluated[1] <= evaluated[0] and trained[1] <= trained[0]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_so_large_a_share_is_held_out(share):
    count = len(held_out(MANY, share=share))
    assert abs(count - share * len(MANY)) < 4 * (share * (1 - share) * len(MANY)) ** 0.5


def test_an_instance_stays_on_its_side_when_there_are_more_or_other_forms():
    out = held_out(MANY)
    assert held_out(random.Random(0).sample(MANY, 500)) <= out
    shown = [(name, f"Example: a b c. {text}") for name, text in MANY]
    assert {name for name, _ in held_out(shown)} == {name for name, _ in out}


def test_tasks_and_seeds_are_drawn_apart():
    out = held_out(MANY)
    assert len(out & held_out(MANY, seed=1)) < 60 and len(out & held_out(MANY, task="coqa")) < 60


def test_instances_without_ids_are_known_by_their_texts():
    nameless = [("", text) for _, text in MANY]
    assert 100 < len(held_out(nameless)) < 300
    spaced = [("", text.replace(" ", "\n ")) for _, text in MANY]
    assert [" ".join(text.split()) for _, text in sorted(held_out(spaced))] == [
        text for _, text in sorted(held_out(nameless))
    ]


def test_listed_instances_are_held_out_and_copies_of_them_not_trained_on():
    instances = [("a", "x"), ("b", "y"), ("c", "x"), ("d", "z")]
    assert held_out(instances, ids=frozenset("a")) == {("a", "x")}
    assert held_out(instances, ids=frozenset("a"), held_out=False) == {("b", "y"), ("d", "z")}
    assert held_out(instances, ids=frozenset()) == set()
    assert held_out([("", "x"), ("", "y")], ids=frozenset("y")) == {("", "y")}
