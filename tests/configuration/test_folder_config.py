"""A model folder is data: what its config.gin names neither runs nor is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite import cli
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.data.tasks import task_modules
from tests.test_cli import MODEL, converter


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A current folder with a module that leaves a trace, and a model folder, which has one too."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "m").mkdir()
    ModelDescription(
        model=MODEL,
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(task_feature_lengths={"inputs": 24, "targets": 12}),
    ).save(folder / "m")
    for module in (folder / "stranger.py", folder / "m" / "inside.py"):
        module.write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    (folder / "quits.py").write_text(
        "import argparse\nargparse.ArgumentParser().parse_args(['-z'])\n"
    )
    return folder


def run(place, text, line, monkeypatch, *, inside=False):
    """The status of a verb on the folder, whose config.gin is `text`."""
    monkeypatch.chdir(place / "m" if inside else place)
    (place / "m" / "config.gin").write_text(text, encoding="utf-8")
    status = cli.main(line.split())
    assert not (place / "ran").exists(), text
    return status


FOREIGN = [
    "TASK_MODULES = ('stranger',)",
    "TASK_MODULES = ['tasks.mini', 'stranger']",
    "TASK_MODULES = %A\nA = ('stranger',)",
    "TASK_MODULES = ('tasks.x/../stranger.py',)",
    "TASK_MODULES = ('t5lite.tasks./../stranger.py',)",
    "TASK_MODULES = ('stranger.py',)",
]


NESTED = "".join(f"M{i} = %M{i + 1}\n" for i in range(100))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"TASK_MODULES = (%M0,)\n{NESTED}M100 = 'tasks.mini'", "more than 50 deep"),
        ("TASK_MODULES = ({%B: 1},)\nB = [1]", "m/config.gin:2: B = [1] is used in the key"),
    ],
)
def test_macros_of_a_folder_nest_within_limits(text, said, place, monkeypatch, capsys):
    assert run(place, text, "eval --model_dir=m --mixture=x", monkeypatch) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", FOREIGN)
@pytest.mark.parametrize(
    "line", ["eval --model_dir=m --mixture=x", "infer --model_dir=m --mixture=x --output=o"]
)
def test_modules_of_a_folder_are_refused_with_their_flag(text, line, place, monkeypatch, capsys):
    assert run(place, text, line, monkeypatch) == 2
    error = capsys.readouterr().err
    assert "m/config.gin:1: the run in m imported" in error and "Give --tasks=" in error


@pytest.mark.parametrize(
    "text",
    [
        *FOREIGN,
        "import stranger",
        "from stranger import x",
        "import stranger as tasks",
        "train.objective = @stranger.Loss()",
        "DataConfig.task_modules = ('stranger',)",
        "EvalConfig.task_modules = (%A,)\nA = 'stranger'",
    ],
)
def test_a_resume_by_the_folder_alone_imports_nothing_foreign(text, place, monkeypatch, capsys):
    assert run(place, text, "train --model_dir=m", monkeypatch) == 2
    assert "config.gin:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("include 'stranger.py'", "is data and reads no other file"),
        ("include '/etc/passwd'", "is data and reads no other file"),
        ("TASK_MODULES = 'stranger'", "expected a list of texts or None"),
        ("TASK_MODULES = @train()", "expected a list of texts or None"),
        ("TASK_MODULES = %TASK_MODULES", "macro TASK_MODULES is defined by itself"),
        ("DATA_DIR = @stranger.x()", "expected a text or None"),
        ("A = " + "[" * 5000, "nested too deep"),
    ],
)
def test_config_gin_is_read_as_data(text, expected, place, monkeypatch, capsys):
    for line in ("eval --model_dir=m --mixture=x", "infer --model_dir=m --mixture=x --output=o"):
        assert run(place, text, line, monkeypatch) == 2
        assert expected in capsys.readouterr().err


def test_no_module_is_looked_for_in_the_folder(place, monkeypatch):
    line = "infer --model_dir=. --tasks=inside --mixture=x --output=o"
    assert run(place, "", line, monkeypatch, inside=True) == 2
    with pytest.raises(ValueError, match="that holds it, which is no model folder, or add"):
        task_modules.import_module("inside", asked_by="--tasks")


def test_a_module_that_ends_the_process_is_named(place, monkeypatch, capsys):
    (place / "quits.gin").write_text("import quits\n")
    assert run(place, "", "eval --model_dir=m --gin_file=quits.gin", monkeypatch) == 2
    error = capsys.readouterr().err
    assert "The module quits (quits.gin:1) ends the process" in error
    assert "quits.py, line 2 calls sys.exit(2)" in error


STATEMENTS = st.sampled_from(
    [
        *("import {}", "from {} import x", "include '{}'", "TASK_MODULES = ('{}',)"),
        *(
            "TASK_MODULES = %A",
            "A = ('{}',)",
            "DATA_DIR = '{}'",
            "DataConfig.task_modules = ['{}']",
        ),
        *("train.objective = @{}.Loss()", "A = @{}.x()", "EvalConfig.task_modules = (%B,)"),
        *("B = '{}'", "MODEL_DIR = '{}'", "VOCABULARY = '{}'"),
    ]
)
NAMES = st.sampled_from(
    [
        *("stranger", "stranger.py", "./stranger.py", "tasks.stranger", "tasks/../stranger.py"),
        *("tasks.mini/../../stranger.py", "t5lite.tasks.stranger", "m.inside", "m/inside.py"),
        *("tasks.mini", "tasks..stranger", "t5lite.stranger", "stranger.x", ""),
    ]
)
LINES = st.lists(st.builds(str.format, STATEMENTS, NAMES), max_size=4)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(lines=LINES, verb=st.sampled_from(["eval", "infer", "train"]))
def test_nothing_of_a_folder_runs_whatever_it_says(lines, verb, place):
    more = {"eval": " --mixture=x", "infer": " --mixture=x --output=o", "train": ""}[verb]
    with pytest.MonkeyPatch.context() as patch:
        lines = ["train.model_dir = %MODEL_DIR", *lines]
        assert run(place, "\n".join(lines), f"{verb} --model_dir=m{more}", patch) == 2
