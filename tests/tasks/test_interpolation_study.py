"""The study of Position Interpolation: what it trains on, what it holds out, how it is shown."""

import json

import pytest

from benchmarks.position_interpolation import run, tables, texts
from benchmarks.position_interpolation.run import Arm, arms
from t5lite.configuration import config
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "benchmarks" / "position_interpolation"


def texts_of(path):
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_documents_are_held_out_as_wholes(tmp_path):
    for name in texts.FILES:
        lines = (f"{name} {number} é\n" for number in range(50_000))
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    texts.write_documents(tmp_path, tmp_path)
    splits = {
        name: texts_of(tmp_path / f"{name}.jsonl") for name in ("train", "validation", "test")
    }
    lines = {name: {*"".join(found).splitlines()} for name, found in splits.items()}
    assert not lines["train"] & (lines["validation"] | lines["test"])
    assert not lines["validation"] & lines["test"]
    assert len(splits["test"]) == len(splits["validation"]) > 3
    assert len(splits["train"]) == pytest.approx(18 * len(splits["test"]), rel=0.2)
    assert all(len(text) >= texts.DOCUMENT for found in splits.values() for text in found)


def test_keys_are_hidden_in_less_than_a_window(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "NUM_KEYS", 400)
    texts.write_keys(tmp_path)
    found = texts_of(tmp_path / "keys.jsonl")
    assert max(map(len, found)) < 256
    assert len({*found}) == 400
    assert all(text.count(text[-5:]) == 3 for text in found)
    shapes = {(text.index("The key"), len(text)) for text in found}
    assert len(shapes) == 1 + 2 + 3 + 4  # filler before and behind, up to three lines


@pytest.mark.parametrize("arm", arms(1, [2048]), ids=lambda arm: arm.method)
def test_an_arm_differs_in_its_positions_alone(arm):
    flags = {
        "MODEL_DIR": "'/m'",
        "INITIAL_CHECKPOINT_PATH": "'/c'",
        "MIXTURE_OR_TASK_NAME": "'text_2048'",
        "PERPLEXITY": "'perplexity_2048'",
        "PASSKEY": "'keys_2048'",
        "WINDOW": "2048",
        "SCALING_FACTOR": f"{arm.factor}",
        "EVAL_PERIOD": "50",
    }
    bindings = [f"{name}={value}" for name, value in flags.items()]
    arguments = config.parse([str(FOLDER / "extension.gin")], bindings).arguments("train")
    divisor = arguments["model"].positions.scaling.factor
    assert divisor == (8.0 if arm.method == "interpolated" else 1.0)
    assert [evaluation.name for evaluation in arguments["evals"]] == [
        "perplexity",
        "passkey",
        "short",
    ]


def test_tables_have_a_row_an_arm_and_a_column_a_step(tmp_path):
    figures = dict.fromkeys(("perplexity", "perplexity_256", "short_accuracy"), 2.0)
    results = [
        {
            "method": method,
            "window": 2048,
            "by_step": {step: {**figures, "k_max": 256 * step} for step in (0, 1)},
        }
        for method in ("interpolated", "direct")
    ]
    results.append({**results[0], "by_step": {"0": {**figures, "k_max": 512}}})  # as JSON has it
    rows = [line.split() for line in tables.text(results).splitlines()]
    assert ["interpolated", "2,048", "256", "±", "362", "256"] in rows
    assert ["direct", "2,048", "2.000", "2.000"] in rows
    tables.draw(results, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert Arm("direct", 2048, 3).name == "direct_2048_3"


def test_a_window_that_has_no_tasks_is_refused_before_anything_is_trained(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["run.py", "--data_dir=/absent", "--windows=2048,1024"])
    with pytest.raises(SystemExit):
        run.main()
    assert "--windows: 2048,1024 is not of 2048, 4096, 8192" in capsys.readouterr().err
