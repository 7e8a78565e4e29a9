"""What gin gives a verb: files, flags, and what a model folder or a run's folder says."""

from __future__ import annotations

import argparse
import logging
import pathlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from t5lite.configuration import synthetic_flags
from t5lite.configuration.macro_flags import DECODING_FLAGS

if TYPE_CHECKING:
    from t5lite.configuration.config import ParsedConfig

log = logging.getLogger(__name__)

# The functions that gin binds the arguments of, by verb.
GIN_VERBS = {"train": "train", "eval": "evaluate", "infer": "infer", "generate": "generate"}
GIN_VERBS |= {verb: verb for verb in synthetic_flags.VERBS}
# A MODEL_DIR that nothing is looked for in.
NO_FOLDER = "a_folder_of_no_run"


def read_config(
    arguments: argparse.Namespace,
    verb: str,
    *,
    stand_ins: Mapping[str, Any] = MappingProxyType({}),
) -> ParsedConfig:
    """Reads the configuration of a gin verb.

    All but train need no gin file: t5lite's own runs/<verb>.gin comes first, then what the model
    folder says of its model and tasks, then the user's files and flags. A run that is resumed takes
    its vocabulary and tasks, or all settings where no file is given, from its folder.

    Args:
      arguments: the command's.
      verb: one of `GIN_VERBS`.
      stand_ins: values of macros that nothing says anything of.

    Raises:
      ValueError: a file or a flag is wrong, or there is none where one is needed.
    """
    from t5lite.configuration import config, folder_config
    from t5lite.configuration.gin_reader import Binding

    shorthands = macros_of_flags(arguments)
    defaults = [] if verb == "train" else config.read_defaults(f"runs/{verb}.gin")
    if verb in synthetic_flags.VERBS:
        return parse_files(arguments, shorthands, defaults=defaults)
    if verb != "train":
        shorthands |= _strategy(arguments)
    parsed = parse_files(arguments, shorthands, defaults=defaults)
    missing = [
        Binding("", "", name, value, f"t5lite {arguments.verb}")
        for name, value in stand_ins.items()
        if parsed.lacks(name)
    ]
    if missing and (arguments.gin_file or defaults):
        parsed = parse_files(arguments, shorthands, defaults=defaults, taken=missing)
    model_dir = parsed.macro("MODEL_DIR")
    # One that is no text is refused when all values are compared with their types.
    if isinstance(model_dir, str) and model_dir != NO_FOLDER:
        if verb == "train":
            said = _said_of_run(arguments, parsed, model_dir)
        else:
            said = _said_of_model(arguments, parsed, model_dir, verb, shorthands, defaults)
        defaults = [*defaults, *said.defaults]
        parsed = parse_files(
            *(arguments, shorthands),
            remedies=said.remedies,
            defaults=defaults,
            taken=[*missing, *said.taken],
            overrides=said.overrides,
        )
        folder_config.check_modules(parsed, said.model_dir, shipped=config.packaged_gin_dir())
        for binding in said.taken:
            log.info("%s = %r, from %s", binding.name, binding.value, binding.place)
    if verb == "train" and not (arguments.gin_file or defaults):
        raise ValueError(_no_settings(model_dir))
    return parsed


def parse_files(
    arguments: argparse.Namespace,
    shorthands: Mapping[str, tuple[str, Any]],
    *,
    remedies: Mapping[str, str] = MappingProxyType({}),
    **more: Sequence[Any],
) -> ParsedConfig:
    """Parses a command's gin files and flags alone; `more` as `config.parse` takes it."""
    from t5lite.configuration import config

    flags = {macro: f"{flag}=VALUE" for flag, macro in arguments.shorthands.items()}
    return config.parse(
        arguments.gin_file,
        arguments.gin_bindings,
        shorthands=shorthands,
        search_paths=arguments.gin_search_paths,
        remedies={**flags, **remedies},
        **more,
    )


def macros_of_flags(arguments: argparse.Namespace) -> dict[str, tuple[str, Any]]:
    """The macros that flags of their own set: `{"MODEL_DIR": ("--model_dir", "/tmp/x")}`."""
    given = {flag: getattr(arguments, flag[2:]) for flag in arguments.shorthands}
    return {
        arguments.shorthands[flag]: (flag, value)
        for flag, value in given.items()
        if value is not None
    }


def _strategy(arguments: argparse.Namespace) -> dict[str, tuple[str, str]]:
    """The macro of the decoding strategy that the flags given belong to, as `macros_of_flags`."""
    given: dict[str, list[str]] = {}
    for flag in DECODING_FLAGS:
        if flag.strategy is not None and getattr(arguments, flag.name) is not None:
            given.setdefault(flag.strategy, []).append(flag.flag)
    if len(given) > 1:
        raise ValueError(
            f"{given['sample'][0]} asks for sampling and {given['beam'][0]} for a beam search; "
            "give one of them."
        )
    strategy = next(iter(given), None)
    return {} if strategy is None else {"STRATEGY": (", ".join(given[strategy]), strategy)}


class _Said(NamedTuple):
    """What a folder says of a configuration; the bindings as `config.parse` takes them."""

    model_dir: str
    defaults: Sequence[Any] = ()
    taken: Sequence[Any] = ()
    overrides: Sequence[Any] = ()
    remedies: Mapping[str, str] = MappingProxyType({})


def _said_of_run(arguments: argparse.Namespace, parsed: ParsedConfig, model_dir: str) -> _Said:
    """What the folder of a run to resume says; nothing where there is none."""
    from t5lite.configuration import folder_config

    defaults: Sequence[Any] = ()
    if not arguments.gin_file:
        modules = parsed.macro("TASK_MODULES") or ()
        defaults = folder_config.last_start(model_dir, modules=modules)
    taken = folder_config.resumed_settings(model_dir, parsed)
    return _Said(model_dir, defaults=defaults, taken=taken)


def _said_of_model(
    arguments: argparse.Namespace,
    parsed: ParsedConfig,
    model_dir: str,
    verb: str,
    shorthands: dict[str, tuple[str, Any]],
    defaults: Sequence[Any],
) -> _Said:
    """What the folder of the model that answers says; it is made of a checkpoint of another format.

    Of `shorthands` those are taken that only say how to find the model.
    """
    from t5lite.configuration import folder_config
    from t5lite.convert.cached import adapter_folder, model_folder

    adapter = parsed.macro("ADAPTER")
    shorthands.pop("CACHE_DIR", None)
    if verb != "eval":
        shorthands.pop("VOCABULARY", None)

    def try_settings() -> None:
        """Finds mistakes in the settings before a model is converted, which may take long."""
        more = [*defaults, *folder_config.stand_ins()]
        parse_files(arguments, shorthands, defaults=more).tried(GIN_VERBS[verb])

    several = [getattr(arguments, flag, None) for flag in ("multi_host", "coordinator")]
    how: dict[str, Any] = {
        "vocabulary": parsed.macro("VOCABULARY"),
        "cache_dir": parsed.macro("CACHE_DIR"),
        "is_alone": not any(several),
        "before": try_settings,
    }
    if isinstance(adapter, str):  # whose model is read as it is
        folder = str(adapter_folder(adapter, base=model_dir, **how))
    else:
        folder = str(model_folder(model_dir, **how))
    overrides = folder_config.found_model(model_dir, pathlib.Path(folder), adapter=adapter)
    if verb == "generate":
        return _Said(folder, overrides=overrides)
    # A file's lines are answered without importing what a folder names.
    is_of_tasks = verb == "eval" or parsed.macro("MIXTURE_OR_TASK_NAME") is not None
    remedies = {}
    if mixtures := folder_config.mixtures_of(folder):
        remedies["MIXTURE_OR_TASK_NAME"] = f"--mixture=VALUE (this run {mixtures})"
    return _Said(
        folder,
        defaults=folder_config.model_folder_defaults(folder, with_modules=is_of_tasks),
        overrides=overrides,
        remedies=remedies,
    )


def _no_settings(model_dir: Any) -> str:
    """What to give to a run that nothing says anything of."""
    from t5lite.configuration import config
    from t5lite.configuration.run_record import CONFIG_FILE
    from t5lite.files.local_paths import storage_path
    from t5lite.initialization.initial_model import check_run_folder

    found = ""
    if isinstance(model_dir, str):
        folder = storage_path(model_dir, name="--model_dir")
        check_run_folder(folder)
        found = f" ({folder} {f'has no {CONFIG_FILE}' if folder.is_dir() else 'is no folder'})"
    packaged = config.packaged_gin_dir()
    recipes = sorted((packaged / "recipes").rglob("*.gin"))
    names = ", ".join(f"{path.relative_to(packaged)}" for path in recipes)
    return (
        f"give --gin_file=FILE, or --model_dir of a run to resume{found}; t5lite's own "
        f"recipes: {names}"
    )
