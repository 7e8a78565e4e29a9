"""Every command of the README and the docs is one that t5lite would accept."""

import json
import re

import pytest

from t5lite.cli import _RUN, main
from t5lite.configuration import config
from t5lite.configuration.flags import parse, split_gin_flags
from tests.conftest import REPOSITORY
from tests.docs.pages import PAGES, README, blocks, commands

ALL = [
    pytest.param(command, id=f"{page.name}: {command}"[:90])
    for page in PAGES
    for command in commands(page)
]


def test_the_readme_shows_every_verb():
    shown = {" ".join(command.words[:length]) for command in commands(README) for length in (1, 2)}
    assert set(_RUN) <= shown


@pytest.mark.parametrize("command", ALL)
def test_command_parses(command):
    rest, bindings = split_gin_flags(command.words)
    arguments = parse(rest)
    own = {"recipes", "runs", "models"}
    files = [name for name in getattr(arguments, "gin_file", []) if name.split("/")[0] in own]
    if files and len(files) == len(arguments.gin_file):
        config.parse(files, bindings)


@pytest.mark.parametrize(
    "words",
    # test_a_first_run_of_ones_own runs the one about the reader's own task.
    [
        command.words
        for command in commands(README)
        if command.words[0] in ("tasks", "config") and "--tasks=my_tasks" not in command.words
    ],
    ids=" ".join,
)
def test_quick_command_of_the_readme_runs(words, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\b((?:launch|docs|gin|benchmarks)/[\w./-]+\.\w+)", text):
        assert (REPOSITORY / name).exists(), name


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A folder with the README's data, task and run, as written, and its commands, ready to run."""
    make_data, task = blocks(README, "python")
    (run,) = [block for block in blocks(README) if block.startswith("include")]
    monkeypatch.chdir(tmp_path)
    exec(compile(make_data, "make_data.py", "exec"), {})
    (tmp_path / "my_tasks.py").write_text(task)
    (tmp_path / "my_run.gin").write_text(run)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.slow
def test_a_first_run_of_ones_own_learns(own_folder, capsys):
    """The README's own task and own run, as written: it ends far above the best constant."""
    show, train, ask = [
        command.words
        for command in commands(README)
        if {"--tasks=my_tasks", "--gin_file=my_run.gin", "--model_dir=runs/first"}
        & set(command.words)
    ]
    for words in (show, ["config", *train[1:]], train):
        assert main(words) == 0
    shown = capsys.readouterr().out
    assert "Which team answers this?" in shown and "my_run.gin:" in shown
    lines = (own_folder / "runs/first/metrics.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if "dev/mean/accuracy" in line]
    first, last = found[0], found[-1]
    assert first["dev/mean/accuracy"] < 0.1
    assert last["dev/mean/accuracy"] > last["dev/mean/best_constant"] + 0.25
    assert main(ask) == 0
    assert capsys.readouterr().out.strip() in ("billing", "delivery", "repairs")
