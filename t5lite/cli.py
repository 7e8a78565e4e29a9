"""The `t5lite` command: one verb a subcommand. It parses, imports lazily and calls one function.

Nothing heavy is imported before a verb runs, so `t5lite --help` answers at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import t5lite

if TYPE_CHECKING:
    from t5lite.config import ParsedConfig
    from t5lite.decoding.sampling import DecodingConfig

# Flags that set a gin macro: (flag, macro, type, help).
_Shorthand = tuple[str, str, Callable[[str], Any], str]


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_MODEL_DIR: _Shorthand = ("--model_dir", "MODEL_DIR", str, "folder of the run")
_TASK_FLAGS: tuple[_Shorthand, ...] = (
    ("--tasks", "TASK_MODULES", _comma_separated, "registry modules to import, comma separated"),
    ("--data_dir", "DATA_DIR", str, "root of the tasks' files"),
    ("--vocabulary", "VOCABULARY", str, "bytes, bytes:EXTRA_IDS, PATH.model or PATH.model:IDS"),
)
_CACHE_DIR: _Shorthand = ("--cache_dir", "CACHE_DIR", str, "where token stores are kept")
_SOURCE_FLAGS: tuple[_Shorthand, ...] = (
    ("--mixture", "MIXTURE_OR_TASK_NAME", str, "registered mixture or task"),
    ("--split", "SPLIT", str, "split of its tasks"),
)
_MODEL_FLAGS: tuple[_Shorthand, ...] = (
    ("--step", "STEP", int, "which checkpoint (default: the latest)"),
    ("--batch_size", "BATCH_SIZE", int, "examples decoded at once"),
)
_EVAL_FLAGS: tuple[_Shorthand, ...] = (
    ("--max_examples", "MAX_EXAMPLES_PER_TASK", int, "only the first so many of each task"),
    ("--output_dir", "OUTPUT_DIR", str, "where results go (default: MODEL_DIR/eval)"),
)
_INFER_FLAGS: tuple[_Shorthand, ...] = (
    ("--input", "INPUT", str, "JSONL file to answer"),
    ("--output", "OUTPUT", str, "JSONL file to write"),
    ("--inputs_field", "INPUTS_FIELD", str, "field of --input that holds the prompt"),
)
_DECODING_FLAGS: tuple[_Shorthand, ...] = (
    ("--temperature", "TEMPERATURE", float, "sample, with logits divided by this"),
    ("--top_k", "TOP_K", int, "sample among the k most likely tokens"),
    ("--top_p", "TOP_P", float, "sample among the most likely tokens of this probability"),
    ("--max_decode_length", "MAX_DECODE_LENGTH", int, "most tokens of an answer"),
    ("--decode_seed", "DECODE_SEED", int, "seed of sampling"),
)
_SAMPLING = ("temperature", "top_k", "top_p")
_RUN_FILES = {"eval": "runs/eval.gin", "infer": "runs/infer.gin"}
_GIN_VERBS = {"train": "train", "eval": "evaluate", "infer": "infer"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
      argv: the command's words; those of the process when None.

    Returns:
      The exit status: 0, or 2 after a mistake of the user, told in one message on stderr.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    words, gin_bindings = split_gin_flags(words)
    arguments = make_parser().parse_args(words)
    arguments.gin_bindings = gin_bindings
    _set_up_process()
    try:
        if gin_bindings and not hasattr(arguments, "gin_file"):
            raise ValueError(f"this verb takes no --gin.{gin_bindings[0]}")
        return arguments.run(arguments) or 0
    except (ValueError, FloatingPointError) as error:
        if arguments.traceback or not _is_told_by_us(error):
            raise
        print(f"t5lite {arguments.verb}: error: {error}", file=sys.stderr)
        return 2


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


def _set_up_process() -> None:
    """Quiet libraries, our own log on stderr, and modules of the current folder importable."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("t5lite").setLevel(logging.INFO)
    # Last, so that nothing in the current folder can shadow a library.
    if str(pathlib.Path.cwd()) not in sys.path:
        sys.path.append(str(pathlib.Path.cwd()))


def _is_told_by_us(error: BaseException) -> bool:
    """Whether our code raised it, in words for the user; anything else is a bug to be shown."""
    if isinstance(error, FloatingPointError):
        return True
    frame = traceback.extract_tb(error.__traceback__)[-1]
    root = pathlib.Path(t5lite.__file__).resolve().parent.parent
    return pathlib.Path(frame.filename).resolve().parent.is_relative_to(root / "t5lite") or (
        pathlib.Path(frame.filename).resolve().parent.is_relative_to(root / "tasks")
    )


# ---- Flags ---------------------------------------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """The parser of every verb."""
    parser = argparse.ArgumentParser(
        prog="t5lite",
        description="Instruction-tune, evaluate and study text-to-text transformers.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"t5lite {t5lite.__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    train = _verb(verbs, "train", _train, "train on a mixture of tasks, or go on where it stopped")
    _add_gin_flags(train)
    _add_shorthands(train, _MODEL_DIR, *_TASK_FLAGS, _CACHE_DIR)
    _add_process_flags(train)

    evaluate = _verb(verbs, "eval", _eval, "evaluate a model folder on a mixture or task")
    _add_gin_flags(evaluate)
    _add_shorthands(evaluate, _MODEL_DIR, *_SOURCE_FLAGS, *_MODEL_FLAGS, *_EVAL_FLAGS)
    _add_shorthands(evaluate, *_DECODING_FLAGS, *_TASK_FLAGS)
    _add_process_flags(evaluate)

    infer = _verb(verbs, "infer", _infer, "answer a JSONL file, or the examples of a task")
    _add_gin_flags(infer)
    _add_shorthands(infer, _MODEL_DIR, *_INFER_FLAGS, *_SOURCE_FLAGS, *_MODEL_FLAGS)
    # No --vocabulary: the prompts are read with the model's own.
    _add_shorthands(infer, *_DECODING_FLAGS, *_TASK_FLAGS[:2])
    _add_process_flags(infer)

    generate = _verb(verbs, "generate", _generate, "answer prompts given here, or typed in")
    generate.add_argument("prompts", nargs="*", metavar="PROMPT", help="none: read lines of stdin")
    _add_shorthands(generate, _MODEL_DIR, _MODEL_FLAGS[0], *_DECODING_FLAGS)

    _add_tasks_verb(verbs)
    _add_cache_verb(verbs)

    config = _verb(verbs, "config", _config, "print every gin value a verb gets, and its place")
    config.add_argument("of", nargs="?", choices=sorted(_GIN_VERBS), default="train")
    _add_gin_flags(config)
    _add_shorthands(config, _MODEL_DIR, *_TASK_FLAGS, _CACHE_DIR, *_SOURCE_FLAGS, *_MODEL_FLAGS)
    _add_shorthands(config, *_EVAL_FLAGS, *_INFER_FLAGS, *_DECODING_FLAGS)
    return parser


def _verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace], int | None], summary: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    parser.set_defaults(run=run, verb=name)
    return parser


def _add_shorthands(parser: argparse.ArgumentParser, *shorthands: _Shorthand) -> None:
    """Adds flags that set macros; the parsed value keeps flag and macro beside it."""
    for flag, macro, kind, text in shorthands:
        parser.add_argument(
            flag, type=kind, metavar=flag.removeprefix("--").upper(), help=f"{text} [%%{macro}]"
        )
    known = dict(parser.get_default("shorthands") or {})
    parser.set_defaults(shorthands=known | {flag: macro for flag, macro, _, _ in shorthands})


def _add_gin_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("gin")
    group.add_argument(
        "--gin_file", action="append", default=[], metavar="FILE", help="repeatable; later wins"
    )
    group.add_argument(
        "--gin_search_paths",
        type=_comma_separated,
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


def _add_process_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many processes (jax.distributed)")
    group.add_argument(
        "--multi_host", action="store_true", help="join the others of this TPU pod or Slurm job"
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where there is neither")
    group.add_argument("--num_processes", type=int, metavar="N")
    group.add_argument("--process_id", type=int, metavar="K")


def _join_processes(arguments: argparse.Namespace) -> None:
    """Starts jax.distributed where flags ask for it.

    Raises:
      ValueError: only some of the three flags that belong together.
    """
    given = [arguments.coordinator, arguments.num_processes, arguments.process_id]
    if not arguments.multi_host and given == [None] * 3:
        return
    import jax

    if given == [None] * 3:
        jax.distributed.initialize()
    elif None in given:
        raise ValueError("--coordinator, --num_processes and --process_id must be given together.")
    else:
        jax.distributed.initialize(*given)
    # One voice is enough.
    if jax.process_index() != 0:
        logging.getLogger("t5lite").setLevel(logging.WARNING)


# ---- Verbs ---------------------------------------------------------------------------------------


def _shorthands(arguments: argparse.Namespace) -> dict[str, tuple[str, Any]]:
    """The macros that flags of their own set: `{"--model_dir": ("MODEL_DIR", "/tmp/x")}`."""
    given = {flag: getattr(arguments, flag[2:]) for flag in arguments.shorthands}
    return {
        flag: (arguments.shorthands[flag], value)
        for flag, value in given.items()
        if value is not None
    }


def _parse_gin(arguments: argparse.Namespace, verb: str) -> ParsedConfig:
    """Reads the configuration of a gin verb.

    eval and infer need no gin file: t5lite's own runs/eval.gin or runs/infer.gin comes first, then
    what the model folder says of its model and tasks, then the user's files and flags.
    """
    from t5lite import config

    shorthands = _shorthands(arguments)
    if verb in _RUN_FILES:
        if any(getattr(arguments, name) is not None for name in _SAMPLING):
            shorthands["--temperature, --top_k, --top_p"] = ("STRATEGY", "sample")
        defaults = config.read_defaults(_RUN_FILES[verb])
        first = _parse(arguments, shorthands, defaults)
        model_dir = first.macro("MODEL_DIR")
        if model_dir is not None:
            defaults += config.model_folder_defaults(model_dir)
    elif not arguments.gin_file:
        recipes = sorted((config.packaged_gin_dir() / "recipes").glob("*.gin"))
        names = ", ".join(f"recipes/{path.name}" for path in recipes)
        raise ValueError(f"give --gin_file=FILE; t5lite's own recipes: {names}")
    else:
        defaults = []
    return _parse(arguments, shorthands, defaults)


def _parse(
    arguments: argparse.Namespace, shorthands: dict[str, tuple[str, Any]], defaults: Sequence[Any]
) -> ParsedConfig:
    from t5lite import config

    return config.parse(
        arguments.gin_file,
        arguments.gin_bindings,
        defaults=defaults,
        shorthands=shorthands,
        search_paths=arguments.gin_search_paths,
    )


def _train(arguments: argparse.Namespace) -> None:
    parsed = _parse_gin(arguments, "train")
    built = parsed.arguments("train")
    _join_processes(arguments)
    from t5lite.train import train

    result = train(**built, config_text=parsed.operative_config())
    model_dir = built["model_dir"]
    if result.stopped:
        print(
            f"Stopped at step {result.progress.steps}, saved in {model_dir}. "
            "The same command goes on from there."
        )
    else:
        print(f"Trained {result.progress.steps} steps: {pathlib.Path(model_dir) / 'report.html'}")


def _eval(arguments: argparse.Namespace) -> None:
    built = _parse_gin(arguments, "eval").arguments("evaluate")
    _join_processes(arguments)
    from t5lite.evaluate import evaluate

    evaluate(**built)


def _infer(arguments: argparse.Namespace) -> None:
    built = _parse_gin(arguments, "infer").arguments("infer")
    _join_processes(arguments)
    from t5lite.infer import infer

    print(f"Answers: {infer(**built)}")


def _generate(arguments: argparse.Namespace) -> None:
    if arguments.model_dir is None:
        raise ValueError("give --model_dir, the folder that `t5lite train` wrote.")
    from t5lite.infer import generate_text

    generate_text(
        model_dir=arguments.model_dir,
        prompts=arguments.prompts,
        decoding=_decoding(arguments),
        step=arguments.step,
    )


def _decoding(arguments: argparse.Namespace) -> DecodingConfig:
    from t5lite.decoding.sampling import DecodingConfig

    settings: dict[str, Any] = {
        field: getattr(arguments, field)
        for field in (*_SAMPLING, "max_decode_length")
        if getattr(arguments, field) is not None
    }
    if any(field in settings for field in _SAMPLING):
        settings["strategy"] = "sample"
    if arguments.decode_seed is not None:
        settings["seed"] = arguments.decode_seed
    return DecodingConfig(**settings)


def _config(arguments: argparse.Namespace) -> None:
    parsed = _parse_gin(arguments, arguments.of)
    verb = _GIN_VERBS[arguments.of]
    print(parsed.table(verb))
    parsed.arguments(verb)


if __name__ == "__main__":
    sys.exit(main())
