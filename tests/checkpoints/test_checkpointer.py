"""Checkpoints: whole or refused, and the refusal says what is wrong."""

import contextlib
import errno
import functools
import pathlib
import re
import resource
import shutil
from unittest import mock

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
from tests.conftest import on_processes


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
    assert Checkpointer(tmp_path, config, read_only=True).all_steps() == [3, 4, 8, 9]
    assert Checkpointer(tmp_path, config, read_only=True).best_step() == 3
    assert Checkpointer(tmp_path, read_only=True).best_step() is None, "no metric is named"


def test_best_of_a_loss(tmp_path):
    config = CheckpointConfig(keep=1, best_metric="loss", best_mode="min")
    save(tmp_path, range(1, 6), config, metrics=lambda s: {"loss": abs(s - 2)} if s > 1 else {})
    assert Checkpointer(tmp_path, config, read_only=True).all_steps() == [2, 5]
    assert Checkpointer(tmp_path, config, read_only=True).best_step() == 2
    assert Checkpointer(tmp_path / "none", config, read_only=True).best_step() is None


def test_of_checkpoints_as_good_the_latest_is_the_best(tmp_path):
    config = CheckpointConfig(keep=1, best_metric="acc")
    values = {1: 0.5, 2: 0.7, 3: 0.7, 4: float("nan"), 5: 0.1}
    for steps in (range(1, 5), range(5, 6)):  # A run that is resumed knows the best of before.
        save(tmp_path, steps, config, metrics=lambda step: {"acc": values[step]})
    checkpointer = Checkpointer(tmp_path, config, read_only=True)
    assert (checkpointer.all_steps(), checkpointer.best_step()) == ([3, 5], 3)


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


@contextlib.contextmanager
def full_disk(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def no_folder(folder):
    folder.rename(folder.parent / "moved")
    folder.touch()
    yield
    folder.unlink()
    (folder.parent / "moved").rename(folder)


def full_disk_at(call):
    @contextlib.contextmanager
    def at_this_call(folder):
        writes = [None] * call + [OSError(errno.ENOSPC, "No space left on device")]
        with mock.patch.object(FileHashes, "save", side_effect=writes):
            yield

    return at_this_call


BREAKS = {
    "full disk": (full_disk, "no space left on the disk"),
    "no folder": (no_folder, ".*Not a directory"),
    "before it has its name": (full_disk_at(0), "no space left on the disk"),
    "when it has its name": (full_disk_at(1), "no space left on the disk"),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_save_that_fails_leaves_nothing_is_reported_and_blocks_no_later_one(
    tmp_path, caplog, how, asynchronous
):
    breaks, cause = BREAKS[how]
    noise = jax.random.normal(jax.random.key(0), (512, 512))  # does not compress
    big = state() | {"params": {"dense": {"kernel": noise}}}
    checkpointer = Checkpointer(tmp_path, CheckpointConfig(asynchronous=asynchronous, keep=1))
    save = functools.partial(checkpointer.save, data_state={}, config="", metrics={})
    save(1, big)
    checkpointer.wait()
    message = rf"checkpoint 2 could not be saved in {tmp_path}/checkpoints: ({cause})"
    with breaks(tmp_path / "checkpoints"), pytest.raises(ValueError, match=message):
        save(2, big)
        checkpointer.wait()
    assert bool(re.search(message, caplog.text)) == asynchronous, "a warning, at once"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["1"]
    save(3, big)
    checkpointer.close()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["3"]
    Checkpointer(tmp_path, read_only=True).restore_state(3, abstract(big))


def test_a_save_that_fails_on_one_process_fails_on_all(tmp_path):
    outputs = on_processes(
        "tests.checkpoints.on_processes", tmp_path, num_processes=2, num_devices=2
    )
    for index, output in enumerate(outputs):
        first, second = ("", "process 1: ") if index == 0 else ("process 0: ", "")
        assert (
            f"checkpoint 2 could not be saved in {tmp_path}/checkpoints: {first}no hashes" in output
        )
        assert f"{second}the disk of this process is full" in output
        assert output.endswith("left: 4\n")
    assert "failed so far: 2" in outputs[0] and "so far" not in outputs[1]


@pytest.mark.parametrize("step", [1, 2])
def test_a_run_that_fails_waits_for_what_is_being_written(tmp_path, step):
    checkpointer = Checkpointer(tmp_path)
    breaks = full_disk_at(0) if step == 2 else lambda _: contextlib.nullcontext()
    with breaks(tmp_path), pytest.raises(FloatingPointError, match="no loss"), checkpointer:
        checkpointer.save(step, state(), data_state={}, config="", metrics={})
        raise FloatingPointError("no loss")
    saved = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert saved == (["1"] if step == 1 else [])


def test_arrays_may_be_donated_while_they_are_written(tmp_path):
    checkpointer, values = Checkpointer(tmp_path), state(2, rows=4096)
    checkpointer.save(1, values, data_state={}, config="", metrics={})
    jax.jit(lambda tree: jax.tree.map(lambda x: 0 * x, tree), donate_argnums=0)(values)
    checkpointer.close()
    restored = Checkpointer(tmp_path).restore_state(1, abstract(state(2, rows=4096)))
    jax.tree.map(np.testing.assert_array_equal, restored, state(2, rows=4096))


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
