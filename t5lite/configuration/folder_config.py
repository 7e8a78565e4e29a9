"""What a verb takes from the model folder it works on where nobody said it.

A folder may come from anywhere, so of the task modules that its `config.gin` names only
t5lite's own are imported unasked; others are refused, with the flag that allows them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.checkpoints.checkpointer import has_checkpoint
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.configuration.gin_reader import (
    Binding,
    Import,
    Macro,
    filled_in,
    read_record,
    uses,
    written_items,
)
from t5lite.configuration.gin_resolve import ParsedConfig
from t5lite.configuration.older_settings import renewed
from t5lite.configuration.run_record import CONFIG_FILE
from t5lite.data.tasks import task_modules
from t5lite.data.vocabularies.load import (
    format_vocabulary,
    parse_vocabulary,
    same_vocabulary,
    vocabulary_from_spec,
)
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file

# What is taken of a folder's training.
_OF_TRAINING = ("TASK_MODULES", "DATA_DIR")


def model_folder_defaults(model_dir: str, *, with_modules: bool = True) -> list[Binding]:
    """Macros that a trained model gives to eval and infer where the user does not.

    The lengths and the vocabulary are the model's; TASK_MODULES and DATA_DIR are its training's.

    Args:
      model_dir: the folder.
      with_modules: whether Tasks are asked for, so that TASK_MODULES are of use.

    Raises:
      ValueError: the folder holds no model, or its vocabulary's file is gone.
    """
    description = ModelDescription.load(model_dir)
    place = str(storage_path(model_dir, name="--model_dir") / DESCRIPTION_FILE)
    found = [
        _macro("TASK_FEATURE_LENGTHS", dict(description.converter.task_feature_lengths), place),
        _macro("VOCABULARY", _own_vocabulary(description), place),
    ]
    macros = {b.name: b for b in _last_settings(model_dir) if b.is_macro}
    names = _OF_TRAINING if with_modules else ("DATA_DIR",)
    return found + [_plain(name, macros) for name in names if name in macros]


def stand_ins() -> list[Binding]:
    """Something for each macro of `model_folder_defaults` that is required, without a folder."""
    return [
        _macro("TASK_FEATURE_LENGTHS", {"inputs": 1, "targets": 1}, ""),
        _macro("VOCABULARY", "bytes", ""),
    ]


def found_model(
    model_dir: str, folder: pathlib.Path, *, adapter: str | None = None
) -> list[Binding]:
    """Puts the folder that was made of one of another format in its place.

    Args:
      model_dir: what MODEL_DIR names.
      folder: what was made of the adapter, or else of the model.
      adapter: what ADAPTER names; None for none.
    """
    name, given = ("MODEL_DIR", model_dir) if adapter is None else ("ADAPTER", adapter)
    return [] if str(folder) == given else [_macro(name, str(folder), f"{given}, converted")]


def last_start(model_dir: str, *, modules: Sequence[str] = ()) -> list[Binding | Import]:
    """All settings of a run's last start, and what its gin files imported; none where none is kept.

    Args:
      model_dir: the run's folder.
      modules: what the user names to be imported.

    Raises:
      ValueError: it imports what is neither named nor ours.
    """
    statements = _statements(model_dir)
    unnamed = [
        statement
        for statement in statements
        if isinstance(statement, Import)
        and not (statement.module in modules or task_modules.is_ours(statement.module))
    ]
    if unnamed:
        macros = {s.name: s for s in statements if isinstance(s, Binding) and s.is_macro}
        imported = [statement.module for statement in unnamed]
        # --tasks takes the place of TASK_MODULES, so it has to name those too.
        before = written_items(macros["TASK_MODULES"], macros) if "TASK_MODULES" in macros else ()
        trained_with = [item for item, _ in before if isinstance(item, str)]
        named = dict.fromkeys([*(modules or trained_with), *imported])
        kind = "module" if len(unnamed) == 1 else "modules"
        raise ValueError(
            f"{unnamed[0].place}: {_refusal(model_dir, kind, ', '.join(imported))} Resume it with "
            f"`t5lite train --model_dir={model_dir} --tasks={','.join(named)}`, or with "
            f"--gin_file={_config_path(model_dir)}"
        )
    return statements


def _last_settings(model_dir: str) -> list[Binding]:
    return [statement for statement in _statements(model_dir) if isinstance(statement, Binding)]


def _statements(model_dir: str) -> list[Binding | Import]:
    path = _config_path(model_dir)
    statements = read_record(path, wanted_by="--model_dir") if has_file(path) else []
    return [
        now
        for statement in statements
        for now in (renewed(statement) if isinstance(statement, Binding) else [statement])
    ]


def _refusal(model_dir: str, kind: str, names: str) -> str:
    return (
        f"the run in {model_dir} imported the {kind} {names}. To import a module is to run it, so "
        "of those that a model folder names only t5lite's own are imported unasked."
    )


def mixtures_of(model_dir: str) -> str:
    """Which mixtures a run trains and is evaluated on, in words; '' where it does not say."""
    last = _last_settings(model_dir)
    macros = {binding.name: binding.value for binding in last if binding.is_macro}

    def names(configurable: str) -> str:
        values = [
            macros.get(b.value.name) if isinstance(b.value, Macro) else b.value
            for b in last
            if (b.configurable, b.name) == (configurable, "mixture_or_task_name")
        ]
        return ", ".join(dict.fromkeys(value for value in values if isinstance(value, str)))

    trained, evaluated = names("DataConfig"), names("EvalConfig")
    parts = [f"trains on {trained}"] if trained else []
    return " and ".join([*parts, f"is evaluated on {evaluated}"] if evaluated else parts)


def resumed_settings(model_dir: str, given: ParsedConfig) -> list[Binding]:
    """Macros of a run that is resumed: its vocabulary, task modules and data root.

    The vocabulary is that of the model unless a flag names one, for gin files that many runs share
    may name another; the rest is taken where neither files nor flags give it.

    Args:
      model_dir: the run's folder.
      given: what files and flags say.

    Returns:
      Nothing where the folder holds no checkpoint, so where there is nothing to resume.

    Raises:
      ValueError: the folder's vocabulary is gone.
    """
    if not has_checkpoint(model_dir):
        return []
    macros = {b.name: b for b in _last_settings(model_dir) if b.is_macro}
    taken = [
        _plain(name, macros)
        for name in _OF_TRAINING
        if name in macros and macros[name].value and not given.macro(name)
    ]
    vocabulary = macros.get("VOCABULARY")
    if vocabulary is not None and vocabulary.value and not _is_flag(given, "VOCABULARY"):
        taken.append(_kept_vocabulary(vocabulary, model_dir))
    return taken


def check_modules(parsed: ParsedConfig, model_dir: str, *, shipped: pathlib.Path) -> None:
    """Refuses task modules that no file or flag of the user names and that are not ours.

    Args:
      parsed: the settings.
      model_dir: the folder that may name modules.
      shipped: where t5lite's own gin files lie; what those name is named by the user's choice.

    Raises:
      ValueError: naming them, and the flag.
    """
    for binding in parsed.bindings.values():
        if binding.name not in ("TASK_MODULES", "task_modules"):
            continue
        written = written_items(binding, parsed.bindings)
        found = [(item, writer) for item, writer in written if isinstance(item, str)]
        foreign = [
            writer
            for item, writer in found
            if writer.is_ours
            and not pathlib.Path(writer.file).is_relative_to(shipped.resolve())
            and not task_modules.is_ours(item)
        ]
        if foreign:
            modules = [item for item, _ in found]
            names = {binding.name, *(use.name for use in uses(binding.value))}
            flag = f"--tasks={','.join(modules)}"
            if "TASK_MODULES" not in names:
                flag = f"--gin_file={foreign[0].file}"
            refusal = _refusal(model_dir, "task modules", ", ".join(modules))
            raise ValueError(f"{foreign[0].place}: {refusal} Give {flag}")


def _plain(name: str, macros: Mapping[str, Binding]) -> Binding:
    """One of `_OF_TRAINING` as a folder has it, written out.

    Raises:
      ValueError: it is no text, or no list of texts.
    """
    binding = macros[name]
    value = filled_in(Macro(name), macros)
    is_list = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if value is not None and not (is_list if name == "TASK_MODULES" else isinstance(value, str)):
        wanted = "a list of texts" if name == "TASK_MODULES" else "a text"
        raise ValueError(f"{binding.place}: {name} = {binding.value!r}: expected {wanted} or None.")
    return dataclasses.replace(binding, value=value)


def _kept_vocabulary(last: Binding, model_dir: str) -> Binding:
    """The name that the last start gave, where it still means the same; else the folder's copy."""
    description = ModelDescription.load(model_dir)
    try:
        if same_vocabulary(parse_vocabulary(last.value).spec(), description.vocabulary):
            return last
    except ValueError:  # Its file is gone.
        pass
    return dataclasses.replace(last, value=_own_vocabulary(description))


def _own_vocabulary(description: ModelDescription) -> str | None:
    return format_vocabulary(vocabulary_from_spec(description.vocabulary))


def _is_flag(given: ParsedConfig, name: str) -> bool:
    return name in given.bindings and given.bindings[name].place.startswith("--")


def _macro(name: str, value: Any, place: str) -> Binding:
    return Binding("", "", name, value, place)


def _config_path(model_dir: str) -> pathlib.Path:
    return storage_path(model_dir, name="--model_dir").absolute() / CONFIG_FILE
