"""Exemplars: whose they are, how many fit, and what is counted."""

import collections
import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.flan.draws import Draws
from tasks.flan.few_shot import ExemplarPool, FewShotConfig, FewShotTally, render_few_shot
from tasks.flan.patterns import PATTERNS
from tasks.flan.render import compose, render
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
        "config": FewShotConfig(min_shots=5, max_shots=5, max_tokens=10_000),
        "count_tokens": count_words,
        "tally": FewShotTally(),
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
    below = Draws.below
    monkeypatch.setattr(Draws, "below", lambda self, n: steps.append(n) or below(self, n))
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
    pool, config = ExemplarPool(records), FewShotConfig(3, 8, max_tokens=budget)
    tally = FewShotTally()
    example = _render(pattern, records[0], pool, config=config, tally=tally, **form)

    shots = pool.draw(records[0], key=key, count=tally.drawn)
    prompt = compose(pattern, records[0], shots=shots, **form)
    assert 3 <= len(shots) <= 8
    fitting = [n for n in range(len(shots) + 1) if n and count_words(prompt.text(n)) <= budget]
    assert example.num_shots == tally.shown == max(fitting, default=0)
    if fitting:
        assert example == prompt.example(max(fitting))
        assert count_words(example.inputs) <= budget
    else:
        assert example == render(pattern, records[0], **form)
        assert tally.none_fits == tally.zero_shot == 1


def test_counting_tokens_is_rare():
    records = make_records(NLI.schema, 20)
    calls = []

    def count_tokens(text):
        calls.append(text)
        return count_words(text)

    config = FewShotConfig(16, 16, max_tokens=10_000)
    _render(NLI, records[0], ExemplarPool(records), config=config, count_tokens=count_tokens)
    assert len(calls) == 1
    calls.clear()
    config = FewShotConfig(16, 16, max_tokens=60)
    _render(NLI, records[0], ExemplarPool(records), config=config, count_tokens=count_tokens)
    assert len(calls) <= 1 + 4


# -------------------------------------------------------------------------------- number, tallies


def test_the_number_of_exemplars_is_drawn():
    records = make_records(READING.schema, 30)
    pool = ExemplarPool(records)
    for low, high in ((5, 5), (0, 10), (1, 2)):
        config = FewShotConfig(low, high, max_tokens=10_000)
        seen = collections.Counter(
            _render(READING, record, pool, config=config, key=key).num_shots
            for record in records
            for key in range(20)
        )
        assert set(seen) == set(range(low, high + 1))
        assert max(seen.values()) < 2 * min(seen.values()) or low == high


def test_a_task_of_one_record_is_zero_shot():
    record = make_record(NLI.schema)
    tally = FewShotTally()
    example = _render(NLI, record, ExemplarPool([record]), tally=tally)
    assert example == render(NLI, record, key="k")
    assert dataclasses.asdict(tally) == {
        "examples": 1,
        "drawn": 0,
        "shown": 0,
        "shortened": 0,
        "none_asked": 0,
        "none_there": 1,
        "none_fits": 0,
    }


def test_tallies_account_for_every_example_and_add_up():
    records = make_records(READING.schema, 40)
    pool, total = ExemplarPool(records), FewShotTally()
    shown = zero_shot = 0
    for budget in (15, 25, 10_000):
        tally = FewShotTally()
        config = FewShotConfig(0, 3, max_tokens=budget)
        examples = [
            _render(READING, record, pool, config=config, tally=tally) for record in records
        ]
        shown += sum(example.num_shots for example in examples)
        zero_shot += sum(example.num_shots == 0 for example in examples)
        assert tally.examples == 40
        assert (tally.none_fits + tally.shortened == 0) == (budget == 10_000)
        total = total + tally
    assert (total.examples, total.shown, total.zero_shot) == (120, shown, zero_shot)
    assert total.none_asked and total.none_fits and total.shortened


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
        ({"max_tokens": 0}, "max_tokens 0"),
    ],
)
def test_unusable_settings_are_named(settings_, message):
    with pytest.raises(ValueError, match=message):
        FewShotConfig(**settings_)
