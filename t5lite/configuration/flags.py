"""The flags of the `t5lite` command, and which gin macros they stand for. Imports nothing heavy."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

import t5lite
from t5lite.configuration import external_flags, level_flags, synthetic_flags
from t5lite.configuration import macro_flags as macro
from t5lite.configuration.macro_flags import Flag
from t5lite.configuration.t5x import flags as t5x_flags
from t5lite.messages.ranges import Count, NumBytes, NumWords, Port, Seed, VocabularySize
from t5lite.messages.value_types import shown

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

    train = _verb(verbs, "train", "train on a mixture of tasks, or resume where it stopped")
    _add_gin_flags(train, *_GIN_VERBS["train"])
    _add_process_flags(train)
    _add_plan_verb(verbs)
    evaluate = _verb(verbs, "eval", "evaluate a model folder on a mixture or task")
    _add_gin_flags(evaluate, *_GIN_VERBS["eval"])
    _add_process_flags(evaluate)
    _add_eval_actions(verbs)
    infer = _verb(verbs, "infer", "answer a JSONL file, or the examples of a task")
    _add_gin_flags(infer, *_GIN_VERBS["infer"])
    _add_process_flags(infer)
    generate = _verb(verbs, "generate", "answer prompts given here, or typed in")
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

    _add_tasks_verb(verbs)
    _add_data_verb(verbs)
    _add_cache_verb(verbs)
    _add_vocabulary_verb(verbs)
    _add_preference_verb(verbs)
    _add_trace_verb(verbs)

    _add_convert_verb(verbs)

    config = _verb(verbs, "config", "print every gin value that a command gets, and its place")
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


def _verb(verbs: Any, name: str, summary: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    # Of nested parsers the innermost wins: it is the one whose flags a mistake is about.
    parser.set_defaults(verb=name, parser=parser)
    return parser


def _add_gin_flags(parser: argparse.ArgumentParser, *flags: Flag) -> None:
    """Adds what every verb with gin takes, and flags that set macros, each once."""
    macros: dict[str, str] = {}
    for flag in flags:
        if flag.flag not in macros:  # `config` has the flags of all verbs
            _add_flag(parser, flag, f"{flag.help} [%%{flag.macro}]")
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
    parser = _verb(verbs, name, verb.help)
    if verb.words is not None:
        parser.add_argument("words", nargs="*", metavar=verb.words, help=verb.words_help)
    _add_gin_flags(parser, *verb.flags)
    return parser


def _add_trace_verb(verbs: Any) -> None:
    trace = _verb(verbs, "trace", "show how one example that a teacher made came to be")
    trace.add_argument("id", metavar="ID", help="the example's, as its data and trace.jsonl say")
    trace.add_argument(
        "--folder", required=True, metavar="DIR", help="what the verb that made it wrote"
    )
    trace.add_argument(
        "--answers", metavar="DIR", help="where the answers are (default: DIR/answers)"
    )


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
    plan = _verb(verbs, "plan", "compile a run for devices elsewhere, and see what it needs")
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


def _add_eval_actions(verbs: Any) -> None:
    """`eval compare`, `levels` and `table`, which read finished evaluations and take no gin."""
    compare = _verb(verbs, "eval compare", "compare two models' finished evaluations")
    for name, whose in (("a", "the one model's"), ("b", "the other's")):
        compare.add_argument(
            name,
            metavar=f"[LABEL=]{name.upper()}",
            help=f"{whose}: a folder that `t5lite eval` wrote, or a model folder with such",
        )
    compare.add_argument(
        "--allow_different_prompts",
        action="store_true",
        help="compare the same questions though they were asked with other prompts",
    )
    table = _verb(verbs, "eval table", "make the table of Flan's suites of finished evaluations")
    table.add_argument(
        "folders",
        nargs="+",
        metavar="[LABEL=]DIR",
        help="a model's evaluations, a row of the table: as for `t5lite eval compare`",
    )
    levels = _verb(verbs, "eval levels", "tabulate finished evaluations by level of generalization")
    levels.add_argument(
        "folders",
        nargs="+",
        metavar="[LABEL=]DIR",
        help="a model's evaluations of the levels of a split: as for `t5lite eval compare`",
    )
    for action in (levels, table):
        action.add_argument(
            "--evaluations",
            type=macro.comma_separated,
            metavar="NAMES",
            help="only these of each folder, comma separated",
        )
    for action in (compare, levels, table):
        action.add_argument(
            "--output",
            default=".",
            metavar="FOLDER",
            help="where files are written (default: the current folder)",
        )


def _add_tasks_verb(verbs: Any) -> None:
    parser = _verb(verbs, "tasks", "see what is registered, what a mixture holds, real examples")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    names = _verb(actions, "list", "list mixtures and tasks")
    names.add_argument("pattern", nargs="?", metavar="PATTERN", help="part of a name, or *_2shot")

    describe = _verb(actions, "describe", "show rates, caps, counts and places of a mixture")
    describe.add_argument("name", metavar="NAME", help="registered mixture or task")
    describe.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    _add_flag(
        describe,
        macro.TASK_FEATURE_LENGTHS,
        "also show how much these would cut of token stores already built",
    )
    _add_plain_flags(describe, macro.CACHE_DIR, macro.MAX_STORE_EXAMPLES)

    show = _verb(actions, "show", "print examples of a task as the model will see them")
    show.add_argument("name", metavar="TASK", help="registered task")
    show.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    show.add_argument(
        "--num_examples", type=macro.positive, default=3, metavar="N", help="default: 3"
    )
    show.add_argument("--tokens", action="store_true", help="print every token id with its text")
    contamination = _add_contamination_action(actions)
    split = _verb(actions, "split", "hold out categories, tasks and instances of a collection")
    level_flags.add(split)

    audit = _verb(actions, "audit", "compare what a run drew with what it was asked to draw")
    audit.add_argument("model_dir", metavar="MODEL_DIR", help="folder that `t5lite train` wrote")

    for action in (names, describe, show, contamination, split):
        _add_plain_flags(action, *macro.TASK_FLAGS)
    for action in (names, describe, show, contamination, split, audit):
        action.set_defaults(verb="tasks")


def _add_contamination_action(actions: Any) -> argparse.ArgumentParser:
    parser = _verb(actions, "contamination", "find a mixture's overlap with evaluation sets")
    parser.add_argument("name", metavar="MIXTURE", help="registered mixture or task")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="[NAME=]PATH",
        help="evaluation set, a file or folder of JSON, JSONL, CSV, TSV or text; repeatable",
    )
    parser.add_argument(
        "--against_tasks",
        action="append",
        default=[],
        metavar="NAME:SPLIT",
        help="registered mixture or task to take for an evaluation set; repeatable",
    )
    parser.add_argument(
        "--ngram",
        type=macro.number(NumWords),
        default=13,
        metavar="N",
        help="words in a row; default: 13",
    )
    parser.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    parser.add_argument("--output", metavar="FILE.jsonl", help="also write the whole report here")
    parser.add_argument(
        "--fail_above",
        type=macro.share,
        metavar="SHARE",
        help="exit with 1 if this share of some task's examples overlaps; 0 allows none",
    )
    parser.add_argument(
        "--allow_missing_tasks", action="store_true", help="leave out tasks that have no data"
    )
    parser.add_argument(
        "--num_workers", type=macro.positive, metavar="N", help="processes (default: cores)"
    )
    return parser


def _add_data_verb(verbs: Any) -> None:
    parser = _verb(verbs, "data", "see which data are there, get what has an official download")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    status = _verb(actions, "status", "show what is present, missing or broken, and why")
    status.add_argument("--verify", action="store_true", help="read the data, not only folders")
    status.add_argument("--verbose", action="store_true", help="a line for each task")
    status.add_argument("--json", action="store_true", help="everything as one JSON object")
    _add_plain_flags(status, macro.TASKS, macro.DATA_DIR)

    fetch = _verb(actions, "fetch", "get data sets into the data root; without a name, list them")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="such as niv2")
    _add_plain_flags(fetch, macro.DATA_DIR)
    for action in (status, fetch):
        action.set_defaults(verb="data")


def _add_cache_verb(verbs: Any) -> None:
    parser = _verb(verbs, "cache", "build the token stores of a mixture ahead of a run")
    parser.add_argument("mixture", metavar="MIXTURE", help="registered mixture or task")
    parser.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    parser.add_argument(
        "--shard", type=_shard, default=(0, 1), metavar="K/N", help="this part of N, K from 0"
    )
    parser.add_argument(
        "--num_workers", type=macro.positive, metavar="N", help="processes (default: cores)"
    )
    parser.add_argument(
        "--allow_missing_tasks", action="store_true", help="leave out tasks that have no data"
    )
    parser.add_argument(
        "--beam",
        type=shlex.split,
        metavar="OPTIONS",
        help="build on Apache Beam with these options of it, as in --beam=--runner=DirectRunner; "
        "its workers must share --cache_dir and --data_dir",
    )
    _add_flag(parser, macro.TASK_FEATURE_LENGTHS, "given to preprocessors that ask for lengths")
    parser.add_argument(
        "--converter",
        choices=("encoder_decoder", "decoder_only", "prefix_lm"),
        default="encoder_decoder",
        help="the run's DataConfig.converter, which conversations are stored for "
        "(default: encoder_decoder)",
    )
    _add_plain_flags(parser, *macro.TASK_FLAGS, macro.CACHE_DIR)
    _add_plain_flags(parser, macro.MAX_STORE_EXAMPLES, macro.STORE_EPOCHS)


def _add_vocabulary_verb(verbs: Any) -> None:
    parser = _verb(verbs, "vocabulary", "train a SentencePiece vocabulary on a mixture's text")
    parser.add_argument("mixture", metavar="MIXTURE", help="registered mixture or task")
    parser.add_argument(
        "--size",
        type=macro.number(VocabularySize),
        required=True,
        metavar="N",
        help="number of ids",
    )
    parser.add_argument("--output", required=True, metavar="FILE.model", help="file to write")
    parser.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    parser.add_argument(
        "--max_examples",
        type=macro.positive,
        default=400,
        metavar="N",
        help="of a task; default: 400",
    )
    _add_plain_flags(parser, macro.TASKS, macro.DATA_DIR)


def _add_preference_verb(verbs: Any) -> None:
    parser = _verb(verbs, "preference", "compare two models' answers blind, by a person or a model")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    choose = _verb(actions, "choose", "choose one of several sampled answers to each prompt")
    choose.add_argument(
        "answers", metavar="ANSWERS", help="that `t5lite infer --num_return_sequences=N` wrote"
    )
    choose.add_argument("--output", required=True, metavar="FILE.jsonl", help="file to write")

    serve = _verb(actions, "serve", "open a page where a person says which answer is better")
    serve.add_argument(
        "--seed", type=macro.number(Seed), default=0, metavar="N", help="of all orders; default: 0"
    )
    serve.add_argument(
        "--port",
        type=macro.number(Port),
        default=8000,
        metavar="N",
        help="on this machine only; 0 is any that is free (default: 8000)",
    )

    judge = _verb(actions, "judge", "let a model say which answer is better")
    judge.add_argument(
        "--model_dir", required=True, metavar="MODEL_DIR", help=f"the judge: {macro.MODEL.help}"
    )
    judge.add_argument(
        "--batch_size",
        type=macro.positive,
        default=8,
        metavar="N",
        help="asked at once; default: 8",
    )
    _add_plain_flags(judge, macro.STEP, macro.MODELS_VOCABULARY, macro.CACHE_DIR)
    for action in (serve, judge):
        for name, whose in (("a", "one model's answers"), ("b", "another's")):
            action.add_argument(
                name,
                metavar=f"[NAME=]{name.upper()}",
                help=f"{whose}: a file of `t5lite infer`, one answer a line",
            )
        action.add_argument(
            "--output", required=True, metavar="FILE.jsonl", help="file of judgments to write"
        )
        action.add_argument(
            "--inputs_field",
            default="inputs",
            metavar="FIELD",
            help="that holds the prompt; default: inputs",
        )

    report = _verb(actions, "report", "show win rates, and how far several judges agree")
    report.add_argument(
        "judgments", nargs="+", metavar="JUDGMENTS", help="that `serve` or `judge` wrote"
    )
    report.add_argument("--output", metavar="FILE.html", help="also write a page")
    for action in (choose, serve, judge, report):
        action.set_defaults(verb="preference")


def _add_convert_verb(verbs: Any) -> None:
    parser = _verb(verbs, "convert", "write a checkpoint in another format, and verify it")
    parser.add_argument("src", metavar="SRC", help="folder or file; what it is, is found out")
    parser.add_argument("dst", metavar="DST", help="folder to write; it must be new or empty")
    parser.add_argument(
        "--to",
        choices=("hf", "t5lite", "t5x", "peft"),
        help="format to write (default: hf out of a t5lite model folder, t5lite out of all others)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        help="type to store parameters in (default: the source's)",
    )
    parser.add_argument(
        "--max_shard_size",
        type=_size,
        default=_size("5GB"),
        metavar="SIZE",
        help="of a file of weights for Hugging Face, such as 500MB or 2GiB; default: 5GB",
    )
    parser.add_argument(
        "--model_dir",
        help="where the model lies that an adapter of peft in SRC is of (default: where it says)",
    )
    parser.add_argument(
        "--optimizer_state", action="store_true", help="take it along, between T5X and t5lite"
    )
    parser.add_argument(
        "--keep_nonfinite",
        action="store_true",
        help="continue where parameters are NaN or infinite, which is refused otherwise",
    )
    parser.add_argument(
        "--verify",
        dest="verified",
        action="store_true",
        default=None,
        help="compare logits with transformers (default: where torch and transformers are there)",
    )
    # A flag with its value, for --verify alone is another and takes none.
    parser.add_argument(
        "--verify=off",
        dest="verify",
        action="store_const",
        const="off",
        help="do not compare SRC with its hashes, which folders that t5lite wrote have",
    )
    parser.add_argument("--noverify", dest="verified", action="store_false", help="do not")
    _add_plain_flags(parser, macro.VOCABULARY, macro.ADAPTER, macro.STEP)


class _Switch(argparse.Action):
    """Of a pair of flags the first says yes and the second no; None where neither is given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, option_string == self.option_strings[0])


def _add_plain_flags(parser: argparse.ArgumentParser, *flags: Flag) -> None:
    """The same flags for a verb without gin."""
    for flag in flags:
        _add_flag(parser, flag, flag.help)


def _add_flag(parser: argparse.ArgumentParser, flag: Flag, text: str) -> None:
    if flag.read is bool:
        parser.add_argument(flag.flag, f"--no{flag.name}", action=_Switch, nargs=0, help=text)
    else:
        parser.add_argument(flag.flag, type=flag.read, metavar=flag.name.upper(), help=text)


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not K/N, such as 0/4")
    return macro.number(Count)(index), macro.positive(count)


def _size(text: str) -> int:
    """Bytes, of a number with a decimal or binary unit."""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    units |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
    number = text.rstrip("KMGTiBkmgtb")
    unit = text[len(number) :].upper()
    try:
        return int(macro.number(NumBytes)(number)) * ({"": 1} | units)[unit]
    except (KeyError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is not a size such as 500MB, 5GB or 2GiB"
        ) from None


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
