"""`t5lite plan`: whether a run fits devices that are elsewhere, and how fast it can go at best.

What is compiled is what `train`, `eval` and `infer` run, by the compiler of the devices. No data
are read, no device is touched, and nothing is allocated.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from t5lite.checkpoints.load import param_shapes_on
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.configuration.config import register_configurables
from t5lite.data.data_config import DataConfig
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.inference.eval_config import EvalConfig, check_evals
from t5lite.inference.prompts import decoding_for
from t5lite.initialization.initial_model import ModelOfCheckpoint
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import count_params
from t5lite.planning import step_plan, sweep
from t5lite.planning.answers_plan import Questions, plan_answers
from t5lite.planning.plans import Plan
from t5lite.planning.sweep import Setting, Sweep
from t5lite.planning.topology import Topology


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What a plan of answering cannot know without data.

    Attributes:
      num_options: answers that an example is ranked among; None for 4.
      prefix_length: tokens that all prompts begin with, and that are read once; 0 for none.
      model: what answers, where there is no model folder.
      task_feature_lengths: of `infer` without a model folder.
    """

    num_options: int | None = None
    prefix_length: int = 0
    model: TransformerConfig | ModelOfCheckpoint | None = None
    task_feature_lengths: Mapping[str, int] | None = None


def plan_training(
    topology: Topology,
    arguments: Mapping[str, Any],
    *,
    assumptions: Assumptions = Assumptions(),
    measures: bool = False,
) -> Plan:
    """Plans what `train` runs: its step, and its evaluations beside it.

    Args:
      topology: the devices.
      arguments: those of `train`; its own defaults hold for the rest. Of the data the lengths and
        the batch are looked at, of `model_dir` only a checkpoint that says the model.
      assumptions: what its evaluations are taken to ask.
      measures: whether a step is run too, on the CPUs of this machine.

    Raises:
      ValueError: the mesh does not fit the devices or the parameters, the batch not the mesh, or
        the rows not the model.
    """
    run = _training_run(arguments)
    _check_assumed(assumptions, run.evals)
    built = step_plan.build(run, topology)
    step = step_plan.plan(built, topology, measures=measures)
    # An evaluation's parameters lie where the state's do, beside the optimizer's state.
    asked = [
        _questions(config, run.model, built.rows, assumptions, mesh=built.program.mesh)
        for config in _merged(run.evals)
    ]
    state = built.program.state
    answers = [
        plan_answers(
            one,
            topology,
            state.params,
            mesh=built.program.mesh,
            held=step_plan.optimizer_bytes(state),
        )
        for one in asked
    ]
    return _plan(
        topology,
        run.model,
        built.program.mesh,
        step=step,
        answers=tuple(answers),
        run=step_plan.totals(built, step, topology),
        advice=tuple(step_plan.advice(step, built.program.mesh)),
    )


def plan_answering(
    topology: Topology,
    verb: str,
    arguments: Mapping[str, Any],
    *,
    assumptions: Assumptions = Assumptions(),
) -> Plan:
    """Plans what `evaluate` or `infer` runs.

    Args:
      topology: the devices.
      verb: which of them.
      arguments: those of it; its own defaults hold for the rest.
      assumptions: the model, where `model_dir` is no folder, and what is asked of it.

    Raises:
      ValueError: no model is known, the mesh does not fit the devices or the parameters, or prompts
        not the model.
    """
    run = _completed(verb, arguments)
    model, converter, base_dtype = _model(run.adapter or run.model_dir, assumptions)
    model = dataclasses.replace(model, attention_implementation=run.attention_implementation)
    mesh = make_mesh(run.mesh or MeshConfig(), devices=topology.devices)
    configs = list(run.evals) if verb == "evaluate" else [_as_evaluation(run, converter)]
    check_evals(configs)
    _check_assumed(assumptions, configs)
    params = param_shapes_on(model, mesh, base_dtype=base_dtype)
    asked = [
        _questions(config, model, converter, assumptions, mesh=mesh) for config in _merged(configs)
    ]
    answers = [plan_answers(one, topology, params, mesh=mesh) for one in asked]
    return _plan(topology, model, mesh, step=None, answers=tuple(answers))


def plan_sweep(topology: Topology, arguments: Mapping[str, Any], *, limit: int) -> Sweep:
    """Tries meshes, and for each what to recompute and in how many parts; ranks what fits.

    Args:
      topology: the devices.
      arguments: those of `train`, as for `plan_training`.
      limit: most steps that are compiled.

    Raises:
      ValueError: the run is refused whatever the mesh.
    """
    run = _training_run(arguments)

    def tried(setting: Setting) -> sweep.Trial:
        changed = SimpleNamespace(**vars(run))
        changed.mesh = dataclasses.replace(run.mesh, **setting.mesh)
        changed.model = dataclasses.replace(run.model, remat=setting.remat)
        changed.num_microbatches = setting.num_microbatches
        built = step_plan.build(changed, topology)
        return sweep.Trial(
            least_bytes=step_plan.argument_bytes(built),
            compile=lambda: step_plan.plan(built, topology),
        )

    return sweep.run(topology, tried, batch_size=run.train_data.batch_size, limit=limit)


def _plan(
    topology: Topology, model: TransformerConfig, mesh: jax.sharding.Mesh, **more: Any
) -> Plan:
    return Plan(
        topology=topology.name,
        num_devices=mesh.size,
        num_slices=len(np.unique(topology.slices_of(mesh.devices))),
        mesh=dict(mesh.shape),
        num_params=count_params(model),
        **more,
    )


def _completed(verb: str, arguments: Mapping[str, Any]) -> SimpleNamespace:
    """A verb's arguments with its own defaults for what was not given."""
    bound = inspect.signature(register_configurables()[verb]).bind(**arguments)
    bound.apply_defaults()
    return SimpleNamespace(**bound.arguments)


def _training_run(arguments: Mapping[str, Any]) -> SimpleNamespace:
    """The arguments of a training whose model is known."""
    run = _completed("train", arguments)
    if isinstance(run.model, ModelOfCheckpoint):
        run.model, run.train_data, _ = run.model.choose(
            run.train_data,
            run.initial_checkpoint,
            model_dir=storage_path(run.model_dir, name="MODEL_DIR"),
        )
    run.train_data.check_model(run.model)
    check_evals(run.evals)
    return run


def _check_assumed(assumptions: Assumptions, configs: Sequence[EvalConfig]) -> None:
    """Refuses what would change nothing."""
    if assumptions.prefix_length and not configs:
        raise ValueError("--shared_prefix is of prompts, and this run asks none: leave it out.")
    if assumptions.num_options and not any(config.rank_by for config in configs):
        raise ValueError(
            "--num_options is of examples that are ranked, and nothing here ranks: give --rank_by "
            "with it, or leave it out."
        )


def _model(
    model_dir: str, assumptions: Assumptions
) -> tuple[TransformerConfig, FeatureConverter, str]:
    """What answers, what its prompts look like, and the type in which a base of adapters is held.

    Of a folder its t5lite.json says it.
    """
    if has_file(storage_path(model_dir, name="--model_dir") / DESCRIPTION_FILE):
        description = ModelDescription.load(model_dir)
        base = description.base
        return description.model, description.converter, base.dtype if base else "float32"
    model, lengths = assumptions.model, assumptions.task_feature_lengths
    if not isinstance(model, TransformerConfig):
        raise ValueError(
            "no model is known: give --model_dir of a model folder, or a model's file such as "
            "--gin_file=models/t5_1_1/small.gin."
        )
    data = DataConfig(
        mixture_or_task_name="",
        task_feature_lengths=lengths or {"inputs": 512, "targets": 128},
        batch_size=1,
        converter="encoder_decoder" if model.architecture == "encoder_decoder" else "decoder_only",
    )
    return model, data.make_converter(eos_id=1, ends_in_eos={}).for_model(model), "float32"


def _as_evaluation(run: SimpleNamespace, converter: FeatureConverter) -> EvalConfig:
    """What `infer` asks, as an evaluation that scores no targets."""
    return EvalConfig(
        name="infer",
        mixture_or_task_name="",
        task_feature_lengths=converter.task_feature_lengths,
        batch_size=run.batch_size,
        rank_by=(run.rank_by or "sum") if run.options_field else None,
        use_chat_template=run.use_chat_template,
        score_targets=False,
        **({} if run.decoding is None else {"decoding": run.decoding}),
    )


def _merged(configs: Sequence[EvalConfig]) -> list[EvalConfig]:
    """Evaluations whose programs are the same as one, with all their names."""
    groups: dict[Any, list[EvalConfig]] = {}
    for config in configs:
        key = (
            *(config.batch_size, tuple(sorted(config.task_feature_lengths.items()))),
            *(config.rank_by is None, config.score_targets, config.use_chat_template),
            dataclasses.replace(config.decoding, stop_strings=(), seed=0),
        )
        groups.setdefault(key, []).append(config)
    return [
        dataclasses.replace(group[0], name=", ".join(config.name for config in group))
        for group in groups.values()
    ]


def _questions(
    config: EvalConfig,
    model: TransformerConfig,
    converter: FeatureConverter,
    assumptions: Assumptions,
    *,
    mesh: jax.sharding.Mesh,
) -> Questions:
    """What an evaluation asks, were all prompts and targets as long as they may be."""
    converter = dataclasses.replace(
        converter, task_feature_lengths=dict(config.task_feature_lengths)
    )
    generator = SequenceGenerator(
        model,
        converter=converter,
        eos_ids=(),  # Which tokens end an answer changes no shape.
        batch_size=config.batch_size,
        mesh=mesh,
    )
    is_ranked = config.rank_by is not None
    longest = [np.zeros(converter.longest_prompt, np.int32)]
    decoding = decoding_for(config.decoding, model, longest, is_chat=config.use_chat_template)
    return Questions(
        name=config.name,
        generator=generator,
        decoding=None if is_ranked else decoding,
        num_options=(assumptions.num_options or 4) if is_ranked else int(config.score_targets),
        option_length=converter.task_feature_lengths["targets"],
        prefix_length=assumptions.prefix_length,
    )
