"""Finding, checking, splitting and rendering Natural Instructions files."""

import pytest

from tasks import natural_instructions_files as files
from tests.conftest import shared_path
from tests.tasks.natural_instructions_folder import TRAIN, task_content, write_folder, write_task


def _read(tmp_path, content):
    return files.read_task_file(write_task(tmp_path, "task001_x", content))


def test_find_folder_takes_a_checkout_or_its_parent(tmp_path):
    write_folder(tmp_path / "niv2")
    below = files.find_folder(tmp_path)
    assert below.tasks_dir == tmp_path / "niv2" / "tasks"
    assert below == files.find_folder(tmp_path / "niv2")
    assert below.splits["train"] == (TRAIN, "task999_missing")
    assert below.splits["xlingual_test"] == ()


def test_find_folder_says_where_it_looked(tmp_path):
    with pytest.raises(ValueError) as error:
        files.find_folder(tmp_path)
    assert str(tmp_path / "tasks" / "*.json") in str(error.value)
    assert str(tmp_path / "niv2" / "tasks" / "*.json") in str(error.value)


def test_malformed_json_names_file_and_line(tmp_path):
    path = write_task(tmp_path, "task001_x", task_content("colour"))
    lines = path.read_text().split("\n")
    lines[4] = lines[4].rstrip(",") + " oops"
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=rf"{path}, line 5, column \d+: malformed JSON"):
        files.read_task_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("Definition"), "field 'Definition' is missing"),
        (lambda c: c.update(Definition="text"), "'Definition': expected a list, found a string"),
        (lambda c: c["Instances"][7].pop("id"), r"Instances\[7\]: field 'id' is missing"),
        (lambda c: c["Instances"][7].pop("input"), r"Instances\[7\]: field 'input' is missing"),
        (
            lambda c: c["Instances"][2].update(output="one"),
            r"Instances\[2\]: field 'output': expected a list, found a string",
        ),
        (
            lambda c: c["Instances"][2].update(output=["one", 2]),
            r"Instances\[2\]: field 'output'\[1\]: expected a string, found an integer",
        ),
        (lambda c: c["Instances"][2].update(output=[]), r"Instances\[2\]: .*empty list"),
        (lambda c: c["Instances"].insert(0, "text"), r"Instances\[0\]: expected an object"),
        (lambda c: c.update(Instances=[]), "'Instances' is an empty list"),
        (
            lambda c: c["Positive Examples"][1].update(output=None),
            r"Positive Examples\[1\]: field 'output': expected a string, found null",
        ),
    ],
)
def test_faults_name_file_instance_and_field(tmp_path, change, message):
    content = task_content("colour")
    change(content)
    with pytest.raises(ValueError, match=f"task001_x.json.*{message}"):
        _read(tmp_path, content)


def test_legacy_layout_is_named():
    folder = shared_path("data", "niv2", "legacy_layout_2021")
    for path in sorted(folder.glob("*.json")):
        with pytest.raises(ValueError, match=f"{path.name}.*layout of 2021"):
            files.read_task_file(path)


def test_a_changed_file_is_read_anew(tmp_path):
    assert len(_read(tmp_path, task_content("colour", num_instances=5)).instances) == 5
    assert len(_read(tmp_path, task_content("colour", num_instances=6)).instances) == 6


def test_train_and_validation_share_nothing_and_lose_nothing(tmp_path):
    instances = _read(tmp_path, task_content("colour", num_instances=60)).instances
    train = files.select_split(instances, "train")
    validation = files.select_split(instances, "validation")
    assert len(validation) == 3
    assert sorted(i.id for i in train + validation) == sorted(i.id for i in instances)
    backwards = files.select_split(instances[::-1], "validation")
    assert {i.id for i in backwards} == {i.id for i in validation}


@pytest.mark.parametrize(("num_instances", "held_back"), [(1, 0), (2, 1), (39, 1), (5000, 100)])
def test_size_of_validation(num_instances, held_back):
    instances = tuple(files.Instance(str(i), f"x {i}", ("y",)) for i in range(num_instances))
    assert len(files.select_split(instances, "validation")) == held_back
    assert len(files.select_split(instances, "train")) == num_instances - held_back


@pytest.mark.parametrize(
    ("num_inputs", "num_instances", "held_back"), [(8, 40, 5), (2, 40, 20), (1, 40, 0), (30, 40, 2)]
)
def test_one_input_under_several_ids_is_in_one_split(num_inputs, num_instances, held_back):
    instances = tuple(
        files.Instance(
            f"id{i}", f"question  {i % num_inputs}".replace(" ", " " * (1 + i % 2)), ("y",)
        )
        for i in range(num_instances)
    )
    train = files.select_split(instances, "train")
    validation = files.select_split(instances, "validation")
    inputs = [{" ".join(i.input.split()) for i in split} for split in (train, validation)]
    assert not inputs[0] & inputs[1]
    assert len(validation) == held_back and len(train) == num_instances - held_back


def test_test_split_is_the_official_first_hundred(tmp_path):
    instances = _read(tmp_path, task_content("shape", num_instances=130)).instances
    assert files.select_split(instances, "test") == instances[:100]


def test_training_output_is_picked_by_id_and_all_outputs_are_references(tmp_path):
    task = _read(tmp_path, task_content("colour", num_instances=90))
    form = files.Demonstrations()
    picks = set()
    for instance in task.instances:
        example = files.word_example(task, instance, form)
        assert example.references == instance.outputs
        assert example == files.word_example(task, instance, form)
        if len(instance.outputs) == 3:
            picks.add(instance.outputs.index(example.targets))
    assert picks == {0, 1, 2}


def test_zero_shot_prompt(tmp_path):
    task = _read(tmp_path, task_content("colour"))
    prompt = files.word_prompt(task, "a {brace}", files.Demonstrations())
    assert prompt == "Name the colour.\n\nInput: a {brace}\nOutput:"


def test_prompt_with_examples_and_mistakes(tmp_path):
    task = _read(tmp_path, task_content("colour"))
    prompt = files.word_prompt(task, "x", files.Demonstrations("", num_positive=2, num_negative=1))
    assert prompt.split("\n\n") == [
        "Name the colour.",
        "Example 1\nInput: good 0\nOutput: colour 0",
        "Example 2\nInput: good 1\nOutput: colour 1",
        "Mistake 1\nInput: bad 0\nWrong output: no colour 0\nWhy it is wrong: Because 0.",
        "Your turn\nInput: x\nOutput:",
    ]


def test_prompt_never_shows_its_own_answer(tmp_path):
    task = _read(tmp_path, task_content("colour"))
    prompt = files.word_prompt(task, "good 0", files.Demonstrations("", num_positive=2))
    assert "colour 0" not in prompt
    assert "colour 1" in prompt and "colour 2" in prompt


def test_every_real_task_reads():
    folder = files.find_folder(shared_path("data"))
    assert len(folder.task_names) == 191 and len(folder.splits["train"]) == 756
    total = 0
    for name in folder.task_names:
        task = files.read_task_file(folder.tasks_dir / f"{name}.json")
        total += len(task.instances)
        prompt = files.word_prompt(task, task.instances[0].input, files.Demonstrations("", 2, 2))
        assert prompt.startswith(task.definition) and prompt.endswith("\nOutput:")
    assert total == 52_017
