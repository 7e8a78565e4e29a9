"""Self-improvement: pseudo targets are the nearest predictions, and rounds go on after a kill."""

import json
import os
import re

import hypothesis
import hypothesis.strategies as st
import pytest
import sacrebleu

from t5lite.cli import main
from t5lite.synthetic_data import self_improving
from t5lite.synthetic_data.self_improving import nearest, pseudo_targets
from tests.synthetic_data.lines import lines_of, write_lines

RECIPE = """
include "runs/train.gin"
TASK_MODULES = ("tests.toy_tasks",)
MIXTURE_OR_TASK_NAME = "toy_first"
TASK_FEATURE_LENGTHS = {"inputs": 16, "targets": 16}
VOCABULARY = "bytes"
TRAIN_STEPS = 4
BATCH_SIZE = 8
train.model = @TransformerConfig()
TransformerConfig:
  vocab_size = 264
  d_model = 16
  d_ff = 16
  d_kv = 8
  num_heads = 2
  num_encoder_layers = 1
  num_decoder_layers = 1
"""

TOKENS = ["a", "b", "c", "dd", "e", "(", ")", ",", "=", "x1"]
words = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=8)
texts = words.map(" ".join)


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(predictions=st.lists(texts, min_size=1, max_size=5), target=texts)
def test_the_nearest_is_the_first_of_the_largest_sentence_bleu(predictions, target):
    scores = [
        sacrebleu.sentence_bleu(p, [target], use_effective_order=True).score for p in predictions
    ]
    index, score = nearest(predictions, target)
    assert score == max(scores) and index == scores.index(max(scores))


def test_pseudo_targets_stand_beside_the_targets(tmp_path):
    lines = [
        ("sum a b", "return a + b", ["return a", "return a + b", "return b + a"]),
        ("first x", "return x [ 0 ]", ["x", "return x [ 1 ]", " "]),
        ("nothing", "pass", ["", "  "]),
    ]
    keys = ("inputs", "targets", "predictions")
    records = [dict(zip(keys, line, strict=True)) for line in lines]
    examples, found = pseudo_targets(write_lines(tmp_path / "predictions.jsonl", records))
    assert [(e["inputs"], e["targets"], e["from"]) for e in examples] == [
        *((inputs, target, "target") for inputs, target, _ in lines),
        ("sum a b", "return a + b", "prediction"),
        ("first x", "return x [ 1 ]", "prediction"),
    ]
    assert found["pseudo_targets"] == 2 and found["examples"] == 3
    assert found["equal_to_target"] == 1 and found["likeliest_was_nearest"] == 0
    near = sacrebleu.sentence_bleu("return x [ 1 ]", ["return x [ 0 ]"], use_effective_order=True)
    assert found["mean_bleu"] == pytest.approx((100 + near.score) / 2)


def test_predictions_of_another_shape_are_named(tmp_path):
    line = {"inputs": "a", "targets": "b", "prediction": "c"}
    path = write_lines(tmp_path / "predictions.jsonl", [line])
    with pytest.raises(ValueError, match=r"line 1: field 'predictions' is missing"):
        pseudo_targets(path)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "toy.gin"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def words_of(recipe, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def words_of(folder, *flags):
        return [
            *("self_improve", f"--recipe={recipe}", f"--output={folder}", "--num_beams=3"),
            *("--max_decode_length=8", f"--cache_dir={cache}", *flags),
        ]

    return words_of


def test_a_killed_run_goes_on_in_its_round(words_of, recipe, tmp_path, monkeypatch, capsys):
    """Stopped between search and training, and given a round more."""
    folder = tmp_path / "run"
    train = self_improving._train

    def dies(run, model_dir, **more):
        if "round_1" in str(model_dir):
            raise KeyboardInterrupt
        train(run, model_dir, **more)

    monkeypatch.setattr(self_improving, "_train", dies)
    assert main(words_of(folder)) == 130
    predictions = folder / "round_1" / "predictions.jsonl"
    before = predictions.stat().st_mtime_ns
    monkeypatch.setattr(self_improving, "_train", train)
    root = os.environ.get("T5LITE_DATA_DIR")
    assert main(words_of(folder)) == 0
    assert os.environ.get("T5LITE_DATA_DIR") == root
    assert predictions.stat().st_mtime_ns == before
    out = capsys.readouterr().out
    assert re.search(r"^round +pseudo targets .* accuracy$", out, re.MULTILINE)
    assert re.search(r"^round_1 +60 ", out, re.MULTILINE)

    # What was trained on is the argmax of what was predicted.
    lines = lines_of(predictions)
    assert len(lines) == 60 and all(len(x["predictions"]) == 3 for x in lines)
    made = lines_of(folder / "round_1/train.jsonl")
    assert [e["targets"] for e in made[:60]] == [x["targets"] for x in lines]
    with_text = [[p for p in x["predictions"] if p.strip()] for x in lines]
    assert [e["targets"] for e in made[60:]] == [
        found[nearest(found, x["targets"])[0]]
        for found, x in zip(with_text, lines, strict=True)
        if found
    ]
    start = (folder / "round_1/model/config.gin").read_text()
    assert f"INITIAL_CHECKPOINT_PATH = \\\n    '{folder}/round_0/model'" in start

    assert main(words_of(folder)) == 0  # all is done: nothing is trained
    assert main(words_of(folder, "--split=validation")) == 2
    assert "was made with split = 'train', not 'validation'" in capsys.readouterr().err

    text = recipe.read_text()
    recipe.write_text(text + "# A remark.\n")
    assert main(words_of(folder)) == 0
    recipe.write_text(text + "TRAIN_STEPS = 5\n")
    assert main(words_of(folder)) == 2
    assert "was made with recipe: TRAIN_STEPS = '4', not '5'" in capsys.readouterr().err
    recipe.write_text(text)

    # As a folder of an earlier version, which kept a hash of the recipe's text.
    kept = json.loads((folder / "self_improving.json").read_text())
    old = {name: value for name, value in kept.items() if not name.startswith("recipe: ")}
    (folder / "self_improving.json").write_text(json.dumps(old | {"recipe_sha256": "0"}))
    assert main(words_of(folder)) == 2
    said = capsys.readouterr().err
    assert "self_improving.json does not name recipe: " in said and "None" not in said
    assert "an earlier version of t5lite made the folder, give another one" in said
    (folder / "self_improving.json").write_text(json.dumps(kept | {"recipe: x.y": "1"}))
    assert main(words_of(folder)) == 2
    assert "made with recipe: x.y = '1', which nothing sets now" in capsys.readouterr().err


def test_a_recipe_without_a_task_is_refused(tmp_path, capsys):
    words = ["self_improve", "--recipe=runs/train.gin", f"--output={tmp_path}/run"]
    assert main(words) == 2
    assert "does not set MIXTURE_OR_TASK_NAME; give --mixture" in capsys.readouterr().err
