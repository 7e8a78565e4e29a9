"""`t5lite eval`: evaluates a model folder, or a checkpoint of any format."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Sequence

import jax

from t5lite.checkpoints.load import LoadedModel, provenance
from t5lite.data.tasks.task_data import NoDataError
from t5lite.data.tasks.task_modules import were_imported
from t5lite.data.vocabularies.load import format_vocabulary
from t5lite.evaluation.eval_report import EvalReport
from t5lite.files.local_paths import storage_path, writable_folder
from t5lite.inference.eval_config import EvalConfig, check_evals
from t5lite.inference.eval_result import EvalResult
from t5lite.inference.evaluator import Evaluator, check_vocabulary
from t5lite.inference.prompts import chat_format
from t5lite.initialization.adapted_model import load_model, own_folder
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.messages.ranges import Count
from t5lite.messages.value_types import numbers_checked

log = logging.getLogger(__name__)

# Answers so far; deleted when all evaluations are finished.
ANSWERS_FILE = "answers.jsonl"


@numbers_checked
def evaluate(
    *,
    model_dir: str,
    evals: Sequence[EvalConfig],
    adapter: str | None = None,
    step: Count | None = None,
    attention_implementation: str = "auto",
    output_dir: str | None = None,
    mesh: MeshConfig | None = None,
    report: EvalReport | None = None,
) -> dict[str, EvalResult]:
    """Evaluates a trained model; the function behind `t5lite eval`.

    Prints a table, and writes `metrics.json` and `predictions.jsonl` of each evaluation to
    `MODEL_DIR/eval/<name>/`, or to `<output_dir>/<name>/`. An evaluation that was killed, started
    again with the same arguments, goes on where it stopped, and ends with the same files.

    Args:
      model_dir: Folder that `t5lite train` wrote, or a checkpoint of any format that holds its
        tokenizer too; that is converted first, and MODEL_DIR is then its conversion in the cache.
      evals: What to evaluate.
      adapter: Folder of a run that trained adapters of the model in `model_dir`; MODEL_DIR is then
        this one. None where `model_dir` is such a folder itself, which says where its model lies,
        or a whole model.
      step: Which checkpoint, of the adapters where there are any; the latest when None.
      attention_implementation: What computes attention over prompts; see TransformerConfig.
      output_dir: Where to write instead.
      mesh: How the devices share the work; the default `MeshConfig` when None.
      report: What is made of all evaluations when they are done, such as the table of Flan's
        suites; nothing when None.

    Returns:
      The results by evaluation name.

    Raises:
      ValueError: No evaluation, two of one name, a setting that does nothing, a Task whose
        vocabulary is not the model's, or one that cannot be asked as its evaluation says.
    """
    if not evals:
        raise ValueError("evaluate.evals is empty: name at least one EvalConfig.")
    check_evals(evals)
    model_dir, base = own_folder(model_dir, adapter)
    devices = make_mesh(mesh or MeshConfig())
    model = load_model(
        *(model_dir, step),
        base=base,
        mesh=devices,
        attention_implementation=attention_implementation,
    )
    folder_of_model = storage_path(model_dir, name="--model_dir")
    root = writable_folder(
        output_dir or folder_of_model / "eval",
        name="--output_dir (default: MODEL_DIR/eval)",
    )
    # All of them first: what one cannot ask is found before another has taken its hours.
    evaluators = list(_evaluators(evals, model, devices, model_dir=model_dir))
    settings = provenance(model_dir, model.step)
    folders = [root / evaluator.config.name for evaluator in evaluators]
    results = {}
    with contextlib.ExitStack() as stack:
        journals = [
            stack.enter_context(evaluator.journal(folder / ANSWERS_FILE, settings=settings))
            for evaluator, folder in zip(evaluators, folders, strict=True)
        ]
        for evaluator, folder, journal in zip(evaluators, folders, journals, strict=True):
            result = results[evaluator.config.name] = evaluator.run(model.params, journal=journal)
            if jax.process_index() == 0:
                result.save(folder, step=model.step)
                print(result.summary(step=model.step))
                print(f"In {folder}: metrics.json, predictions.jsonl")
        if report is not None and jax.process_index() == 0:
            report.write(root, names=list(results), model=folder_of_model.resolve().name)
        # Only now: until the last one ends, a new start need answer nothing again.
        for journal in journals:
            journal.discard()
    return results


def _evaluators(
    evals: Sequence[EvalConfig], model: LoadedModel, devices: jax.sharding.Mesh, *, model_dir: str
) -> Iterator[Evaluator]:
    """What evaluates a loaded model, without evaluations that have no data and may be left out.

    Raises:
      NoDataError: No evaluation has data, or one must have some and has none.
    """
    left_out = []
    for config in evals:
        try:
            yield _evaluator(config, model, devices, model_dir=model_dir)
        except NoDataError as error:
            left_out.append(config)
            if not config.allow_missing_tasks or len(left_out) == len(evals):
                raise
            if jax.process_index() == 0:
                log.warning("evaluation %s is left out: %s", config.name, error)


def _evaluator(
    config: EvalConfig, model: LoadedModel, devices: jax.sharding.Mesh, *, model_dir: str
) -> Evaluator:
    """What evaluates a loaded model, its vocabulary the Tasks' too, if they have none."""
    if config.vocabulary is None and not were_imported(config.task_modules):
        config = dataclasses.replace(config, vocabulary=format_vocabulary(model.vocabulary))
    evaluator = Evaluator(
        config,
        model.config,
        converter=model.converter,
        chat=chat_format(model) if model.chat_template else None,
        mesh=devices,
    )
    check_vocabulary(
        evaluator.vocabulary, model, of=config.mixture_or_task_name, model_dir=model_dir
    )
    return evaluator
