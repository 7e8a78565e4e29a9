"""The file of figures: JSON whatever the figures are, and the same figures when read."""

import errno
import json
import math

import pytest

from t5lite.training.metrics import METRICS_FILE, MetricsWriter, read_lines


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
