import itertools

import pytest

from t5lite.training.duration import Duration, Progress, parse_duration


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        (1000, 1000, "steps"),
        (1e5, 100_000, "steps"),
        ("1000", 1000, "steps"),
        ("1000 steps", 1000, "steps"),
        (" 1 Step ", 1, "steps"),
        ("50_000 examples", 50_000, "examples"),
        ("2e6 tokens", 2_000_000, "tokens"),
        ("2.5e6tokens", 2_500_000, "tokens"),
        ("3 epochs", 3.0, "epochs"),
        ("0.5 epoch", 0.5, "epochs"),
    ],
)
def test_reads_what_people_write(text, amount, unit):
    duration = parse_duration(text)
    assert duration == Duration(amount, unit)
    assert isinstance(duration.amount, float) == (unit == "epochs")
    assert parse_duration(str(duration)) == duration
    assert parse_duration(duration) is duration


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 epoxs", "Did you mean 'epochs'"),
        ("0 steps", "must be positive"),
        (-5, "must be positive"),
        ("1.5 steps", "steps come whole"),
        ("many steps", "is not a duration"),
        ("", "is not a duration"),
        (True, "is not a duration"),
        ("1.2.3 steps", "'1.2.3' is not a number"),
        ("1e999 tokens", "must be positive"),
    ],
)
def test_says_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_duration(text, name="TRAIN_STEPS")
    assert str(caught.value).startswith(f"TRAIN_STEPS = {text!r}")


def test_is_reached_in_its_own_unit():
    progress = Progress(steps=10, examples=320, tokens=5000, epochs=0.4)
    assert parse_duration("10").reached(progress)
    assert not parse_duration("11").reached(progress)
    assert parse_duration("320 examples").reached(progress)
    assert not parse_duration("5001 tokens").reached(progress)
    assert not parse_duration("1 epoch").reached(progress)


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [(0, 99, False), (99, 100, True), (100, 101, False), (101, 350, True), (199, 200, True)],
)
def test_a_period_is_crossed_where_a_multiple_of_it_lies(before, after, crossed):
    period = parse_duration("100 examples")
    assert period.crossed(Progress(examples=before), Progress(examples=after)) == crossed


def test_fractional_epochs_make_a_period():
    period = parse_duration("0.5 epochs")
    epochs = [0.0, 0.3, 0.49, 0.5, 0.9, 1.1]
    pairs = itertools.pairwise(epochs)
    assert [period.crossed(Progress(epochs=a), Progress(epochs=b)) for a, b in pairs] == [
        False,
        False,
        True,
        False,
        True,
    ]
