"""The file of figures: JSON whatever the figures are, and the same figures when read."""

import json
import math

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
