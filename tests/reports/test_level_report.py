"""`t5lite tasks split`: what it writes, prints, drops and refuses."""

import importlib
import json
import pathlib
import re

import pytest

from t5lite import cli
from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.level_split import LevelSplit
from tasks import natural_instructions_files
from tests.tasks.natural_instructions_folder import task_content, write_task

CATEGORIES = {"Naming": 3, "Sorting": 2, "Counting": 2}
LEAKED = "these are more than thirteen words that two tasks have in common though nobody meant it"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Tasks of three categories; one of `Naming` has an instance of one of `Counting`."""
    root = tmp_path_factory.mktemp("home")
    for category, count in CATEGORIES.items():
        for number in range(count):
            content = task_content(f"{category.lower()} {number}", num_instances=40)
            content["Categories"] = [category]
            path = write_task(root, f"{category.lower()}{number}", content)
            if number == 1 and category != "Sorting":
                task = natural_instructions_files.read_task_file(path)
                split = {"Naming": "validation", "Counting": "train"}[category]
                first = natural_instructions_files.select_split(task.instances, split)[0]
                content["Instances"][task.instances.index(first)]["input"] = LEAKED
                write_task(root, path.stem, content)
    write_task(
        root, "nothing0", task_content("nothing", num_instances=1) | {"Categories": ["Counting"]}
    )
    return root


@pytest.fixture
def run(home, monkeypatch, tmp_path):
    """Runs the command on the folder's tasks; gives its status and the split."""
    monkeypatch.setenv("T5LITE_DATA_DIR", str(home))
    module = importlib.import_module("tasks.natural_instructions")
    if "levels_of_test_all" not in seqio_adapter.registered_names()[1]:
        module.register(home, prefix="levels_of_test")

    def command(name, *flags, collection=("levels_of_test_all",)):
        output = tmp_path / f"{name}.json"
        words = ["tasks", "split", *collection, f"--output={output}", *flags]
        status = cli.main(words)
        return LevelSplit.read(output) if output.exists() else status

    return command


def tasks_at(split, level):
    return sorted(split.roles[name].task for name in split.tasks_at(level))


def test_categories_tasks_and_instances_are_held_out(run, capsys):
    split = run(
        "lr_plain",
        "--held_out_categories=Sorting",
        "--held_out_tasks=naming0",
        "--held_out_share=0.1",
        "--seed=3",
    )
    assert tasks_at(split, "fully_held_out") == ["sorting0", "sorting1"]
    assert tasks_at(split, "partially_supervised") == ["naming0"]
    assert tasks_at(split, "fully_supervised") == ["counting0", "counting1", "naming1", "naming2"]
    assert tasks_at(split, "train_only") == ["nothing0"], "it has one instance"
    assert (split.name, split.seed, split.held_out_share) == ("lr_plain", 3, 0.1)
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    examples = {
        level: int(rows[level][3])
        for level in ("train", "fully_held_out", "partially_supervised", "fully_supervised")
    }
    # Of 40 instances of each task the collection's own validation split has 2.
    assert rows["train"][:3] == ["2", "5", "5"] and rows["fully_held_out"] == ["1", "2", "2", "4"]
    assert examples["train"] + examples["fully_supervised"] == 4 * 38 + 1
    assert "train_only levels_of_test_nothing0: no example to evaluate" in printed
    for level in ("train", "fully_held_out", "partially_supervised", "fully_supervised"):
        assert f"lr_plain_{level}" in printed.splitlines()[-1]


def test_leaks_are_listed_with_their_words_and_dropped_where_asked(run, capsys, tmp_path):
    pairs = tmp_path / "leaks.jsonl"
    flags = ("--held_out_categories=Naming", f"--leaks={pairs}")
    split = run("lr_leaks", *flags, "--name=lr_named")
    printed = capsys.readouterr().out
    (found,) = map(json.loads, pairs.read_text().splitlines())
    assert split.name == "lr_named" and "lr_named_train" in printed
    assert (found["trained"], found["evaluated"]) == (
        "levels_of_test_counting1",
        "levels_of_test_naming1",
    )
    assert found["num_overlapping"] == 1 and found["level"] == "fully_held_out"
    assert LEAKED[:40] in found["ngram"] and len(found["ngram"].split()) == 13
    assert f"levels_of_test_counting1, levels_of_test_naming1: {found['ngram']}" in printed
    assert "They remain in the split" in printed and split.tasks_at("dropped") == ()

    split = run("lr_dropped", *flags, "--drop_leaks=train")
    assert tasks_at(split, "dropped") == ["counting1"]
    assert (
        "50.00% of the examples of levels_of_test_naming1 share words"
        in split.roles["levels_of_test_counting1"].why
    )
    assert tasks_at(split, "fully_held_out") == ["naming0", "naming1", "naming2"]
    split = run("lr_dropped_too", *flags, "--drop_leaks=eval", "--leaks_above=0.6")
    assert split.tasks_at("dropped") == (), "the pair is below the limit"
    split = run("lr_unevaluated", *flags, "--drop_leaks=eval")
    assert tasks_at(split, "dropped") == ["naming1"] and "counting1" in tasks_at(
        split, "fully_supervised"
    )


def test_a_seed_writes_the_same_file(run):
    flags = ("--held_out_categories=1", "--held_out_tasks=1", "--nocheck_leaks", "--name=lr_same")
    first, second = (run(name, *flags) for name in ("lr_first", "lr_second"))
    assert first == second and len(tasks_at(first, "partially_supervised")) == 1


def test_a_file_gives_categories_and_instances(run, tmp_path, capsys):
    categories = tmp_path / "categories.tsv"
    categories.write_text("levels_of_test_naming0\tSorting\n")
    instances = tmp_path / "instances.tsv"
    instances.write_text("counting0\tcounting 0-5\n")
    split = run(
        "lr_files",
        "--held_out_categories=Sorting",
        f"--categories={categories}",
        f"--held_out_instances={instances}",
        "--nocheck_leaks",
    )
    assert tasks_at(split, "fully_held_out") == ["naming0", "sorting0", "sorting1"]
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("registers lr_files_train, lr_files_fully_held_out, lr_files_fully_supervised")
    )
    texts = [
        one["inputs"]
        for one in seqio_adapter.iterate_texts(
            split.task_name("levels_of_test_counting0"), "validation"
        )
    ]
    assert len(texts) == 1 and "thing 5" in texts[0]


def test_only_mixtures_that_have_members_are_said_to_be_registered(run, capsys, tmp_path):
    instances = tmp_path / "instances.tsv"
    instances.write_text("counting0\tcounting 0-5\n")
    flags = ("--held_out_categories=Counting", f"--held_out_instances={instances}")
    split = run("lr_held", *flags, "--nocheck_leaks")
    assert tasks_at(split, "fully_supervised"), "which have nothing to be evaluated on"
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("it registers lr_held_train, lr_held_fully_held_out")
    )


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (
            ["--held_out_categories=Sort"],
            "--held_out_categories: 'Sort' is no category.* 'Sorting'",
        ),
        (["--held_out_categories=9"], "3 categories with training data"),
        (["--held_out_share=1.5"], "number from 0 to 1"),
        (["--held_out_share=1"], "held_out_share 1.0 is no share"),
        (["--name=a-b"], "is called 'a-b'"),
        (
            ["--nocheck_leaks", "--drop_leaks=train"],
            "--nocheck_leaks finds no leaks for --drop_leaks",
        ),
        (["--output=levels"], "--output levels: call it levels.json"),
        (["--output=bad.tsv/levels.json"], "--output bad.tsv: bad.tsv is a file"),
        (["--categories=nothing.tsv"], "nothing.tsv: cannot be read"),
        (["--held_out_instances=bad.tsv"], "bad.tsv, line 1: 'other' is no task"),
        (
            ["--held_out_instances=ids.tsv"],
            "ids.tsv, line 2: 'counting0' has no training instance 'counting 0-50'; 1 more",
        ),
    ],
)
def test_mistakes_are_reported_and_nothing_is_written(
    run, flags, complaint, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("bad.tsv").write_text("other\t1\n")
    known, unknown = "counting0\tcounting 0-5\n", "counting0\tcounting 0-50\nnaming0\tno\n"
    pathlib.Path("ids.tsv").write_text(known + unknown)
    try:
        assert run("lr_mistake", *flags) == 2
    except SystemExit as error:
        assert error.code == 2
    assert re.search(complaint, capsys.readouterr().err)
