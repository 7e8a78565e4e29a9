"""Importing the modules that `--tasks` names, once a process, with errors that help."""

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence

from t5lite import tasks_finder
from t5lite.data import environment
from t5lite.data.data_status import DataStatus
from t5lite.suggest import did_you_mean

# seqio's registries are one to a process, and so is this record of what was imported into them:
# module name to the (vocabulary, data folder) it was imported with.
_imported: dict[str, tuple[str, str]] = {}


def import_modules(modules: Sequence[str]) -> None:
    """Imports modules by name; the current folder is searched too, last.

    Raises:
      ValueError: if one cannot be found, or was imported under other settings before.
    """
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    settings = (
        environment.vocabulary_name(),
        os.environ.get(environment.DATA_DIR_VARIABLE, ""),
    )
    for module in modules:
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ValueError(_explain_missing(module, error.name or "")) from error
        # `tasks.mini` may have been imported as `t5lite.tasks.mini`.
        known = [name for name in _imported if sys.modules.get(name) is imported]
        if known:
            _check_same_settings(known[0], settings)
        else:
            _imported[module] = settings


def imported_modules() -> tuple[str, ...]:
    """Names of the modules imported so far."""
    return tuple(_imported)


def data_status_of(module: str) -> Callable[..., list[DataStatus]] | None:
    """The function `data_status` of an imported module, where it has one."""
    return getattr(sys.modules[module], "data_status", None)


def _check_same_settings(module: str, settings: tuple[str, str]) -> None:
    vocabulary, data_dir = _imported[module]
    # A module that was imported without a data folder did not need one for registering.
    if settings[0] != vocabulary or (data_dir and settings[1] != data_dir):
        raise ValueError(
            f"The registry module {module} was imported with vocabulary {vocabulary!r} and data "
            f"folder {data_dir!r}, and is asked for with {settings[0]!r} and {settings[1]!r}. "
            "Its Tasks are registered once a process: start another for other settings."
        )


def _explain_missing(module: str, missing: str) -> str:
    if missing != module and not module.startswith(missing + "."):
        shipped = tasks_finder.shipped_modules()
        near = did_you_mean(missing, shipped) if missing.startswith("tasks.") else ""
        return (
            f"The registry module {module} (--tasks) needs {missing!r}, which is not "
            f"installed.{near}"
        )
    parent = missing.rpartition(".")[0]
    if not parent:
        searched = ", ".join(repr(path) for path in sys.path)
        return (
            f"No registry module {module!r} (--tasks): {missing!r} is not on the search path "
            f"{searched}. Run from the folder that holds it, or add that folder to PYTHONPATH."
        )
    spec = importlib.util.find_spec(parent)
    assert spec is not None, parent  # Python has just imported it.
    folders = [str(folder) for folder in spec.submodule_search_locations or ()]
    found = spec.origin or ", ".join(folders)
    siblings = {f"{parent}.{entry.name}" for entry in pkgutil.iter_modules(folders)}
    if parent == "tasks":  # Theirs, beside which ours are found.
        siblings.update(tasks_finder.shipped_modules())
    return (
        f"No registry module {module!r} (--tasks): package {parent!r} was found at {found}, and "
        f"has no {missing!r}.{did_you_mean(missing, sorted(siblings))}"
    )
