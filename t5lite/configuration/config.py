"""Configuration by gin: what can be configured, and where gin files are found.

`parse` reads gin files and flags, checks every name against what is registered here and hands back
a `ParsedConfig` (t5lite/configuration/gin_resolve.py), which builds a verb's arguments.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import pathlib
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import gin

from t5lite.configuration import external_names
from t5lite.configuration.gin_reader import (
    Binding,
    Import,
    Reference,
    is_finite,
    read_file,
    read_flag,
    uses,
)
from t5lite.configuration.gin_resolve import ParsedConfig
from t5lite.configuration.gin_types import checked, parameter_hints
from t5lite.configuration.older_settings import RENAMED, check_current
from t5lite.data.tasks import task_modules
from t5lite.messages.suggest import did_you_mean

# Verbs: gin binds their arguments, and `ParsedConfig.arguments` hands these over instead of calling
# them, so that an error inside training carries no frames of gin.
VERBS = {
    "train": "t5lite.train",
    "evaluate": "t5lite.evaluate",
    "infer": "t5lite.infer",
    "generate": "t5lite.generate",
    "self_instruct": "t5lite.synthetic_data.self_instruct.run",
    "rationales": "t5lite.synthetic_data.rationales",
    "prompt2model": "t5lite.synthetic_data.prompt2model.run",
    "reverse_instructions": "t5lite.synthetic_data.reverse_instructions",
    "self_improve": "t5lite.synthetic_data.self_improving",
}

# Everything else a gin file may name: gin name -> module it comes from.
CONFIGURABLES = {
    "TransformerConfig": "t5lite.models.config",
    "RelativeBias": "t5lite.models.position_config",
    "Alibi": "t5lite.models.position_config",
    "Rotary": "t5lite.models.position_config",
    "LinearScaling": "t5lite.models.rotary_scaling",
    "NTKScaling": "t5lite.models.rotary_scaling",
    "DynamicNTKScaling": "t5lite.models.rotary_scaling",
    "Llama3Scaling": "t5lite.models.rotary_scaling",
    "YarnScaling": "t5lite.models.rotary_scaling",
    "LongRopeScaling": "t5lite.models.rotary_scaling",
    "Learned": "t5lite.models.position_config",
    "Lora": "t5lite.models.adapter_config",
    "AdaptionPrompt": "t5lite.models.adapter_config",
    "ScaleBias": "t5lite.models.adapter_config",
    "PromptTuning": "t5lite.models.adapter_config",
    "ModelOfCheckpoint": "t5lite.initialization.initial_model",
    "MeshConfig": "t5lite.mesh",
    "DataConfig": "t5lite.data.data_config",
    "SpanCorruption": "t5lite.data.transforms.span_corruption",
    "EvalConfig": "t5lite.inference.eval_config",
    "FlanTable": "t5lite.evaluation.flan_table",
    "WindowReport": "t5lite.evaluation.window_report",
    "DecodingConfig": "t5lite.decoding.config",
    "CheckpointConfig": "t5lite.checkpoints.checkpointer",
    "RestoreConfig": "t5lite.initialization.restore",
    "initial_checkpoint": "t5lite.initialization.restore",
    "CrossEntropy": "t5lite.training.cross_entropy",
    "InterpolatedRationaleLoss": "t5lite.training.rationale_loss",
    "AddedRationaleLoss": "t5lite.training.rationale_loss",
    "adafactor": "t5lite.training.optimizers",
    "adamw": "t5lite.training.optimizers",
    "optax_optimizer": "t5lite.training.optimizers",
    "schedule": "t5lite.training.schedules",
    "TeacherConfig": "t5lite.synthetic_data.teachers.config",
    "SelfInstructConfig": "t5lite.synthetic_data.self_instruct.settings",
    "InstructionHeuristics": "t5lite.synthetic_data.self_instruct.heuristics",
    "DatasetRetrieval": "t5lite.synthetic_data.prompt2model.found_datasets",
    "GenerationConfig": "t5lite.synthetic_data.prompt2model.generated_dataset",
    "SplitConfig": "t5lite.synthetic_data.prompt2model.splits",
    "ModelRetrieval": "t5lite.synthetic_data.prompt2model.model_retriever",
    "StudentTraining": "t5lite.synthetic_data.prompt2model.trainer",
    "StudentEvaluation": "t5lite.synthetic_data.prompt2model.student_evaluation",
}

# Given by the command line, never by a gin file.
_NOT_CONFIGURABLE = ("config_text", "prompts", "words", "stdin", "stdout")


@functools.cache
def register_configurables() -> Mapping[str, Callable[..., Any]]:
    """Imports and registers every configurable, once; returns them by gin name."""
    registered = {
        name: getattr(importlib.import_module(module), name)
        for name, module in (VERBS | CONFIGURABLES).items()
    }
    makers = _makers({name: registered[name] for name in CONFIGURABLES})
    for name, function in registered.items():
        # A verb's arguments are handed over, see VERBS.
        call = dict if name in VERBS else function
        denied = [p for p in inspect.signature(function).parameters if p in _NOT_CONFIGURABLE]
        gin.external_configurable(
            checked(name, function, call=call, makers=makers),
            name=name,
            module="t5lite",
            denylist=denied,
        )
    return registered


def _makers(configurables: Mapping[str, Callable[..., Any]]) -> dict[Any, tuple[str, ...]]:
    """What a gin file may write for a value of some type: {Optimizer: ("@adamw()", ...)}."""
    makers: dict[Any, tuple[str, ...]] = {}
    for name, function in configurables.items():
        made = function if inspect.isclass(function) else parameter_hints(function)["return"]
        # initial_checkpoint makes a RestoreConfig or None.
        for kind in typing.get_args(made) if isinstance(made, types.UnionType) else (made,):
            if kind is type(None):
                continue
            # What makes one kind of transforms, or of objectives, makes a transform, an objective.
            for base in kind.__mro__[:-1] if inspect.isclass(kind) else (kind,):
                makers[base] = (*makers.get(base, ()), f"@{name}()")
    return makers


def packaged_gin_dir() -> pathlib.Path:
    """Where our own gin files lie: inside an installed package, or in the repository."""
    package = pathlib.Path(__file__).resolve().parents[1]
    installed = package / "gin_files"
    return installed if installed.is_dir() else package.parent / "gin"


def search_path(extra: Sequence[str] = ()) -> list[pathlib.Path]:
    """Folders gin files are looked for in: the current one, `extra` in order, and our own.

    Raises:
      ValueError: a folder of `extra` does not exist.
    """
    for folder in extra:
        if not pathlib.Path(folder).is_dir():
            raise ValueError(f"--gin_search_paths: there is no folder {folder!r}")
    return [pathlib.Path.cwd(), *map(pathlib.Path, extra), packaged_gin_dir()]


def parse(
    gin_files: Sequence[str] = (),
    bindings: Sequence[str] = (),
    *,
    defaults: Sequence[Binding | Import] = (),
    taken: Sequence[Binding] = (),
    shorthands: Mapping[str, tuple[str, Any]] | None = None,
    search_paths: Sequence[str] = (),
    overrides: Sequence[Binding] = (),
    remedies: Mapping[str, str] | None = None,
) -> ParsedConfig:
    """Reads, and the later wins: defaults, gin files, `taken`, shorthands, bindings, overrides.

    It replaces whatever gin held before.

    Args:
      gin_files: names of files, looked for along `search_path(search_paths)`.
      bindings: `"NAME=VALUE"` as in `--gin.NAME=VALUE`.
      defaults: what was read elsewhere, see `read_defaults` and `folder_config`.
      taken: what a run that is resumed takes from its folder whatever files say.
      shorthands: macros with flags of their own: `{"MODEL_DIR": ("--model_dir", "/tmp/x")}`.
      search_paths: further folders to look in.
      overrides: what was made of values read before, to take their place.
      remedies: what to give for macros that are missing, as `ParsedConfig` has them.

    Raises:
      ValueError: a file is missing or malformed, or a name in it is not known. The message names
        the file and line, or the flag, and the nearest names.
    """
    folders = search_path(search_paths)
    statements: list[Binding | Import] = [
        dataclasses.replace(default, is_ours=True) if isinstance(default, Binding) else default
        for default in defaults
    ]
    ours = packaged_gin_dir().resolve()
    for name in gin_files:
        for statement in read_file(name, folders, wanted_by=f"--gin_file={name}"):
            if isinstance(statement, Binding):
                is_ours = pathlib.Path(statement.file).is_relative_to(ours)
                statement = dataclasses.replace(statement, is_ours=is_ours)
            statements.append(statement)
    statements += [dataclasses.replace(binding, is_ours=True) for binding in taken]
    for macro, (flag, value) in (shorthands or {}).items():
        statements.append(Binding("", "", macro, value, flag))
    statements += [read_flag(text) for text in bindings]
    statements += overrides

    gin.clear_config()
    imports = [statement for statement in statements if isinstance(statement, Import)]
    for statement in imports:
        _import(statement)
    named = _register_named_by_module(statements)
    registered = {**register_configurables(), **named}
    history: dict[str, list[Binding]] = {}
    for statement in statements:
        if isinstance(statement, Binding):
            binding = _checked(statement, registered)
            history.setdefault(binding.key, []).append(binding)
    live = {key: written[-1] for key, written in history.items()}
    overridden = {key: tuple(written[:-1]) for key, written in history.items()}
    for binding in live.values():
        target = (binding.name, "gin.macro", "value")
        if not binding.is_macro:
            target = (binding.scope, binding.configurable, binding.name)
        gin.bind_parameter(target, gin.config.parse_value(repr(binding.value)))
    return ParsedConfig(
        live,
        overridden,
        registered,
        shipped_macros=shipped_macros(),
        imports=tuple(
            dict.fromkeys(
                [*(i.module for i in imports), *(name.rpartition(".")[0] for name in named)]
            )
        ),
        remedies=remedies or {},
    )


@functools.cache
def shipped_macros() -> frozenset[str]:
    """The macros that t5lite's own gin files set, whichever of them a run includes."""
    texts = (path.read_text(encoding="utf-8") for path in packaged_gin_dir().rglob("*.gin"))
    return frozenset(
        name for text in texts for name in re.findall(r"^(\w+) *=", text, re.MULTILINE)
    )


def read_defaults(name: str) -> list[Binding | Import]:
    """Statements of one of t5lite's own gin files, e.g. "runs/eval.gin"."""
    return read_file(name, [packaged_gin_dir()], wanted_by="t5lite")


def _import(statement: Import) -> None:
    if statement.module.startswith("__gin__"):
        raise ValueError(
            f"{statement.place}: dynamic registration is not needed here and not supported: every "
            "configurable of t5lite is known by its short name, as TransformerConfig.d_model. "
            f"Remove the line and the imports of them. {external_names.T5X_COMMAND}"
        )
    root = statement.module.partition(".")[0]
    if root == "__main__" or (root == "t5x" and not _exists("t5x")):
        raise ValueError(
            f"{statement.place}: import {statement.module} is of T5X. {external_names.T5X_COMMAND}"
        )
    task_modules.import_module(statement.module, asked_by=statement.place)


def _register_named_by_module(
    statements: Sequence[Binding | Import],
) -> dict[str, Callable[..., Any]]:
    """Registers classes and functions that the user names by their modules, as in @mine.Loss().

    To import a module is to run it: what a model folder names is left alone but where the folder's
    imports, which were allowed, name the module.

    Raises:
      ValueError: there is no such module, or nothing of this name in it.
    """
    found = {}
    imported = {s.module for s in statements if isinstance(s, Import)}
    for statement in statements:
        if isinstance(statement, Import):
            continue
        for use in uses(statement.value):
            if not isinstance(use, Reference) or "." not in use.name.removeprefix("t5lite."):
                continue
            module = use.name.rpartition(".")[0]
            if statement.is_ours and module not in imported:
                continue
            is_of_t5x = module.partition(".")[0] in ("t5x", "seqio") or not _exists(module)
            short = use.name.rpartition(".")[2]
            is_named = short in external_names.CONFIGURABLES and is_of_t5x
            if is_named or use.name in external_names.CONFIGURABLES:
                continue  # Reported with ours, when all names are checked.
            # One that registers itself may do so under any name.
            if module in sys.modules or not _is_known(use.name):
                found[use.name] = _register_named(use.name, statement.place)
    return found


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def _register_named(selector: str, place: str) -> Callable[..., Any]:
    """The class or function that a reference such as @mine.Loss() names, known to gin."""
    module, _, name = selector.rpartition(".")
    imported = _import_without_tasks(module, place, wanted=f"@{selector}")
    function = getattr(imported, name, None)
    if not callable(function):
        raise ValueError(
            f"{place}: @{selector}: the module {module} ({imported.__file__}) has no {name!r}."
            + did_you_mean(name, [n for n in vars(imported) if n[0] != "_"])
        )
    if not _is_known(selector):
        ours = register_configurables()
        makers = _makers({n: ours[n] for n in CONFIGURABLES})
        wrapped = checked(name, function, call=function, makers=makers)
        gin.external_configurable(wrapped, name=name, module=module)
    return function


def _is_known(selector: str) -> bool:
    try:
        gin.get_configurable(selector)
    except (ValueError, KeyError):
        return False
    return True


def _import_without_tasks(module: str, place: str, *, wanted: str) -> types.ModuleType:
    """Imports a module that a reference names, before the run's vocabulary is known.

    Raises:
      ValueError: it cannot be imported, or registers Tasks, which would have no vocabulary yet.
    """
    before = _registered_tasks()
    if module in external_names.T5X_MODULES and not _exists(module):
        raise ValueError(
            f"{place}: {wanted}: there is no module {module}, which T5X has. "
            f"{external_names.T5X_COMMAND}"
        )
    imported = task_modules.import_module(module, asked_by=place)
    if new := sorted(_registered_tasks() - before):
        raise ValueError(
            f"{place}: {wanted}: the module {module} registers Tasks ({', '.join(new[:3])}), and "
            "the vocabulary that they are to have is decided later. Put "
            f"{wanted.rpartition('.')[2]} into a module that registers none, and name that."
        )
    return imported


def _registered_tasks() -> frozenset[str]:
    """Names of the Tasks registered so far; none where nothing has imported seqio."""
    seqio = sys.modules.get("seqio")
    return frozenset(seqio.TaskRegistry.names()) if seqio else frozenset()


def _checked(binding: Binding, registered: Mapping[str, Callable[..., Any]]) -> Binding:
    """The binding under its configurable's short name, every name in it known.

    Raises:
      ValueError: an unknown configurable or parameter.
    """
    if not is_finite(binding.value):
        raise ValueError(f"{binding.place}: {binding.key} has a number that is too large, or none")
    for use in uses(binding.value):
        if not isinstance(use, Reference):
            continue
        name, _ = _find(use.name, registered, binding.place, f"@{use.scoped_name}")
        if name in registered and not use.is_called:
            raise ValueError(
                f"{binding.place}: {binding.key} = {binding.value!r}: write {use!r}() with "
                f"parentheses; without them the value is {name} itself, not what it makes."
            )
    if binding.is_macro:
        return binding
    name, function = _find(binding.configurable, registered, binding.place, binding.key)
    check_current(dataclasses.replace(binding, configurable=name))
    known = inspect.signature(function).parameters.values()
    parameters = [p.name for p in known if p.name not in _NOT_CONFIGURABLE]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in known)
    if binding.name not in parameters and not takes_any:
        raise ValueError(
            f"{binding.place}: {name} has no parameter {binding.name!r}."
            + _hint(binding.name, external_names.PARAMETERS, parameters)
        )
    return dataclasses.replace(binding, configurable=name)


def _find(
    selector: str, registered: Mapping[str, Callable[..., Any]], place: str, written: str
) -> tuple[str, Callable[..., Any]]:
    """A configurable's name and the function or class behind it."""
    short = selector.removeprefix("t5lite.")
    # gin shortens names in the configurations that it writes: Loss for mine.Loss.
    named = [name for name in registered if name == short or name.endswith(f".{short}")]
    if short in registered or len(named) == 1:
        name = short if short in registered else named[0]
        return name, registered[name]
    if short in RENAMED:
        new = written.replace(short, RENAMED[short])
        raise ValueError(f"{place}: {written}: {short} is called {RENAMED[short]}; write {new}.")
    try:
        return selector, gin.get_configurable(selector)  # registered by an imported module
    except (ValueError, KeyError):
        raise ValueError(
            f"{place}: {written}: there is no configurable {selector!r}."
            + _hint(selector, external_names.CONFIGURABLES, registered)
        ) from None


def _hint(name: str, known: dict[str, tuple[str, ...]], ours: Iterable[str]) -> str:
    """What others' name is here, else the nearest names of ours."""
    return external_names.counterpart(name, known) or did_you_mean(name, ours)
