"""The list of what our task modules register, and what is said of it."""

import importlib
import itertools

import pytest

from t5lite import catalog
from t5lite.data.tasks import seqio_adapter, task_modules
from t5lite.data.tasks.shipped_tasks import shipped_modules
from tests.tasks.natural_instructions_folder import write_folder

BY_NAME = {module.module: module for module in shipped_modules()}


@pytest.mark.parametrize(
    "module",
    [f"tasks.{name}" for name in ("mini", "flan", "eval", "alpaca", "open_ended", "long_context")],
)
def test_what_is_listed_is_registered(module):
    importlib.import_module(module)
    listed = BY_NAME[module]
    tasks, mixtures = seqio_adapter.registered_names()
    stems = tuple(prefix.removesuffix("_") for prefix in listed.prefixes)
    assert {name for name in mixtures if name.startswith(stems)} == set(listed.mixtures)
    for prefix in listed.prefixes:
        assert any(name.startswith(prefix) for name in tasks)


def test_natural_instructions_are_listed_for_every_list_and_form(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(write_folder(tmp_path)))
    module = importlib.import_module("tasks.natural_instructions")
    files = importlib.import_module("tasks.natural_instructions_files")
    lists = [*files.find_folder(tmp_path).splits, "all"]
    assert set(BY_NAME["tasks.natural_instructions"].mixtures) == {
        f"natural_instructions_{name}{form.suffix}"
        for name, form in itertools.product(lists, module.FORMS)
    }


def test_without_a_module_what_ships_is_listed(capsys):
    catalog.list_tasks(task_modules=())
    printed = capsys.readouterr().out
    for module in shipped_modules():
        assert module.module in printed
        assert all(mixture in printed for mixture in module.mixtures)
    catalog.list_tasks("*_zeroshot", task_modules=())
    printed = capsys.readouterr().out
    assert "mini_zeroshot" in printed and "flan2022" not in printed


def test_a_pattern_that_nothing_shipped_matches_is_reported():
    with pytest.raises(ValueError, match=r"'mini_zershot'.* Did you mean 'mini_zeroshot'.*--tasks"):
        catalog.list_tasks("mini_zershot", task_modules=())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cot", "import it with --tasks=tasks.cot (gin macro TASK_MODULES)."),
        ("cot_aqua_ask", "import it with --tasks=tasks.cot"),
        ("cott", "No task module was imported: give --tasks=MODULE"),
    ],
)
def test_an_unknown_name_that_a_shipped_module_registers_names_the_module(
    name, expected, monkeypatch
):
    monkeypatch.setattr(task_modules, "imported_modules", tuple)
    with pytest.raises(ValueError) as caught:
        seqio_adapter.resolve(name)
    assert expected in str(caught.value)
