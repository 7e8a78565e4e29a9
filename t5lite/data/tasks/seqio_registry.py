"""seqio's registries: importing the modules that fill them, and what is found there by a name.

They are one to a process.
"""

import contextlib
import os
import types
from collections.abc import Iterator, Sequence
from typing import Any

from t5lite.data.tasks import environment, seqio_levels, seqio_tfds, task_modules
from t5lite.data.tasks.level_split import LevelSplit, is_split_file
from t5lite.data.tasks.seqio_descriptions import UNKNOWN_PROVENANCE
from t5lite.data.tasks.seqio_library import load_seqio
from t5lite.data.tasks.shipped_tasks import shipped_modules
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.files.buckets import is_address
from t5lite.files.local_paths import storage_path
from t5lite.messages.suggest import did_you_mean, is_misspelt

# Where each name was registered.
_provenance: dict[str, str] = {}


def import_tasks(
    modules: Sequence[str], *, data_dir: str | None = None, vocabulary: str | None = None
) -> None:
    """Imports task modules, which add Tasks and Mixtures to seqio's registries.

    Args:
      modules: names of modules; the current folder is searched too, last. And files of splits by
        levels, which import the modules that they are of.
      data_dir: sets `T5LITE_DATA_DIR` for them and for worker processes, unless None; TFDS looks
        there too.
      vocabulary: sets `T5LITE_VOCABULARY` likewise.

    Raises:
      ValueError: if a module cannot be found, or was imported under other settings before.
    """
    if data_dir is not None:
        os.environ[environment.DATA_DIR_VARIABLE] = str(storage_path(data_dir, name="--data_dir"))
    if data_dir is not None or is_address(os.environ.get(environment.DATA_DIR_VARIABLE, "")):
        environment.data_dir()
    if vocabulary is not None:
        parse_vocabulary(vocabulary)
        os.environ[environment.VOCABULARY_VARIABLE] = vocabulary
    with _recording_provenance():
        seqio_tfds.look_in_data_dir()
        task_modules.import_modules(modules)
    for file in filter(is_split_file, modules):
        names = seqio_levels.register(LevelSplit.read(file), place=file)
        _provenance.update(dict.fromkeys(names, file))


def registered_names() -> tuple[list[str], list[str]]:
    """Names of all registered Tasks and of all registered Mixtures, sorted."""
    seqio = load_seqio()
    return sorted(seqio.TaskRegistry.names()), sorted(seqio.MixtureRegistry.names())


def provenance(name: str) -> str:
    """`file:line` that registered a Task or Mixture, where a module of `import_tasks` did."""
    return _provenance.get(name, UNKNOWN_PROVENANCE)


@contextlib.contextmanager
def _recording_provenance() -> Iterator[None]:
    """Notes the file and line of every registration made inside.

    seqio has a tracker of its own, called at each registration; it costs milliseconds a Task and
    fails where a frame has no file, so ours stands in for it meanwhile.
    """
    load_seqio()
    from seqio import task_registry_provenance_tracking as tracking

    theirs = tracking.maybe_record_provenance

    def record(frame: types.FrameType, name: str, provider_type: str) -> None:
        theirs(frame, name, provider_type)
        inner: types.FrameType | None = frame
        while inner and "/seqio/" in inner.f_code.co_filename:
            inner = inner.f_back
        outer = inner
        while outer and outer.f_code.co_name != "<module>":
            outer = outer.f_back
        places = [f"{f.f_code.co_filename}:{f.f_lineno}" for f in (outer, inner) if f]
        _provenance[name] = ", through ".join(dict.fromkeys(places))

    tracking.maybe_record_provenance = record
    try:
        yield
    finally:
        tracking.maybe_record_provenance = theirs


def get(name: str) -> Any:
    """The registered Mixture or Task; the Mixture, where both have the name, as in seqio.

    Raises:
      ValueError: if there is none, with the nearest names.
    """
    seqio = load_seqio()
    for registry in (seqio.MixtureRegistry, seqio.TaskRegistry):
        if name in registry.names():
            return registry.get(name)
    raise ValueError(_explain_unknown(name))


def get_task(name: str) -> Any:
    """The registered Task, or one that a registered Mixture holds without its being registered.

    Raises:
      ValueError: if there is none, with the nearest names.
    """
    seqio = load_seqio()
    if name in seqio.TaskRegistry.names():
        return seqio.TaskRegistry.get(name)
    if name in seqio.MixtureRegistry.names():
        raise ValueError(f"{name!r} is a Mixture, and a Task is needed here.")
    for mixture in map(seqio.MixtureRegistry.get, seqio.MixtureRegistry.names()):
        for task in mixture.tasks:
            if task.name == name:
                return task
    raise ValueError(_explain_unknown(name))


def _explain_unknown(name: str) -> str:
    """Why there is no Task or Mixture of this name, with the module or the name to give."""
    seqio = load_seqio()
    known = [*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names()]
    imported = task_modules.imported_modules()
    message = f"No Task or Mixture {name!r} (--mixture, gin macro MIXTURE_OR_TASK_NAME) is known."
    absent = [module for module in shipped_modules() if module.module not in imported]
    for module in absent:
        if module.may_register(name):
            near = did_you_mean(name, module.mixtures) if name not in module.mixtures else ""
            return (
                f"{message} {module.module} registers such names: import it with "
                f"--tasks={module.module} (gin macro TASK_MODULES).{near}"
            )
    if imported:
        near = did_you_mean(name, known) if known else " They register nothing."
        return f"{message} Modules imported: {', '.join(imported)}.{near}"
    names = [*known, *(mixture for module in absent for mixture in module.mixtures)]
    # Most likely it is a name of the user's own, and far from all of ours.
    near = did_you_mean(name, names) if is_misspelt(name, names) else ""
    return (
        f"{message} No task module was imported: give --tasks=MODULE (gin macro TASK_MODULES), "
        f"yours or one of {', '.join(module.module for module in absent)}."
        f"{near} `t5lite tasks list` shows all of ours."
    )
