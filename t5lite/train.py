"""Training, from a folder's name to a report. Read `train` from top to bottom."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from t5lite import sharding
from t5lite.checkpoints.checkpointer import (
    CheckpointConfig,
    Checkpointer,
    SaveClock,
    has_checkpoint,
)
from t5lite.checkpoints.model_dir import ModelDescription, leaves_no_empty_folder, lock
from t5lite.configuration.run_record import (
    changed_settings,
    describe,
    record_start,
    recorded_settings,
)
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import TrainBatch, TrainData, open_train_data
from t5lite.data.run_vocabulary import (
    check_inputs_vocabulary,
    check_vocabulary_fits,
    tasks_vocabulary,
)
from t5lite.data.tasks import task_data
from t5lite.files.local_paths import check_storable, writable_folder
from t5lite.files.whole_file import write_whole
from t5lite.inference.eval_config import EvalConfig, check_evals
from t5lite.inference.evaluator import Evaluator
from t5lite.initialization.adapted_model import check_base_is_given, reopen_base, with_base
from t5lite.initialization.frozen_models import (
    frozen_shapes,
    load_frozen_models,
    open_frozen_models,
)
from t5lite.initialization.initial_model import ModelOfCheckpoint, check_run_folder
from t5lite.initialization.restore import RestoreConfig, open_initial
from t5lite.initialization.soft_prompt import start_soft_prompt
from t5lite.mesh import MeshConfig, describe_mesh, host_rows, make_mesh
from t5lite.messages.ranges import NotNegative, Positive, Seed, Size
from t5lite.messages.value_types import numbers_checked
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import added_names, count_params
from t5lite.planning.chips import seconds_at_peak
from t5lite.planning.placement import PLACEMENT_FILE, format_placement, placed, summary
from t5lite.reports import report
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.draws import SampleCounts, read_expected, write_expected
from t5lite.training.duration import Duration, Progress, parse_duration
from t5lite.training.feed import feed
from t5lite.training.loss_by_task import LossByTask
from t5lite.training.metrics import MetricsWriter, ProgressBar, StepLog
from t5lite.training.objective import Objective
from t5lite.training.optimizers import Optimizer
from t5lite.training.parameter_groups import FrozenDtype
from t5lite.training.profiling import Profiler, check_window
from t5lite.training.program import build_program
from t5lite.training.signals import StopRequest
from t5lite.training.step_memory import check_state, check_step
from t5lite.training.task_groups import task_features
from t5lite.training.transfers import no_implicit_transfers

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a call of `train` ended.

    Attributes:
      progress: how far the model folder's training has come.
      metrics: the last evaluation's metrics.
      best_step: the step of the checkpoint kept where `CheckpointConfig.best_metric` was best; None
        where none is named, or no checkpoint was saved with it.
      stopped: True when SIGTERM or Ctrl-C ended it early; the same command resumes from there.
      already_finished: True when the folder's training was over before, and nothing was trained.
    """

    progress: Progress
    metrics: Mapping[str, float]
    best_step: int | None = None
    stopped: bool = False
    already_finished: bool = False


@numbers_checked
@leaves_no_empty_folder
def train(
    *,
    model: TransformerConfig | ModelOfCheckpoint,
    model_dir: str,
    train_data: DataConfig,
    optimizer: Optimizer,
    train_steps: int | str,
    objective: Objective = CrossEntropy(),  # noqa: B008 (frozen)
    mesh: MeshConfig = MeshConfig(),  # noqa: B008 (frozen)
    parameter_groups: Sequence[tuple[str, NotNegative]] = (),
    task_groups: Sequence[tuple[str, str]] = (),
    frozen_dtype: FrozenDtype = "float32",
    max_grad_norm: Positive | None = None,
    num_microbatches: Size = 1,
    initial_checkpoint: RestoreConfig | None = None,
    checkpoint: CheckpointConfig = CheckpointConfig(),  # noqa: B008 (frozen)
    evals: Sequence[EvalConfig] = (),
    eval_period: int | str | None = None,
    eval_first: bool = False,
    log_period: Size = 10,
    norm_groups: Sequence[str] = (),
    loss_by_task: bool = False,
    profile_steps: tuple[Size, Size] | None = None,
    wandb_project: str | None = None,
    seed: Seed = 0,
    config_text: str = "",
) -> TrainResult:
    """Trains a model on a mixture of tasks, or resumes where this folder's training stopped.

    Killed at any moment and started again with the same arguments, it ends with the same
    parameters, to the bit, as a run that was never stopped.

    Args:
      model: the model's config, or that it is the model of the initial checkpoint.
      model_dir: folder of this run; holds everything it writes (t5lite/checkpoints/model_dir.py).
      train_data: the mixture, its lengths, the global batch size.
      optimizer: e.g. `adafactor(learning_rate=schedule(...))`.
      train_steps: how long: 1000, "3 epochs", "50_000 examples" or "2e6 tokens".
      objective: the loss, and the frozen models that it asks for.
      mesh: how the devices are arranged.
      parameter_groups: `(regex, learning-rate multiplier)`; 0 freezes.
      task_groups: `(regex, regex of Tasks)`; parameters that the first is found in learn from the
        tokens of these Tasks alone (docs/adapters.md). Each group is a pass over the batch.
      frozen_dtype: the type in which frozen parameters are held, in checkpoints too, and models
        that the objective asked for.
      max_grad_norm: clip the gradient's global norm to this.
      num_microbatches: parts a batch is split into, their gradients added up before one update.
      initial_checkpoint: what a fresh run starts from; ignored, and said so, when resuming.
      checkpoint: when to save and what to keep.
      evals: evaluations during training and at its end, each as its `EvalConfig` says.
      eval_period: how often; None evaluates at the end only.
      eval_first: also evaluate before the first step.
      log_period: steps between lines of metrics.jsonl.
      norm_groups: regular expressions; the norms of gradients, updates and parameters in whose
        names one is found are logged too.
      loss_by_task: whether the loss of each task is logged too, of those drawn since the last line.
      profile_steps: `(start, stop)`: JAX's profiler traces these steps, the last being `stop` - 1.
      wandb_project: a project of Weights & Biases that figures go to as well.
      seed: of initialisation and dropout; the data has its own in `train_data`.
      config_text: the operative gin configuration, saved with every checkpoint.

    Returns:
      Progress, the last metrics, and whether SIGTERM or Ctrl-C stopped it.

    Raises:
      ValueError: anything a user can set right: names, lengths, meshes, folders, checkpoints.
      FloatingPointError: the loss is not finite; names the step and the tasks in its batch.
    """
    # ---- Durations, folder, mesh ----------------------------------------------------------------
    folder = writable_folder(model_dir, name="MODEL_DIR")
    check_storable(folder, name="MODEL_DIR")
    check_run_folder(folder)
    model_dir, given = str(folder), initial_checkpoint
    if isinstance(model, ModelOfCheckpoint):
        model, train_data, initial_checkpoint = model.choose(
            train_data, initial_checkpoint, model_dir=folder
        )
    check_base_is_given(model, given, resumes=has_checkpoint(folder))
    train_data.check_model(model)
    check_evals(evals)
    total = parse_duration(train_steps, name="TRAIN_STEPS")
    check_window(profile_steps, total=total)
    save_every = parse_duration(checkpoint.period, name="CHECKPOINT_PERIOD")
    eval_every = None if eval_period is None else parse_duration(eval_period, name="EVAL_PERIOD")
    is_main = jax.process_index() == 0
    folder.mkdir(parents=True, exist_ok=True)
    folder_lock = lock(folder) if is_main else None
    device_mesh = make_mesh(mesh)

    # ---- Model and optimizer: shapes and shardings, nothing allocated ---------------------------
    program = build_program(
        model,
        objective,
        optimizer=optimizer,
        parameter_groups=parameter_groups,
        frozen_dtype=frozen_dtype,
        max_grad_norm=max_grad_norm,
        seed=seed,
        mesh=device_mesh,
    )
    check_state(program.state, mesh=device_mesh)

    # ---- Where this folder's training stopped, if it began --------------------------------------
    checkpointer = Checkpointer(folder, checkpoint)
    resume_step = checkpointer.latest_step()
    state: Any = None
    began: ModelDescription | None = None
    data_state, progress, draws, task_losses = None, Progress(), SampleCounts(), None
    if resume_step is not None:
        saved = checkpointer.restore_data(resume_step)
        data_state, progress = saved["data"], Progress(**saved["progress"])
        began = ModelDescription.load(folder)
        began.check_same_model(dataclasses.replace(began, model=model), model_dir=model_dir)
        if total.reached(progress) or saved.get("exhausted"):
            best_step = checkpointer.best_step()
            checkpointer.close()
            if is_main:
                _say_finished(folder, progress, total, changed_settings(folder, config_text))
            if folder_lock is not None:
                folder_lock.release()
            return TrainResult(
                progress=progress, metrics={}, best_step=best_step, already_finished=True
            )
        state = checkpointer.restore_state(resume_step, program.kept(program.state))
        draws = SampleCounts(saved.get("draws"))  # which the oldest checkpoints lack
        task_losses = saved.get("loss_by_task")
        ignored = ""
        if initial_checkpoint and not model.adapters:  # whose model is read again
            ignored = f" (ignoring {initial_checkpoint.path})"
        log.info("resuming %s from step %d%s", folder, resume_step, ignored)

    # ---- Whose tokens and prompts these are, before any data are built --------------------------
    vocabulary = tasks_vocabulary(train_data)
    check_vocabulary_fits(vocabulary, train_data, model.vocab_size)
    check_inputs_vocabulary(vocabulary, train_data, model.vocab_size)
    others = open_frozen_models(objective, model=model, vocabulary=vocabulary.spec())
    initial, asked_as = None, None
    if began:
        as_now = dataclasses.replace(began, vocabulary=vocabulary.spec())
        began.check_same_model(as_now, model_dir=model_dir)
        asked_as = began.converter
        if began.base:
            initial = reopen_base(began.base, model, given=given, model_dir=model_dir)
    elif initial_checkpoint:
        initial = open_initial(initial_checkpoint)
        if not model.adapters:  # T5X has none, whose steps could be counted on
            initial.check_train_steps(total)
        initial.check_model(model)
        initial.check_vocabulary(vocabulary.spec())
        asked_as = initial.converter and initial.converter.for_model(model)

    # ---- The step, traced on shapes: what an objective does wrong is found before data are built -
    sharding.check_batch_size(train_data.batch_size, device_mesh, num_microbatches=num_microbatches)
    rows = train_data.make_converter(eos_id=vocabulary.eos_id, ends_in_eos={}, initial=asked_as)
    rows.check_model(model, vocab_size=vocabulary.vocab_size)
    rows.check_rows(model)
    others_shapes = frozen_shapes(others, converter=rows, mesh=device_mesh, dtype=frozen_dtype)
    check_step(
        program.state if state is None or model.adapters else None,
        model,
        objective,
        trainable=program.trainable,
        frozen_models=others_shapes,
        data=train_data,
        rows=rows,
        num_microbatches=num_microbatches,
        mesh=device_mesh,
    )
    by_tasks = program.task_groups(task_groups)
    step = program.step(
        rows,
        batch_size=train_data.batch_size,
        num_microbatches=num_microbatches,
        frozen_models=others_shapes,
        norms_of=norm_groups,
        by_position=loss_by_task,
        by_task=by_tasks,
    )
    step.trace()

    # ---- Data, and what the model folder says of the model --------------------------------------
    host_index, host_count = host_rows(device_mesh)
    data = open_train_data(
        train_data,
        host_index=host_index,
        host_count=host_count,
        state=data_state,
        expected_before=read_expected(folder),
        initial=asked_as,
    )
    task_bits = task_features(by_tasks, objective, data.task_names)
    description = ModelDescription(
        model=model,
        vocabulary=vocabulary.spec(),
        converter=data.converter,
        chat_template=_named_chat_template(data),
    )
    if began is None and initial:
        initial.warn_of_prompts(data.converter)
    if began:
        began.check_same_model(description, model_dir=model_dir)

    # ---- A fresh state, unless resumed, and the models that are read only -----------------------
    if state is None or initial:
        fresh = jax.jit(program.init_fn, out_shardings=program.shardings)()
        if initial:
            fresh = initial.restore_into(fresh, program.shardings, added=added_names(model))
            fresh = start_soft_prompt(
                *(fresh, model), vocabulary=vocabulary, seed=seed, shardings=program.shardings
            )
            verb = "adapters of" if model.adapters else "starting from"
            log.info("%s %s", verb, initial.config.path)
        description = with_base(
            *(description, initial, fresh.params),
            began=began,
            given=given,
            dtype=frozen_dtype,
            model_dir=model_dir,
        )
        state = fresh if state is None else program.with_kept(fresh, state)
    frozen_models = load_frozen_models(others, others_shapes, converter=data.converter)
    arrays = placed(model, program.state, step.shapes[1])
    log.info("%s parameters, mesh %s", f"{count_params(model):,}", describe_mesh(device_mesh))
    log.info("%s (%s)", summary(arrays), folder / PLACEMENT_FILE)

    evaluators = [
        Evaluator(
            *(config, model),
            converter=data.converter,
            chat=_chat_format(data),
            mesh=device_mesh,
        )
        for config in evals
    ]

    # ---- What this start was asked, in its folder: nothing refuses it any more ------------------
    if is_main:
        if began is None:
            description.save(folder)
        write_whole(folder / PLACEMENT_FILE, format_placement(arrays))
        _record_start(folder, data, config_text, step=progress.steps)
    writer = MetricsWriter(
        folder,
        start_step=-1 if resume_step is None else resume_step,
        enabled=is_main,
        wandb_project=wandb_project,
        settings=recorded_settings(folder),
    )
    least_seconds = seconds_at_peak(step.flops.model, device_mesh.devices.flat)
    bar = ProgressBar(total, progress, enabled=is_main, least_step_seconds=least_seconds)
    by_task = LossByTask(data.task_names, device_mesh, saved=task_losses) if loss_by_task else None
    step_log = StepLog(
        *(writer, bar), period=log_period, data=data, start=progress, loss_by_task=by_task
    )
    metrics: dict[str, float] = {}

    @jax.transfer_guard("allow")
    def evaluate_now() -> None:
        if folder_lock is not None:
            folder_lock.check()
        for evaluator in evaluators:
            result = evaluator.run(state.params)
            metrics.update(result.metrics)
            if is_main:
                name = evaluator.config.name
                result.save(folder / "eval" / name, step=progress.steps)
                bar.say(f"step {progress.steps}  {name}: {_means(result.metrics, name)}")
        checkpoint.check_best_metric(metrics)
        if evaluators:
            writer.write(progress.steps, "eval", metrics)

    @jax.transfer_guard("allow")
    def save_now(
        scores: Mapping[str, float], *, exhausted: bool = False, in_haste: bool = False
    ) -> None:
        if not in_haste:
            data.verified()
        writer.sync()
        if folder_lock is not None:
            folder_lock.check()
        checkpointer.save(
            progress.steps,
            program.kept(state),
            data_state={
                "data": data_state,
                "progress": dataclasses.asdict(progress),
                "draws": draws.state(),
                "loss_by_task": None if by_task is None else by_task.state(),
                "exhausted": exhausted,
            },
            config=config_text,
            metrics=scores,
        )
        clock.saved()

    # ---- The loop -------------------------------------------------------------------------------
    settled_at, stopped = progress.steps if resume_step is not None else -1, False
    learning_rate_at = jax.jit(optimizer.learning_rate_at)
    profiler = Profiler(folder / "tensorboard", profile_steps)
    with StopRequest() as stop, no_implicit_transfers(), checkpointer, profiler:
        if eval_first and resume_step is None:
            evaluate_now()
        clock = SaveClock(checkpoint)
        for device_batch, batch in feed(data, device_mesh, task_bits=task_bits):
            if stopped or total.reached(progress):
                break
            with profiler.step(progress.steps + 1, after=state):
                state, step_metrics, losses = step.function(state, device_batch, frozen_models)
            step_metrics["learning_rate"] = learning_rate_at(jax.device_put(progress.steps))
            if (progress.steps + 1) % log_period == 0:
                step_metrics |= step.param_norms(state.params)
            before, progress = progress, _advance(progress, batch, data)
            data_state = batch.state
            draws.add(batch.stats)
            step_log.push(
                step_metrics,
                losses=losses,
                batch=batch,
                progress=progress,
                by_task=draws.by_task,
            )
            stopped = stop.at(progress.steps)
            over = total.reached(progress) and not stopped
            eval_due = over or (eval_every is not None and eval_every.crossed(before, progress))
            save_due = over or stopped or save_every.crossed(before, progress)
            by_clock = clock.due(progress.steps) and not save_due
            if not (eval_due or save_due or by_clock):
                continue
            step_log.flush()  # nothing that is not finite is evaluated or saved
            if eval_due and not stopped:
                evaluate_now()
            if save_due or by_clock:
                # The best is none that no evaluation saw.
                save_now(metrics if save_due else {}, in_haste=stopped)
                settled_at = progress.steps
            bar.start_clock(progress)
        step_log.flush()
        if not (stopped or total.reached(progress)):
            bar.say(f"step {progress.steps}  the mixture ended, before TRAIN_STEPS, {total}")
            evaluate_now()
            if settled_at != progress.steps:
                save_now(metrics, exhausted=True)

    # ---- The end --------------------------------------------------------------------------------
    data.close()
    best_step = checkpointer.best_step()
    checkpointer.close()
    writer.close()
    bar.close()
    if is_main and not stopped:
        _conclude(folder)
    if folder_lock is not None:
        folder_lock.release()
    return TrainResult(progress=progress, metrics=metrics, best_step=best_step, stopped=stopped)


def _say_finished(
    folder: pathlib.Path,
    progress: Progress,
    total: Duration,
    changed: Mapping[str, tuple[str, str]],
) -> None:
    """Says that there is nothing to train, and how there could be; writes the report again."""
    if total.reached(progress):
        why = f"{total.of(progress):,} {total.unit} are done, and TRAIN_STEPS is {total}"
        remedy = "Give a larger TRAIN_STEPS to train on (--gin.TRAIN_STEPS=...)."
    else:
        why = f"its mixture ended after {progress.examples:,} examples, before TRAIN_STEPS, {total}"
        remedy = (
            "Start in another folder with INITIAL_CHECKPOINT_PATH to start from its parameters."
        )
    log.info("%s is finished: %s. Nothing is trained. %s", folder, why, remedy)
    if changed:
        log.warning(
            "these settings differ from those it was trained with, and have no effect; another "
            "MODEL_DIR trains with them:\n  %s",
            "\n  ".join(describe(changed)),
        )
    _conclude(folder)


def _record_start(folder: pathlib.Path, data: TrainData, config_text: str, *, step: int) -> None:
    """Writes down what this start is asked to do, and says what is other than at the last one."""
    write_expected(folder, data)
    if data.missing:
        task_data.write_missing(folder / "missing_tasks.json", data.missing)
    changed = record_start(folder, config_text, step=step)
    if changed:
        log.info("settings other than at the last start:\n  %s", "\n  ".join(changed))


def _advance(progress: Progress, batch: TrainBatch, data: TrainData) -> Progress:
    """Progress after one more batch; the counts are global and the same on every host."""
    stats = batch.stats
    examples = progress.examples + stats.num_examples
    return Progress(
        steps=progress.steps + 1,
        examples=examples,
        tokens=progress.tokens + stats.num_input_tokens + stats.num_target_tokens,
        epochs=examples / data.epoch_size,
    )


def _named_chat_template(data: TrainData) -> str | None:
    """The template that conversations are written with, unless the vocabulary brings it itself."""
    template = data.chat_template
    if template is None or template == data.vocabulary.chat_template:
        return None
    return template.sources["default"]


def _chat_format(data: TrainData) -> ChatFormat | None:
    """How the model's conversations are written, where that is known."""
    template = data.chat_template or data.vocabulary.chat_template
    return None if template is None else ChatFormat(data.vocabulary, template)


def _means(metrics: Mapping[str, float], name: str) -> str:
    prefix = f"{name}/mean/"
    return ", ".join(
        f"{key.removeprefix(prefix)} {value:.3f}"
        for key, value in metrics.items()
        if key.startswith(prefix)
    )


def _conclude(folder: pathlib.Path) -> None:
    """Writes the report and prints its gist; a run is none the worse for want of one."""
    try:
        page = report.write_report(folder)
        texts = (report.format_means(folder), report.format_samples(folder))
    except Exception as error:
        log.warning(
            "training is done and saved in %s, but no report could be written: %s: %s. The same "
            "command tries it again.",
            folder,
            type(error).__name__,
            error,
        )
        return
    for text in filter(None, texts):
        print(text + "\n")
    print(f"report: {page}")
