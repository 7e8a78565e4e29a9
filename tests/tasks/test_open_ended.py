"""The open-ended prompts: how many of which, how they are put, and Self-Instruct's from a file."""

import collections

import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.files.json_files import write_lines
from tasks import open_ended
from tests.conftest import shared_path


@pytest.fixture(scope="module")
def prompts():
    """The examples of the mixture, by Task."""
    names = seqio_adapter.resolve(open_ended.MIXTURE).task_names
    return {name: list(seqio_adapter.iterate_texts(name, "test")) for name in names}


def readers_examples():
    return [example for reader in open_ended._readers() for example in reader("test")]


def test_the_set_has_the_papers_shape(prompts):
    sizes = {name: len(examples) for name, examples in prompts.items()}
    assert sum(sizes.values()) == 190
    assert sizes.pop("open_ended_few_shot") == 30
    assert set(sizes.values()) == {20} and len(sizes) == 8
    for name in prompts:
        assert seqio_adapter.splits(name) == ("test",), "nothing to train on"


def test_prompts_and_their_names_are_told_apart():
    examples = readers_examples()
    for values in ([e.id for e in examples], [e.inputs for e in examples]):
        assert [v for v, count in collections.Counter(values).items() if count > 1] == []


def test_a_chain_of_thought_is_asked_for_behind_the_same_prompt(prompts):
    for category in open_ended.COT_CATEGORIES:
        plain, cot = (prompts[f"open_ended_{category}{end}"] for end in ("", "_cot"))
        assert [x["inputs"] + "\n\nLet's think step by step." for x in plain] == [
            x["inputs"] for x in cot
        ]


def test_few_shot_prompts_show_answers_and_end_with_a_question_of_their_own():
    examples = open_ended.PromptReader("x", "few_shot")("test")
    for example in examples:
        parts = example.parts
        assert len(parts.exemplars) >= 2
        assert all(inputs and targets for inputs, targets in parts.exemplars)
        assert parts.question not in {exemplar.inputs for exemplar in parts.exemplars}
        first = parts.exemplars[0]
        assert example.inputs.startswith(f"{first.inputs}\n{first.targets}\n\n")
        assert example.inputs.endswith(f"\n\n{parts.question}")
        assert example.references == ("",), "there is no right answer"
    found = collections.Counter(example.id.partition("_few_shot")[0] for example in examples)
    assert found == dict.fromkeys(open_ended.CATEGORIES, 6)


def write(root, *records):
    path = root / open_ended.USER_ORIENTED
    path.parent.mkdir(exist_ok=True)
    write_lines(path, records)
    return path


def record(**changes):
    instance = {"input": "", "output": "An answer."}
    return {"id": "a_0", "instruction": "Do it.", "instances": [instance]} | changes


def test_user_oriented_instructions_are_asked_with_their_input(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    write(
        tmp_path, record(), record(id="a_1", instances=[{"input": "This: é", "output": "Done.\n"}])
    )
    first, second = seqio_adapter.iterate_texts("open_ended_self_instruct", "test")
    assert (first["inputs"], first["targets"]) == ("Do it.", "An answer.")
    assert (second["inputs"], second["targets"]) == ("Do it.\n\nThis: é", "Done.\n")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instruction": None}, "line 2: field 'instruction': expected a string, found null"),
        ({"instances": []}, "line 2: field 'instances' holds 0; expected one"),
        ({"instances": [{"input": "x"}]}, "line 2: field 'output' is missing"),
    ],
)
def test_a_malformed_instruction_is_named_and_its_data_are_broken(
    changes, message, tmp_path, monkeypatch
):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    write(tmp_path, record(), record(**changes))
    with pytest.raises(ValueError, match=message):
        list(seqio_adapter.iterate_texts("open_ended_self_instruct", "test"))
    assert open_ended.data_status()[-1].state == "present"
    assert open_ended.data_status(verify=True)[-1].state == "broken"


def test_without_the_file_what_ships_is_there_and_the_rest_is_missing(tmp_path, monkeypatch):
    for folder in (None, tmp_path):
        if folder is None:
            monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
        else:
            monkeypatch.setenv("T5LITE_DATA_DIR", str(folder))
        states = [status.state for status in open_ended.data_status(verify=True)]
        assert states == ["present"] * 9 + ["missing"]
    with pytest.raises(ValueError, match="t5lite data fetch self_instruct"):
        list(seqio_adapter.iterate_texts("open_ended_self_instruct", "test"))


def test_the_official_file_is_read_whole(monkeypatch):
    root = shared_path("data", open_ended.USER_ORIENTED).parent.parent
    monkeypatch.setenv("T5LITE_DATA_DIR", str(root))
    examples = list(seqio_adapter.iterate_texts("open_ended_self_instruct", "test"))
    assert len(examples) == 252
    assert all(example["inputs"] and example["targets"] for example in examples)
