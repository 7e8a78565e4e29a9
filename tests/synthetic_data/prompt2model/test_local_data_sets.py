"""Data sets in folders, as people and Hugging Face lay them out."""

import json

import pytest

from t5lite.synthetic_data.prompt2model.columns import columns_of
from t5lite.synthetic_data.prompt2model.local_data_sets import local_data_sets

ROW = {"text": "Nice.", "label": 1}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content) + "\n")


def found(folder):
    problems = []
    sets = local_data_sets(folder, problems=problems)
    names = {str(one.name).removeprefix(f"{folder}/"): one.split for one in sets}
    return sets, names, problems


def test_a_folder_of_the_hub_is_one_data_set_with_its_card(tmp_path):
    card = """---
pretty_name: Shop reviews
license: cc-by-4.0
task_categories: [text-classification]
dataset_info:
  features:
    - {name: text, dtype: string}
    - name: label
      dtype: {class_label: {names: {'0': bad, '1': good, '10': none, '2': so-so}}}
---
What buyers say.
"""
    write(tmp_path / "shop" / "README.md", card)
    write(tmp_path / "shop" / "data" / "train-00000-of-00001.jsonl", ROW)
    write(tmp_path / "shop" / "data" / "test-00000-of-00001.jsonl", ROW)
    sets, names, _ = found(tmp_path)
    assert names == {"shop": "train"}
    (one,) = sets
    assert one.license == "cc-by-4.0"
    assert one.class_names == {"label": ("bad", "good", "so-so", "none")}
    assert one.text == "shop\nShop reviews\ntext-classification\nWhat buyers say."
    assert list(one.records()) == [ROW]


def test_each_configuration_of_a_card_is_a_data_set(tmp_path):
    card = """---
configs:
- config_name: fr
  data_files: {train: fr/*.csv, test: fr_test.csv}
- config_name: de
  data_files:
  - {split: validation, path: [de.csv]}
- config_name: outside
  data_files: ../secret.csv
- config_name: missing
  data_files: missing.csv
---
"""
    write(tmp_path / "pairs" / "README.md", card)
    for name in ("fr/1.csv", "fr/2.csv", "fr_test.csv", "de.csv"):
        write(tmp_path / "pairs" / name, "en,other\na,b\n")
    sets, names, problems = found(tmp_path)
    assert names == {"pairs (fr)": "train", "pairs (de)": "validation"}
    assert len(list(sets[0].records())) == 2
    assert "'outside' are no paths inside the folder" in problems[0]
    assert "pairs (missing) is left out" in problems[1]


def test_loose_files_are_data_sets_with_the_card_beside_them(tmp_path):
    write(tmp_path / "README.md", "A collection, without front matter.")
    write(tmp_path / "sub" / "poems.jsonl", ROW)
    write(tmp_path / "sub" / "poems.md", "Poems of the sea")
    write(tmp_path / "sub" / "prose.tsv", "a\tb\nx\ty\n")
    write(tmp_path / "sub" / ".hidden.csv", "a,b\nx,y\n")
    sets, names, _ = found(tmp_path)
    assert names == {"sub/poems.jsonl": "train", "sub/prose.tsv": "train"}
    texts = [one.text for one in sets]
    assert texts == ["poems jsonl\nPoems of the sea", "prose tsv\nx\ny"]


def test_files_named_after_splits_are_one_data_set(tmp_path):
    for split in ("train", "dev", "test"):
        write(tmp_path / "quiz" / f"{split}.jsonl", {**ROW, "split": split})
    sets, names, _ = found(tmp_path)
    assert names == {"quiz": "train"}
    assert [row["split"] for row in sets[0].records()] == ["train"]


def test_without_training_data_another_split_is_taken(tmp_path):
    write(tmp_path / "quiz" / "dev.jsonl", ROW)
    assert found(tmp_path)[1] == {"quiz": "validation"}


def test_what_cannot_be_read_is_told_and_left_out(tmp_path):
    write(tmp_path / "bad.jsonl", "[1, 2]\n")
    write(tmp_path / "empty.csv", "")
    write(tmp_path / "good.jsonl", ROW)
    write(tmp_path / "good.md", "---\n: [\n---\nGood")
    _, names, problems = found(tmp_path)
    assert names == {"good.jsonl": "train"}
    assert len(problems) == 3
    assert "bad.jsonl, line 1: expected a JSON object" in problems[0]
    assert "searched by its text alone" in problems[2]


def test_halves_of_characters_are_replaced_where_they_are_shown(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "half \\ud83d", "\\ud83d": "x"}\n')
    (one,) = found(tmp_path)[0]
    assert one.text == "a jsonl\nhalf ?\nx"
    assert [(c.name, c.example) for c in columns_of(one.records())] == [("text", "half ?")]


def test_links_that_lead_round_in_a_circle_end(tmp_path):
    write(tmp_path / "a.jsonl", ROW)
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "a.jsonl")
    assert list(found(tmp_path)[1]) == ["a.jsonl", "b.jsonl"]


def test_a_data_set_without_records_is_there_and_empty(tmp_path):
    write(tmp_path / "none.jsonl", "")
    (one,) = found(tmp_path)[0]
    assert list(one.records()) == []


@pytest.mark.parametrize(
    ("name", "message"), [("absent", "is not there"), ("file", "is a file"), ("", "no data set")]
)
def test_a_folder_without_data_sets_is_refused(tmp_path, name, message):
    write(tmp_path / "file", "")
    with pytest.raises(ValueError, match=f"--dataset_folder .*{message}"):
        local_data_sets(tmp_path / name, problems=[])
