"""Tries the gin file of a translated run: it is read as its command would read it."""

from __future__ import annotations

import pathlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.configuration import config
from t5lite.configuration.gin_reader import Binding, read_file
from t5lite.configuration.t5x.outcomes import Decision
from t5lite.configuration.t5x.report import gin_text, literal
from t5lite.configuration.t5x.translation import Entry, Translation

_FILE = "translated.gin"
_FUNCTIONS = {"train": "train", "eval": "evaluate", "infer": "infer"}
# For what the command gives, while the file is tried without.
_EXAMPLES: Mapping[str, Any] = {
    "MODEL_DIR": "DIR",
    "MIXTURE_OR_TASK_NAME": "NAME",
    "TASK_FEATURE_LENGTHS": {"inputs": 512, "targets": 128},
    "TRAIN_STEPS": 1000,
    "INITIAL_CHECKPOINT_PATH": "PATH",
    "OUTPUT": "FILE.jsonl",
}


def loading(translation: Translation, *, made_of: Sequence[str]) -> Translation:
    """The translation without the settings that are refused, which are to be decided instead.

    Args:
      translation: of which every value is as T5X's files have it.
      made_of: names of T5X's files.
    """
    while True:
        text = gin_text(translation, made_of=made_of)
        try:
            check(translation, text)
        except ValueError as error:
            key = _refused(text, str(error))
            first = str(error).splitlines()[0]
            if key not in translation.settings:
                question = Decision(f"the file does not load: {first}")
                return translation.with_entry(Entry("the gin file", "", question))
            value = literal(translation.settings[key])
            question = Decision(f"{value} is refused: {first}", (f"{key} = {value}",))
            translation = translation.without(key).with_entry(Entry(key, "", question))
        else:
            return translation


def check(translation: Translation, text: str) -> None:
    """Reads the gin file as its command would, and builds what it configures.

    Raises:
      ValueError: it does not load; says why.
    """
    function = _FUNCTIONS[translation.command]
    defaults = []
    if translation.command != "train":
        defaults = config.read_defaults(f"runs/{translation.command}.gin")
    given = {name: (f"--{name.lower()}", v) for name, v in _given_later(translation).items()}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / _FILE
        path.write_text(text, encoding="utf-8")
        parsed = config.parse([str(path)], defaults=defaults, shorthands=given)
        parsed.check(function)
        parsed.arguments(function)


def _given_later(translation: Translation) -> dict[str, Any]:
    """Examples of what the command gives, or a decision, or the model folder."""
    names = set(translation.given_later)
    for entry in translation.of(Decision):
        assert isinstance(entry.outcome, Decision)
        names |= {line.partition(" ")[0] for line in entry.outcome.proposal}
    given = {name: value for name, value in _EXAMPLES.items() if name in names}
    if translation.command == "eval":
        given |= {"TASK_FEATURE_LENGTHS": _EXAMPLES["TASK_FEATURE_LENGTHS"], "VOCABULARY": None}
    if translation.command == "infer":
        given.pop("TASK_FEATURE_LENGTHS", None)
    return {name: value for name, value in given.items() if name not in translation.settings}


def _refused(text: str, message: str) -> str:
    """The setting of the file that a message names by its line; "" for none."""
    line = re.search(rf"{re.escape(_FILE)}:(\d+)", message)
    if line is None:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / _FILE
        path.write_text(text, encoding="utf-8")
        statements = read_file(str(path), [config.packaged_gin_dir()], wanted_by="t5lite")
        keys = {s.place: s.key for s in statements if isinstance(s, Binding)}
        return keys.get(f"{path}:{line[1]}", "")
