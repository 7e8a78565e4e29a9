"""The Tasks that Pythia is evaluated on: prompts and choices, LAMBADA's measures, faulty files."""

import json
import math

import pytest

from t5lite import cli
from t5lite.inference.records import read_records
from tests.decoding import model_dirs
from tests.tasks.eval.suite_folder import write

pytest.importorskip("seqio")
from tasks.eval.registration import TASKS
from tasks.metrics import last_word

LETTERS = "Choices:\nA. x.\nB. y\nC. z\nD. w\nAnswer:"


@pytest.mark.parametrize(
    ("name", "inputs", "options", "target"),
    [
        ("lambada_openai", "Once more the\nrain fell in heavy", ("drops",), "drops"),
        ("lambada_standard", "Once more the rain fell in heavy", ("drops",), "drops"),
        ("piqa", "Question: Dry a shirt.\nAnswer:", ("Hang it up.", "Wet it."), "Wet it."),
        (
            "winogrande",
            "Ann thanked Eve as",
            ("Ann had helped.", "Eve had helped."),
            "Eve had helped.",
        ),
        (
            "arc_easy",
            "Question: What is hot?\nAnswer:",
            ("ice", "fire", "a stone", "the sea"),
            "fire",
        ),
        (
            "arc_challenge",
            "Question: What is hot?\nAnswer:",
            ("ice", "fire", "a stone", "the sea"),
            "fire",
        ),
        (
            "sciq",
            "Water boils.\nQuestion: What boils?\nAnswer:",
            ("sand", "iron", "salt", "water"),
            "water",
        ),
        (
            "logiqa",
            f"Passage: It rained. It snowed.\nQuestion: What follows?\n{LETTERS}",
            ("x.", "y", "z", "w"),
            "y",
        ),
    ],
)
def test_what_is_asked(folder, name, inputs, options, target):
    task = TASKS[f"{name}_0shot"]
    example = task(task.splits[-1])[-1]
    assert (example.inputs, example.options, example.targets) == (inputs, options, target)
    # What a model writes is judged too, where nothing is ranked.
    assert task.rule(f" {target}\nQuestion: Another?") == task.rule(target)


def test_the_last_word_is_judged_by_what_greedy_decoding_gives():
    ranked = {"is_greedy": [True, False, False, False], "log_likelihoods": [-1.0, -2.0, -3.0, -4.0]}
    found = last_word(["key"] * 4, ["key"] * 4, ranked)
    assert found == {"accuracy": 0.25, "perplexity": pytest.approx(math.exp(2.5))}
    written = [TASKS["lambada_openai_0shot"].rule(text) for text in (' "Key', "key.", "", "keys")]
    assert last_word(["key"] * 4, written, {"scores": [0.0] * 4}) == {"accuracy": 0.25}


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("lambada_openai", "lambada/lambada_test.jsonl", '{"text": "One"}', "line 1: 'One' is no"),
        ("lambada_standard", "lambada/lambada_test_plain_text.txt", "\n\n", "_text.txt: is empty"),
        ("piqa", "piqa/valid-labels.lst", "0", "1 labels for the 2 rows of"),
        (
            "piqa",
            "piqa/valid-labels.lst",
            "0 2",
            "line 2: the label is '2'; it must be",
        ),
        ("winogrande", "winogrande/dev.jsonl", '{"sentence": "None."}', "line 1: .* no blank '_'"),
        (
            "arc_easy",
            "arc/ARC-Easy/ARC-Easy-Test.jsonl",
            '{"question": {"stem": "?", "choices": [{"text": "a", "label": "A"}]}}',
            "line 1: field 'answerKey' is None; it must be one of A",
        ),
        ("sciq", "sciq/test.json", '[{"question": "?"}]', "question 1: field 'support' is missing"),
        ("logiqa", "logiqa/Test.txt", "", "line 1: expec"),
        (
            "logiqa",
            "logiqa/Test.txt",
            "\nb\nIt rained.\nWhat?\nA.x\nB.y\nC.z",
            "line 1: expec",
        ),
    ],
)
def test_faulty_files_are_named_with_the_place(folder, name, file, text, message):
    write(folder / file, text)
    task = TASKS[f"{name}_0shot"]
    with pytest.raises(ValueError, match=message) as caught:
        task(task.splits[-1])
    assert str(caught.value).startswith(str(folder / file))
    assert task.data_status(verify=True).state == "broken"


def test_the_recipe_ranks_all_of_them(folder, tmp_path):
    model_dirs.save(tmp_path / "model")
    flags = [f"--data_dir={folder}", "--task_feature_lengths=inputs=512,targets=32"]
    recipe = ["eval", "--gin_file=recipes/eval_pythia.gin", f"--model_dir={tmp_path / 'model'}"]
    assert cli.main([*recipe, *flags, "--rank_by=mean_byte"]) == 0
    found = {path.parent.name: path for path in tmp_path.glob("model/eval/*/metrics.json")}
    assert len(found) == 7
    metrics = json.loads(found["lambada"].read_text())["metrics"]
    lines = [*read_records(found["lambada"].with_name("predictions.jsonl"))]
    # However options are compared, perplexity is of the words, and accuracy of what is greedy.
    sums = [len(line.prediction) * line.option_scores[0] for line in lines]
    perplexity = metrics["lambada/lambada_openai_0shot/perplexity"]
    assert perplexity == pytest.approx(math.exp(-sum(sums) / len(sums)), rel=1e-5)
    assert metrics["lambada/lambada_openai_0shot/accuracy"] == 0
