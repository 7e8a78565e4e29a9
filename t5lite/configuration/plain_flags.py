"""The flags of verbs, and of actions of `eval`, that take no gin file."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from t5lite.configuration import level_flags
from t5lite.configuration import macro_flags as macro
from t5lite.configuration.macro_flags import Flag
from t5lite.messages.ranges import Count, NumBytes, NumWords, Port, Seed, VocabularySize
from t5lite.messages.value_types import shown


def add_plain_verbs(verbs: Any) -> None:
    """Adds a parser for each to the command's."""
    _add_tasks_verb(verbs)
    _add_data_verb(verbs)
    _add_cache_verb(verbs)
    _add_vocabulary_verb(verbs)
    _add_preference_verb(verbs)
    _add_trace_verb(verbs)
    _add_convert_verb(verbs)


def add_eval_actions(verbs: Any) -> None:
    """`eval compare`, `levels` and `table`, which read finished evaluations and take no gin."""
    compare = add_verb(verbs, "eval compare", "compare two models' finished evaluations")
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
    table = add_verb(verbs, "eval table", "make the table of Flan's suites of finished evaluations")
    table.add_argument(
        "folders",
        nargs="+",
        metavar="[LABEL=]DIR",
        help="a model's evaluations, a row of the table: as for `t5lite eval compare`",
    )
    levels = add_verb(
        verbs, "eval levels", "tabulate finished evaluations by level of generalization"
    )
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
    parser = add_verb(verbs, "tasks", "see what is registered, what a mixture holds, real examples")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    names = add_verb(actions, "list", "list mixtures and tasks")
    names.add_argument("pattern", nargs="?", metavar="PATTERN", help="part of a name, or *_2shot")

    describe = add_verb(actions, "describe", "show rates, caps, counts and places of a mixture")
    describe.add_argument("name", metavar="NAME", help="registered mixture or task")
    describe.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    add_flag(
        describe,
        macro.TASK_FEATURE_LENGTHS,
        "also show how much these would cut of token stores already built",
    )
    _add_plain_flags(describe, macro.CACHE_DIR, macro.MAX_STORE_EXAMPLES)

    show = add_verb(actions, "show", "print examples of a task as the model will see them")
    show.add_argument("name", metavar="TASK", help="registered task")
    show.add_argument("--split", default="train", metavar="SPLIT", help="default: train")
    show.add_argument(
        "--num_examples", type=macro.positive, default=3, metavar="N", help="default: 3"
    )
    show.add_argument("--tokens", action="store_true", help="print every token id with its text")
    contamination = _add_contamination_action(actions)
    split = add_verb(actions, "split", "hold out categories, tasks and instances of a collection")
    level_flags.add(split)

    audit = add_verb(actions, "audit", "compare what a run drew with what it was asked to draw")
    audit.add_argument("model_dir", metavar="MODEL_DIR", help="folder that `t5lite train` wrote")

    for action in (names, describe, show, contamination, split):
        _add_plain_flags(action, *macro.TASK_FLAGS)
    for action in (names, describe, show, contamination, split, audit):
        action.set_defaults(verb="tasks")


def _add_contamination_action(actions: Any) -> argparse.ArgumentParser:
    parser = add_verb(actions, "contamination", "find a mixture's overlap with evaluation sets")
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
    parser = add_verb(verbs, "data", "see which data are there, get what has an official download")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    status = add_verb(actions, "status", "show what is present, missing or broken, and why")
    status.add_argument("--verify", action="store_true", help="read the data, not only folders")
    status.add_argument("--verbose", action="store_true", help="a line for each task")
    status.add_argument("--json", action="store_true", help="everything as one JSON object")
    _add_plain_flags(status, macro.TASKS, macro.DATA_DIR)

    fetch = add_verb(
        actions, "fetch", "get data sets into the data root; without a name, list them"
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="such as niv2")
    _add_plain_flags(fetch, macro.DATA_DIR)
    for action in (status, fetch):
        action.set_defaults(verb="data")


def _add_cache_verb(verbs: Any) -> None:
    parser = add_verb(verbs, "cache", "build the token stores of a mixture ahead of a run")
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
    add_flag(parser, macro.TASK_FEATURE_LENGTHS, "given to preprocessors that ask for lengths")
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
    parser = add_verb(verbs, "vocabulary", "train a SentencePiece vocabulary on a mixture's text")
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
    parser = add_verb(
        verbs, "preference", "compare two models' answers blind, by a person or a model"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    choose = add_verb(actions, "choose", "choose one of several sampled answers to each prompt")
    choose.add_argument(
        "answers", metavar="ANSWERS", help="that `t5lite infer --num_return_sequences=N` wrote"
    )
    choose.add_argument("--output", required=True, metavar="FILE.jsonl", help="file to write")

    serve = add_verb(actions, "serve", "open a page where a person says which answer is better")
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

    judge = add_verb(actions, "judge", "let a model say which answer is better")
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

    report = add_verb(actions, "report", "show win rates, and how far several judges agree")
    report.add_argument(
        "judgments", nargs="+", metavar="JUDGMENTS", help="that `serve` or `judge` wrote"
    )
    report.add_argument("--output", metavar="FILE.html", help="also write a page")
    for action in (choose, serve, judge, report):
        action.set_defaults(verb="preference")


def _add_trace_verb(verbs: Any) -> None:
    trace = add_verb(verbs, "trace", "show how one example that a teacher made came to be")
    trace.add_argument("id", metavar="ID", help="the example's, as its data and trace.jsonl say")
    trace.add_argument(
        "--folder", required=True, metavar="DIR", help="what the verb that made it wrote"
    )
    trace.add_argument(
        "--answers", metavar="DIR", help="where the answers are (default: DIR/answers)"
    )


def _add_convert_verb(verbs: Any) -> None:
    parser = add_verb(verbs, "convert", "write a checkpoint in another format, and verify it")
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
        "--context_length",
        type=macro.positive,
        metavar="N",
        help="longest text that the model is for, in tokens (default: what its files say)",
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


def add_verb(verbs: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """Adds the parser of a verb, or of an action of one."""
    parser = verbs.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    # Of nested parsers the innermost wins: it is the one whose flags a mistake is about.
    parser.set_defaults(verb=name, parser=parser)
    return parser


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
        add_flag(parser, flag, flag.help)


def add_flag(parser: argparse.ArgumentParser, flag: Flag, text: str) -> None:
    """Adds a flag that verbs share, with its help."""
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
