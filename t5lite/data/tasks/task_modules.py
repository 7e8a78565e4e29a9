"""Importing the modules that `--tasks` names, once a process, with errors that help."""

import contextlib
import importlib
import importlib.util
import itertools
import os
import pathlib
import pkgutil
import sys
import types
from collections.abc import Callable, Sequence

from t5lite import tasks_finder
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.level_split import LevelSplit, is_split_file
from t5lite.messages.error_origin import place_of, raised_by_us
from t5lite.messages.suggest import did_you_mean, is_misspelt

# seqio's registries are one to a process, and so is this record of what was imported into them:
# module name to the (vocabulary, data folder) it was imported with.
_imported: dict[str, tuple[str, str]] = {}

# Current folders in which no module is looked for.
_model_folders: set[pathlib.Path] = set()


def search_current_folder(*, model_folder: str | None = None) -> None:
    """Lets modules be found in the current folder, after all others.

    A model folder is data: where the current folder is one, or lies in one, none is looked for
    there, from then on, unless PYTHONPATH names it.

    Args:
      model_folder: the folder that a verb works on, where it does.
    """
    here = pathlib.Path.cwd()
    if model_folder and _lies_in(here, model_folder):
        named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if not any(path and pathlib.Path(path).resolve() == here for path in named):
            _model_folders.add(here)
            sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry).resolve() != here]
    elif here not in _model_folders and str(here) not in sys.path and "" not in sys.path:
        sys.path.append(str(here))


def _lies_in(here: pathlib.Path, folder: str) -> bool:
    # What can be no path is refused where it is used.
    with contextlib.suppress(ValueError):
        return here.is_relative_to(os.path.realpath(os.path.expanduser(folder)))
    return False


def import_modules(modules: Sequence[str]) -> None:
    """Imports modules by name, by a path below the current folder, or by the file of a split.

    Raises:
      ValueError: if one cannot be found or imported, or was imported under other settings before.
    """
    settings = (
        environment.vocabulary_name(),
        os.environ.get(environment.DATA_DIR_VARIABLE, ""),
    )
    for module in map(_module_name, python_modules(modules)):
        imported = import_module(module, asked_by="--tasks")
        _check_is_no_bare_folder(imported)
        # `tasks.mini` may have been imported as `t5lite.tasks.mini`.
        known = [name for name in _imported if sys.modules.get(name) is imported]
        if known:
            _check_same_settings(known[0], settings)
        else:
            # One that says so asks for the data folder whenever it reads, and may have others.
            asks_again = getattr(imported, "DATA_DIR_IS_READ_WHEN_USED", False)
            _imported[module] = (settings[0], "") if asks_again else settings


def python_modules(modules: Sequence[str]) -> list[str]:
    """The modules, and in the place of files of splits by levels those that they are of.

    Raises:
      ValueError: one is no such file.
    """
    named = [LevelSplit.read(m).task_modules if is_split_file(m) else (m,) for m in modules]
    return list(dict.fromkeys(itertools.chain.from_iterable(named)))


def _check_is_no_bare_folder(module: types.ModuleType) -> None:
    """Refuses a folder without `__init__.py`, which Python imports and which registers nothing."""
    if getattr(module, "__file__", None) is not None:
        return
    folders = list(getattr(module, "__path__", ()))
    inside = [f"--tasks={module.__name__}.{entry.name}" for entry in pkgutil.iter_modules(folders)]
    hint = f"Name one of its modules: {', '.join(inside[:5])}" if inside else "It holds no module"
    raise ValueError(
        f"--tasks={module.__name__} is a folder without __init__.py ({', '.join(folders)}), which "
        f"registers nothing. {hint}."
    )


def import_module(name: str, *, asked_by: str) -> types.ModuleType:
    """Imports a module of the user's; the current folder is searched too, last.

    Args:
      name: the module's name.
      asked_by: the flag or file:line that names it, for errors.

    Raises:
      ValueError: there is none, or running it fails or ends the process; with the file and line
        where it does.
    """
    search_current_folder()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(_explain_missing(name, error.name or "", asked_by)) from error
    except SyntaxError as error:
        text = (error.text or "").strip()
        raise ValueError(
            f"The module {name} ({asked_by}) is no Python: {error.filename}, line {error.lineno}: "
            f"{error.msg}: {text}"
        ) from error
    except SystemExit as error:
        raise ValueError(
            f"The module {name} ({asked_by}) ends the process when it is imported: "
            f"{place_of(error) or 'importing it'} calls sys.exit({error.code!r}). Let it do so "
            'only below `if __name__ == "__main__":`.'
        ) from error
    except Exception as error:
        if raised_by_us(error):
            raise
        raise ValueError(
            f"The module {name} ({asked_by}) cannot be imported: "
            f"{place_of(error) or 'importing it'}: "
            f"{type(error).__name__}: {error}. --traceback shows more."
        ) from error


def _module_name(written: str) -> str:
    """The module that `--tasks` names, where need be by the path of its file or folder.

    Raises:
      ValueError: a path that leads out of the current folder, or no name of a module.
    """
    path = pathlib.PurePath(written)
    is_path = path.suffix == ".py" or len(path.parts) > 1 or path.is_absolute()
    if not is_path:
        if all(part.isidentifier() for part in written.split(".")):
            return written
        raise ValueError(
            f"--tasks={written}: {written!r} is no name of a module; give names such as "
            "tasks.mini, or files such as mine/my_tasks.py, comma separated."
        )
    here = pathlib.Path.cwd()
    file = pathlib.Path(os.path.normpath(here / path))
    if not file.exists():
        name = ".".join(path.with_suffix("").parts)
        is_name = not path.is_absolute() and all(map(str.isidentifier, name.split(".")))
        hint = f" A module is also given by its name, as in --tasks={name}." if is_name else ""
        raise ValueError(f"--tasks={written}: there is no file {file}.{hint}")
    parts = file.relative_to(here).with_suffix("").parts if file.is_relative_to(here) else ()
    if parts and all(part.isidentifier() for part in parts):
        return ".".join(parts)
    raise ValueError(
        f"--tasks={written}: a module is named by a path only below the current folder, each part "
        f"of it letters, digits and _. Run from {file.parent}, or put that on PYTHONPATH, and give "
        f"--tasks={file.stem}."
    )


def were_imported(modules: Sequence[str]) -> bool:
    """Whether these were all imported before, so that settings change their Tasks no longer."""
    named = map(_module_name, python_modules(modules))
    found = [sys.modules.get(module) for module in named]
    known = [sys.modules.get(name) for name in _imported]
    return bool(found) and all(module is not None and module in known for module in found)


def imported_modules() -> tuple[str, ...]:
    """Names of the modules imported so far."""
    return tuple(_imported)


def is_ours(module: str) -> bool:
    """Whether a name is one of a module that t5lite ships; imports nothing.

    Where a user has a package `tasks` too, `tasks.mini` may be theirs, and only
    `t5lite.tasks.mini` is surely ours. The file of a split is ours if all of its modules are.
    """
    if is_split_file(module):
        with contextlib.suppress(ValueError):  # Without a file nothing is imported.
            return all(map(is_ours, LevelSplit.read(module).task_modules))
    if not all(part.isidentifier() for part in module.split(".")):
        return False  # A path, which may lead anywhere.
    if module.startswith("t5lite.tasks."):
        return True
    if not module.startswith("tasks."):
        return False
    try:
        spec = importlib.util.find_spec("tasks")
    except ValueError:  # Somebody put a module without one into sys.modules.
        return False
    return spec is not None and tasks_finder.is_shipped(spec.origin or "")


def data_status_of(module: str) -> Callable[..., list[DataStatus]] | None:
    """The function `data_status` of an imported module, where it has one."""
    return getattr(sys.modules[module], "data_status", None)


def _check_same_settings(module: str, settings: tuple[str, str]) -> None:
    vocabulary, data_dir = _imported[module]
    # A module that was imported without a data folder did not need one for registering.
    if settings[0] != vocabulary or (data_dir and settings[1] != data_dir):
        raise ValueError(
            f"The task module {module} was imported with vocabulary {vocabulary!r} and data "
            f"folder {data_dir!r}, and is asked for with {settings[0]!r} and {settings[1]!r}. "
            "Its Tasks are registered once a process: start another for other settings."
        )


def _explain_missing(module: str, missing: str, asked_by: str) -> str:
    if missing != module and not module.startswith(missing + "."):
        shipped = tasks_finder.shipped_modules()
        near = did_you_mean(missing, shipped) if missing.startswith("tasks.") else ""
        return f"The module {module} ({asked_by}) needs {missing!r}, which is not installed.{near}"
    parent = missing.rpartition(".")[0]
    if not parent:
        here = os.getcwd()
        others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        beside = [entry.name for entry in pkgutil.iter_modules([here, *others])]
        near = did_you_mean(missing, beside) if is_misspelt(missing, beside) else ""
        return (
            f"No module {module!r} ({asked_by}): there is no {missing}.py and no package {missing} "
            f"in the current folder {here}"
            + (f", on PYTHONPATH ({', '.join(others)})" if others else "")
            + f" or among what is installed.{near} Run from the folder that holds it"
            + (", which is no model folder," if pathlib.Path(here) in _model_folders else ",")
            + " or add that folder to PYTHONPATH."
        )
    spec = importlib.util.find_spec(parent)
    assert spec is not None, parent  # Python has just imported it.
    folders = [str(folder) for folder in spec.submodule_search_locations or ()]
    found = spec.origin or ", ".join(folders)
    siblings = {f"{parent}.{entry.name}" for entry in pkgutil.iter_modules(folders)}
    if parent == "tasks":  # Theirs, beside which ours are found.
        siblings.update(tasks_finder.shipped_modules())
    last = missing.rpartition(".")[2]
    if last in (entry.name for entry in pkgutil.iter_modules([os.getcwd()])):
        near = f" Did you mean {last!r}, in the current folder?"
    else:
        near = did_you_mean(missing, sorted(siblings))
    return (
        f"No module {module!r} ({asked_by}): package {parent!r} was found at {found}, and "
        f"has no {missing!r}.{near}"
    )
