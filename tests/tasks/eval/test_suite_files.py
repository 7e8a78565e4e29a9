"""The suites' files: what is there, what is not, and what is said of files of another layout."""

import pytest

from t5lite.data.downloads.downloads import DOWNLOADS
from t5lite.data.tasks import seqio_adapter, task_data
from t5lite.evaluation.suites import SUITES
from tests.tasks.eval.suite_folder import SUBJECT, SUBTASK, write, write_mmlu

pytest.importorskip("seqio")
from tasks.eval import data_status
from tasks.eval.registration import TASKS


def test_mixtures_and_splits():
    _, mixtures = seqio_adapter.registered_names()
    sizes = {name: len(seqio_adapter.resolve(name).task_names) for name in mixtures}
    for shots in (0, 5):
        for suffix in ("", "_cot", "_letters", "_text"):
            assert sizes[f"mmlu_{shots}shot{suffix}"] == 57
    for shots in (0, 3):
        for suffix in ("", "_cot"):
            assert sizes[f"bbh_{shots}shot{suffix}"] == 27
        assert sizes[f"bbh_{shots}shot_multiple_choice"] == 23
    assert sizes["tydiqa_1shot"] == 8
    assert sizes["mgsm_8shot_cot"] == 10


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_columns_of_flans_table_are_registered_mixtures(suite):
    for layout in suite.layouts:
        tasks = seqio_adapter.resolve(suite.mixture + layout).task_names
        assert [suite.place(task) for task in tasks] == [(m, layout) for m in sorted(suite.members)]
        assert {suite.split in seqio_adapter.splits(task) for task in tasks} == {True}


def test_no_task_can_be_trained_on():
    for name in TASKS:
        assert "train" not in seqio_adapter.splits(name)
    with pytest.raises(ValueError, match="no split 'train'; it has test, validation"):
        next(iter(seqio_adapter.iterate_texts(f"mmlu_{SUBJECT}_5shot", "train")))


def test_what_is_half_there_is_said(folder):
    (folder / f"mmlu/val/{SUBJECT}_val.csv").unlink()
    (folder / f"bbh/cot-prompts/{SUBTASK}.txt").unlink()
    (folder / "tydiqa/tydiqa-goldp-v1.1-train.json").unlink()
    found = {status.task: status for status in data_status()}
    half = found[f"mmlu_{SUBJECT}_5shot"]
    assert half.state == "present" and f"no {folder}/mmlu/val/{SUBJECT}_val.csv" in half.why
    for split, state in (("validation", "missing"), ("test", "present"), ("none", "present")):
        assert seqio_adapter.data_status(half.task, split=split).state == state
    for name, lacking in (
        (f"bbh_{SUBTASK}_3shot", f"{SUBTASK}.txt"),
        ("tydiqa_fi_1shot", "train.json"),
        ("mgsm_sw_8shot_cot", "mgsm_sw.tsv"),
    ):
        assert found[name].state == "missing"
        assert lacking in found[name].why
    with pytest.raises(ValueError, match=r"27 of the tasks of 'bbh_3shot'"):
        task_data.present_tasks(
            "bbh_3shot", seqio_adapter.resolve("bbh_3shot").task_names, allow_missing=False
        )


@pytest.mark.parametrize(
    "name",
    [
        "mmlu_cot",
        "mgsm",
        "tydiqa",
        "gsm8k",
        "lambada",
        "piqa",
        "logiqa",
        "squad",
        "mconala",
        "temporal",
    ],
)
def test_what_is_downloaded_is_what_is_looked_for(tmp_path, name):
    item = DOWNLOADS[name]
    downloaded = {tmp_path / item.folder / file.path for file in item.files}
    for path in downloaded:
        write(path, "")
    wanted = {
        path
        for task in TASKS.values()
        for split in task.splits
        for path in task.files(tmp_path, split)
    }
    assert downloaded <= wanted


@pytest.mark.parametrize(
    ("file", "text", "name", "message"),
    [
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            "question,A,B,C,D,answer\nWhat?,1,2,3,4,B\n",
            f"mmlu_{SUBJECT}_0shot",
            "line 1: a header; MMLU's official files have none, so delete this line",
        ),
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            'What?,1,2,3,4,B\n"Two\nlines?",1,2,3,B\n',
            f"mmlu_{SUBJECT}_0shot",
            "line 2: expected the 6 columns question, A, B, C, D, letter, found 5; quote",
        ),
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            "What?,1,2,3,4,B\nWhat?,1,2,3,4,1\n",
            f"mmlu_{SUBJECT}_0shot",
            r"line 2: the last column is '1'; it must be .* A to D \(B is meant\?\)",
        ),
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            "What?,1,2,3,4,E\n",
            f"mmlu_{SUBJECT}_0shot",
            "line 1: the last column is 'E'; it must be the letter of the answer, A to D$",
        ),
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            ' ,1,2,3,4,A\n"What?,1,2,3,4,A\n',
            f"mmlu_{SUBJECT}_0shot",
            "line 1: the question is empty",
        ),
        (
            f"mmlu/test/{SUBJECT}_test.csv",
            'What?,1,2,3,4,A\n"What?,1,2,3,4,A\n',
            f"mmlu_{SUBJECT}_0shot",
            "line 2: malformed CSV",
        ),
        (f"mmlu/test/{SUBJECT}_test.csv", "\n", f"mmlu_{SUBJECT}_0shot", "_test.csv: is empty"),
        (
            f"mmlu/dev/{SUBJECT}_dev.csv",
            "What?,1,2,3,4,B\n",
            f"mmlu_{SUBJECT}_5shot_text",
            f"_dev.csv: 1 questions, and 5 demonstrations .*; evaluate mmlu_{SUBJECT}_0shot_text",
        ),
        (
            "mmlu/mmlu_cot_prompts.json",
            '{"anatomy": "Q: What?\\nA: The answer is (B)."}',
            f"mmlu_{SUBJECT}_5shot_cot",
            "'anatomy': exemplar 1 is not a question, a line",
        ),
        (
            "mmlu/mmlu_cot_prompts.json",
            '{"astronomy": "Q: ?"}',
            f"mmlu_{SUBJECT}_5shot_cot",
            "'astronomy': exemplar 1 is not",
        ),
        (
            f"bbh/bbh/{SUBTASK}.json",
            '{"examples": [{"input": "What?"}]}',
            f"bbh_{SUBTASK}_0shot",
            "example 1: field 'target' is missing",
        ),
        (
            f"bbh/cot-prompts/{SUBTASK}.txt",
            "Choose.\n\nQ: ?",
            f"bbh_{SUBTASK}_0shot",
            "no line '-----' parts the canary from the prompt",
        ),
        (
            f"bbh/cot-prompts/{SUBTASK}.txt",
            "c\n-----\nChoose.\n\nQ: ?\nA: Let's think step by step.\nSo the answer is (A).",
            f"bbh_{SUBTASK}_3shot",
            "1 exemplars, and 3 demonstrations are shown",
        ),
        ("mgsm/mgsm_de.tsv", "Wie viel?\tzwei\n", "mgsm_de_8shot_cot", "line 1: the answer 'zwei'"),
        ("mgsm/mgsm_de.tsv", "Wie viel?\n", "mgsm_de_8shot_cot", "line 1: field 'answer' is"),
        ("mgsm/exemplars.py", "MGSM_EXEMPLARS = f()", "mgsm_de_8shot_cot", "1: MGSM_EX.* must be"),
        ("mgsm/exemplars.py", "\nX = (", "mgsm_de_8shot_cot", "line 2: no Python"),
        ("mgsm/exemplars.py", "X = {}", "mgsm_de_8shot_cot", "sets no MGSM_EXEMPLARS"),
        (
            "gsm8k/test.jsonl",
            '{"question": "?", "answer": "2"}',
            "gsm8k_0shot_cot",
            "line 1: field",
        ),
        (
            "tydiqa/tydiqa-goldp-v1.1-dev.json",
            '{"data": [{"paragraphs": [{"context": "c", "qas": [{"id": "finnish-1", '
            '"question": "?", "answers": []}]}]}]}',
            "tydiqa_fi_1shot",
            "article 1, question 'finnish-1': has no answer",
        ),
    ],
)
def test_files_of_another_layout_are_named_with_the_place(folder, file, text, name, message):
    write(folder / file, text)
    task = TASKS[name]
    with pytest.raises(ValueError, match=message) as caught:
        task(task.splits[-1])
    assert str(caught.value).startswith(str(folder / file))
    (status,) = [s for s in data_status(verify=True) if s.task == name]
    assert status.state == "broken" and status.why == str(caught.value)


def test_a_missing_file_is_named_with_the_remedy(folder):
    (folder / f"mmlu/val/{SUBJECT}_val.csv").unlink()
    task = TASKS[f"mmlu_{SUBJECT}_0shot"]
    with pytest.raises(ValueError, match=r"anatomy_val.csv: cannot be read: .*`t5lite data fetch`"):
        task("validation")


def test_a_file_that_changes_is_read_again(folder):
    task = TASKS[f"mmlu_{SUBJECT}_5shot"]
    before = task("test")[0].inputs
    write_mmlu(folder, num_dev=5)
    write(folder / f"mmlu/test/{SUBJECT}_test.csv", "Another?,1,2,3,4,B\n")
    assert "First\nline?" in before
    assert "Another?" in task("test")[0].inputs
