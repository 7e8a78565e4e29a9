"""The `t5lite` command: each verb imports what it needs, and calls one function.

Nothing heavy is imported before a verb runs, so `t5lite --help` answers at once. flags.py holds the
flags, verb_config.py what gin files and folders say beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from t5lite.configuration import synthetic_flags, verb_config
from t5lite.configuration.flags import parse, split_gin_flags
from t5lite.configuration.process_failures import ending_together, telling_others
from t5lite.configuration.verb_config import GIN_VERBS, read_config
from t5lite.files.hashes import VERIFY_VARIABLE
from t5lite.files.whole_file import FULL_DISK
from t5lite.messages import streams
from t5lite.messages.error_origin import place_of, raised_by_us


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
      argv: the command's words; those of the process when None.

    Returns:
      The exit status: 0; 1 where a check that the verb makes failed, or another process of the run;
      2 after a mistake of the user, with one message on stderr; 130 after Ctrl-C; 141 where the
      reader of a pipe went.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if wrong := streams.take_over(words):
        streams.say(f"t5lite: error: {wrong}")
        return 2
    with streams.output_written():
        return ending_together(lambda: _run_verb(words))


def _run_verb(words: list[str]) -> int:
    """Runs one verb; the exit status, as `main`, where its output can be written."""
    words, gin_bindings = split_gin_flags(words)
    arguments = parse(words)
    arguments.gin_bindings = gin_bindings
    _set_up_process(tracebacks=arguments.traceback)
    try:
        _search_current_folder(arguments)
        if gin_bindings and not hasattr(arguments, "gin_file"):
            raise ValueError(f"this command takes no --gin.{gin_bindings[0]}")
        _cache_compilations(arguments)
        with _verifying(arguments), telling_others():
            return _RUN[arguments.verb](arguments) or 0
    except OSError as error:
        explains_itself = error.filename or error.errno in FULL_DISK
        if arguments.traceback or streams.is_of_output(error) or not explains_itself:
            raise
        streams.say(f"t5lite {arguments.verb}: error: {_file_error(error)}")
        return 2
    except (ValueError, FloatingPointError) as error:
        in_locale = streams.locale_error(error)
        if arguments.traceback or not (in_locale or raised_by_us(error)):
            raise
        streams.say(f"t5lite {arguments.verb}: error: {in_locale or error}")
        return 2
    except MemoryError as error:
        if arguments.traceback:
            raise
        streams.say(
            f"t5lite {arguments.verb}: error: out of memory ({error}). Give smaller batches, or "
            "shorter lengths."
        )
        return 2
    except SystemExit as error:
        if arguments.traceback:
            raise
        place = place_of(error) or "a library"
        streams.say(
            f"t5lite {arguments.verb}: error: {place} calls sys.exit({error.code!r}), which would "
            "end the command halfway. Raise a ValueError there instead."
        )
        return 2
    except KeyboardInterrupt:
        streams.say(f"\nt5lite {arguments.verb}: interrupted")
        return 130


@contextlib.contextmanager
def _verifying(arguments: argparse.Namespace) -> Iterator[None]:
    """Lets --verify say, here and in worker processes, whether files are compared with hashes."""
    before, given = os.environ.get(VERIFY_VARIABLE), getattr(arguments, "verify", None)
    if isinstance(given, str):  # `data status --verify` is another flag
        os.environ[VERIFY_VARIABLE] = given
    try:
        yield
    finally:
        os.environ.pop(VERIFY_VARIABLE, None)
        if before is not None:
            os.environ[VERIFY_VARIABLE] = before


def _cache_compilations(arguments: argparse.Namespace) -> None:
    """Lets --compilation_cache_dir say where compiled programs are kept, and found again."""
    folder = getattr(arguments, "compilation_cache_dir", None)
    if folder is None:
        return
    import jax

    from t5lite.files.local_paths import writable_folder

    path = writable_folder(folder, name="--compilation_cache_dir")
    jax.config.update("jax_compilation_cache_dir", str(path))


def _file_error(error: OSError) -> str:
    """What the system says of a file: not there, not allowed, no space left."""
    files = [str(file) for file in (error.filename, error.filename2) if file is not None]
    named = f"{' and '.join(files)}: " if files else ""
    remedy = ""
    if error.errno in FULL_DISK:
        remedy = (
            ". Free some space and give the same command again; what was finished before is kept, "
            "and training goes on from its last checkpoint"
        )
    return f"{named}{error.strerror}{remedy}"


def _set_up_process(*, tracebacks: bool) -> None:
    """Quiet libraries, and our own log on stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    handler = logging.StreamHandler()
    if not tracebacks:
        handler.addFilter(streams.is_news)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("t5lite").setLevel(logging.INFO)
    if not tracebacks:
        streams.leave_out_abandoned_writes()


def _search_current_folder(arguments: argparse.Namespace) -> None:
    """Lets task modules be found in the current folder, unless the verb works on that very one."""
    from t5lite.data.tasks.task_modules import search_current_folder

    search_current_folder(
        model_folder=getattr(arguments, "model_dir", None) or getattr(arguments, "src", None)
    )


def _join(arguments: argparse.Namespace) -> None:
    from t5lite.configuration.processes import join_processes

    join_processes(
        multi_host=arguments.multi_host,
        coordinator=arguments.coordinator,
        num_processes=arguments.num_processes,
        process_id=arguments.process_id,
    )


# ---- Verbs ---------------------------------------------------------------------------------------


def _train(arguments: argparse.Namespace) -> None:
    parsed = read_config(arguments, "train")
    _join(arguments)  # before anything is built: schedules and optimizers touch devices
    from t5lite.training.freed_memory import keep_freed_memory

    keep_freed_memory()
    built = parsed.arguments("train")
    from t5lite.train import train

    with parsed.places_named("train"):
        result = train(**built, config_text=parsed.operative_config())
    model_dir = built["model_dir"]
    if result.stopped:
        print(
            f"Stopped at step {result.progress.steps}, saved in {model_dir}. "
            "The same command resumes from there."
        )
    elif not result.already_finished:
        print(f"Trained {result.progress.steps} steps, saved in {model_dir}.")


# What a plan does not look at, in place of what a run is to be given. Of a model that is that of
# its checkpoint, the checkpoint is missed when the model is.
_UNPLANNED = {
    "MODEL_DIR": verb_config.NO_FOLDER,
    "MIXTURE_OR_TASK_NAME": "evaluation",
    "ANSWERED_TASK": "evaluation",
    "VOCABULARY": "bytes",
    "DATA_DIR": None,
    "INITIAL_CHECKPOINT_PATH": None,
    "OUTPUT": "no_file",
}


def _plan(arguments: argparse.Namespace) -> int:
    from t5lite.files.local_paths import writable_file
    from t5lite.planning.topology import check_name, open_topology

    shape = check_name(arguments.topology)
    of = arguments.of or _planned_verb(arguments)
    _check_plan_flags(arguments, of=of, is_on_cpu=shape.kind == "cpu")
    page = None if arguments.html is None else writable_file(arguments.html, name="--html")
    # Before devices are touched, which converting a checkpoint does, and making schedules.
    topology = open_topology(arguments.topology)
    lengths = arguments.task_feature_lengths
    if of == "infer":
        arguments.task_feature_lengths = None  # which a model folder says elsewhere
    stand_ins = dict(_UNPLANNED)
    if of != "train" and arguments.model_dir is not None:
        del stand_ins["VOCABULARY"]  # which the folder has
    parsed = read_config(arguments, of, stand_ins=stand_ins)
    verb = GIN_VERBS[of]
    built = parsed.arguments(verb)
    from t5lite import plan
    from t5lite.files import strict_json
    from t5lite.planning.summary import format_plan

    assumptions = plan.Assumptions(
        num_options=arguments.num_options,
        prefix_length=arguments.shared_prefix or 0,
        model=None if of == "train" else parsed.parameter("train", "model"),
        task_feature_lengths=lengths or parsed.macro("TASK_FEATURE_LENGTHS"),
    )
    result: Any
    with parsed.places_named(verb):
        if arguments.sweep:
            result = plan.plan_sweep(topology, built, limit=arguments.sweep_limit or 24)
        elif of == "train":
            result = plan.plan_training(
                topology, built, assumptions=assumptions, measures=arguments.measure
            )
        else:
            result = plan.plan_answering(topology, verb, built, assumptions=assumptions)
    if page:
        from t5lite.reports.plan_page import write_plan_page

        write_plan_page(page, result)
    text = result.format() if arguments.sweep else format_plan(result)
    print(strict_json.dumps(result.to_dict(), indent=2) if arguments.json else text)
    return 0 if result.fits else 1


def _planned_verb(arguments: argparse.Namespace) -> str:
    """What the gin files are for: answering, where they say how, and training otherwise."""
    parsed = verb_config.parse_files(arguments, verb_config.macros_of_flags(arguments))
    configured = {binding.configurable for binding in parsed.bindings.values()}
    found = [of for of in ("eval", "infer") if GIN_VERBS[of] in configured]
    if len(found) > 1:
        raise ValueError("these gin files are for eval and for infer; say which with --of.")
    return found[0] if found else "train"


def _check_plan_flags(arguments: argparse.Namespace, *, of: str, is_on_cpu: bool) -> None:
    """Refuses flags of a plan that would do nothing."""
    if arguments.measure and (of != "train" or arguments.sweep or not is_on_cpu):
        raise ValueError("--measure runs one training step on CPUs: give --topology=cpu:N.")
    if arguments.sweep and of != "train":
        raise ValueError("--sweep tries ways to lay out a training step; plan training with it.")
    if arguments.sweep_limit and not arguments.sweep:
        raise ValueError("--sweep_limit bounds a sweep; give --sweep with it.")


def _eval(arguments: argparse.Namespace) -> None:
    parsed = read_config(arguments, "eval")
    _join(arguments)
    built = parsed.arguments("evaluate")
    from t5lite.evaluate import evaluate

    with parsed.places_named("evaluate"):
        evaluate(**built)


def _eval_compare(arguments: argparse.Namespace) -> None:
    from t5lite.evaluation.comparison_report import report

    report(
        arguments.a,
        arguments.b,
        output=arguments.output,
        allow_different_prompts=arguments.allow_different_prompts,
    )


def _eval_levels(arguments: argparse.Namespace) -> None:
    from t5lite.evaluation.levels import report

    report(arguments.folders, names=arguments.evaluations, output=arguments.output)


def _eval_table(arguments: argparse.Namespace) -> None:
    from t5lite.evaluation.flan_table import tabulate

    tabulate(arguments.folders, names=arguments.evaluations, output=arguments.output)


def _infer(arguments: argparse.Namespace) -> None:
    parsed = read_config(arguments, "infer")
    _join(arguments)
    built = parsed.arguments("infer")
    from t5lite.infer import infer

    with parsed.places_named("infer"):
        print(f"Answers: {infer(**built)}")


def _generate(arguments: argparse.Namespace) -> None:
    parsed = read_config(arguments, "generate")
    built = parsed.arguments("generate")
    from t5lite.generate import generate

    with parsed.places_named("generate"):
        generate(**built, prompts=arguments.prompts)


def _make_data(arguments: argparse.Namespace) -> int | None:
    """Runs any verb of `synthetic_flags.VERBS`."""
    import inspect
    from importlib import import_module

    from t5lite.configuration import config

    verb = arguments.verb
    parsed = read_config(arguments, verb)
    built = parsed.arguments(verb)
    function = getattr(import_module(config.VERBS[verb]), verb)
    more = {"config_text": parsed.operative_config(), "words": getattr(arguments, "words", ())}
    taken = inspect.signature(function).parameters
    with parsed.places_named(verb):
        return function(**built, **{name: more[name] for name in more if name in taken})


def _trace(arguments: argparse.Namespace) -> None:
    from t5lite.synthetic_data.trace import trace

    trace(arguments.id, folder=arguments.folder, answers=arguments.answers)


def _tasks(arguments: argparse.Namespace) -> int | None:
    if arguments.action == "audit":
        from t5lite.reports.audit import audit

        audit(arguments.model_dir)
        return None
    if arguments.action == "contamination":
        return _contamination(arguments)
    if arguments.action == "split":
        _split(arguments)
        return None
    from t5lite import catalog

    registry = {
        "task_modules": arguments.tasks or (),
        "data_dir": arguments.data_dir,
        "vocabulary": arguments.vocabulary,
    }
    if arguments.action == "list":
        catalog.list_tasks(arguments.pattern, **registry)
    elif arguments.action == "describe":
        catalog.describe(
            arguments.name,
            **registry,
            split=arguments.split,
            cache_dir=arguments.cache_dir,
            task_feature_lengths=arguments.task_feature_lengths,
            max_store_examples=arguments.max_store_examples,
        )
    else:
        catalog.show(
            arguments.name,
            **registry,
            split=arguments.split,
            num_examples=arguments.num_examples,
            show_tokens=arguments.tokens,
        )
    return None


def _contamination(arguments: argparse.Namespace) -> int:
    from t5lite.reports.contamination_report import report

    clean = report(
        arguments.name,
        against=arguments.against,
        against_tasks=arguments.against_tasks,
        n=arguments.ngram,
        split=arguments.split,
        task_modules=arguments.tasks or (),
        data_dir=arguments.data_dir,
        vocabulary=arguments.vocabulary,
        allow_missing=arguments.allow_missing_tasks,
        num_workers=arguments.num_workers,
        output=arguments.output,
        fail_above=arguments.fail_above,
    )
    return 0 if clean else 1


def _split(arguments: argparse.Namespace) -> None:
    from t5lite.reports.level_report import LeakCheck, SplitRequest, make_split

    request = SplitRequest(
        collection=tuple(arguments.names),
        output=arguments.output,
        name=arguments.name,
        seed=arguments.seed,
        held_out_categories=arguments.held_out_categories,
        held_out_tasks=arguments.held_out_tasks,
        held_out_share=arguments.held_out_share,
        held_out_instances=arguments.held_out_instances,
        categories=arguments.categories,
        allow_missing=arguments.allow_missing_tasks,
    )
    check = LeakCheck(
        n=arguments.ngram,
        above=arguments.leaks_above,
        drop=arguments.drop_leaks,
        output=arguments.leaks,
        num_workers=arguments.num_workers,
    )
    unused = [f for f in ("drop_leaks", "leaks") if getattr(arguments, f) is not None]
    if arguments.nocheck_leaks and unused:
        raise ValueError(f"--nocheck_leaks finds no leaks for --{unused[0]}; give one of the two")
    make_split(
        request,
        task_modules=arguments.tasks or (),
        data_dir=arguments.data_dir,
        vocabulary=arguments.vocabulary,
        leak_check=None if arguments.nocheck_leaks else check,
    )


def _data(arguments: argparse.Namespace) -> None:
    from t5lite import data_verbs

    if arguments.action == "fetch":
        data_verbs.fetch(arguments.names, data_dir=arguments.data_dir)
        return
    data_verbs.status(
        task_modules=arguments.tasks or (),
        data_dir=arguments.data_dir,
        verify=arguments.verify,
        verbose=arguments.verbose,
        as_json=arguments.json,
    )


def _cache(arguments: argparse.Namespace) -> None:
    from t5lite.data.stores.build import cache

    report = cache(
        arguments.mixture,
        split=arguments.split,
        task_modules=arguments.tasks or (),
        data_dir=arguments.data_dir,
        vocabulary=arguments.vocabulary,
        cache_dir=arguments.cache_dir,
        task_feature_lengths=arguments.task_feature_lengths,
        whole_conversations=arguments.converter == "decoder_only",
        num_workers=arguments.num_workers,
        shard=arguments.shard,
        allow_missing=arguments.allow_missing_tasks,
        beam_options=arguments.beam,
        max_store_examples=arguments.max_store_examples,
        store_epochs=1 if arguments.store_epochs is None else arguments.store_epochs,
    )
    for line in report.notes:
        print(line)
    print(
        f"{report.num_tasks} tasks, of which {report.num_built} were built now "
        f"({report.num_examples_built:,} examples)."
    )


def _preference(arguments: argparse.Namespace) -> None:
    if arguments.action == "choose":
        from t5lite.evaluation.preference.choosing import choose_answers

        choose_answers(arguments.answers, output=arguments.output)
    elif arguments.action == "serve":
        from t5lite.evaluation.preference.server import serve

        serve(
            arguments.a,
            arguments.b,
            output=arguments.output,
            inputs_field=arguments.inputs_field,
            seed=arguments.seed,
            port=arguments.port,
        )
    elif arguments.action == "judge":
        from t5lite.evaluation.preference.model_judge import judge

        judge(
            arguments.a,
            arguments.b,
            model_dir=arguments.model_dir,
            output=arguments.output,
            inputs_field=arguments.inputs_field,
            step=arguments.step,
            batch_size=arguments.batch_size,
            vocabulary=arguments.vocabulary,
            cache_dir=arguments.cache_dir,
        )
    else:
        from t5lite.evaluation.preference.results import report

        report(arguments.judgments, output=arguments.output)


def _vocabulary(arguments: argparse.Namespace) -> None:
    from t5lite.data.tasks.vocabulary_training import train_vocabulary

    train_vocabulary(
        arguments.mixture,
        size=arguments.size,
        output=arguments.output,
        split=arguments.split,
        task_modules=arguments.tasks or (),
        data_dir=arguments.data_dir,
        max_examples_per_task=arguments.max_examples,
    )
    print(f"Vocabulary: {arguments.output}; use it with --vocabulary={arguments.output}")


def _convert(arguments: argparse.Namespace) -> None:
    from t5lite.convert.convert import convert

    convert(
        arguments.src,
        arguments.dst,
        to=arguments.to,
        dtype=arguments.dtype,
        max_shard_bytes=arguments.max_shard_size,
        vocabulary=arguments.vocabulary,
        adapter=arguments.adapter,
        model_dir=arguments.model_dir,
        step=arguments.step,
        context_length=arguments.context_length,
        optimizer_state=arguments.optimizer_state,
        keep_nonfinite=arguments.keep_nonfinite,
        verified=arguments.verified,
    )


def _config(arguments: argparse.Namespace) -> int | None:
    if arguments.from_t5x:
        return _from_t5x(arguments)
    parsed = read_config(arguments, arguments.of)
    verb = GIN_VERBS[arguments.of]
    print(parsed.table(verb))
    parsed.arguments(verb)
    return None


def _from_t5x(arguments: argparse.Namespace) -> int:
    from t5lite.configuration.t5x.command import from_t5x

    settings = {
        macro: value for macro, (_, value) in verb_config.macros_of_flags(arguments).items()
    }
    return from_t5x(
        [*arguments.from_t5x, *arguments.gin_file],
        arguments.gin_bindings,
        flags=arguments.t5x_flags,
        settings={macro: value for macro, value in settings.items() if macro != "OUTPUT"},
        search_paths=arguments.gin_search_paths,
        output=settings.get("OUTPUT"),
    )


_RUN: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "train": _train,
    "plan": _plan,
    "eval": _eval,
    "eval compare": _eval_compare,
    "eval levels": _eval_levels,
    "eval table": _eval_table,
    "infer": _infer,
    "generate": _generate,
    "tasks": _tasks,
    "data": _data,
    "cache": _cache,
    "preference": _preference,
    "vocabulary": _vocabulary,
    "convert": _convert,
    "config": _config,
    "trace": _trace,
    **dict.fromkeys(synthetic_flags.VERBS, _make_data),
}

if __name__ == "__main__":
    sys.exit(main())
