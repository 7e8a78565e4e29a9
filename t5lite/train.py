"""Training, from a folder's name to a report: `train` opens a run, `_train_steps` is its loop."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Iterable, Mapping, Sequence
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
from t5lite.data.batches import TrainBatch
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import TrainData, open_train_data
from t5lite.data.run_vocabulary import tasks_vocabulary
from t5lite.data.tasks import task_data
from t5lite.files.local_paths import check_storable, writable_folder
from t5lite.files.locks import Lock, NoLock
from t5lite.files.whole_file import write_whole
from t5lite.inference.eval_config import EvalConfig, check_evals
from t5lite.inference.evaluator import Evaluator
from t5lite.initialization.adapted_model import check_base_is_given
from t5lite.initialization.frozen_models import (
    frozen_shapes,
    load_frozen_models,
    open_frozen_models,
)
from t5lite.initialization.initial_model import ModelOfCheckpoint, check_run_folder
from t5lite.initialization.restore import RestoreConfig
from t5lite.initialization.run_start import begun_run, open_start
from t5lite.mesh import MeshConfig, describe_mesh, host_rows, make_mesh
from t5lite.messages.ranges import NotNegative, Positive, Seed, Size
from t5lite.messages.value_types import numbers_checked
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import count_params
from t5lite.planning.chips import seconds_at_peak
from t5lite.planning.placement import PLACEMENT_FILE, format_placement, placed, summary
from t5lite.reports.report import conclude
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.draws import read_expected, write_expected
from t5lite.training.duration import Duration, Progress, parse_duration
from t5lite.training.feed import feed
from t5lite.training.freed_memory import release_freed_memory
from t5lite.training.metrics import RunLog
from t5lite.training.objective import Objective
from t5lite.training.optimizers import Optimizer
from t5lite.training.parameter_groups import FrozenDtype
from t5lite.training.profiling import Profiler, check_window
from t5lite.training.program import TrainProgram, TrainStep, build_program
from t5lite.training.run_position import RunPosition
from t5lite.training.signals import StopRequest
from t5lite.training.state import FrozenModel, TrainState
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
    # ---- What is asked: nothing is opened or allocated ------------------------------------------
    folder = writable_folder(model_dir, name="MODEL_DIR")
    check_storable(folder, name="MODEL_DIR")
    check_run_folder(folder)
    given = initial_checkpoint
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
    folder_lock = lock(folder) if is_main else NoLock()
    device_mesh = make_mesh(mesh)

    # ---- Model and optimizer: shapes and shardings ----------------------------------------------
    program = build_program(
        *(model, objective),
        optimizer=optimizer,
        parameter_groups=parameter_groups,
        frozen_dtype=frozen_dtype,
        max_grad_norm=max_grad_norm,
        seed=seed,
        mesh=device_mesh,
    )
    check_state(program.state, mesh=device_mesh)

    # ---- Where it begins: at this folder's last checkpoint, at another's, or at nothing ---------
    checkpointer = Checkpointer(folder, checkpoint)
    begun = begun_run(checkpointer, folder, model=model)
    position = RunPosition() if begun is None else begun.position
    if position.is_over(total):
        result = _already_finished(
            *(folder, position, total), checkpointer=checkpointer, config_text=config_text
        )
        folder_lock.release()
        return result
    vocabulary = tasks_vocabulary(train_data, vocab_size=model.vocab_size)
    frozen = open_frozen_models(objective, model=model, vocabulary=vocabulary.spec())
    start = open_start(
        *(model, vocabulary, folder),
        begun=begun,
        given=given,
        initial_checkpoint=initial_checkpoint,
        total=total,
    )

    # ---- The step, traced on shapes: what an objective does wrong is found before data are built -
    sharding.check_batch_size(train_data.batch_size, device_mesh, num_microbatches=num_microbatches)
    rows = train_data.make_converter(
        eos_id=vocabulary.eos_id, ends_in_eos={}, initial=start.converter
    )
    rows.check_model(model, vocab_size=vocabulary.vocab_size)
    rows.check_rows(model)
    shapes = frozen_shapes(frozen, converter=rows, mesh=device_mesh, dtype=frozen_dtype)
    check_step(
        program,
        frozen_models=shapes,
        data=train_data,
        rows=rows,
        num_microbatches=num_microbatches,
    )
    step = program.step(
        rows,
        batch_size=train_data.batch_size,
        num_microbatches=num_microbatches,
        frozen_models=shapes,
        norms_of=norm_groups,
        by_position=loss_by_task,
        task_groups=task_groups,
    )
    step.trace()

    # ---- Data, state and evaluations: when they are there, nothing refuses the run any more -----
    saved = start.saved_state(checkpointer, program)
    host_index, host_count = host_rows(device_mesh)
    data = open_train_data(
        train_data,
        host_index=host_index,
        host_count=host_count,
        state=position.data,
        expected_before=read_expected(folder),
        initial=start.converter,
    )
    task_bits = task_features(step.task_groups, objective, data.task_names)
    description = _describe(model, data)
    start.check_description(description)
    state = start.state(program, saved, vocabulary=vocabulary)
    description = start.with_base(description, state.params, dtype=frozen_dtype)
    frozen_models = load_frozen_models(frozen, shapes, converter=data.converter)
    evaluators = _evaluators(evals, model, data, mesh=device_mesh)
    release_freed_memory()

    # ---- What this start was asked, in its folder; the loop, and where its figures go -----------
    arrays = placed(model, program.state, step.shapes[1])
    log.info("%s parameters, mesh %s", f"{count_params(model):,}", describe_mesh(device_mesh))
    log.info("%s (%s)", summary(arrays), folder / PLACEMENT_FILE)
    if is_main:
        if not position.resumes:
            description.save(folder)
        write_whole(folder / PLACEMENT_FILE, format_placement(arrays))
        _record_start(folder, data, config_text, step=position.progress.steps)
    run_log = RunLog(
        *(folder, data),
        mesh=device_mesh,
        total=total,
        position=position,
        period=log_period,
        by_task=loss_by_task,
        least_step_seconds=seconds_at_peak(step.flops.model, device_mesh.devices.flat),
        wandb_project=wandb_project,
        settings=recorded_settings(folder),
    )
    result = _train_steps(
        *(state, frozen_models, position),
        step=step,
        batches=feed(data, device_mesh, task_bits=task_bits),
        epoch_size=data.epoch_size,
        total=total,
        eval_first=eval_first,
        run_log=run_log,
        evaluations=_Evaluations(
            evaluators=evaluators,
            period=eval_every,
            folder=folder,
            lock=folder_lock,
            log=run_log,
            checkpoint=checkpoint,
        ),
        checkpoints=_Checkpoints(
            checkpointer=checkpointer,
            period=save_every,
            clock=SaveClock(checkpoint),
            lock=folder_lock,
            program=program,
            data=data,
            log=run_log,
            config_text=config_text,
        ),
        profiler=Profiler(folder / "tensorboard", profile_steps),
    )

    # ---- The end --------------------------------------------------------------------------------
    data.close()
    best_step = checkpointer.best_step()
    checkpointer.close()
    run_log.close()
    if is_main and not result.stopped:
        conclude(folder)
    folder_lock.release()
    return dataclasses.replace(result, best_step=best_step)


def _train_steps(
    state: TrainState,
    frozen_models: Mapping[str, FrozenModel],
    position: RunPosition,
    *,
    step: TrainStep,
    batches: Iterable[tuple[dict[str, Any], TrainBatch]],
    epoch_size: int,
    total: Duration,
    eval_first: bool,
    run_log: RunLog,
    evaluations: _Evaluations,
    checkpoints: _Checkpoints,
    profiler: Profiler,
) -> TrainResult:
    """The loop: trains until the run is over, the mixture has ended, or a signal asks for an end.

    Arguments are as `train` makes them. The memory of `state` is the steps' from here on.
    """
    progress, metrics, stopped = position.progress, {}, False
    saved_at = progress.steps if position.resumes else None
    with StopRequest() as stop, no_implicit_transfers(), checkpoints.checkpointer, profiler:
        if eval_first and not position.resumes:
            metrics = evaluations.run(state.params, step=0)
        checkpoints.clock.start()
        for device_batch, batch in batches:
            if stopped or total.reached(progress):
                break
            with profiler.step(progress.steps + 1, after=state):
                state, step_metrics, losses = step.function(state, device_batch, frozen_models)
            step_metrics["learning_rate"] = step.learning_rate_at(jax.device_put(progress.steps))
            if run_log.writes(progress.steps + 1):
                step_metrics |= step.param_norms(state.params)
            before, position = progress, position.after(batch, epoch_size=epoch_size)
            progress = position.progress
            run_log.push(step_metrics, losses=losses, batch=batch, position=position)
            stopped = stop.at(progress.steps)
            over = total.reached(progress) and not stopped
            eval_due = not stopped and (over or evaluations.due(before, progress))
            save_due = over or stopped or checkpoints.period.crossed(before, progress)
            by_clock = checkpoints.clock.due(progress.steps) and not save_due
            if not (eval_due or save_due or by_clock):
                continue
            run_log.flush()  # nothing that is not finite is evaluated or saved
            if eval_due:
                metrics = evaluations.run(state.params, step=progress.steps)
            if save_due or by_clock:
                scores = metrics if save_due else {}  # the best is none that no evaluation saw
                checkpoints.save(state, position, metrics=scores, in_haste=stopped)
                saved_at = progress.steps
            run_log.bar.start_clock(progress)
        run_log.flush()
        if not (stopped or total.reached(progress)):
            run_log.bar.say(
                f"step {progress.steps}  the mixture ended, before TRAIN_STEPS, {total}"
            )
            metrics = evaluations.run(state.params, step=progress.steps)
            if saved_at != progress.steps:
                position = dataclasses.replace(position, exhausted=True)
                checkpoints.save(state, position, metrics=metrics)
    return TrainResult(progress=progress, metrics=metrics, stopped=stopped)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Evaluations:
    """Evaluates a run; metrics go where all its figures go, answers to `eval/<name>`."""

    evaluators: Sequence[Evaluator]
    period: Duration | None
    folder: pathlib.Path
    lock: Lock
    log: RunLog
    checkpoint: CheckpointConfig

    def due(self, before: Progress, after: Progress) -> bool:
        return self.period is not None and self.period.crossed(before, after)

    @jax.transfer_guard("allow")
    def run(self, params: Any, *, step: int) -> dict[str, float]:
        """Gives the metrics of all evaluations, by `<name>/<Task>/<metric>`."""
        self.lock.check()
        metrics: dict[str, float] = {}
        for evaluator in self.evaluators:
            release_freed_memory()
            result, name = evaluator.run(params), evaluator.config.name
            metrics |= result.metrics
            if jax.process_index() == 0:
                result.save(self.folder / "eval" / name, step=step)
                self.log.bar.say(f"step {step}  {name}: {_means(result.metrics, name)}")
        release_freed_memory()
        self.checkpoint.check_best_metric(metrics)
        if self.evaluators:
            self.log.writer.write(step, "eval", metrics)
        return metrics


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Checkpoints:
    """Saves a run: its state, its position, and until then its figures, which none may lack."""

    checkpointer: Checkpointer
    period: Duration
    clock: SaveClock
    lock: Lock
    program: TrainProgram
    data: TrainData
    log: RunLog
    config_text: str

    @jax.transfer_guard("allow")
    def save(
        self,
        state: TrainState,
        position: RunPosition,
        *,
        metrics: Mapping[str, float],
        in_haste: bool = False,
    ) -> None:
        """Saves, with the metrics of an evaluation or none; in haste data are not waited for."""
        if not in_haste:
            self.data.verified()
        self.log.writer.sync()
        self.lock.check()
        if (losses := self.log.loss_by_task) is not None:
            position = dataclasses.replace(position, loss_by_task=losses.state())
        self.checkpointer.save(
            position.progress.steps,
            self.program.kept(state),
            data_state=position.to_json(),
            config=self.config_text,
            metrics=metrics,
        )
        self.clock.saved()


def _means(metrics: Mapping[str, float], name: str) -> str:
    prefix = f"{name}/mean/"
    return ", ".join(
        f"{key.removeprefix(prefix)} {value:.3f}"
        for key, value in metrics.items()
        if key.startswith(prefix)
    )


def _already_finished(
    folder: pathlib.Path,
    position: RunPosition,
    total: Duration,
    *,
    checkpointer: Checkpointer,
    config_text: str,
) -> TrainResult:
    """Says that there is nothing to train, and how there could be; writes the report again."""
    best_step, progress = checkpointer.best_step(), position.progress
    checkpointer.close()
    result = TrainResult(progress=progress, metrics={}, best_step=best_step, already_finished=True)
    if jax.process_index() != 0:
        return result
    if total.reached(progress):
        why = f"{total.of(progress):,} {total.unit} are done, and TRAIN_STEPS is {total}"
        remedy = "Give a larger TRAIN_STEPS to train on (--gin.TRAIN_STEPS=...)."
    else:
        why = f"its mixture ended after {progress.examples:,} examples, before TRAIN_STEPS, {total}"
        remedy = (
            "Start in another folder with INITIAL_CHECKPOINT_PATH to start from its parameters."
        )
    log.info("%s is finished: %s. Nothing is trained. %s", folder, why, remedy)
    if changed := changed_settings(folder, config_text):
        log.warning(
            "these settings differ from those it was trained with, and have no effect; another "
            "MODEL_DIR trains with them:\n  %s",
            "\n  ".join(describe(changed)),
        )
    conclude(folder)
    return result


def _describe(model: TransformerConfig, data: TrainData) -> ModelDescription:
    """What the folder says of the model; a chat template only where no vocabulary brings it."""
    template = data.chat_template
    is_own = template is not None and template != data.vocabulary.chat_template
    return ModelDescription(
        model=model,
        vocabulary=data.vocabulary.spec(),
        converter=data.converter,
        chat_template=template.sources["default"] if template is not None and is_own else None,
    )


def _evaluators(
    evals: Sequence[EvalConfig],
    model: TransformerConfig,
    data: TrainData,
    *,
    mesh: jax.sharding.Mesh,
) -> list[Evaluator]:
    """Loads the evaluations' examples, put to the model as those that it learns from."""
    template = data.chat_template or data.vocabulary.chat_template
    chat = None if template is None else ChatFormat(data.vocabulary, template)
    return [
        Evaluator(config, model, converter=data.converter, chat=chat, mesh=mesh) for config in evals
    ]


def _record_start(folder: pathlib.Path, data: TrainData, config_text: str, *, step: int) -> None:
    """Writes down what this start is asked to do, and says what is other than at the last one."""
    write_expected(folder, data)
    if data.missing:
        task_data.write_missing(folder / "missing_tasks.json", data.missing)
    changed = record_start(folder, config_text, step=step)
    if changed:
        log.info("settings other than at the last start:\n  %s", "\n  ".join(changed))
