"""What each start of a run was asked."""

import json

from t5lite.configuration.run_record import record_start

FIRST = "TRAIN_STEPS = 10\ntrain.seed = 0\nEVALS = (@a/EvalConfig(),)\n"


def starts(folder):
    return [json.loads(line) for line in (folder / "starts.jsonl").read_text().splitlines()]


def test_the_last_start_is_config_gin_and_those_before_are_kept(tmp_path):
    assert record_start(tmp_path, FIRST, step=0) == []
    second = FIRST.replace("10", "20").replace("train.seed = 0\n", "") + "DATA_DIR = '/d'\n"
    second = f"import mine\n{second}"
    assert record_start(tmp_path, second, step=4) == [
        "TRAIN_STEPS: 10 -> 20",
        "train.seed: 0 -> not set",
        "DATA_DIR: not set -> '/d'",
        "import mine: not set -> set",
    ]
    assert record_start(tmp_path, second, step=6) == []
    assert record_start(tmp_path, FIRST.replace("10", "30"), step=8)[0] == "TRAIN_STEPS: 20 -> 30"
    assert (tmp_path / "config.gin").read_text() == FIRST.replace("10", "30")
    assert (tmp_path / "configs" / "1.gin").read_text() == FIRST
    assert (tmp_path / "configs" / "2.gin").read_text() == second
    assert len(list(tmp_path.iterdir())) == 3
    assert [line["step"] for line in starts(tmp_path)] == [0, 4, 6, 8]
    assert starts(tmp_path)[1]["changed"]["TRAIN_STEPS"] == ["10", "20"]
    assert starts(tmp_path)[2]["changed"] == {}


def test_a_run_that_gin_did_not_configure_leaves_what_gin_did(tmp_path):
    record_start(tmp_path, FIRST, step=0)
    assert record_start(tmp_path, "", step=5) == []
    assert (tmp_path / "config.gin").read_text() == FIRST
    assert [line["step"] for line in starts(tmp_path)] == [0, 5]


def test_another_order_or_a_comment_is_no_difference(tmp_path):
    record_start(tmp_path, FIRST, step=0)
    assert record_start(tmp_path, "# again\n" + "\n".join(FIRST.split("\n")[::-1]), step=1) == []
