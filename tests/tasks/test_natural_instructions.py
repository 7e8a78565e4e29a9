"""The Tasks and mixtures that a Natural Instructions folder gives, through seqio."""

import importlib
import itertools
import pathlib

import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.seqio_records import task_description, task_records
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.data.tasks.task_metrics import Answers
from tests.conftest import shared_path
from tests.tasks.natural_instructions_folder import (
    OTHER,
    TEST,
    TRAIN,
    task_content,
    write_folder,
    write_task,
)

_prefixes = (f"ni{i}" for i in itertools.count())


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Registers a folder under a prefix of its own, and returns the prefix."""
    home = write_folder(tmp_path / "home")
    monkeypatch.setenv("T5LITE_DATA_DIR", str(home))
    module = importlib.import_module("tasks.natural_instructions")

    def register_folder(root: pathlib.Path) -> str:
        prefix = next(_prefixes)
        module.register(root, prefix=prefix)
        return prefix

    return register_folder


def _texts(name, split):
    """(inputs, targets, references) of every example, references as the metrics get them."""
    (task,) = seqio_adapter.load_eval_tasks(name, split=split, task_feature_lengths={})
    pairs = zip(task.examples, task.targets, strict=True)
    return [(example.inputs_text, example.targets_text, target) for example, target in pairs]


def test_every_form_of_every_file(register, tmp_path):
    prefix = register(write_folder(tmp_path / "a"))
    tasks, _ = seqio_adapter.registered_names()
    ours = [name for name in tasks if name.startswith(prefix + "_")]
    stems = (TRAIN, TEST.replace("-", "_"), OTHER)
    forms = ("", "_1shot", "_2shot", "_2shot_2neg")
    assert sorted(ours) == sorted(f"{prefix}_{s}{f}" for s in stems for f in forms)


def test_nothing_is_opened_at_registration(register, tmp_path):
    root = write_folder(tmp_path / "a")
    for path in (root / "tasks").iterdir():
        path.write_text("not JSON")
    prefix = register(root)
    with pytest.raises(ValueError, match=rf"{TRAIN}\.json, line 1, column 1: malformed JSON"):
        next(
            seqio_adapter.iterate_examples(f"{prefix}_{TRAIN}", "train", task_feature_lengths=None)
        )


def test_official_test_tasks_are_for_evaluation_only(register, tmp_path):
    prefix = register(write_folder(tmp_path / "a"))
    test_task = f"{prefix}_{TEST.replace('-', '_')}"
    assert seqio_adapter.task_source(test_task).splits == ("test",)
    assert seqio_adapter.task_source(f"{prefix}_{OTHER}").splits == ("train", "validation")
    assert seqio_adapter.resolve(f"{prefix}_train").task_names == (f"{prefix}_{TRAIN}",)
    assert seqio_adapter.resolve(f"{prefix}_test").task_names == (test_task,)
    assert test_task not in seqio_adapter.resolve(f"{prefix}_all").task_names
    assert len(seqio_adapter.resolve(f"{prefix}_all_2shot").task_names) == 2
    with pytest.raises(ValueError, match=f"{prefix}_xlingual_test"):
        seqio_adapter.resolve(f"{prefix}_xlingual_test")


def test_rates_are_counts_with_a_cap(register, tmp_path):
    prefix = register(write_folder(tmp_path / "a"))
    counts = {f"{prefix}_{TRAIN}": 1_000_000, f"{prefix}_{OTHER}": 2500}
    shares = seqio_adapter.rates(f"{prefix}_all", counts)
    assert shares[f"{prefix}_{TRAIN}"] == pytest.approx(2 / 3)


def test_examples_through_seqio(register, tmp_path):
    prefix = register(write_folder(tmp_path / "a"))
    train = _texts(f"{prefix}_{TRAIN}", "train")
    validation = _texts(f"{prefix}_{TRAIN}", "validation")
    assert (len(train), len(validation)) == (38, 2)
    for inputs, target, references in train:
        number = inputs.removeprefix("Name the colour.\n\nInput: thing ").removesuffix("\nOutput:")
        expected = [f"colour {number} {c}" for c in "abc"[: 1 + int(number) % 3]]
        assert references == (expected if len(expected) > 1 else expected[0])
        assert target in expected
    name = f"{prefix}_{TEST.replace('-', '_')}_2shot_2neg"
    assert len(_texts(name, "test")) == 100


def test_tokens_end_with_eos(register, tmp_path):
    prefix = register(write_folder(tmp_path / "a"))
    example = next(
        seqio_adapter.iterate_examples(f"{prefix}_{TRAIN}", "train", task_feature_lengths=None)
    )
    vocabulary = seqio_adapter.task_source(f"{prefix}_{TRAIN}").features["targets"]
    assert example["inputs"][-1] == example["targets"][-1] == vocabulary.eos_id
    assert vocabulary.decode(example["inputs"]).startswith("Name the colour.")


def test_metrics_take_the_best_reference_in_the_tasks_language(register, tmp_path):
    root = write_folder(tmp_path / "a")
    prefix = register(root)
    (english,) = seqio_adapter.load_eval_tasks(
        f"{prefix}_{TRAIN}", split="train", task_feature_lengths={}
    )
    predictions = [e.raw["references"][-1].decode() for e in english.examples]
    assert english.measure(Answers(texts=predictions)).values == {
        "exact_match": 1.0,
        "rouge_l": 1.0,
    }
    assert english.measure(Answers(texts=["été"] * len(predictions))).values["rouge_l"] == 0.0

    (french,) = seqio_adapter.load_eval_tasks(
        f"{prefix}_{OTHER}", split="train", task_feature_lengths={}
    )
    assert french.measure(Answers(texts=["number"] * len(french.examples))).values["rouge_l"] > 0.0
    task = importlib.import_module("tasks.natural_instructions").TaskSource(
        root / "tasks" / f"{OTHER}.json", ("train",)
    )
    assert task.rouge_l(["été"], ["été"])["rouge_l"] == 1.0


def test_a_changed_file_changes_the_fingerprint_and_another_does_not(register, tmp_path):
    root = write_folder(tmp_path / "a")
    prefix = register(root)
    name, other = f"{prefix}_{TRAIN}", f"{prefix}_{OTHER}"
    before = (
        seqio_adapter.task_source(name).fingerprint,
        seqio_adapter.task_source(other).fingerprint,
    )
    write_task(root, TRAIN, task_content("colour", num_instances=41))
    assert seqio_adapter.task_source(name).fingerprint != before[0]
    assert seqio_adapter.task_source(other).fingerprint == before[1]
    assert seqio_adapter.task_source(f"{name}_2shot").fingerprint not in before


def test_a_missing_folder_says_where_it_looked(register, tmp_path):
    with pytest.raises(ValueError, match=r"no Natural Instructions task files: looked for"):
        register(tmp_path / "nothing")


def test_the_whole_collection_registers(register):
    prefix = register(shared_path("data", "niv2_1ex"))
    mixture = seqio_adapter.resolve(f"{prefix}_all")
    assert len(mixture.tasks) == 1613
    name = f"{prefix}_task1487_organism_substance_extraction_anem_dataset_1shot"
    ((inputs, target, _),) = _texts(name, "train")
    # The only positive example is the instance itself, so it is not shown.
    assert target == "serum" and "Output: serum" not in inputs


def test_real_files_through_seqio(register):
    prefix = register(shared_path("data"))
    assert len(seqio_adapter.resolve(f"{prefix}_train").tasks) == 133
    assert len(seqio_adapter.resolve(f"{prefix}_test").tasks) == 13
    assert len(seqio_adapter.resolve(f"{prefix}_all").tasks) == 178
    examples = _texts(f"{prefix}_task002_quoref_answer_generation_2shot", "train")
    assert len(examples) == 300 - 15
    assert all("Example 2\nInput: " in inputs for inputs, _, _ in examples)


def test_tasks_say_their_category_if_their_file_does(register, tmp_path):
    root = write_folder(tmp_path / "root")
    content = task_content("shape")
    del content["Categories"]
    write_task(root, TEST, content)
    prefix = register(root)
    for form in ("", "_2shot"):
        kind = seqio_adapter.task_kind(f"{prefix}_{TRAIN}{form}")
        assert kind == TaskKind("Naming", TRAIN)
    assert seqio_adapter.task_kind(f"{prefix}_{TEST.replace('-', '_')}").category == ""


def test_tasks_say_what_they_ask_and_give_the_instances_without_their_prompts(register, tmp_path):
    prefix = register(write_folder(tmp_path / "root"))
    for form in ("", "_2shot"):
        name = f"{prefix}_{OTHER}{form}"
        assert task_description(name) == "Name the number.\nFrench"
        records = list(task_records(name, "train"))
        assert records[0] == {"id": "number-0", "input": "thing 0", "output": ["number 0 a"]}
        assert len(records) == 38
        assert list(task_records(name, "train", max_records=2)) == records[:2]


def test_a_split_that_is_not_there_has_no_records(register, tmp_path):
    prefix = register(write_folder(tmp_path / "root"))
    with pytest.raises(ValueError, match="no split 'test'"):
        next(task_records(f"{prefix}_{TRAIN}", "test"))
