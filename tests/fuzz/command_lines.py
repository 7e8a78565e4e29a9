"""Command lines that are whole but for one flag, which has any value."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import pathlib
from collections.abc import Iterator, Sequence
from random import Random

from t5lite import cli
from t5lite.configuration.flags import make_parser
from tests.fuzz.outcomes import RefusedError, WrongError

_JUNK = (
    *("", " ", "0", "-1", "1", "3", "1e999", "-0.0", "nan", "inf", "1e308", "9" * 30, "9" * 5000),
    *("x", "None", "True", "true", "../..", "/dev/null", "/dev/zero", "a" * 5000, "\udcff", "é"),
    *(
        "[",
        "]",
        "(" * 500,
        "{'a':",
        "{'inputs': 1e9}",
        "('a',)",
        "@x",
        "@x()",
        "%X",
        "%",
        "'",
        "\n",
    ),
    *("1,2", "0/0", "5/3", "-1/2", "inputs=1", "inputs=9" * 9, "1TB", "-1GB", "a=b", "import os"),
)
_MACROS = ("SEED", "BATCH_SIZE", "TRAIN_STEPS", "MODEL_DIR", "X", "a.b", "A/b.c")


# Of which the values are looked at, too, by `t5lite config`.
_CONFIGURED = tuple((verb,) for verb in ("train", "eval", "infer", "generate", "config"))


def random_line(model_dir: pathlib.Path, chosen: Random) -> list[str]:
    """A flag of any command with any value; nothing else is wrong with the line."""
    commands = flags_of_commands()
    command = chosen.choice(_CONFIGURED if chosen.random() < 0.4 else list(commands))
    options = [action for name, action in commands[command].items() if name != "--gin.NAME"]
    if "--gin.NAME" in commands[command] and chosen.random() < 0.3:
        varied = [f"--gin.{chosen.choice(_MACROS)}={chosen.choice(_JUNK)}"]
    else:
        varied = _varied(chosen.choice(options), chosen)
    # It lacks flags that change none of its values.
    name = varied[0].partition("=")[0]
    by_config = name.startswith("--gin.") or name in commands["config",]
    return [*whole_line(model_dir, command, by_config=by_config), *varied]


def whole_line(
    model_dir: pathlib.Path, command: tuple[str, ...], *, by_config: bool = True
) -> list[str]:
    """A line of a command that nothing is wrong with; its values are looked at by `config`."""
    parser = _parsers()[command]
    words = [*command, *_required(parser)]
    recipe, folder = "--gin_file=recipes/mini_demo.gin", f"--model_dir={model_dir}"
    needed = {
        ("train",): [recipe, "--model_dir=8"],
        ("config",): ["train", recipe, "--model_dir=8"],
        ("eval",): [folder, "--mixture=mini_demo"],
        ("infer",): [folder, "--mixture=mini_demo", "--output=8"],
        ("generate",): [folder],
    }
    if command not in needed:
        return words
    is_verb_of_config = by_config and command != ("config",)
    return [*(["config"] if is_verb_of_config else []), *words, *needed[command]]


def _varied(action: argparse.Action, chosen: Random) -> list[str]:
    """A flag with some value; sometimes with one too many, or with none where it takes one."""
    flag = next(option for option in action.option_strings if option.startswith("--"))
    if (action.nargs == 0) != (chosen.random() < 0.1):
        return [flag]
    known = list(map(str, action.choices or ()))
    return [f"{flag}={chosen.choice(known if known and chosen.random() < 0.5 else _JUNK)}"]


def _required(parser: argparse.ArgumentParser) -> list[str]:
    """Words for all that a command cannot be without."""
    words = []
    for action in parser._actions:
        value = str(next(iter(action.choices))) if action.choices else "8"
        if action.option_strings and action.required:
            words.append(f"{action.option_strings[0]}={value}")
        elif not action.option_strings and action.nargs in (None, "+"):
            words.append(value)
    for group in parser._mutually_exclusive_groups:
        if group.required:
            words.append(f"{group._group_actions[0].option_strings[0]}=8")
    return words


def run_line(words: Sequence[str]) -> None:
    """A command; only what reads its flags where it would do something."""
    said = io.StringIO()
    silent = contextlib.redirect_stdout(io.StringIO())
    with contextlib.redirect_stderr(said), silent, _without_work():
        try:
            status = cli.main(list(words))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 2
    if status not in (0, 1):
        message = said.getvalue()
        for value in (word.partition("=")[2] for word in words):
            message = message.replace(value, "...") if len(value) > 100 else message
        if status != 2 or "error: " not in message:
            raise WrongError(f"status {status}, said {message!r:.500}")
        raise RefusedError(message)


@contextlib.contextmanager
def _without_work() -> Iterator[None]:
    """All verbs but `config` end where they would begin."""
    before = dict(cli._RUN)
    for verb in before.keys() - {"config"}:
        cli._RUN[verb] = lambda arguments: 0
    try:
        yield
    finally:
        cli._RUN.update(before)


@functools.cache
def flags_of_commands() -> dict[tuple[str, ...], dict[str, argparse.Action]]:
    """The flags of every command by its words, but for those that end or show what is tried."""
    left_out = ("--help", "--from_t5x", "--traceback")
    found = {}
    for words, parser in _parsers().items():
        flags = {n: a for a in parser._actions for n in a.option_strings if n.startswith("--")}
        found[words] = {name: action for name, action in flags.items() if name not in left_out}
    return {words: flags for words, flags in found.items() if flags}


@functools.cache
def _parsers() -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """The parser of every command, and of every action of those that have some, by its words."""
    found = {}

    def visit(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> None:
        inner = [action for action in parser._actions if isinstance(action.choices, dict)]
        if not inner:
            found[words] = parser
        for action in inner:
            for name, one in action.choices.items():
                visit(one, (*words, *name.split()))

    visit(make_parser(), ())
    return found
