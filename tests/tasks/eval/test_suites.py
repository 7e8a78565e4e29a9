"""The suites' Tasks: what they ask, what they are scored by, and what is said of bad files."""

import json

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.prompt_parts import PromptParts, options_of
from t5lite.data.tasks.task_metrics import Answers
from tests.conftest import shared_path
from tests.tasks.eval.suite_folder import SUBJECT, SUBTASK, write

pytest.importorskip("seqio")
from tasks.eval import bbh, data_status, mgsm
from tasks.eval.registration import TASKS

LENGTHS = {"inputs": 4096, "targets": 64}


def load(name, split="test"):
    (task,) = seqio_adapter.load_eval_tasks(name, split=split, task_feature_lengths=LENGTHS)
    return task


def accuracy(task, outputs):
    return task.measure(Answers(texts=outputs)).values


# -------------------------------------------------------------------------------- what is asked


def test_mmlu_five_shot(folder):
    task = load(f"mmlu_{SUBJECT}_5shot")
    last = "Q: Dev 4?\n(A) w (B) x (C) y, or (D) z\nA: (A)\n\n"
    end = last + "Q: First\nline?\n(A) 1 (B) 2 (C) 3 (D) 4\nA:"
    text = task.examples[0].inputs_text
    assert text.startswith(
        "The following are multiple choice questions (with answers) about anatomy.\n\nQ: Dev 0?\n"
    )
    assert text.endswith(end)
    assert text.count("Q: Dev") == 5
    assert task.examples[0].targets_text == "(D)"
    assert accuracy(task, [" (D)", "neither"]) == {
        "accuracy": 0.5,
        "blind_guess": 0.25,
        "unparsed": 0.5,
    }


@pytest.mark.parametrize(
    ("suffix", "end", "options", "answer", "output"),
    [
        (
            "0shot_letters",
            "anatomy.\n\nFirst\nline?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:",
            ("A", "B", "C", "D"),
            "D",
            "D",
        ),
        (
            "5shot_letters",
            "Dev 4?\nA. w\nB. x\nC. y, or\nD. z\nAnswer: A\n\nFirst\nline?\n"
            "A. 1\nB. 2\nC. 3\nD. 4\nAnswer:",
            ("A", "B", "C", "D"),
            "D",
            "D",
        ),
        (
            "5shot_text",
            "Question: Dev 4?\nAnswer: w\n\nQuestion: First\nline?\nAnswer:",
            ("1", "2", "3", "4"),
            "4",
            " 4\n\nQuestion: Next",
        ),
        (
            "5shot_cot",
            "Q: Cot 4?\n(A) w (B) x (C) y (D) z\nA: Let's think step by step. Well. The answer is "
            "(A).\n\nQ: First\nline?\n(A) 1 (B) 2 (C) 3 (D) 4\nA: Let's think step by step.",
            ("(A)", "(B)", "(C)", "(D)"),
            "(D)",
            "Not (A). The answer is (D).",
        ),
    ],
)
def test_mmlu_in_other_layouts(folder, suffix, end, options, answer, output):
    task = load(f"mmlu_{SUBJECT}_{suffix}")
    example = task.examples[0]
    assert example.inputs_text.endswith(end)
    assert options_of(example.raw) == options
    assert example.targets_text == answer
    assert accuracy(task, [output, ""])["accuracy"] == 0.5


def test_the_prompts_of_mmlu_may_lie_where_they_are_downloaded_to(folder):
    (folder / "mmlu_cot").mkdir()
    (folder / "mmlu/mmlu_cot_prompts.json").rename(folder / "mmlu_cot/mmlu-cot.json")
    assert "Q: Cot 4?" in TASKS[f"mmlu_{SUBJECT}_5shot_cot"]("test")[0].inputs


@pytest.mark.parametrize("place", ["bbh/bbh", "bbh"])
def test_bbh(folder, place):
    if place == "bbh":
        (folder / "bbh/bbh" / f"{SUBTASK}.json").rename(folder / "bbh" / f"{SUBTASK}.json")
    direct, reasoned = load(f"bbh_{SUBTASK}_3shot"), load(f"bbh_{SUBTASK}_3shot_cot")
    assert direct.examples[1].inputs_text.endswith(
        "Q: Shot 2?\nOptions:\n(A) a\n(B) b\nA: (A)\n\n"
        "Q: Or?\nOptions:\n(A) here\n(B) there\n(C) nowhere\nA:"
    )
    assert reasoned.examples[0].inputs_text.startswith(
        "Choose.\n\nQ: Shot 0?\nOptions:\n(A) a\n(B) b\nA: Let's think step by step.\nBecause.\n"
        "So the answer is (A).\n\nQ: Shot 1?"
    )
    assert [options_of(example.raw) for example in direct.examples] == [
        ("(A)", "(B)"),
        ("(A)", "(B)", "(C)"),
    ]
    found = accuracy(reasoned, ["So the answer is (B).", "So the answer is (B)."])
    assert found == {"accuracy": 0.5, "blind_guess": pytest.approx(5 / 12), "unparsed": 0.0}
    zero = load(f"bbh_{SUBTASK}_0shot_cot").examples[0].inputs_text
    assert zero == (
        "Choose.\n\nQ: Which?\nOptions:\n(A) this\n(B) that\nA: Let's think step by step."
    )


def test_questions_that_list_no_options_may_have_words_to_choose_among():
    assert bbh.listed_options("Plausible?") == ()
    assert bbh.listed_options("Is it?\nOptions:\n- valid \n- invalid") == ("valid", "invalid")
    assert bbh.choices(bbh.SUBTASKS["sports_understanding"]) == ("yes", "no")
    assert bbh.choices(bbh.SUBTASKS["word_sorting"]) == ()


def test_mgsm_reads_exemplars_without_running_them(folder, capsys):
    task = load("mgsm_de_8shot_cot")
    assert "run!" not in capsys.readouterr().out
    text = task.examples[0].inputs_text
    assert text.startswith("Frage: 1 + 1?\nLösung: Das ist 2. Die Antwort ist 2.\n\nFrage: 2 + 1?")
    assert text.endswith("Frage: Wie viel ist 600 * 2?\nLösung:")
    assert accuracy(task, ["Die Antwort lautet 1.200.", "Also -1"]) == {
        "accuracy": 1.0,
        "unparsed": 0.0,
    }


def test_tydiqa_shows_the_first_training_question_of_the_language(folder):
    task = load("tydiqa_fi_1shot", "validation")
    assert task.examples[1].inputs_text == (
        "Passage: A passage of train.\nQuestion: finnish train 0?\nAnswer: An answer\n\n"
        "Passage: A passage of dev.\nQuestion: finnish dev 1?\nAnswer:"
    )
    assert len(task.examples) == 2
    found = accuracy(task, ["the answer!\nmore", "wrong answer"])
    assert found == {"accuracy": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2), "unparsed": 0.0}


def test_a_file_of_the_layout_of_tydiqa_that_is_not_the_official_one(folder):
    official = folder / "tydiqa/tydiqa-goldp-v1.1-dev.json"
    write(folder / "tydiqa/derived_goldp_like.json", official.read_text())
    task = load("tydiqa_sample_0shot", "validation")
    assert [example.raw["id"].split(b"-")[0] for example in task.examples] == [
        *[b"finnish"] * 2,
        *[b"english"] * 2,
    ]


def test_gsm8k(folder):
    shown, alone = load("gsm8k_8shot_cot"), load("gsm8k_0shot_cot")
    assert shown.examples[0].inputs_text.startswith(
        "Q: train 0?\nA: 0+1=1\nThe answer is 1,000.\n\nQ: train 1?"
    )
    assert alone.examples[0].inputs_text == "Q: test 0?\nA: Let's think step by step."
    assert accuracy(alone, ["so 1000"] * 9)["accuracy"] == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("name", "split", "outputs"),
    [
        (f"mmlu_{SUBJECT}_5shot_cot", "test", ["So the answer is (D).", "Nobody knows."]),
        ("tydiqa_fi_1shot", "validation", ["the answer!", "wrong answer"]),
    ],
)
def test_stock_seqio_evaluates_to_the_same(folder, name, split, outputs):
    import seqio

    task = load(name, split)
    rows = np.zeros((len(outputs), 64), np.int32)
    for row, text in zip(rows, outputs, strict=True):
        ids = [*task.vocabulary.encode(text), task.vocabulary.eos_id]
        row[: len(ids)] = ids
    evaluator = seqio.Evaluator(
        name,
        seqio.EncDecFeatureConverter(pack=False),
        eval_split=split,
        sequence_length=LENGTHS,
        seed=None,
    )
    theirs, _ = evaluator.evaluate(
        compute_metrics=True,
        predict_fn=lambda dataset, *_: list(enumerate(rows)),
        score_fn=lambda dataset, *_: list(enumerate([0.0] * len(outputs))),
    )
    assert accuracy(task, outputs) == pytest.approx(theirs.result()[name])


def test_parts_make_the_inputs_of_every_example(folder):
    names = [status.task for status in data_status() if status.state == "present"]
    assert len(names) == 8 + 4 + 1 + 8 + 2 + 8 + 3
    for name in names:
        task = TASKS[name]
        if name.startswith("tydiqa_") and name != "tydiqa_fi_1shot":
            continue  # The files are there and have no question in the language.
        for example in task(task.splits[-1]):
            assert example.parts is not None
            assert PromptParts.of(example.parts.fields()).text() == example.inputs


# ---------------------------------------------------------------------------------- real files


def test_real_files_have_as_many_questions_as_they_ought_to(monkeypatch):
    data = shared_path("data")
    monkeypatch.setenv("T5LITE_DATA_DIR", str(data))
    tasks = TASKS
    counts = {
        name: len(task("test"))
        for name, task in tasks.items()
        if task.mixture in ("mmlu_5shot", "bbh_3shot_cot", "mgsm_8shot_cot")
        and task.data_status().state == "present"
    }
    mmlu = {name: count for name, count in counts.items() if name.startswith("mmlu_")}
    bbh = {name: count for name, count in counts.items() if name.startswith("bbh_")}
    assert (len(mmlu), sum(mmlu.values())) == (44, 11_736)
    assert len(bbh) == 21
    assert bbh.pop("bbh_causal_judgement_3shot_cot") == 187
    assert bbh.pop("bbh_penguins_in_a_table_3shot_cot") == 146
    assert set(bbh.values()) == {250}
    assert [count for name, count in counts.items() if name.startswith("mgsm_")] == [250] * 8


def test_the_official_module_of_exemplars_has_the_same_literals_as_the_json(tmp_path):
    path = shared_path("data/mgsm/exemplars.json")
    literals = json.loads(path.read_text(encoding="utf-8"))
    module = "".join(f"{name} = {value!r}\n" for name, value in literals.items())
    write(tmp_path / "exemplars.py", module)
    assert mgsm.read_exemplars(tmp_path / "exemplars.py") == mgsm.read_exemplars(path)


def test_every_question_of_the_ranked_subtasks_has_options(monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))
    ranked = [task for task in TASKS.values() if "bbh_0shot_multiple_choice" in task.other_mixtures]
    for task in ranked:
        if task.data_status().state == "present":
            assert all(len(set(example.options)) > 1 for example in task("test")), task.name


# Chance levels of the normalised average of "Scaling Instruction-Finetuned Language Models", in per
# cent, of subtasks whose questions list options.
CHANCE = {
    "causal_judgement": 50,
    "disambiguation_qa": 33.2,
    "hyperbaton": 50,
    "logical_deduction_five_objects": 20,
    "logical_deduction_seven_objects": 14.3,
    "logical_deduction_three_objects": 33.3,
    "movie_recommendation": 25,
    "reasoning_about_colored_objects": 11.9,
    "ruin_names": 25,
    "salient_translation_error_detection": 16.7,
    "web_of_lies": 50,
}


@pytest.mark.parametrize("subtask", CHANCE)
def test_the_options_of_bbh_give_the_chance_level_of_the_paper(subtask, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))
    examples = TASKS[f"bbh_{subtask}_3shot"]("test")
    chance = 100 * sum(1 / len(example.options) for example in examples) / len(examples)
    assert chance == pytest.approx(CHANCE[subtask], abs=0.5)
