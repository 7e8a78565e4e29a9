"""What a run's own objective may give, and how its mistakes are reported."""

import jax.numpy as jnp
import pytest

from t5lite.training.objective import LossSums, Mean, Objective, checked_batch, checked_sums


class Given(Objective):
    """Gives what it was made with."""

    def __init__(self, **sums):
        self.given = sums

    def sums(self, model, batch, *, dropout_key, frozen):
        return LossSums(**{"loss": jnp.float32(6), "weight": jnp.float32(3), **self.given})


class Wrong(Objective):
    def sums(self, model, batch, *, dropout_key, frozen):
        return model + 1 if batch else 3.0


class Positional(Objective):
    def sums(self, model, batch):
        return None


def run(objective, *, batch=()):
    return checked_sums(objective, "no model", batch, dropout_key=None, frozen={})


def test_sums_become_a_loss_and_metrics():
    metrics = {"share": Mean(jnp.bfloat16(1), 4), "count": 5}
    sums = run(Given(metrics=metrics))
    assert (sums + sums).values() == {"loss": 2.0, "share": 0.25, "count": 10.0}
    assert run(Given(divisor=12.0)).values() == {"loss": 0.5}
    assert run(Given(weight=0.0)).values() == {"loss": 6.0}
    assert Given().frozen_models == {}


@pytest.mark.parametrize(
    ("objective", "batch", "message"),
    [
        (Wrong(), (), r"@Wrong\(\): sums gives a float\. Its method sums returns a LossSums"),
        (Wrong(), (1,), r"@Wrong\(\) fails at .*test_objective.py, line \d+: TypeError"),
        (Positional(), (), r"@Positional\(\) fails .*TypeError.*sums\(model, batch, \*, dropout"),
        (Given(loss=jnp.ones(3)), (), r"loss is float32\[3\]"),
        (Given(loss=jnp.bfloat16(1)), (), r"loss is bfloat16: sum it in float32"),
        (Given(weight="x"), (), r"weight is a str"),
        (Given(metrics={"a": jnp.ones(2)}), (), r"metrics\['a'\] is float32\[2\]"),
        (Given(metrics={"a": Mean(jnp.float32(1), None)}), (), r"metrics\['a'\] is a NoneType"),
        (Given(metrics=[1.0]), (), r"metrics is a list"),
        (Given(metrics={3: 1.0}), (), r"metrics has the name 3"),
        (Given(metrics={"loss": 1.0}), (), r"'loss' has a name that metrics.jsonl has already"),
    ],
)
def test_what_gives_no_sums_is_refused(objective, batch, message):
    with pytest.raises(ValueError, match=rf"train\.objective = .*{message}"):
        run(objective, batch=batch)


def test_positions_that_are_asked_for_are_checked():
    targets = {"decoder_target_tokens": jnp.zeros((2, 3))}

    def positions(**sums):
        sums = checked_sums(
            Given(**sums), "no model", targets, dropout_key=None, frozen={}, by_position=True
        )
        return sums.by_position

    ones = jnp.ones((2, 3), jnp.bfloat16)
    assert positions(by_position=Mean(ones, ones)).total.dtype == jnp.float32
    assert run(Given(by_position=Mean(ones, ones))).by_position is None, "not asked for"
    for wrong, message in [
        ({}, r"by_position is None, of which the loss by task is made"),
        ({"by_position": ones}, r"by_position is no Mean"),
        ({"by_position": Mean(ones, 1.0)}, r"has arrays \[\(2, 3\), \(\)\], not \(2, 3\)"),
    ]:
        with pytest.raises(ValueError, match=rf"train\.objective = @Given\(\): .*{message}"):
            positions(**wrong)


class Preparing(Objective):
    """Prepares a batch as it was told to."""

    def __init__(self, prepare):
        self.prepare = prepare


BATCH = {"decoder_target_tokens": jnp.zeros((2, 3))}


def test_a_batch_is_prepared():
    assert checked_batch(Given(), BATCH).keys() == BATCH.keys()
    prepared = checked_batch(Preparing(lambda batch: {**batch, "more": jnp.ones((2,))}), BATCH)
    assert prepared.keys() == {*BATCH, "more"}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda batch: None, "prepare gives no batch"),
        (lambda batch: {}, "prepare gives no batch"),
        (lambda batch: {**batch, "more": jnp.ones(3)}, r"'more' the shape \(3,\)"),
        (lambda batch: {**batch, "more": 1.0}, r"'more' the shape \(\)"),
        (lambda batch: batch["absent"], r"fails at .*KeyError.*method is prepare\(batch\)"),
    ],
)
def test_what_prepares_no_batch_is_refused(prepare, message):
    with pytest.raises(ValueError, match=rf"train\.objective = @Preparing\(\).*{message}"):
        checked_batch(Preparing(prepare), BATCH)
