"""Seed pools of every layout that is known, and what is said of others."""

import json

import pytest

from t5lite.data.tasks.seqio_adapter import iterate_texts
from t5lite.synthetic_data.self_instruct.seeds import Instance, SeedTask, read_seeds
from tasks import alpaca, self_instruct
from tests.conftest import shared_path
from tests.synthetic_data.lines import write_lines


def test_the_175_seeds():
    seeds = read_seeds(str(shared_path("data", "self_instruct", "seed_tasks.jsonl")))
    assert len(seeds) == 175
    # FACTS of the paper: 25 or 26 classifications; the file has 26.
    assert sum(bool(seed.is_classification) for seed in seeds) == 26
    assert seeds[1].id == "seed_task_1"
    assert seeds[1].instances[0].input == "Night : Day :: Right : Left"


def test_dolly_and_alpaca(tmp_path):
    path = shared_path("data", "instruct", "dolly", "databricks-dolly-15k.sample.jsonl")
    dolly = read_seeds(str(path))
    assert [seed.is_classification for seed in dolly].count(True) >= 1
    assert dolly[0].instances[0].input.startswith("Virgin Australia, the trading name")
    alpaca = tmp_path / "alpaca.json"
    alpaca.write_text(
        json.dumps(
            [
                {"instruction": " Sort. ", "input": "b a", "output": "a b"},
                {"instruction": "Sort.", "input": "d c", "output": "c d"},
                {"instruction": "Greet.", "output": "Hello", "id": 7},
            ]
        )
    )
    assert read_seeds(str(alpaca)) == [
        SeedTask(
            id="seed_00000",
            instruction="Sort.",
            instances=(Instance("b a", "a b"), Instance("d c", "c d")),
        ),
        SeedTask(id="7", instruction="Greet.", instances=(Instance("", "Hello"),)),
    ]


def test_a_registered_task(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", "unset")  # what the call sets is undone with it
    records = [
        {"id": "a", "instruction": "Sort the\n\nwords.", "input": "b a", "output": "a b"},
        {"id": "b", "instruction": "Greet.", "input": "", "output": " Hello\n"},
    ]
    write_lines(tmp_path / "examples.jsonl", records)
    modules = {"task_modules": ["tasks.self_instruct"], "data_dir": str(tmp_path)}
    seeds = read_seeds("self_instruct_alpaca", **modules)
    assert [(seed.instruction, seed.instances) for seed in seeds] == [
        ("Sort the\n\nwords.", (Instance("b a", "a b"),)),
        ("Greet.", (Instance("", "Hello"),)),
    ]
    prompts = {"self_instruct": self_instruct.prompt, "self_instruct_alpaca": alpaca.prompt}
    for name, prompt in prompts.items():
        assert list(iterate_texts(name, "train")) == [
            {"inputs": prompt(record), "targets": record["output"]} for record in records
        ]
    seeds = read_seeds("self_instruct", **modules)
    assert [seed.id for seed in seeds] == ["self_instruct_00000", "self_instruct_00001"]
    assert all(words in seeds[0].instruction for words in ("Sort the\n\nwords.", "b a"))
    with pytest.raises(ValueError, match="self_instruc"):
        read_seeds("self_instruc", **modules)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"prompt": "Sort."}, r"line 1: field 'instruction' must be a text \(fields: prompt\)"),
        ({"instruction": " "}, "field 'instruction' must be a text"),
        ({"instruction": ["Sort."]}, "field 'instruction' must be a text"),
        ({"instruction": "Sort."}, r"no known layout \(fields: instruction\)"),
        ({"instruction": "Sort.", "instances": []}, "field 'instances' is empty"),
        ({"instruction": "Sort.", "instances": "b a"}, "instances must be a list"),
        (
            {"instruction": "Sort.", "instances": [{"input": "a"}]},
            r"instances\[0\]: field 'output' must be a text",
        ),
        ({"instruction": "Sort.", "input": 3, "output": "a"}, "field 'input' must be a text"),
        ({"instruction": "Sort.", "output": "a", "is_classification": "yes"}, "is_classification"),
        ({"instruction": "Sort.", "output": "a", "id": 1.5}, "id must be"),
    ],
)
def test_other_layouts_are_refused(tmp_path, record, problem):
    path = write_lines(tmp_path / "seeds.jsonl", [record])
    with pytest.raises(ValueError, match=problem):
        read_seeds(str(path))


def test_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no task"):
        read_seeds(str(write_lines(tmp_path / "empty.jsonl", [])))
    twice = [{"id": "a", "instruction": text, "output": "x"} for text in ("Sort.", "Greet.")]
    with pytest.raises(ValueError, match="two tasks have the id 'a'"):
        read_seeds(str(write_lines(tmp_path / "twice.jsonl", twice)))
