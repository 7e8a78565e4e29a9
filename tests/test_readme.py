"""Every command of the README and the docs is one that t5lite would accept."""

import pathlib
import re
import shlex

import pytest

from t5lite import config
from t5lite.cli import _RUN, main
from t5lite.flags import make_parser, split_gin_flags
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def blocks(page: pathlib.Path, language: str = "") -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [block for of, block in found if of == language]


def commands(page: pathlib.Path, program: str) -> list[list[str]]:
    """Words of the commands that begin a line of a code block; comments cut, lines joined."""
    found = []
    for language in ("", "sh", "bash"):
        for block in blocks(page, language):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith(f"{program} ") and ": error:" not in line:
                    found.append(shlex.split(line, comments=True)[1:])
    return found


ALL = [
    pytest.param(page, words, id=f"{page.name}: {' '.join(words)}"[:90])
    for page in PAGES
    for words in commands(page, "t5lite")
]


def test_the_readme_shows_every_verb():
    assert {words[0] for words in commands(PAGES[0], "t5lite")} == set(_RUN)


@pytest.mark.parametrize(("page", "words"), ALL)
def test_command_parses(page, words):
    rest, bindings = split_gin_flags(words)
    arguments = make_parser().parse_args(rest)
    own = {"recipes", "runs", "models"}
    files = [name for name in getattr(arguments, "gin_file", []) if name.split("/")[0] in own]
    if files and len(files) == len(arguments.gin_file):
        config.parse(files, bindings)


@pytest.mark.parametrize(
    "words",
    # test_a_first_run_of_ones_own runs the one about the reader's own task.
    [
        words
        for words in commands(PAGES[0], "t5lite")
        if words[0] in ("tasks", "config") and "--tasks=my_tasks" not in words
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


def test_a_first_run_of_ones_own(tmp_path, monkeypatch, capsys):
    """The README's own task and own run, as written, up to the point where training would begin."""
    (module,) = blocks(PAGES[0], "python")
    (run,) = [block for block in blocks(PAGES[0]) if block.startswith("include")]
    (tmp_path / "data").mkdir()
    line = '{"question": "Which planet is nearest to the sun?", "answer": "Mercury"}\n'
    for name in ("train", "dev"):
        (tmp_path / "data" / f"{name}.jsonl").write_text(line)
    (tmp_path / "my_readme_tasks.py").write_text(module.replace("my_trivia", "my_readme_trivia"))
    (tmp_path / "my_run.gin").write_text(run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    words = "tasks show my_readme_trivia --tasks=my_readme_tasks --data_dir=data"
    assert main(words.split()) == 0
    assert "Mercury" in capsys.readouterr().out
    assert main(["config", "--gin_file=my_run.gin", "--data_dir=data", "--model_dir=runs/1"]) == 0
    assert "my_run.gin:7" in capsys.readouterr().out
