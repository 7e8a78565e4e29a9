"""From a prompt to examples of a data set: searched, shown, chosen, read."""

import collections
import io
import json

import pytest

from t5lite.synthetic_data.prompt2model import dataset_choice
from t5lite.synthetic_data.prompt2model.dataset_retriever import (
    load_dataset,
    retrieve_datasets,
    retrieve_datasets_step,
)
from t5lite.synthetic_data.prompt2model.descriptions import DatasetDescription
from t5lite.synthetic_data.prompt2model.found_datasets import Chosen, DatasetRetrieval, FoundDataset
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.provenance import read_trace
from tests.synthetic_data.lines import lines_of, write_lines

SENTIMENT = PromptSpec(instruction="Say whether a review of a film is good or bad.")
SETS = {
    "films": "Reviews of films, good or bad, with the opinion of each",
    "weather": "Reports of the weather in towns",
    "films_again": "What people think of films they saw",
}
REVIEWS = ["dull plot", "lovely songs", "too long", "great actors", "flat jokes", "a joy"]


class Typed(io.StringIO):
    """What somebody types on a terminal."""

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name, description in SETS.items():
        (folder / f"{name}.md").write_text(description)
        texts = [f"sun in town {i}" for i in range(6)] if name == "weather" else REVIEWS
        rows = [
            {"id": i, "year": 1990 + i, "text": text, "label": ["bad", "good"][i % 2]}
            for i, text in enumerate(texts)
        ]
        write_lines(folder / f"{name}.jsonl", rows)
    return folder


def settings(folder, **more):
    return DatasetRetrieval(dataset_folders=(str(folder),), **more)


def name(folder, stem):
    return str(folder / f"{stem}.jsonl")


def run(folder, tmp_path, *, typed=None, spec=SENTIMENT, **more):
    """One step; the record of what was found, and the rows."""
    stdin = None if typed is None else Typed("".join(f"{line}\n" for line in typed))
    counts = retrieve_datasets_step(
        spec, settings=settings(folder, **more), output=tmp_path, stdin=stdin
    )
    record = json.loads((tmp_path / "found_datasets.json").read_text())
    rows = lines_of(tmp_path / "retrieved.jsonl")
    assert counts["examples retrieved"] == len(rows)
    if rows:
        assert read_trace(tmp_path)[rows[-1]["id"]].example == rows[-1]
    return record, rows


# ---------------------------------------------------------------------------------------- search


def test_the_nearest_comes_first_and_a_copy_is_shown_once(folder):
    found = retrieve_datasets(SENTIMENT, settings=settings(folder))
    assert [one.description.name for one in found] == [name(folder, "films")]
    assert [other.name for other in found[0].same_as] == [name(folder, "films_again")]
    assert found[0].score > 0
    assert (found[0].input_columns, found[0].output_column) == (("text",), "label")


def test_no_more_than_asked_for_are_shown(folder):
    spec = PromptSpec(instruction="films or weather or people")
    assert len(retrieve_datasets(spec, settings=settings(folder))) == 2
    assert len(retrieve_datasets(spec, settings=settings(folder, num_shown=1))) == 1


def test_registered_tasks_are_searched_once_in_all_forms():
    found = retrieve_datasets(
        PromptSpec(instruction="Which of the words is an animal?"),
        settings=DatasetRetrieval(task_modules=("tasks.mini",), num_shown=3),
    )
    names = [one.description.name for one in found]
    assert all(name.endswith("_animal") for name in names), names
    assert (found[0].input_columns, found[0].output_column) == (("inputs",), "targets")


def test_there_must_be_something_to_search():
    with pytest.raises(ValueError, match=r"--tasks=MODULE .* --dataset_folder=DIR"):
        retrieve_datasets(SENTIMENT, settings=DatasetRetrieval())


# ---------------------------------------------------------------------------------------- choice


def test_the_user_picks_a_data_set_and_its_columns(folder, tmp_path, capsys):
    record, rows = run(folder, tmp_path, typed=["9", "one", "1", "colour", "label", "2, text"])
    assert record["chosen"] == {
        "name": name(folder, "films"),
        "split": "train",
        "license": None,
        "input_columns": ["year", "text"],
        "output_column": "label",
    }
    assert rows[1] == {
        "id": "retrieved_000001",
        "input": "year: 1991\ntext: lovely songs",
        "output": "good",
        "dataset": name(folder, "films"),
    }
    shown = capsys.readouterr().out
    assert "'9' is no number from 1 to 1" in shown
    assert "'one' is no number" in shown
    assert "'colour' is no column" in shown
    assert "and 1 with the same data" in shown


def test_enter_takes_the_columns_that_names_tell(folder, tmp_path):
    record, rows = run(folder, tmp_path, typed=["1", "", ""])
    assert record["chosen"]["input_columns"] == ["text"]
    assert [row["input"] for row in rows] == REVIEWS


def test_the_user_says_that_none_fits(folder, tmp_path):
    record, rows = run(folder, tmp_path, typed=[""])
    assert record["chosen"] is None
    assert [one["name"] for one in record["found"]] == [name(folder, "films")]
    assert rows == []


@pytest.mark.parametrize("typed", [[], ["1"], ["1", "label"], ["x", "y"]])
def test_input_that_ends_is_told_what_to_give(folder, tmp_path, typed):
    with pytest.raises(ValueError, match=r"the input ended before .*--dataset=NAME"):
        run(folder, tmp_path, typed=typed)
    assert not (tmp_path / "found_datasets.json").exists()


def test_without_a_terminal_it_is_told_what_to_give(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no terminal .*--dataset=NAME .*--dataset=none .*--yes"):
        retrieve_datasets_step(
            SENTIMENT, settings=settings(folder), output=tmp_path, stdin=io.StringIO("1\n")
        )


def test_yes_takes_the_first_above_a_score(folder, tmp_path, capsys):
    record, rows = run(folder, tmp_path, yes=True, min_score=0.1)
    assert record["chosen"]["name"] == name(folder, "films")
    assert len(rows) == 6
    score = record["found"][0]["score"]
    record, rows = run(folder, tmp_path, yes=True, min_score=score + 0.01)
    assert (record["chosen"], rows) == (None, [])
    assert f"the best score, {score:.3f}, is below --min_score" in capsys.readouterr().out


def test_flags_name_the_data_set_and_its_columns(folder, tmp_path):
    record, rows = run(
        folder,
        tmp_path,
        dataset=name(folder, "weather"),  # Without a word of the prompt.
        input_columns=("label", "text"),
        output_column="year",
        max_examples=2,
    )
    assert [one["name"] for one in record["found"]][-1] == name(folder, "weather")
    assert rows[1]["input"] == "label: good\ntext: sun in town 1"
    assert [row["output"] for row in rows] == ["1990", "1991"]


@pytest.mark.parametrize("dataset", ["films_again", "films_again.jsonl", "films"])
def test_the_last_part_of_a_path_will_do_and_the_copy_can_be_named_too(folder, tmp_path, dataset):
    record, rows = run(folder, tmp_path, dataset=dataset)
    assert record["chosen"]["name"] == name(folder, "films")
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"dataset": "film"}, "--dataset=film is none of the data sets searched.*films"),
        ({"yes": True, "output_column": "lable"}, "--output_column: there is no 'lable'"),
        ({"yes": True, "input_columns": ("txt",)}, "--input_columns: there is no 'txt'"),
    ],
)
def test_wrong_names_are_told_with_what_there_is(folder, tmp_path, more, message):
    with pytest.raises(ValueError, match=message):
        run(folder, tmp_path, min_score=0, **more)


def test_nothing_found_is_no_error(folder, tmp_path, capsys):
    record, rows = run(folder, tmp_path, spec=PromptSpec(instruction="日本語"), yes=True)
    assert (record["found"], record["chosen"], rows) == ([], None, [])
    assert "no data set has a word of the prompt" in capsys.readouterr().out


def test_nothing_to_search_is_told(tmp_path, capsys):
    counts = retrieve_datasets_step(SENTIMENT, settings=DatasetRetrieval(), output=tmp_path)
    assert counts == {"data sets shown": 0, "examples retrieved": 0}
    assert (tmp_path / "retrieved.jsonl").read_text() == ""
    assert "no data sets are searched; --tasks=MODULE" in capsys.readouterr().err


def test_columns_that_no_name_tells_must_be_given():
    description = DatasetDescription(name="numbers", kind="files", text="", split="train")
    found = [FoundDataset(description, 1.0, (), (), None)]
    with pytest.raises(ValueError, match="--output_column is needed"):
        dataset_choice.choose(found, settings=DatasetRetrieval(yes=True))


# --------------------------------------------------------------------------------------- reading


def read(tmp_path, rows, **more):
    file = write_lines(tmp_path / "rows.jsonl", rows)
    description = DatasetDescription(
        name="rows",
        kind="files",
        text="",
        split="train",
        files=(str(file),),
        class_names={"label": ("no", "yes")},
    )
    skipped = collections.Counter()
    chosen = Chosen(description, ("text",), "label")
    return list(load_dataset(chosen, skipped=skipped, **more)), skipped


def test_records_without_input_or_output_are_passed_over_and_counted(tmp_path):
    rows = [
        {"text": "a", "label": 1},
        {"text": "b", "label": None},
        {"text": "", "label": 1},
        {"label": 0},
        {"text": "c"},
        {"text": ["d", "e"], "label": [0, 1]},
        {"text": "\u2028f", "label": "maybe"},
        {"text": "half \ud83d", "label": 1},
    ]
    examples, skipped = read(tmp_path, rows)
    assert examples == [
        {"id": f"retrieved_{place:06d}", "input": asked, "output": answer, "dataset": "rows"}
        for place, asked, answer in [(0, "a", "yes"), (5, "d\ne", "no"), (6, "\u2028f", "maybe")]
    ]
    assert skipped == {
        "records without input": 2,
        "records without output": 2,
        "records that are no text (half of a surrogate pair)": 1,
    }
    assert read(tmp_path, rows, max_examples=2)[0] == examples[:2]


def test_columns_that_no_record_has_are_told(tmp_path):
    with pytest.raises(ValueError, match=r"rows: no record has both .*text.*label"):
        read(tmp_path, [{"question": "a", "label": 1}])
