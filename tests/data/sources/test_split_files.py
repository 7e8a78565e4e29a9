"""What users name is found: files, patterns, and folders as `datasets` and its hub have them."""

import json
import pathlib
import shutil

import pytest

from t5lite.data.sources.split_files import SplitFiles, find_files
from t5lite.data.tasks.fingerprint import fingerprint

SAVED = pathlib.Path(__file__).parent / "saved_by_datasets"


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("q\nx\n")


def names(root, place, split="train"):
    return [str(path.relative_to(root)) for path in find_files(str(root / place), split)]


def test_files_and_patterns(tmp_path):
    touch(tmp_path, "b-2.csv", "b-1.csv", "deep/er/b-3.csv", "[x].csv")
    assert names(tmp_path, "b-2.csv") == ["b-2.csv"]
    assert names(tmp_path, "b-*.csv") == ["b-1.csv", "b-2.csv"]
    assert names(tmp_path, "**/b-*.csv") == ["b-1.csv", "b-2.csv", "deep/er/b-3.csv"]
    assert names(tmp_path, "[x].csv") == ["[x].csv"]
    with pytest.raises(ValueError, match=r"c-\*\.csv: no file matches this pattern"):
        names(tmp_path, "c-*.csv")
    with pytest.raises(ValueError, match=r"c\.csv: cannot be read: No such file"):
        names(tmp_path, "c.csv")


def test_a_data_set_that_datasets_saved():
    files = SplitFiles("Task 'x'", {"train": (str(SAVED),), "test": (str(SAVED / "test"),)})
    rows = {split: [record for _, record in files.records(split)] for split in ("train", "test")}
    assert files.count("train") == 4
    assert sorted(row["n"] for row in rows["train"]) == [0, 1, 2, 3]
    assert rows["test"] == [
        {
            "q": "question 4",
            "a": {"text": ["answer 4", "reply 4"], "start": [0, 1]},
            "n": 4,
            "x": None,
            "label": 0,
            "messages": [
                {"role": "user", "content": "hé 4"},
                {"role": "assistant", "content": "yes 4"},
            ],
        }
    ]
    with pytest.raises(ValueError, match=r"has no split 'tset'; it has train, test\. Did you mean"):
        find_files(str(SAVED), "tset")


def test_a_saved_choice_of_rows_is_refused(tmp_path):
    state = {"_data_files": [{"filename": "x.arrow"}], "_indices_data_files": [{"filename": "i"}]}
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(ValueError, match="flatten_indices"):
        find_files(str(tmp_path), "train")
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match=r"state\.json: field '_data_files' is missing"):
        find_files(str(tmp_path), "train")


def test_folders_as_on_the_hub(tmp_path):
    touch(
        tmp_path,
        "a/data/train-00001-of-00002.parquet",
        "a/data/train-00000-of-00002.parquet",
        "a/data/test-00000-of-00001.parquet",
        "a/README.md",
        "a/.cache/train.parquet",
        "b/train/any.csv",
        "b/dev.csv",
        "c/one.jsonl",
        "c/two.jsonl",
        "d/en/train.csv",
        "d/fr/train.csv",
        "e/pretrained.csv",
        "e/test.csv",
    )
    assert names(tmp_path, "a") == [f"a/data/train-0000{i}-of-00002.parquet" for i in (0, 1)]
    assert names(tmp_path, "a", "test") == ["a/data/test-00000-of-00001.parquet"]
    assert names(tmp_path, "b") == ["b/train/any.csv"]
    assert names(tmp_path, "b", "validation") == ["b/dev.csv"]
    assert names(tmp_path, "c") == ["c/one.jsonl", "c/two.jsonl"]
    assert names(tmp_path, "d/en") == ["d/en/train.csv"]
    with pytest.raises(ValueError, match=r"in several places, .*/d/en/\*\.csv, .*/d/fr/\*\.csv"):
        names(tmp_path, "d")
    with pytest.raises(ValueError, match=r"named after the split 'train'.* files of test"):
        names(tmp_path, "e")
    with pytest.raises(ValueError, match=r"named after the split 'validation'.* name the files"):
        names(tmp_path, "c", "validation")


def test_several_places_are_read_one_after_the_other(tmp_path):
    (tmp_path / "a.csv").write_text("q\n1\n2\n")
    (tmp_path / "b.jsonl").write_text('{"q": "3"}\n')
    files = SplitFiles("Task 'x'", {"train": (f"{tmp_path}/a.csv", f"{tmp_path}/b.jsonl")})
    assert [record["q"] for _, record in files.records("train")] == ["1", "2", "3"]
    assert files.count("train") == 3
    with pytest.raises(ValueError, match=r"\(Task 'x', split 'train'\)"):
        SplitFiles("Task 'x'", {"train": (f"{tmp_path}/no.csv",)}).count("train")


def test_the_fingerprint_notices_changed_and_new_files(tmp_path):
    folder = shutil.copytree(SAVED, tmp_path / "saved")
    touch(tmp_path, "hub/train-0.csv")
    places = {"train": (str(folder), str(tmp_path / "hub"), str(tmp_path / "no"))}
    files = SplitFiles("Task 'x'", places)
    before = fingerprint(files)
    assert fingerprint(SplitFiles("Task 'x'", places)) == before
    touch(tmp_path, "hub/train-1.csv")
    with_new = fingerprint(SplitFiles("Task 'x'", places))
    (folder / "train" / "data-00001-of-00002.arrow").write_bytes(b"changed")
    assert len({before, with_new, fingerprint(SplitFiles("Task 'x'", places))}) == 3


def test_a_wrong_format_is_answered_with_the_near_one():
    with pytest.raises(ValueError, match=r"format is 'parket'.*Did you mean 'parquet'"):
        SplitFiles("Task 'x'", {"train": ("/x",)}, format="parket")
