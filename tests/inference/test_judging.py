"""What a judge says of answers whose texts and lengths are known."""

import json

import numpy as np
import pytest

from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import Generation
from t5lite.inference.answers import Answered
from t5lite.inference.asking import Asked
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.eval_result import EvalResult
from t5lite.inference.judging import Judge

VOCABULARY = ByteVocabulary()


def ids(text):
    return np.array(VOCABULARY.encode(text), np.int32)


def judged(*texts, decoding):
    """The result of one example that was answered with these texts."""
    raw = {"targets": ids("yes"), "targets_pretokenized": "yes"}
    example = EvalExample.cut(raw, {"targets": VOCABULARY}, {})
    task = EvalTask("t", "test", [example], VOCABULARY, postprocess_fn=lambda text, **_: text)
    asked = Asked(text="?", tokens=ids("?"), target=ids("yes"))
    answered = Answered(generations=[Generation(ids(text), -1.0, -1.0) for text in texts])
    return Judge(vocabulary=VOCABULARY, decoding=decoding).judge(task, [asked], [answered])


@pytest.mark.parametrize(
    ("text", "num_cut"), [("yes", 0), ("yes, ye", 0), ("yes, yes", 1), ("yes no\nQ", 0)]
)
def test_an_answer_of_the_most_tokens_without_an_end_was_cut(text, num_cut):
    decoding = DecodingConfig(max_decode_length=8, stop_strings=("\nQ",))
    assert judged(text, decoding=decoding).num_cut == num_cut


def test_every_draw_counts_and_is_told_to_readers(tmp_path):
    decoding = DecodingConfig(strategy="sample", num_return_sequences=3, max_decode_length=3)
    found = judged("yes", "no", "yes", decoding=decoding)
    config = EvalConfig(
        name="e", mixture_or_task_name="t", task_feature_lengths={"targets": 8}, decoding=decoding
    )
    result = EvalResult(config, [found])
    result.save(tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["num_cut"] == {"t": 2}
    assert "num_cut" in result.summary()
