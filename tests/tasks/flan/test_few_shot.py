"""Exemplars: whose they are, how many fit, and what is counted."""

import collections
import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.flan.few_shot import ExemplarPool, FewShotConfig, render_few_shot
from tasks.flan.keyed_random import KeyedRandom
from tasks.flan.patterns import PATTERNS
from tasks.flan.render import compose, render
from tasks.flan.token_budget import TokenBudget
from tests.tasks.flan.flan_records import make_record, make_records

READING = PATTERNS["reading"]
NLI = PATTERNS["nli"]


def count_words(text):
    return len(text.split())


def _record(number, text, *, id=None, answer="x"):
    return PATTERNS["closed_book"].schema.record(
        id or f"id{number}", {"question": text}, answer=answer
    )


def _render(pattern, record, pool, **changes):
    options = {
        "key": "k",
        "config": FewShotConfig(min_shots=5, max_shots=5),
        "budget": TokenBudget(10_000, count_words),
        **changes,
    }
    return render_few_shot(pattern, record, pool, **options)


# ------------------------------------------------------------------------------------------ pool


def test_an_exemplar_is_never_the_example_itself():
    records = make_records(READING.schema, 12)
    pool = ExemplarPool(records)
    for record, key in itertools.product(records, range(20)):
        drawn = pool.draw(record, key=key, count=11)
        assert {other.id for other in drawn} == {r.id for r in records} - {record.id}


def test_nor_one_with_the_same_texts():
    records = [_record(0, "Who is it?"), _record(1, "who  is IT?", answer="y"), _record(2, "Why?")]
    pool = ExemplarPool(records)
    assert [other.id for other in pool.draw(records[1], key=0, count=3)] == ["id2"]
    assert [other.id for other in pool.draw(records[0], key=0, count=3)] == ["id2"]
    # A record of another split may hold the texts of one in the pool.
    assert [r.id for r in pool.draw(_record(9, "WHO is it?"), key=0, count=3)] == ["id2"]


def test_nor_one_with_the_same_id():
    records = [_record(0, "Who?", id="a"), _record(1, "Why?", id="b")]
    other = _record(2, "Where?", id="a")
    assert [r.id for r in ExemplarPool(records).draw(other, key=0, count=2)] == ["b"]


def test_no_two_exemplars_have_the_same_texts():
    records = [_record(number, f"Who {number % 3}?") for number in range(30)]
    for key in range(20):
        drawn = ExemplarPool(records).draw(_record(99, "Why?"), key=key, count=10)
        assert len({other.fields["question"] for other in drawn}) == len(drawn) == 3


def test_records_that_all_share_an_id_give_no_exemplar():
    records = [_record(number, f"Who {number}?", id="same") for number in range(100)]
    assert ExemplarPool(records).draw(records[0], key=0, count=5) == ()


def test_draws_are_even_and_by_key():
    records = make_records(READING.schema, 21)
    pool = ExemplarPool(records)
    counts = collections.Counter(
        other.id for key in range(1000) for other in pool.draw(records[0], key=key, count=4)
    )
    assert set(counts) == {record.id for record in records[1:]}
    # 19 degrees of freedom: beyond 43.8 once in a thousand.
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 43.8
    assert pool.draw(records[0], key=5, count=4) == pool.draw(records[0], key=5, count=4)


def test_a_draw_costs_as_many_steps_as_exemplars(monkeypatch):
    records = [_record(number, f"Who {number}?") for number in range(30_000)]
    pool = ExemplarPool(records)
    steps = []
    below = KeyedRandom.below
    monkeypatch.setattr(KeyedRandom, "below", lambda self, n: steps.append(n) or below(self, n))
    for record in records[:500]:
        assert len(pool.draw(record, key=0, count=5)) == 5
    assert len(steps) <= 500 * 7


# ---------------------------------------------------------------------------------------- budget


@settings(deadline=None, max_examples=120, derandomize=True, database=None)
@given(
    name=st.sampled_from(["nli", "reading", "cot", "niv2", "news_summary", "cot_options"]),
    budget=st.integers(1, 200),
    key=st.integers(0, 10**6),
    inverted=st.booleans(),
    with_options=st.booleans(),
)
def test_as_many_exemplars_as_fit_stay_the_last_ones(name, budget, key, inverted, with_options):
    pattern = PATTERNS[name]
    form = {
        "key": key,
        "with_options": with_options,
        "inverted": inverted and bool(pattern.inversions),
    }
    records = make_records(pattern.schema, 12)
    pool = ExemplarPool(records)
    example = _render(
        pattern,
        records[0],
        pool,
        config=FewShotConfig(6, 6),
        budget=TokenBudget(budget, count_words),
        **form,
    )

    shots = pool.draw(records[0], key=key, count=6)
    prompt = compose(pattern, records[0], shots=shots, **form)
    fitting = [n for n in range(1, 7) if count_words(prompt.text(n)) <= budget]
    if fitting:
        expected = "all fit" if max(fitting) == 6 else "some fit"
        assert example == prompt.example(max(fitting), expected)
        assert count_words(example.inputs) <= budget
    else:
        zero_shot = render(pattern, records[0], **form)
        assert example == dataclasses.replace(zero_shot, exemplars="none fits")


# -------------------------------------------------------------------------------- number, tallies


def test_the_number_of_exemplars_is_drawn():
    records = make_records(READING.schema, 30)
    pool = ExemplarPool(records)
    for low, high in ((5, 5), (0, 10), (1, 2)):
        config = FewShotConfig(low, high)
        seen = collections.Counter(
            _render(READING, record, pool, config=config, key=key).num_shots
            for record in records
            for key in range(20)
        )
        assert set(seen) == set(range(low, high + 1))
        assert max(seen.values()) < 2 * min(seen.values()) or low == high


def test_a_task_of_one_record_is_zero_shot():
    record = make_record(NLI.schema)
    example = _render(NLI, record, ExemplarPool([record]))
    assert example == dataclasses.replace(render(NLI, record, key="k"), exemplars="none there")


def test_every_example_says_what_became_of_its_exemplars():
    records = make_records(READING.schema, 40)
    pool = ExemplarPool(records)
    outcomes = collections.Counter()
    for max_tokens in (15, 25, 10_000):
        budget = TokenBudget(max_tokens, count_words)
        for record in records:
            example = _render(READING, record, pool, config=FewShotConfig(0, 3), budget=budget)
            assert (example.num_shots > 0) == (example.exemplars in ("all fit", "some fit"))
            outcomes[max_tokens, example.exemplars] += 1
    assert {outcome for limit, outcome in outcomes if limit == 10_000} == {"all fit", "none asked"}
    assert outcomes[15, "none fits"] and outcomes[25, "some fit"]
    assert len({outcomes[limit, "none asked"] for limit in (15, 25, 10_000)}) == 1


def test_the_same_key_gives_the_same_prompt():
    records = make_records(NLI.schema, 30)
    first = [_render(NLI, record, ExemplarPool(records)) for record in records]
    assert first == [_render(NLI, record, ExemplarPool(records)) for record in records]
    assert len({example.inputs for example in first}) == 30
    other = [_render(NLI, record, ExemplarPool(records), key="other") for record in records]
    assert all(a.inputs != b.inputs for a, b in zip(first, other, strict=True))


def test_exemplars_of_natural_instructions_share_one_definition():
    schema = PATTERNS["niv2"].schema
    records = [
        schema.record(f"{i}", {"definition": "Say it twice.", "input": f"Xin{i}x"}, answer="y")
        for i in range(9)
    ]
    for record in records:
        example = _render(PATTERNS["niv2"], record, ExemplarPool(records))
        assert example.num_shots == 5
        assert example.inputs.count("Say it twice.") == 1
        assert example.inputs.count("Xin") == 6


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"min_shots": 3, "max_shots": 2}, "min_shots 3 and max_shots 2"),
        ({"min_shots": -1}, "min_shots -1"),
        ({"max_shots": 0}, "max_shots at least 1"),
    ],
)
def test_unusable_settings_are_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        FewShotConfig(**settings_)
