"""Modules that --tasks names: by name or path, and what is said when one cannot be imported."""

import itertools
import sys

import pytest

from t5lite.data.tasks import task_modules

_numbers = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of a new name in the current folder, and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(text: str, folder: str = ".") -> str:
        name = f"registry_{next(_numbers)}"
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.py").write_text(text)
        return name

    return write


def refusal(written: str) -> str:
    with pytest.raises(ValueError) as caught:
        task_modules.import_modules([written])
    return str(caught.value)


@pytest.mark.parametrize("form", ["mine_{}/{}.py", "./mine_{}/{}.py", "mine_{}/{}"])
def test_a_file_below_the_current_folder_is_the_module_of_its_name(module, form, tmp_path):
    number = next(_numbers)
    name = module("VALUE = 3", f"mine_{number}")
    (tmp_path / f"mine_{number}" / name).mkdir()  # for the form without .py
    task_modules.import_modules([form.format(number, name)])
    assert f"mine_{number}.{name}" in sys.modules


def test_a_whole_path_below_the_current_folder_too(module, tmp_path):
    name = module("VALUE = 3")
    task_modules.import_modules([str(tmp_path / f"{name}.py")])
    assert sys.modules[name].VALUE == 3


def test_a_file_elsewhere_is_refused_with_the_right_form(module, tmp_path, monkeypatch):
    name = module("VALUE = 3")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for written in (f"../{name}.py", str(tmp_path / f"{name}.py")):
        message = refusal(written)
        assert f"Run from {tmp_path}" in message and f"--tasks={name}." in message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("mine/t.py", "as in --tasks=mine.t."),
        ("tasks/mini", "as in --tasks=tasks.mini."),
        ("tasks.mini.py", "as in --tasks=tasks.mini."),
        ("/no/such.py", "there is no file /no/such.py"),
        (".mine", "no name of a module"),
        ("a..b", "no name of a module"),
        ("a b", "no name of a module"),
    ],
)
def test_what_is_no_module_is_refused(written, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expected in refusal(written)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\nx ==== 2\n", "is no Python: {file}, line 2: invalid syntax: x ==== 2"),
        ("\nfoo(3)\n", "{file}, line 2: NameError: name 'foo' is not defined"),
        ("raise ValueError('mine')\n", "{file}, line 1: ValueError: mine"),
        ("import json\n\njson.loads('{{')\n", "{file}, line 3: JSONDecodeError"),
    ],
)
def test_a_module_that_fails_is_reported_with_its_line(module, text, expected, tmp_path):
    name = module(text.replace("{{", "{"))
    assert expected.format(file=tmp_path / f"{name}.py") in refusal(name)


def test_what_our_own_functions_say_to_a_module_is_reported_as_it_is(module):
    name = module(
        "from tasks.files import add_file_task\n"
        "add_file_task('x', files={}, inputs='q', targets='a')\n"
    )
    assert refusal(name).startswith("Task 'x': files is empty")


def test_a_folder_that_is_no_package_registers_nothing(module, tmp_path):
    number = next(_numbers)
    name = module("VALUE = 3", f"folder_{number}")
    said = refusal(f"folder_{number}")
    assert "registers nothing" in said and f"--tasks=folder_{number}.{name}" in said
    (tmp_path / f"empty_{number}").mkdir()
    assert "It holds no module" in refusal(f"empty_{number}")
