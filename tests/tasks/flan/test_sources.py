"""Where data are looked for, and what is read of them. No seqio."""

import csv
import importlib.resources.abc
import importlib.util
import json
import os
import pathlib
import sys
import types

import pytest

from tasks.flan import sources
from tasks.flan.manifest import FLAN_TASKS
from tasks.flan.sources import base, datasets, folders, rows
from tests.conftest import shared_path

RTE = [
    {"premise": f"It rains in town {i}.", "hypothesis": f"Town {i} is wet.", "label": i % 2}
    for i in range(60)
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root, with no prepared data sets elsewhere."""
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path / "root"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf"))
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_jsonl(path: pathlib.Path, records) -> pathlib.Path:
    return write(path, "".join(json.dumps(record) + "\n" for record in records))


def status(name):
    found = sources.status(FLAN_TASKS[name])
    return found.state, found.why


# ------------------------------------------------------------------------------------- choosing


def test_splits_share_no_row_and_are_capped():
    train = base.choose(1000, "train", maximum=10_000, key="k")
    held_back = base.choose(1000, "validation", maximum=10_000, key="k")
    assert len(held_back) == 50
    assert sorted(train + held_back) == list(range(1000))
    assert held_back != list(range(50))


@pytest.mark.parametrize("count", [20_000, 10**9])
def test_of_more_rows_than_the_cap_the_key_draws(count):
    train = base.choose(count, "train", maximum=700, key="k")
    held_back = base.choose(count, "validation", maximum=700, key="k")
    assert (len(set(train)), len(set(held_back))) == (700, 100)
    assert not set(train) & set(held_back)
    assert max(train) > count * 0.9
    assert train == base.choose(count, "train", maximum=700, key="k") == sorted(train)
    assert train != base.choose(count, "train", maximum=700, key="other")


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ([], [])), (1, ([0], [])), (2, ([0, 1], None))]
)
def test_tiny_sets(count, expected):
    train = base.choose(count, "train", maximum=5, key="k")
    held_back = base.choose(count, "validation", maximum=5, key="k")
    assert sorted(train + held_back) == expected[0]
    assert expected[1] is None or held_back == expected[1]


# --------------------------------------------------------------------------------- kinds of file


def write_csv(path, records):
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)


def write_parquet(path, records):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path.parent.mkdir(parents=True)
    parquet.write_table(pyarrow.Table.from_pylist(records), path)


@pytest.mark.parametrize(
    ("suffix", "write_rows"),
    [("jsonl", write_jsonl), ("csv", write_csv), ("parquet", write_parquet)],
)
def test_local_rows_come_whole_whatever_their_format(root, suffix, write_rows):
    assert status("rte")[0] == "missing"
    path = root / "flan" / "rte" / f"train.{suffix}"
    write_rows(path, RTE)
    assert status("rte") == ("present", "")
    task = FLAN_TASKS["rte"]
    assert sources.files(task) == (path,)
    train, held_back = sources.read(task, "train"), sources.read(task, "validation")
    assert (len(train), len(held_back)) == (57, 3)
    assert sorted(int(record.id) for record in (*train, *held_back)) == list(range(60))
    for record in train:
        row = RTE[int(record.id)]
        assert record.fields == {"premise": row["premise"], "hypothesis": row["hypothesis"]}
        assert record.answer == ("yes", "no")[row["label"]]


def test_a_local_file_wins_over_tfds(root):
    write(root / "tfds" / "super_glue" / "rte" / "1.0.2" / "dataset_info.json", "{}")
    assert "tfds" in sources.status(FLAN_TASKS["rte"]).where
    write_jsonl(root / "flan" / "rte" / "train.jsonl", RTE)
    assert sources.status(FLAN_TASKS["rte"]).where == str(root / "flan" / "rte" / "train.jsonl")


def test_only_wanted_lines_are_parsed_and_faults_name_their_line(tmp_path):
    path = write(tmp_path / "x.jsonl", '{"a": 1}\n\n{"a": 2}\n{broken\n[3]\n')
    file = rows.open_file(path)
    assert file.count() == 4
    assert [(index, row) for index, _, row in file.read([1])] == [(1, {"a": 2})]
    with pytest.raises(ValueError, match=r"x\.jsonl, line 4, column 2: malformed JSON"):
        list(file.read([2]))
    with pytest.raises(ValueError, match=r"line 5: expected a JSON object, found a list"):
        list(file.read([3]))


def test_damaged_tables_are_distinguished(tmp_path):
    ragged = write(tmp_path / "x.csv", "a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"x\.csv, line 3: the row has not the 2 fields"):
        rows.open_file(ragged).count()
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="not a Parquet file"):
        rows.open_file(write(tmp_path / "x.parquet", "PAR?")).count()
    with pytest.raises(ValueError, match=r"rows are read from \.jsonl"):
        rows.open_file(tmp_path / "x.xml")


# ------------------------------------------------------------------------- prepared by libraries


def test_tfds_data_are_read_where_they_are_prepared(root, tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    import tensorflow as tf

    # Writing a data set wants a package that TFDS does not depend on; the standard library has it.
    if importlib.util.find_spec("importlib_resources") is None:
        monkeypatch.setitem(sys.modules, "importlib_resources", importlib.resources)

    features = tfds.features.FeaturesDict(
        {
            "premise": tfds.features.Text(),
            "hypothesis": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["entailment", "not_entailment"]),
        }
    )
    data = tf.data.Dataset.from_tensor_slices(
        {name: [row[name] for row in RTE] for name in ("premise", "hypothesis", "label")}
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name="rte",
        config="rte",
        version="1.0.2",
        data_dir=str(tmp_path / "made"),
        split_datasets={"train": data},
        features=features,
        disable_shuffling=True,
    )
    (root / "tfds").mkdir()
    (tmp_path / "made" / "rte").rename(root / "tfds" / "super_glue")
    assert status("rte") == ("present", "")
    train = sources.read(FLAN_TASKS["rte"], "train")
    held_back = sources.read(FLAN_TASKS["rte"], "validation")
    found = {(r.fields["premise"], r.answer) for r in (*train, *held_back)}
    assert found == {(row["premise"], ("yes", "no")[row["label"]]) for row in RTE}
    assert len(held_back) == 3


def test_nested_values_of_tfds_become_lists_and_texts():
    numpy = pytest.importorskip("numpy")
    value = {"text": numpy.array([b"a", b"b"], object), "n": numpy.int64(3), "s": b"\xc3\xa9"}
    assert datasets._plain(value) == {"text": ["a", "b"], "n": 3, "s": "é"}


def test_a_half_prepared_set_is_broken(root):
    (root / "tfds" / "super_glue" / "rte" / "1.0.2").mkdir(parents=True)
    assert status("rte") == ("broken", "has no dataset_info.json; prepare the data set again")


class FakeDataset(list):
    def select(self, indices):
        return [self[index] for index in indices]


def test_hugging_face_data_are_read_from_their_cache(root, tmp_path, monkeypatch):
    (tmp_path / "hf" / "aps___super_glue" / "rte" / "0.0.0").mkdir(parents=True)
    asked = []

    def load_dataset(path, config, *, split):
        asked.append((path, config, split, os.environ["HF_DATASETS_OFFLINE"]))
        return FakeDataset(RTE)

    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    assert status("rte")[0] == "broken"
    assert "not installed" in status("rte")[1]
    fake = types.ModuleType("datasets")
    fake.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: object())
    assert status("rte") == ("present", "")
    assert len(sources.read(FLAN_TASKS["rte"], "train")) == 57
    assert asked == [("aps/super_glue", "rte", "train", "1")]


# ---------------------------------------------------------------------- collections with own files


def niv2_file(instances=40, outputs=("one", "two")):
    return json.dumps(
        {
            "Definition": ["Say it."],
            "Positive Examples": [],
            "Negative Examples": [],
            "Output_language": ["English"],
            "Instances": [
                {"id": f"i{i}", "input": f"Number {i}", "output": list(outputs)}
                for i in range(instances)
            ],
        }
    )


@pytest.mark.parametrize(
    "folder", ["tasks", "niv2/tasks", "natural-instructions-2.8/tasks", "niv2_1ex/tasks"]
)
def test_natural_instructions_are_found_in_any_checkout(root, folder):
    name = "task001_quoref_question_generation"
    path = write(root / folder / f"{name}.json", niv2_file())
    assert sources.status(FLAN_TASKS[name]).where == str(path)
    records = sources.read(FLAN_TASKS[name], "train")
    assert len(records) == 38
    assert records[0].fields["definition"] == "Say it."
    assert {record.answer for record in records} == {"one", "two"}
    assert set(records[0].references) == {"one", "two"}


def test_no_more_than_the_cap_is_read(root):
    name = "task001_quoref_question_generation"
    write(root / "tasks" / f"{name}.json", niv2_file(instances=5_300, outputs=("x",)))
    records = sources.read(FLAN_TASKS[name], "train")
    assert len(records) == len({record.id for record in records}) == 5_000


def test_chain_of_thought_takes_lettered_options_apart(root):
    row = "Two and two?\\nOptions:\\n(A) 3\\n(B) 4\t(B)\tTwice two is four.\n"
    write(root / "cot" / "aqua_train.tsv", row * 1 + row.replace("Two and two", "And 4"))
    records = [r for split in base.SPLITS for r in sources.read(FLAN_TASKS["cot_aqua"], split)]
    assert {r.fields["question"] for r in records} == {"Two and two?", "And 4?"}
    assert {(r.options, r.answer, r.rationale) for r in records} == {
        (("3", "4"), "4", "Twice two is four.")
    }


def test_p3_comes_in_two_layouts(root):
    task = FLAN_TASKS["dream_baseline"]
    lines = [{"prompt": f"Q{i}", "completion": f"A{i}<|endoftext|>"} for i in range(10)]
    write_jsonl(root / "t0_sf" / "dream_baseline.jsonl", lines)
    ours = sources.read(task, "train")
    assert {(r.fields["prompt"], r.answer) for r in ours} < {(f"Q{i}", f"A{i}") for i in range(10)}
    (root / "t0_sf" / "dream_baseline.jsonl").unlink()
    lines = [{"inputs_pretokenized": f"Q{i}", "targets_pretokenized": f"A{i}"} for i in range(10)]
    write_jsonl(root / "p3" / "dream_baseline" / "train.jsonl", lines)
    assert sources.read(task, "train") == ours


def test_promptsource_templates_word_raw_rows(root):
    templates = """
dataset: dream
templates:
  one: !Template
    answer_choices: '{{ choice | join(" ||| ") }}'
    jinja: "{{ dialogue | join(' ') }} {{ question }} ||| {{ answer }}"
    metadata: !TemplateMetadata {}
    name: baseline
"""
    row = {"dialogue": ["Hi", "Ho"], "question": "Who?", "choice": ["a", "b"], "answer": "b"}
    write(root / "promptsource" / "templates" / "dream" / "templates.yaml", templates)
    assert status("dream_baseline")[0] == "missing"
    write_jsonl(root / "flan" / "dream" / "train.jsonl", [row] * 3)
    assert status("dream_baseline") == ("present", "")
    records = sources.read(FLAN_TASKS["dream_baseline"], "train")
    assert [(r.fields["prompt"], r.answer) for r in records] == [("Hi Ho Who?", "b")] * 2
    with pytest.raises(ValueError, match="no template for dream_answer_to_dialogue"):
        sources.read(FLAN_TASKS["dream_answer_to_dialogue"], "train")


# ---------------------------------------------------------------------------------------- status


def test_without_a_data_root_all_is_missing(monkeypatch):
    monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
    found = sources.status(FLAN_TASKS["cot_gsm8k"])
    assert (found.state, found.where) == ("missing", "no data root (--data_dir)")
    with pytest.raises(ValueError, match=r"no data for cot task 'cot_gsm8k': .*data status"):
        sources.read(FLAN_TASKS["cot_gsm8k"], "train")


def test_what_is_broken_is_seen_or_found_by_reading(root):
    write(root / "cot" / "gsm8k_train.tsv", "")
    assert status("cot_gsm8k") == ("broken", "is empty")
    with pytest.raises(ValueError, match="is empty"):
        sources.read(FLAN_TASKS["cot_gsm8k"], "train")
    path = write(root / "cot" / "gsm8k_train.tsv", "only a question\n")
    assert status("cot_gsm8k") == ("present", "")
    found = sources.status(FLAN_TASKS["cot_gsm8k"], verify=True)
    assert found.state == "broken"
    assert f"{path}, line 1" in found.why


def test_a_file_that_appears_is_seen(root):
    (root / "cot").mkdir()
    assert status("cot_gsm8k")[0] == "missing"
    path = write(root / "cot" / "gsm8k_train.tsv", "q\ta\tr\n")
    os.utime(root / "cot", ns=(1, 1))  # Whatever the resolution of the file system's clock.
    assert sources.status(FLAN_TASKS["cot_gsm8k"]).where == str(path)


def test_no_file_is_opened_for_the_status_of_all():
    root = shared_path("data")
    opened = []
    sys.addaudithook(lambda event, args: opened.append(args) if event == "open" else None)
    environment = dict(os.environ, T5LITE_DATA_DIR=str(root))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("T5LITE_DATA_DIR", environment["T5LITE_DATA_DIR"])
        states = [sources.status(task) for task in FLAN_TASKS.values()]
    assert not opened
    by_collection = {}
    for found in states:
        by_collection.setdefault(found.collection, []).append(found.state)
    assert by_collection["niv2"] == ["present"] * 1_556
    assert by_collection["t0_sf"].count("present") == 118
    assert by_collection["cot"].count("present") == 7


def test_the_listing_cache_is_one_to_each_setting(root, monkeypatch):
    here = folders.current()
    assert folders.current() is here
    monkeypatch.setenv("HF_DATASETS_CACHE", "/nowhere")
    assert folders.current() is not here
