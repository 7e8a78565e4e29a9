"""Sliding windows over documents: what is scored, in front of what, and what it amounts to."""

import functools
import math

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.task_metrics import Answers
from t5lite.files.json_files import write_lines
from tasks.long_context.perplexity import add_perplexity_tasks
from tests.feature_converters import converter

TEXTS = ["abcdefghijklm", "é", "", "x", "nopq"]


@pytest.fixture
def add(new_name, tmp_path, monkeypatch):
    """Registers Tasks over documents."""
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    write_lines(tmp_path / "x.jsonl", ({"text": text} for text in TEXTS))
    return functools.partial(add_perplexity_tasks, new_name(), files={"test": "x.jsonl"})


def load(name, length=8):
    lengths = {"inputs": length, "targets": length}
    (task,) = seqio_adapter.load_eval_tasks(name, split="test", task_feature_lengths=lengths)
    return task


def texts(task):
    def text(ids):
        return bytes((np.asarray(ids) - 3).tolist()).decode(errors="replace")

    return [(text(e.inputs), text(e.targets)) for e in task.examples]


def test_a_window_scores_what_no_window_before_it_has_scored(add):
    four, eight = (load(name) for name in add(windows=(4, 8), stride=2))
    assert texts(four)[:6] == [
        ("a", "bcd"),
        ("cd", "ef"),
        ("ef", "gh"),
        ("gh", "ij"),
        ("ij", "kl"),
        ("kl", "m"),
    ]
    assert texts(eight)[:4] == [
        ("a", "bcdefgh"),
        ("cdefgh", "ij"),
        ("efghij", "kl"),
        ("ghijkl", "m"),
    ]
    # A text without a second token is not scored.
    assert texts(four)[6:] == texts(eight)[4:] == [("\ufffd", "\ufffd"), ("n", "opq")]
    assert not four.judges_answers


def test_no_end_token_is_scored(add):
    (name,) = add(windows=(4,), stride=2)
    rows = converter("decoder_only", task_feature_lengths={"inputs": 8, "targets": 8})
    assert rows.targets_suffix
    for example in load(name).examples:
        assert example.answer(rows).tolist() == example.targets.tolist()


def test_perplexity_is_of_all_tokens_and_bytes(add):
    (name,) = add(windows=(4,), stride=2, max_tokens=5)
    task = load(name)
    assert texts(task) == [("a", "bcd"), ("cd", "e"), ("\ufffd", "\ufffd"), ("n", "opq")]
    scores = [-3.0, -1.5, -0.5, -2.0]
    measured = task.measure(Answers(target_scores=scores)).values
    assert measured["perplexity"] == pytest.approx(math.exp(7.0 / 8))
    # A byte is a token here, but the first of each document.
    assert measured["bits_per_byte"] == pytest.approx(7.0 / math.log(2) / 8)


def test_windows_that_do_not_fit_are_refused(add):
    with pytest.raises(ValueError, match=r"windows are \[8, 6\] and the stride is 4"):
        add(windows=(8, 6), stride=4)
    with pytest.raises(ValueError, match=r"windows are \[4\] and the stride is 4"):
        add(windows=(4,), stride=4)
    (name,) = add(windows=(16,), stride=4)
    with pytest.raises(ValueError, match="windows of 16 tokens would be cut to 8"):
        load(name)
    # Whoever looks at texts has no lengths to give.
    assert next(seqio_adapter.iterate_texts(name, "test"))["targets"] == TEXTS[0][1:]
