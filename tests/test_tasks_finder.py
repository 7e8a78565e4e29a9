"""`tasks.*` is ours beside theirs, in the repository and where t5lite is installed."""

import ast
import importlib
import os
import pathlib
import shutil
import sys

import numpy as np
import pytest

from tests.conftest import REPOSITORY, printed


@pytest.fixture(scope="module", params=["repository", "installed"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder to put on the search path: the repository, or one laid out as a wheel is."""
    if request.param == "repository":
        return REPOSITORY
    site = tmp_path_factory.mktemp("site")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "t5lite", site / "t5lite", ignore=skip)
    shutil.copytree(REPOSITORY / "tasks", site / "t5lite" / "tasks", ignore=skip)
    return site


def lines(code: str, *, cwd: pathlib.Path, root: pathlib.Path) -> list[str]:
    """What code prints where t5lite is in `root`, and the current folder is searched last."""
    libraries = str(pathlib.Path(np.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), libraries])}
    # -S: the tests' own environment may hold an editable t5lite.
    command = [sys.executable, "-S", "-P", "-c", code]
    return printed(command, cwd=cwd, env=environment).splitlines()


@pytest.mark.parametrize("first", ["tasks.metrics", "t5lite.tasks.metrics", "tasks"])
def test_a_module_is_one_object_under_both_names(root, tmp_path, first):
    code = (
        f"import t5lite, {first}\n"
        "import tasks.metrics, t5lite.tasks.metrics\n"
        "from tasks.metrics import exact_match\n"
        "assert tasks.metrics is t5lite.tasks.metrics\n"
        "assert exact_match is t5lite.tasks.metrics.exact_match\n"
        "print(exact_match.__module__, tasks.metrics.__spec__.name)\n"
        "print(tasks.metrics.__file__)\n"
    )
    names, file = lines(code, cwd=tmp_path, root=root)
    assert names == "t5lite.tasks.metrics t5lite.tasks.metrics"
    assert file.startswith(str(root))


def test_a_package_that_registers_does_so_once():
    pytest.importorskip("seqio")  # It refuses a name that is registered already.
    for module in ("mini.lexicon", "mini", "mini.suite"):
        ours = importlib.import_module(f"tasks.{module}")
        assert ours is importlib.import_module(f"t5lite.tasks.{module}")
        assert ours.__name__ == f"t5lite.tasks.{module}"


THEIRS = {
    "a package": {"tasks/__init__.py": "", "tasks/mine.py": "", "tasks/metrics.py": "bleu = 1"},
    "a folder": {"tasks/mine.py": "", "tasks/metrics.py": "bleu = 1"},
    "a package in a package": {
        "tasks/__init__.py": "",
        "tasks/mine.py": "from . import metrics",
        "tasks/metrics/__init__.py": "from .scores import bleu",
        "tasks/metrics/scores.py": "bleu = 1",
    },
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS)
@pytest.mark.parametrize("installed", [True, False], ids=["on the path", "in the current folder"])
def test_theirs_comes_first_and_ours_beside_it(root, tmp_path, theirs, installed):
    folder = tmp_path / "elsewhere" if installed else tmp_path
    for name, text in theirs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "tasks" / "own.py").write_text(
        # The line of the docs.
        "from tasks.files import add_file_task\nfrom tasks.metrics import bleu\n"
    )
    code = (
        f"import sys; {installed} and sys.path.append({str(folder)!r})\n"
        "from t5lite.data.tasks.task_modules import import_modules\n"
        "import_modules(['tasks.mine', 'tasks.own', 'tasks.cot_files', 't5lite.tasks.metrics'])\n"
        "import tasks.own, tasks.metrics, tasks.cot_files, t5lite.tasks.metrics\n"
        "print(tasks.own.__file__)\n"
        "print(tasks.metrics.__file__, tasks.metrics.bleu)\n"
        "print(tasks.own.add_file_task.__module__, tasks.cot_files.Example.__module__)\n"
        "assert t5lite.tasks.metrics.exact_match and not hasattr(tasks.metrics, 'exact_match')\n"
        "try: import tasks.metrics.flan\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
    )
    own, metrics, modules, missing = lines(code, cwd=tmp_path, root=root)
    assert own == str(folder / "tasks" / "own.py")
    assert metrics.startswith(str(folder)) and metrics.endswith(" 1")
    assert modules == "t5lite.tasks.files t5lite.tasks.python_tasks"
    assert missing == "tasks.metrics.flan"


def test_their_single_file_is_theirs_and_reaches_ours(root, tmp_path):
    (tmp_path / "tasks.py").write_text("from tasks.files import add_file_task\nMINE = 1\n")
    code = (
        "from t5lite.data.tasks.task_modules import import_modules\n"
        "import_modules(['tasks', 'tasks.cot_files'])\n"
        "import tasks\n"
        "print(tasks.__file__, tasks.MINE, tasks.add_file_task.__module__)\n"
        "print(tasks.cot_files.__name__)\n"
    )
    assert lines(code, cwd=tmp_path, root=root) == [
        f"{tmp_path / 'tasks.py'} 1 t5lite.tasks.files",
        "t5lite.tasks.cot_files",
    ]


def test_a_name_that_neither_has_is_answered_with_those_of_both(root, tmp_path):
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "minutes.py").write_text("import tasks.filess")
    code = (
        "from t5lite.data.tasks.task_modules import import_modules\n"
        "for name in ('tasks.minit', 'tasks.minutes'):\n"
        "    try: import_modules([name])\n"
        "    except ValueError as error: print(error)\n"
    )
    missing, needy = lines(code, cwd=tmp_path, root=root)
    assert f"'tasks' was found at {tmp_path / 'tasks'}, and has no 'tasks.minit'" in missing
    assert "'tasks.mini'" in missing and "'tasks.minutes'" in missing
    assert "needs 'tasks.filess'" in needy and "Did you mean 'tasks.files'" in needy


def test_a_module_of_ours_runs_as_a_program(tmp_path):
    code = (
        "import runpy\n"
        "namespace = runpy.run_module('tasks.metrics')\n"
        "print(namespace['exact_match']([''], ['']))\n"
    )
    assert lines(f"import t5lite\n{code}", cwd=tmp_path, root=REPOSITORY) == ["{'accuracy': 1.0}"]


def test_our_modules_import_each_other_relatively():
    """Else a user's `tasks/metrics.py` would be taken for ours."""
    for path in (REPOSITORY / "tasks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.level == 0 else []
            elif not isinstance(node, ast.Import):
                continue
            assert not [n for n in names if n.split(".")[0] == "tasks"], (path, node.lineno)
