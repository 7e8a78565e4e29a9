"""The command's parser, and the flags of verbs with gin: which macros they stand for.

It imports nothing heavy.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import t5lite
from t5lite.configuration import external_flags, synthetic_flags
from t5lite.configuration import macro_flags as macro
from t5lite.configuration.macro_flags import Flag
from t5lite.configuration.plain_flags import (
    add_eval_actions,
    add_flag,
    add_plain_verbs,
    add_verb,
)
from t5lite.configuration.t5x import flags as t5x_flags
from t5lite.messages.ranges import Count

# What a verb with gin takes. Prompts are read with the model's own vocabulary.
_DECODING = (macro.ADAPTER, macro.STEP, macro.ATTENTION_IMPLEMENTATION, *macro.DECODING_FLAGS)
_PROMPTING = (*_DECODING, macro.NUM_RETURN_SEQUENCES, macro.MODELS_VOCABULARY, macro.CACHE_DIR)
_GIN_VERBS: dict[str, tuple[Flag, ...]] = {
    "train": (macro.MODEL_DIR, *macro.TASK_FLAGS, macro.CACHE_DIR, *macro.TRAIN_FLAGS),
    "eval": (
        *(macro.MODEL, *macro.EXAMPLE_FLAGS, macro.EVAL_BATCH_SIZE, *macro.EVAL_FLAGS),
        *(macro.TASK_FEATURE_LENGTHS, *_DECODING, macro.NUM_RETURN_SEQUENCES),
        *(*macro.TASK_FLAGS, macro.CACHE_DIR),
    ),
    "infer": (
        *(macro.MODEL, *macro.INFER_FLAGS, *macro.EXAMPLE_FLAGS, macro.EVAL_BATCH_SIZE),
        *(macro.TASKS, macro.DATA_DIR, *_PROMPTING),
    ),
    "generate": (macro.MODEL, *macro.GENERATE_FLAGS, *_PROMPTING),
    **{name: verb.flags for name, verb in synthetic_flags.VERBS.items()},
}

# Words behind `eval` that ask for something else than an evaluation.
_EVAL_ACTIONS = ("compare", "levels", "table")


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in two lines; the whole usage is longer than a screen."""

    def flags(self) -> set[str]:
        """Every flag it takes."""
        return set(re.findall(r"--\w[\w.]*", self.format_usage()))

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n`{self.prog} --help` shows its flags.\n")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parses a command's words, those of gin flags taken out before.

    Raises:
      SystemExit: with status 2 after a mistake, reported on stderr; 0 after --help.
    """
    theirs: list[tuple[str, str]] = []
    if any(word.partition("=")[0] == "--from_t5x" for word in words):
        words, theirs = t5x_flags.take(words)
    words = list(words)
    if words[:1] == ["eval"] and words[1:2] and words[1] in _EVAL_ACTIONS:
        words[:2] = [" ".join(words[:2])]
    arguments, unknown = make_parser().parse_known_args(words)
    arguments.t5x_flags = theirs
    if unknown:
        arguments.parser.error(external_flags.complaint(unknown[0], arguments.parser.flags()))
    return arguments


def make_parser() -> argparse.ArgumentParser:
    """The parser of every verb."""
    parser = _Parser(
        prog="t5lite",
        description="Instruction-tune, evaluate and study text-to-text transformers.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"t5lite {t5lite.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    train = add_verb(verbs, "train", "train on a mixture of tasks, or resume where it stopped")
    _add_gin_flags(train, *_GIN_VERBS["train"])
    _add_process_flags(train)
    _add_plan_verb(verbs)
    evaluate = add_verb(verbs, "eval", "evaluate a model folder on a mixture or task")
    _add_gin_flags(evaluate, *_GIN_VERBS["eval"])
    _add_process_flags(evaluate)
    add_eval_actions(verbs)
    infer = add_verb(verbs, "infer", "answer a JSONL file, or the examples of a task")
    _add_gin_flags(infer, *_GIN_VERBS["infer"])
    _add_process_flags(infer)
    generate = add_verb(verbs, "generate", "answer prompts given here, or typed in")
    generate.add_argument("prompts", nargs="*", metavar="PROMPT", help="none: read lines of stdin")
    _add_gin_flags(generate, *_GIN_VERBS["generate"])
    makers = [_add_synthetic_verb(verbs, name) for name in synthetic_flags.VERBS]
    for reader in (train, evaluate, infer, generate, *makers):
        reader.add_argument(
            "--verify",
            choices=("on", "off"),
            help="compare checkpoints, model folders and token stores with their hashes when they "
            "are read; default: on",
        )
        reader.add_argument(
            "--compilation_cache_dir",
            metavar="DIR",
            help="keep compiled programs here, for later starts; the hosts may share it "
            "(default: $JAX_COMPILATION_CACHE_DIR, else none)",
        )

    add_plain_verbs(verbs)

    config = add_verb(verbs, "config", "print every gin value that a command gets, and its place")
    config.add_argument("of", nargs="?", choices=tuple(_GIN_VERBS), default="train")
    config.add_argument(
        "--from_t5x",
        action="append",
        metavar="FILE",
        help="write what a gin file of T5X says as one of t5lite, to stdout or the file --output, "
        "and list what became of everything; repeatable; T5X's own files by their names there, "
        "T5X's flags and --gin.NAME=VALUE as its command had them",
    )
    _add_gin_flags(config, *(flag for flags in _GIN_VERBS.values() for flag in flags))
    return parser


def _add_gin_flags(parser: argparse.ArgumentParser, *flags: Flag) -> None:
    """Adds what every verb with gin takes, and flags that set macros, each once."""
    macros: dict[str, str] = {}
    for flag in flags:
        if flag.flag not in macros:  # `config` has the flags of all verbs
            add_flag(parser, flag, f"{flag.help} [%%{flag.macro}]")
            macros[flag.flag] = flag.macro
    parser.set_defaults(shorthands=macros)
    group = parser.add_argument_group("gin")
    group.add_argument(
        "--gin_file", action="append", default=[], metavar="FILE", help="repeatable; later wins"
    )
    group.add_argument(
        "--gin_search_paths",
        type=macro.comma_separated,
        default=(),
        metavar="DIRS",
        help="folders to look in besides the current one and t5lite's own, comma separated",
    )
    group.add_argument(
        "--gin.NAME",
        dest="gin_help",
        metavar="VALUE",
        help="set a macro or CONFIGURABLE.PARAMETER; repeatable, wins over files",
    )


def _add_synthetic_verb(verbs: Any, name: str) -> argparse.ArgumentParser:
    verb = synthetic_flags.VERBS[name]
    parser = add_verb(verbs, name, verb.help)
    if verb.words is not None:
        parser.add_argument("words", nargs="*", metavar=verb.words, help=verb.words_help)
    _add_gin_flags(parser, *verb.flags)
    return parser


def _add_process_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many processes (jax.distributed)")
    group.add_argument(
        "--multi_host", action="store_true", help="join the others of this TPU pod or Slurm job"
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where there is neither")
    group.add_argument("--num_processes", type=macro.positive, metavar="N")
    group.add_argument("--process_id", type=macro.number(Count), metavar="K")


def _add_plan_verb(verbs: Any) -> None:
    planned = ("train", "eval", "infer")
    plan = add_verb(verbs, "plan", "compile a run for devices elsewhere, and see what it needs")
    plan.add_argument(
        "--topology",
        required=True,
        metavar="CHIP:SHAPE",
        help="TPU slice, such as v5e:4x4 or v5p:4x4x8, or several, 2xv5e:16x16 (needs the extra "
        "tpu, and no TPU), or CPUs, such as cpu:8",
    )
    plan.add_argument(
        "--of",
        choices=planned,
        help="what is planned (default: what the gin files are for, and training otherwise)",
    )
    plan.add_argument("--json", action="store_true", help="everything as one JSON object")
    plan.add_argument("--html", metavar="FILE", help="also write a page that draws it")
    plan.add_argument(
        "--measure",
        action="store_true",
        help="run a training step too and say what it took, with --topology=cpu:N",
    )
    plan.add_argument(
        "--sweep",
        action="store_true",
        help="try all meshes of a training step, what to recompute, and microbatches; rank them",
    )
    plan.add_argument(
        "--sweep_limit",
        type=macro.positive,
        metavar="N",
        help="steps that a sweep compiles at most (default: 24)",
    )
    plan.add_argument(
        "--num_options",
        type=macro.positive,
        metavar="N",
        help="answers that an example is ranked among, where --rank_by ranks (default: 4)",
    )
    plan.add_argument(
        "--shared_prefix",
        type=macro.positive,
        metavar="TOKENS",
        help="that all prompts of a causal language model begin with, and that are read once",
    )
    _add_gin_flags(plan, *(flag for verb in planned for flag in _GIN_VERBS[verb]))


def split_gin_flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Takes every `--gin.NAME=VALUE` (or `--gin.NAME VALUE`) out of a command's words.

    Returns:
      The other words, and the `NAME=VALUE`s, both in order.
    """
    others, bindings = [], []
    waiting = iter(words)
    for word in waiting:
        if not word.startswith("--gin."):
            others.append(word)
            continue
        binding = word.removeprefix("--gin.")
        bindings.append(binding if "=" in binding else f"{binding}={next(waiting, '')}")
    return others, bindings
