"""`t5lite self_improve`: a model learns from its own best guesses at its training targets.

Source: To et al., "Better Language Models of Code through Self-Improvement", arXiv:2304.01228. A
model is fine-tuned; a beam search answers its training inputs; of each input's beams the one
nearest the target, by BLEU, becomes a pseudo target; and the model goes on with both.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from t5lite.files import strict_json
from t5lite.files.json_files import read_lines, read_object, write_lines, write_object
from t5lite.files.local_paths import writable_folder
from t5lite.messages.ranges import Count, Range, Size
from t5lite.messages.tables import format_table
from t5lite.messages.value_types import check_fields, numbers_checked

if TYPE_CHECKING:
    from t5lite.configuration.config import ParsedConfig

log = logging.getLogger(__name__)

TASK, TASK_MODULE = "self_improving", "tasks.self_improving"
PREDICTIONS_FILE, EXAMPLES_FILE, ROUND_FILE = "predictions.jsonl", "train.jsonl", "round.json"
SETTINGS_FILE = "self_improving.json"

NumBeams = Annotated[int, Range(least=2, most=1000)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Run:
    """What all rounds have in common.

    Attributes:
      recipe: A gin file of `t5lite train`.
      bindings: Settings that win over it.
      given: Macros that flags set, as `config.parse` takes them.
      mixture: What is trained and improved.
      task_modules: Where it is registered.
      data_dir: Root of its files.
      lengths: `TASK_FEATURE_LENGTHS`.
      split: Whose inputs are answered.
      eval_split: Where each round is scored; None for nowhere.
      num_beams: Of each search; all of them are compared with the target.
      batch_size: Examples searched at once.
      max_decode_length: Most tokens of an answer.
      improve_steps: How long a round of improvement trains; None is as the recipe says.
    """

    recipe: str
    bindings: tuple[str, ...]
    given: Mapping[str, tuple[str, Any]]
    mixture: str
    task_modules: tuple[str, ...]
    data_dir: str | None
    lengths: Mapping[str, int]
    split: str
    eval_split: str | None
    num_beams: int
    batch_size: int
    max_decode_length: int | None
    improve_steps: int | str | None


@numbers_checked
def self_improve(
    *,
    recipe: str,
    output: str,
    bindings: Sequence[str] = (),
    rounds: Count = 1,
    num_beams: NumBeams = 10,
    fine_tuned: str | None = None,
    improve_steps: int | str | None = None,
    task_modules: Sequence[str] | None = None,
    mixture_or_task_name: str | None = None,
    split: str = "train",
    eval_split: str | None = "validation",
    data_dir: str | None = None,
    vocabulary: str | None = None,
    initial_checkpoint_path: str | None = None,
    cache_dir: str | None = None,
    batch_size: Size = 32,
    max_decode_length: Size | None = None,
) -> None:
    """Fine-tunes a model, and improves it by its own predictions, round after round.

    Killed at any moment and started again with the same arguments, it goes on in the same round;
    with more `rounds`, it goes on after them.

    Args:
      recipe: A gin file of `t5lite train`, for any task of texts.
      output: Folder; `round_0` gets the fine-tuned model, and `round_1` and so on each an improved
        one, with `predictions.jsonl` of the model before it, `train.jsonl` that was made of them,
        and `round.json`.
      bindings: Settings that win over the recipe's: "NAME=VALUE", as in --gin.NAME=VALUE.
      rounds: Of improvement.
      num_beams: Beams of each search, and predictions that are compared.
      fine_tuned: A model folder that is fine-tuned already, in place of `round_0`.
      improve_steps: How long each round trains; None is as the recipe says.
      task_modules: In place of the recipe's, as all that follow where they are given.
      mixture_or_task_name: What is trained.
      split: The split whose inputs are answered.
      eval_split: The split that each round is scored on, by beam search too; None for none.
      data_dir: Root of the Tasks' files.
      vocabulary: What they are tokenised with.
      initial_checkpoint_path: What fine-tuning starts from.
      cache_dir: Where token stores and conversions are kept.
      batch_size: Examples searched at once.
      max_decode_length: Most tokens of an answer; None is 64.

    Raises:
      ValueError: As `t5lite train`, `infer` and `eval`; or the folder was made with other settings.
      KeyboardInterrupt: Training was stopped, and its checkpoint saved.
    """
    from t5lite.configuration import config
    from t5lite.convert.cached import model_folder

    given = {
        "TASK_MODULES": ("--tasks", task_modules and tuple(task_modules)),
        "MIXTURE_OR_TASK_NAME": ("--mixture", mixture_or_task_name),
        "DATA_DIR": ("--data_dir", data_dir),
        "VOCABULARY": ("--vocabulary", vocabulary),
        "INITIAL_CHECKPOINT_PATH": ("--initial_checkpoint_path", initial_checkpoint_path),
        "CACHE_DIR": ("--cache_dir", cache_dir),
    }
    given = {macro: value for macro, value in given.items() if value[1]}
    parsed = config.parse([recipe], list(bindings), shorthands=given)
    for macro, flag in (("MIXTURE_OR_TASK_NAME", "--mixture"), ("TASK_FEATURE_LENGTHS", "")):
        if parsed.lacks(macro) or parsed.macro(macro) is None:
            remedy = f"give {flag}, or set it there" if flag else "set it there"
            raise ValueError(f"--recipe={recipe} does not set {macro}; {remedy}")
    run = _Run(
        recipe=recipe,
        bindings=tuple(bindings),
        given=given,
        mixture=parsed.macro("MIXTURE_OR_TASK_NAME"),
        task_modules=tuple(parsed.macro("TASK_MODULES") or ()),
        data_dir=parsed.macro("DATA_DIR"),
        lengths=parsed.macro("TASK_FEATURE_LENGTHS"),
        split=split,
        eval_split=eval_split,
        num_beams=num_beams,
        batch_size=batch_size,
        max_decode_length=max_decode_length,
        improve_steps=improve_steps,
    )
    folder, begin = writable_folder(output, name="--output"), None
    if fine_tuned is not None:
        begin = str(model_folder(fine_tuned, cache_dir=cache_dir, named_by="--fine_tuned"))
    _check_settings(folder, run, parsed, fine_tuned)
    model_dir, records = begin, []
    for number in range(rounds + 1):
        place = folder / f"round_{number}"
        records.append(_round(run, place, before=model_dir, is_first=number == 0))
        model_dir = begin if number == 0 and begin else str(place / "model")
    print(_table(records))


def nearest(predictions: Sequence[str], target: str) -> tuple[int, float]:
    """Which prediction is the nearest to a target, and how near.

    Args:
      predictions: One or more, the likeliest first.
      target: The text that was to be predicted.

    Returns:
      The index of the one with the largest sentence BLEU (sacrebleu's, with effective order, from 0
      to 100), the first of equals; and that.
    """
    from sacrebleu.metrics import BLEU

    bleu = BLEU(effective_order=True)
    scores = [bleu.sentence_score(prediction, [target]).score for prediction in predictions]
    best = max(range(len(scores)), key=scores.__getitem__)
    return best, scores[best]


def pseudo_targets(predictions: pathlib.Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The examples of a round, from the beams of the model before it.

    Args:
      predictions: What `t5lite infer` wrote with several answers a line.

    Returns:
      All examples with their targets, and then those with the nearest predictions, where there are
      any; and what there is to say of these.

    Raises:
      ValueError: A line has another shape.
    """
    examples, pseudo, scores = [], [], []
    num_equal = num_first = 0
    for where, record in read_lines(predictions, any_text=True):
        hints = {"inputs": str, "targets": str, "predictions": list[str]}
        check_fields(record, hints, name=where)
        if missing := [name for name in hints if record.get(name) is None]:
            raise ValueError(f"{where}: field {missing[0]!r} is missing")
        inputs, target = record["inputs"], record["targets"]
        examples.append({"inputs": inputs, "targets": target, "from": "target"})
        found = [text for text in record["predictions"] if text.strip()]
        if not found:
            continue
        index, score = nearest(found, target)
        pseudo.append({"inputs": inputs, "targets": found[index], "from": "prediction"})
        scores.append(score)
        num_equal += found[index] == target
        num_first += index == 0
    return [*examples, *pseudo], {
        "examples": len(examples),
        "pseudo_targets": len(pseudo),
        "mean_bleu": sum(scores) / len(scores) if scores else 0.0,
        "equal_to_target": num_equal,
        "likeliest_was_nearest": num_first,
    }


def _round(run: _Run, place: pathlib.Path, *, before: str | None, is_first: bool) -> dict[str, Any]:
    """One round, or what is left of it; its record."""
    done = place / ROUND_FILE
    if done.exists():
        return read_object(done)
    place.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {"round": place.name}
    model_dir = place / "model"
    if is_first and before is not None:
        model_dir = pathlib.Path(before)
    elif is_first:
        _train(run, model_dir)
    else:
        assert before is not None
        record |= _improve(run, place, before=before)
    record["metrics"] = _scores(run, str(model_dir))
    write_object(done, record)
    return record


def _improve(run: _Run, place: pathlib.Path, *, before: str) -> dict[str, Any]:
    """Searches with the model before, picks pseudo targets, and goes on training with them."""
    from t5lite.decoding.config import DecodingConfig
    from t5lite.infer import infer

    predictions = infer(
        model_dir=before,
        output=str(place / PREDICTIONS_FILE),
        mixture_or_task_name=run.mixture,
        split=run.split,
        task_modules=run.task_modules,
        data_dir=run.data_dir,
        batch_size=run.batch_size,
        decoding=DecodingConfig(
            strategy="beam",
            num_beams=run.num_beams,
            num_return_sequences=run.num_beams,
            max_decode_length=run.max_decode_length,
        ),
    )
    examples, found = pseudo_targets(pathlib.Path(predictions))
    write_lines(place / EXAMPLES_FILE, examples)
    # Training is not evaluated meanwhile: the Tasks of the recipe have another data root.
    with _data_root_restored():
        _train(
            run,
            place / "model",
            more={
                "INITIAL_CHECKPOINT_PATH": before,
                "MIXTURE_OR_TASK_NAME": TASK,
                "TASK_MODULES": (TASK_MODULE,),
                "DATA_DIR": str(place),
                "TRAIN_STEPS": run.improve_steps,
            },
            bindings=(
                *("train.evals=()", "train.eval_period=None", "train.eval_first=False"),
                "CheckpointConfig.best_metric=None",
            ),
        )
    return found


def _train(
    run: _Run,
    model_dir: pathlib.Path,
    *,
    more: Mapping[str, Any] | None = None,
    bindings: Sequence[str] = (),
) -> None:
    """Trains, or goes on.

    Raises:
      KeyboardInterrupt: It was stopped.
    """
    from t5lite.configuration import config
    from t5lite.train import train

    given = {**run.given, "MODEL_DIR": ("--output", str(model_dir))}
    given |= {name: ("self_improve", value) for name, value in (more or {}).items() if value}
    parsed = config.parse([run.recipe], [*run.bindings, *bindings], shorthands=given)
    arguments = parsed.tried("train")
    with parsed.places_named("train"):
        result = train(**arguments, config_text=parsed.operative_config())
    if result.stopped:
        raise KeyboardInterrupt


def _scores(run: _Run, model_dir: str) -> dict[str, float]:
    """The metrics of the recipe's mixture on the split for it."""
    if run.eval_split is None:
        return {}
    from t5lite.data.tasks.seqio_adapter import import_tasks
    from t5lite.decoding.config import DecodingConfig
    from t5lite.evaluate import evaluate
    from t5lite.inference.eval_config import EvalConfig

    import_tasks(run.task_modules, data_dir=run.data_dir)
    evaluation = EvalConfig(
        name=run.eval_split,
        mixture_or_task_name=run.mixture,
        task_feature_lengths=run.lengths,
        split=run.eval_split,
        batch_size=run.batch_size,
        decoding=DecodingConfig(
            strategy="beam", num_beams=run.num_beams, max_decode_length=run.max_decode_length
        ),
    )
    result = evaluate(model_dir=model_dir, evals=[evaluation])[run.eval_split]
    return {name: value for name, value in result.metrics.items() if isinstance(value, float)}


@contextlib.contextmanager
def _data_root_restored() -> Iterator[None]:
    """Leaves the data root as it was: training on a round's examples sets its own."""
    from t5lite.data.tasks.environment import DATA_DIR_VARIABLE

    before = os.environ.get(DATA_DIR_VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(DATA_DIR_VARIABLE, None)
        if before is not None:
            os.environ[DATA_DIR_VARIABLE] = before


def _check_settings(
    folder: pathlib.Path, run: _Run, parsed: ParsedConfig, fine_tuned: str | None
) -> None:
    """Keeps what a folder is made with, and refuses to go on with anything else.

    Of the recipe these are its settings and those of the files that it includes, not their text.

    Raises:
      ValueError: Something differs.
    """
    settings = {**dataclasses.asdict(run), "fine_tuned": fine_tuned}
    settings |= {f"recipe: import {module}": True for module in parsed.imports}
    settings |= {f"recipe: {b.key}": repr(b.value) for b in parsed.bindings.values()}
    settings = strict_json.read_again(settings)
    path = folder / SETTINGS_FILE
    if path.exists():
        kept = read_object(path)
        differ = [n for n in sorted({*kept, *settings}) if kept.get(n) != settings.get(n)]
        if not differ:
            return
        name = differ[0]
        if name not in kept:
            raise ValueError(
                f"--output {folder}: its {SETTINGS_FILE} does not name {name}, which is "
                f"{settings[name]!r} now. If it is new in the recipe or the command, take it out "
                "again; if an earlier version of t5lite made the folder, give another one"
            )
        now = f", not {settings[name]!r}" if name in settings else ", which nothing sets now"
        raise ValueError(
            f"--output {folder} was made with {name} = {kept[name]!r}{now}; give the same "
            "settings, or another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_object(path, settings)


def _table(records: Sequence[Mapping[str, Any]]) -> str:
    """A row a round: what was picked, and the metrics, of several Tasks their means."""
    means = [
        {name.rpartition("/mean/")[2]: v for name, v in r["metrics"].items() if "/mean/" in name}
        for r in records
    ]
    metrics = list(dict.fromkeys(name for row in means for name in row))
    titles = ["round", "pseudo targets", "mean BLEU", "equal to target", *metrics]
    rows = [
        [
            r["round"],
            f"{r['pseudo_targets']:,}" if "pseudo_targets" in r else "",
            f"{r['mean_bleu']:.1f}" if "mean_bleu" in r else "",
            f"{r['equal_to_target']:,}" if "equal_to_target" in r else "",
            *(f"{row[name]:.4f}" if name in row else "" for name in metrics),
        ]
        for r, row in zip(records, means, strict=True)
    ]
    return format_table(titles, rows, right=range(1, len(titles)), drops_empty=True)
