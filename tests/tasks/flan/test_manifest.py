import collections
import csv
import json
import re

import pytest

from tasks.flan import manifest
from tasks.flan.manifest import CAPS, COUNT_NOTE, FLAN_TASKS, HELD_OUT_TASKS, PAPER_COUNTS
from tasks.flan.schemas import SCHEMAS
from tests.conftest import shared_path


def counts():
    return collections.Counter(task.collection for task in FLAN_TASKS.values())


def test_the_counts_are_the_papers_but_for_two_tasks_of_natural_instructions():
    assert counts() == PAPER_COUNTS | {"niv2": 1_556}
    assert sum(PAPER_COUNTS.values()) == 1_836
    assert len(FLAN_TASKS) == 1_838
    assert len(HELD_OUT_TASKS) == 57
    # The sentence that explains it says these numbers.
    assert re.findall(r"[\d,]+\d", COUNT_NOTE) == [
        "1,836", "1,554", "1,613", "57", "1,556", "1,838",
    ]  # fmt: skip


def test_what_is_made_from_mmlu_is_exactly_what_flan_filters_by_number():
    numbers = {int(re.match(r"task(\d+)_", name)[1]) for name in HELD_OUT_TASKS}
    assert numbers == {*range(685, 738), *range(664, 668)}
    trained = {re.match(r"task(\d+)_", n) for n, t in FLAN_TASKS.items() if t.collection == "niv2"}
    assert not {int(match[1]) for match in trained} & numbers


def test_no_task_is_made_from_a_suite_that_is_evaluated_on():
    held_out = {name for names in manifest.HELD_OUT_SUITES.values() for name in names}
    for task in FLAN_TASKS.values():
        assert task.dataset not in held_out
        assert not re.search(r"mmlu|tydi|mgsm|(?<![a-z])bbh", task.name), task.name
        assert task.held_out == ()


def test_every_task_says_what_it_is():
    for task in [*FLAN_TASKS.values(), *HELD_OUT_TASKS.values()]:
        assert task.pattern in SCHEMAS
        assert task.dataset and task.category and all(task.languages) and task.source
        assert task.cap == CAPS[task.collection]
        assert task.num_examples is None or task.num_examples > 0
    without = {name for name, task in FLAN_TASKS.items() if task.num_examples is None}
    # Those that the public code does not hold.
    assert without == {
        "trivia_qa_wiki_missing", "task_master", "dmcc_python", "dr_repair_error_comments",
        "dr_repair_line_numbers", "dr_repair_no_errors", "dr_repair_plain_code",
    }  # fmt: skip
    assert {name for name in without if FLAN_TASKS[name].source == ("local",)} == without


def facts():
    return json.loads(shared_path("data/flan_facts/mixture_facts.json").read_text())


def test_muffin_is_flans_csv_with_its_inverted_forms_counted_once():
    with shared_path("data/flan_facts/flan_collection_info.csv").open() as file:
        rows = collections.Counter(row["Source"] for row in csv.DictReader(file))
    muffin = ("FLAN", "FLAN/T0", "Dialog", "Program Synthesis")
    assert sum(rows[source] for source in muffin) / 2 == counts()["muffin"] == 80
    assert rows["T0"] == counts()["t0_sf"]
    assert rows["NIv2"] == counts()["niv2"]
    assert rows["CoT"] / 4 == counts()["cot"]


def test_names_and_numbers_are_flans():
    cases = facts()["t_name_to_num_cases"]
    names = {
        "muffin": lambda name: name,
        "t0_sf": lambda name: f"t0_task_adaptation:{name}",
    }
    for name, task in FLAN_TASKS.items():
        known = cases.get(names.get(task.collection, str)(name))
        if known and task.collection in names:
            assert task.num_examples == known["zero_shot"], name
    assert set(facts()["groups"]["FLAN_V0_TASK_CONFIGS"]) < set(FLAN_TASKS)


def test_t0_sf_is_what_flan_2021_lacks_of_p3():
    metadata = facts()["t0_train_task_metadata"]
    wanted = {
        name.partition(":")[2]
        for name, entry in metadata.items()
        if not entry["in_flan"] and not name.endswith("_score_eval")
    }
    assert wanted == {name for name, task in FLAN_TASKS.items() if task.collection == "t0_sf"}


def test_natural_instructions_are_the_files_of_the_index():
    lines = shared_path("data/niv2_1ex/index.jsonl").read_text().splitlines()
    index = {entry["file"].removesuffix(".json"): entry for entry in map(json.loads, lines)}
    both = {**FLAN_TASKS, **HELD_OUT_TASKS}
    assert index.keys() == {name for name, task in both.items() if task.collection == "niv2"}
    for name, entry in index.items():
        task = both[name]
        assert (task.dataset, task.category) == (entry["dataset"], entry["category"])
        assert list(task.languages) == entry["languages"]
        assert task.num_examples == entry["number_examples"]
        assert entry["in_flan_csv"] == (name in FLAN_TASKS)


@pytest.mark.parametrize("table", ["muffin", "t0_sf", "niv2", "cot"])
def test_tables_have_no_line_that_is_lost(table):
    text = getattr(manifest, f"manifest_{table}").TABLE.strip().splitlines()
    named = [line for line in text if line.startswith("  ")] or text
    both = [*FLAN_TASKS.values(), *HELD_OUT_TASKS.values()]
    assert len(named) == sum(task.collection == table for task in both)
