"""The report of long texts: which metrics are its curves, and what it refuses."""

import json

import pytest

from t5lite.evaluation.window_report import WindowReport
from t5lite.inference.records import PREDICTIONS, Record, write_records


def evaluated(folder, name, metrics, records=()):
    (folder / name).mkdir()
    text = json.dumps({"metrics": {f"{name}/{key}": value for key, value in metrics.items()}})
    (folder / name / "metrics.json").write_text(text)
    write_records(folder / name / PREDICTIONS, records)


def test_curves_are_of_windows_and_distances(tmp_path, capsys):
    books = {
        f"books_{window}/{metric}": value
        for window, value in ((8, 3.5), (16, 3.25), (4, 4.0))
        for metric, value in (("perplexity", value), ("bits_per_byte", value / 2), ("loss", 1.0))
    }
    evaluated(tmp_path, "books", {**books, "mean/perplexity": 9.0})
    records = [
        Record(
            task="passkey_16",
            index=index,
            id=f"{distance}/{index % 2}",
            inputs="",
            targets="1",
            references=["1"],
            prediction="1",
            score=score,
        )
        for index, (distance, score) in enumerate([(8, 1.0), (8, 0.0), (16, 0.0), (16, 0.0)])
    ]
    keys = {"passkey_16/k_max": 8.0, "passkey_16/accuracy": 0.25, "mean/k_max": 8.0}
    evaluated(tmp_path, "keys", keys, records)
    WindowReport().write(tmp_path, names=["books", "keys"], model="m")
    found = json.loads((tmp_path / "windows.json").read_text())
    assert found == {
        "model": "m",
        "perplexity": {"books": {"8": 3.5, "16": 3.25, "4": 4.0}},
        "bits_per_byte": {"books": {"8": 1.75, "16": 1.625, "4": 2.0}},
        "retrieval": {"passkey_16": {"8": 0.5, "16": 0.0}},
        "k_max": {"passkey_16": 8.0},
    }
    assert (tmp_path / "windows.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert ["perplexity", "4", "8", "16"] in lines and ["books", "4", "3.5", "3.25"] in lines
    assert "passkey_16: k_max 8 of 16 tokens" in printed


def test_without_a_curve_there_is_no_report(tmp_path):
    evaluated(tmp_path, "squad", {"squad/f1": 1.0})
    with pytest.raises(ValueError, match="evaluations squad have no Task of perplexity by window"):
        WindowReport().write(tmp_path, names=["squad"], model="m")
