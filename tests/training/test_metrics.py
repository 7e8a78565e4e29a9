"""The file of figures: JSON whatever the figures are, and the same figures when read."""

import errno
import json
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from t5lite.training import metrics
from t5lite.training.duration import Duration, Progress
from t5lite.training.metrics import METRICS_FILE, MetricsWriter, RunLog, read_lines
from t5lite.training.run_position import RunPosition


def test_figures_that_are_not_finite_are_null_in_the_file(tmp_path):
    writer = MetricsWriter(tmp_path, start_step=0, enabled=True)
    writer.write(1, "train", {"loss": math.nan, "accuracy": 0.5})
    writer.close()
    # Resumed: the lines of before are written again.
    MetricsWriter(tmp_path, start_step=1, enabled=True).close()
    (text,) = (tmp_path / METRICS_FILE).read_text().splitlines()
    assert json.loads(text) == {"step": 1, "kind": "train", "loss": None, "accuracy": 0.5}
    (line,) = read_lines(tmp_path / METRICS_FILE)
    assert math.isnan(line["loss"]) and line["accuracy"] == 0.5


@pytest.mark.parametrize("line", ["garbage", "[1]", '{"kind": "train"}', '{"step": "1"}', "\udcff"])
def test_a_line_that_is_none_of_its_kind_is_named(line, tmp_path):
    path = tmp_path / METRICS_FILE
    path.write_bytes(b'{"step": 1, "kind": "train"}\n' + line.encode(errors="surrogateescape"))
    assert len(read_lines(path)) == 1  # a process was killed while it wrote the second
    path.write_bytes(path.read_bytes() + b'\n{"step": 2, "kind": "train"}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2.* Delete that line") as error:
        read_lines(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("clock", [2e9, 1.0])
def test_figures_are_written_at_once_whatever_the_clock_does(clock, tmp_path, monkeypatch):
    from tensorboardX.event_file_writer import EventsWriter

    sizes = []
    writer = MetricsWriter(tmp_path, start_step=-1, enabled=True)
    (events,) = (tmp_path / "tensorboard").iterdir()
    monkeypatch.setattr("time.time", lambda: clock)
    for step in range(100):  # more than a queue would hold
        writer.write(step, "train", {"loss": 1.0})
        sizes.append(events.stat().st_size)
    assert sizes == sorted(set(sizes)) and len(read_lines(tmp_path / METRICS_FILE)) == 100

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventsWriter, "write_event", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        writer.write(100, "train", {"loss": 1.0})
    assert error.value.filename == str(tmp_path / "tensorboard")


class _NotReady(float):
    """A figure that is still being computed."""

    def is_ready(self) -> bool:
        return False


def speeds(folder, monkeypatch, figures):
    """Tokens a second of steps of 100 tokens and 2 s, the last flushed a millisecond later."""
    clock = [0.0]
    monkeypatch.setattr(metrics, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    log = RunLog(
        folder,
        SimpleNamespace(),
        mesh=None,
        total=Duration(len(figures), "steps"),
        position=RunPosition(),
        period=1,
        by_task=False,
        least_step_seconds=None,
        wandb_project=None,
        settings={},
    )
    batch = SimpleNamespace(stats=SimpleNamespace(num_examples=2))
    for step, figure in enumerate(figures, start=1):
        clock[0] += 2
        position = RunPosition(progress=Progress(steps=step, tokens=100 * step))
        values = dict.fromkeys(("loss", "grad_norm"), figure)
        log.push(values, losses=None, batch=batch, position=position)
    clock[0] += 0.001
    log.flush()
    log.close()
    return [line["tokens_per_second"] for line in read_lines(folder / METRICS_FILE)]


def test_a_step_that_was_over_when_it_was_pushed_took_until_then(tmp_path, monkeypatch):
    """As on a CPU that runs it at once."""
    ready = jax.block_until_ready(jnp.ones(()))
    assert speeds(tmp_path, monkeypatch, [ready] * 3) == [50] * 3


def test_no_step_is_timed_at_the_moment_of_the_one_before(tmp_path, monkeypatch):
    """The first is over by the time that the second is pushed, which is over at once."""
    ready = jax.block_until_ready(jnp.ones(()))
    assert speeds(tmp_path, monkeypatch, [_NotReady(1), ready, ready])[:2] == [25, 50]
