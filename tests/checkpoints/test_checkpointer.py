"""Checkpoints: whole or refused, and the refusal says what is wrong."""

import pathlib
import resource
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import (
    CheckpointConfig,
    Checkpointer,
    SaveClock,
    name_differences,
)
from t5lite.checkpoints.load import load_model_dir
from t5lite.files.hashes import HASHES_FILE, FileHashes


def state(scale: float = 1.0, rows: int = 64):
    return {
        "step": jnp.asarray(1, jnp.int32),
        "params": {"dense": {"kernel": scale * jnp.arange(rows * 8.0).reshape(rows, 8)}},
        "opt_state": (None, {"mu": {"dense": {"kernel": jnp.ones((rows, 8))}}}),
    }


def abstract(tree):
    where = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where), tree)


def save(folder, steps, config=None, metrics=None):
    checkpointer = Checkpointer(folder, config or CheckpointConfig())
    for step in steps:
        checkpointer.save(
            step,
            state(step),
            data_state={"window": step},
            config="x = 1",
            metrics=metrics(step) if metrics else {},
        )
    checkpointer.close()


def test_round_trip_to_the_bit(tmp_path):
    save(tmp_path, [1, 2])
    checkpointer = Checkpointer(tmp_path, read_only=True)
    restored = checkpointer.restore_state(2, abstract(state()))
    assert checkpointer.restore_data(2) == {"window": 2}
    assert jax.tree.structure(restored) == jax.tree.structure(state())
    jax.tree.map(np.testing.assert_array_equal, restored, state(2))


def test_a_checkpoint_saved_anew_has_another_hash(tmp_path):
    for scale, folder in ((1, "a"), (2, "b")):
        checkpointer = Checkpointer(tmp_path / folder)
        checkpointer.save(1, state(scale), data_state={}, config="", metrics={})
        checkpointer.close()
    first, other = (Checkpointer(tmp_path / folder, read_only=True) for folder in "ab")
    found = first.state_hash(1)
    assert found != other.state_hash(1)
    (tmp_path / "a/checkpoints/1" / HASHES_FILE).unlink()
    assert first.state_hash(1) == found, "one that was kept without hashes"


def test_keep_policies(tmp_path):
    config = CheckpointConfig(keep=2, keep_period=4, best_metric="acc", best_mode="max")
    save(tmp_path, range(1, 10), config, metrics=lambda step: {"acc": -abs(step - 3)})
    assert Checkpointer(tmp_path, read_only=True).all_steps() == [3, 4, 8, 9]


def test_best_of_a_loss(tmp_path):
    config = CheckpointConfig(keep=1, best_metric="loss", best_mode="min")
    save(tmp_path, range(1, 6), config, metrics=lambda s: {"loss": abs(s - 2)} if s > 1 else {})
    assert Checkpointer(tmp_path, read_only=True).all_steps() == [2, 5]


def test_partial_restore(tmp_path):
    save(tmp_path, [1])
    checkpointer = Checkpointer(tmp_path, read_only=True)
    params = checkpointer.restore_params(1, abstract(state())["params"])
    np.testing.assert_array_equal(params["dense"]["kernel"], state(1)["params"]["dense"]["kernel"])


def test_missing_and_extra_names_are_listed(tmp_path):
    save(tmp_path, [1])
    wanted = state()
    wanted["params"]["new"] = {"bias": jnp.zeros(3)}
    wanted["params"]["dense"]["kernel"] = jnp.zeros((8, 8))
    wanted["opt_state"] = (None, {})
    with pytest.raises(ValueError) as error:
        Checkpointer(tmp_path, read_only=True).restore_state(1, abstract(wanted))
    text = str(error.value)
    assert "missing in the checkpoint (1):\n    params/new/bias" in text
    assert "only in the checkpoint (1):\n    opt_state/1/mu/dense/kernel" in text
    assert "params/dense/kernel: (64, 8) in the checkpoint, (8, 8) wanted" in text


def test_long_lists_are_cut():
    text = name_differences({}, {f"p{i:03d}": (1,) for i in range(50)})
    assert "missing in the checkpoint (50)" in text and "... and 30 more" in text


@pytest.mark.parametrize("victim", ["largest", "metadata"])
def test_a_truncated_checkpoint_is_refused(tmp_path, victim):
    save(tmp_path, [1])
    files = [p for p in (tmp_path / "checkpoints/1/state").rglob("*") if p.is_file()]
    if victim == "largest":
        path = max(files, key=lambda p: p.stat().st_size)
    else:
        path = next(p for p in files if p.name == "_METADATA")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        ValueError, match=r"checkpoint .*/checkpoints/1 is damaged: state/.* bytes, of the"
    ):
        Checkpointer(tmp_path, read_only=True).restore_state(1, abstract(state()))


def test_a_full_disk_keeps_the_earlier_checkpoints(tmp_path):
    save(tmp_path, [1])
    checkpointer = Checkpointer(tmp_path, CheckpointConfig(asynchronous=False))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = jax.random.normal(jax.random.key(0), (512, 512))  # does not compress
    big = state() | {"params": {"dense": {"kernel": noise}}}
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        with pytest.raises(ValueError, match="no space left on the disk"):
            checkpointer.save(2, big, data_state={}, config="", metrics={})
            checkpointer.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    again = Checkpointer(tmp_path, read_only=True)
    assert again.all_steps() == [1]
    again.restore_state(1, abstract(state()))


def test_the_clock_asks_for_an_early_checkpoint_and_then_for_regular_ones():
    seconds = [0.0]
    clock = SaveClock(CheckpointConfig(first_minutes=2, period_minutes=20), now=lambda: seconds[0])
    asked = []
    for minute in range(50):
        seconds[0] = 60.0 * minute
        if clock.due(minute):
            asked.append(minute)
            clock.saved()
    assert asked == [2, 22, 42]


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({"first_minutes": None, "period_minutes": 3}, [3, 6, 9]),
        ({"first_minutes": 4, "period_minutes": None}, [4]),
        ({"first_minutes": 4, "period_minutes": 3}, [3, 6, 9]),
        ({"first_minutes": None, "period_minutes": None}, []),
    ],
)
def test_either_clock_may_be_left_out(config, asked):
    minutes = [0]
    clock = SaveClock(CheckpointConfig(**config), now=lambda: 60.0 * minutes[0])
    due = []
    for minutes[0] in range(10):
        if clock.due(minutes[0]):
            due.append(minutes[0])
            clock.saved()
    assert due == asked


@pytest.mark.parametrize("field", [{"keep": 0}, {"best_mode": "most"}, {"period_minutes": 0}])
def test_meaningless_configs(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        CheckpointConfig(**field)


def test_a_converted_model_is_no_run_to_go_on_with(tmp_path):
    save(tmp_path, [0])
    folder = tmp_path / "checkpoints" / "0"
    shutil.rmtree(folder / "data")
    FileHashes.of(folder).save()
    with pytest.raises(ValueError, match="--initial_checkpoint_path"):
        Checkpointer(tmp_path, read_only=True).restore_data(0)


def test_not_a_model_folder(tmp_path):
    with pytest.raises(ValueError, match=r"holds no t5lite\.json"):
        load_model_dir(pathlib.Path(tmp_path))


def test_a_best_metric_that_no_evaluation_gives():
    config = CheckpointConfig(best_metric="dev/mean/acuracy")
    config.check_best_metric({"dev/mean/acuracy": 0.5})
    with pytest.raises(ValueError, match=r"best_metric is 'dev/mean/acuracy'.*dev/mean/accuracy"):
        config.check_best_metric({"dev/mean/accuracy": 0.5, "dev/mean/loss": 1.0})
    CheckpointConfig().check_best_metric({})
