"""The table of T5X's settings, each with the rule that says what it is here.

A section is what a configurable of T5X is in a run: `DatasetConfig` is "training data" where
`train_dataset_cfg` names it. Rules that need more than one setting are in the `*_values` modules.
"""

from __future__ import annotations

from collections.abc import Mapping

from t5lite.configuration.t5x import checkpoint_values, data_values, model_values, training_values
from t5lite.configuration.t5x.outcomes import Rule, by_itself, none, part_of, to

_ALWAYS_SAVED = "always: data state is part of every checkpoint"
_NO_CLASS = "classes of T5X's inside are not exchanged here"
_STORES = "always: token stores, built on first use or by `t5lite cache`"
_RECORDED = "always: MODEL_DIR/config.gin"

_VERB: dict[str, Rule] = {
    "model": part_of("the model"),
    "partitioner": part_of("MeshConfig"),
    "summarize_config_fn": by_itself(_RECORDED),
    "train_state_initializer_cls": none(_NO_CLASS),
    "verify_matching_vocabs_fn": by_itself("always: Tasks' and model's vocabularies are compared"),
    "use_orbax": by_itself("always"),
    "train_eval_get_dataset_fn": none(_NO_CLASS),
    "fallback_init_rng": none("what a checkpoint lacks is an error, see initial_checkpoint.remap"),
}
_DATA: dict[str, Rule] = {
    "use_cached": by_itself(_STORES),
    "module": data_values.task_module,
    "use_custom_packing_ops": by_itself("packing needs no operations of TensorFlow's"),
    "use_memory_cache": by_itself("always: examples of an evaluation are read once"),
    "trim_output_features": by_itself("always: what is too long is cut, with a warning"),
    "runtime_preprocessors": none("AirIO's alone; Tasks are seqio's here"),
    "num_prefetch_threads": none("AirIO's alone; DataConfig.prefetch_batches is the nearest"),
    "num_workers": none("AirIO's alone; DataConfig.num_build_workers is the nearest"),
}
_EVALUATED: dict[str, Rule] = {
    **_DATA,
    "shuffle": by_itself("never: evaluations read examples in the Tasks' order"),
    "seed": none("nothing is drawn where examples keep their order"),
    "pack": by_itself("never: each example is a row of its own"),
}

SECTIONS: Mapping[str, Mapping[str, Rule]] = {
    "train": {
        **_VERB,
        "model_dir": checkpoint_values.own_folder("MODEL_DIR"),
        "train_dataset_cfg": part_of("DataConfig"),
        "train_eval_dataset_cfg": part_of("EvalConfig"),
        "infer_eval_dataset_cfg": part_of("EvalConfig"),
        "checkpoint_cfg": part_of("CheckpointConfig and initial_checkpoint"),
        "trainer_cls": training_values.trainer_class,
        "inference_evaluator_cls": part_of("EvalConfig"),
        "total_steps": training_values.total_steps,
        "relative_steps": training_values.relative_steps,
        "eval_steps": data_values.held_out_batches,
        "eval_period": to("EVAL_PERIOD"),
        "stats_period": to("train.log_period"),
        "random_seed": data_values.seed,
        "run_eval_before_training": to("train.eval_first", unless=False),
        "use_hardware_rng": by_itself("keys come of SEED and the step, alike on every device"),
        "use_gda": by_itself("always"),
        "concurrent_metrics": by_itself("always: metrics are fetched a step late"),
        "get_dataset_fn": none(_NO_CLASS),
        "actions": none(_NO_CLASS),
        "gc_period": none("Python's garbage collection is left alone"),
    },
    "evaluate": {
        **_VERB,
        "dataset_cfg": part_of("EvalConfig"),
        "restore_checkpoint_cfg": part_of("MODEL_DIR"),
        "output_dir": checkpoint_values.own_folder("OUTPUT_DIR"),
        "inference_evaluator_cls": part_of("EvalConfig"),
        "training_evaluator_cls": by_itself("always: the loss is among the metrics"),
    },
    "infer": {
        **_VERB,
        "dataset_cfg": part_of("the examples that infer answers"),
        "restore_checkpoint_cfg": part_of("MODEL_DIR"),
        "output_dir": data_values.answers_file,
        "mode": data_values.infer_mode,
        "checkpoint_period": by_itself("always: a killed `t5lite infer` goes on where it stopped"),
        "checkpoint_ds_iter": by_itself("always: a killed `t5lite infer` goes on where it stopped"),
        "shard_id": data_values.infer_shards,
        "num_shards": data_values.infer_shards,
        "merge_chunked_results": by_itself("always: one file of answers"),
        "write_fn": none("answers are lines of JSON: input, prediction and score"),
        "merge_fn": none("answers are lines of JSON: input, prediction and score"),
        "file_extension": by_itself("always: JSON Lines"),
        "output_vocab_feature_name": by_itself("targets"),
        "keep_aux_as_numpy": none("answers are lines of JSON: input, prediction and score"),
    },
    "training data": {
        **_DATA,
        "mixture_or_task_name": data_values.mixture,
        "task_feature_lengths": data_values.lengths,
        "split": to("DataConfig.split", unless="train"),
        "batch_size": to("BATCH_SIZE"),
        "shuffle": to("DataConfig.shuffle", unless=True),
        "seed": data_values.data_seed,
        "pack": to("DataConfig.pack", unless=True),
    },
    "held-out data": {**_EVALUATED, **data_values.evaluation("train_eval")},
    "evaluated data": {**_EVALUATED, **data_values.evaluation("infer_eval")},
    "asked data": {
        **_EVALUATED,
        "mixture_or_task_name": data_values.mixture,
        "task_feature_lengths": data_values.asked_lengths,
        "split": to("SPLIT"),
        "batch_size": to("EVAL_BATCH_SIZE"),
    },
    "model": {
        "module": part_of("TransformerConfig"),
        "input_vocabulary": data_values.vocabulary,
        "output_vocabulary": data_values.vocabulary,
        "vocabulary": data_values.vocabulary,
        "optimizer_def": training_values.optimizer,
        "decode_fn": part_of("DecodingConfig"),
        "z_loss": model_values.of_training("CrossEntropy.z_loss"),
        "label_smoothing": model_values.of_training("CrossEntropy.label_smoothing", unless=0.0),
        "loss_normalizing_factor": model_values.loss_normalization,
        "inputs_bidirectional_attention": model_values.converter,
        "feature_converter_cls": model_values.feature_converter,
        "default_decoder_params": none("give num_decodes and alpha where they are set"),
    },
    "network wrapper": {"config": part_of("TransformerConfig")},
    "network": {
        **dict.fromkeys(
            (
                *("vocab_size", "dtype", "emb_dim", "num_heads", "num_layers", "head_dim"),
                *("num_encoder_layers", "num_decoder_layers", "mlp_dim", "mlp_activations"),
                *("dropout_rate", "logits_via_embedding", "float32_attention_logits"),
                *("remat_policy", "scale_attn_logits"),
            ),
            model_values.network,
        ),
        "scan_layers": by_itself(
            "parameters are the same either way; TransformerConfig.scan_layers"
        ),
        "param_scan_axis": by_itself("layers are always the first axis; T5X's are read from any"),
        "transpose_batch_seq": none("a layout for GPUs that changes no number"),
    },
    "adafactor": {
        "decay_rate": training_values.of_adafactor(unless=0.8),
        "step_offset": training_values.adafactor_offset,
        "beta1": training_values.of_adafactor(),
        "factored": training_values.of_adafactor(unless=True),
        "multiply_by_parameter_scale": training_values.parameter_scale,
        "clipping_threshold": training_values.of_adafactor(unless=1.0),
        "weight_decay_rate": training_values.weight_decay,
        "weight_decay_rate_lr_exponent": training_values.of_adafactor(unless=None),
        "min_dim_size_to_factor": training_values.of_adafactor(unless=128),
        "epsilon1": training_values.of_adafactor(unless=1e-30),
        "epsilon2": training_values.of_adafactor(unless=1e-3),
        "global_norm_clip_threshold": to("MAX_GRAD_NORM"),
        "learning_rate": by_itself("the schedule"),
        "logical_factor_rules": by_itself("always: layers of a stack are factored apart"),
        "factor_map": none("shapes say what is factored: min_dim_size_to_factor"),
        "dtype_momentum": by_itself("float32"),
        "max_parameter_scale": none("the parameter scale has no upper bound here"),
        "skip_nan_updates": none("a loss that is not finite stops the run, with step and tasks"),
    },
    "optax chain": {"transformations": training_values.chain},
    "optax optimizer": {},  # training_values.optax_setting
    "clipping": {"max_norm": to("MAX_GRAD_NORM")},
    "clipping of values": {"max_delta": training_values.clipped_values},
    "optax schedule": {},
    "schedule": {
        "factors": training_values.schedule,
        "base_learning_rate": training_values.schedule,
        "warmup_steps": training_values.schedule,
        "decay_factor": training_values.schedule,
        "steps_per_decay": training_values.schedule,
        "steps_per_cycle": training_values.schedule,
        "step_offset": training_values.schedule,
        "min_learning_rate": training_values.schedule,
    },
    "partitioner": {
        "num_partitions": training_values.partitions,
        "model_parallel_submesh": training_values.partitions,
        "logical_axis_rules": part_of("the mesh's axes"),
        "params_on_devices": by_itself("always"),
        "backend": none("the devices are those that jax finds (JAX_PLATFORMS)"),
        "ici_mesh_shape": training_values.mesh_shape,
        "dcn_mesh_shape": training_values.slices,
    },
    "axis rules": {
        "activation_partitioning_dims": training_values.partitioning_dims,
        "parameter_partitioning_dims": training_values.partitioning_dims,
        "additional_rules": none("the rules are t5lite/sharding.py's; the mesh has four axes"),
    },
    "trainer": {
        "num_microbatches": training_values.microbatches,
        "learning_rate_fn": part_of("schedule"),
        "weight_metrics_computer": none("the norm of gradients is among the metrics"),
    },
    "checkpoints": {
        "save": part_of("CheckpointConfig"),
        "restore": part_of("initial_checkpoint"),
    },
    "saving": {
        "period": checkpoint_values.saving_period,
        "keep": checkpoint_values.keep,
        "checkpoint_steps": none("CheckpointConfig.keep_period keeps multiples of a number"),
        "dtype": checkpoint_values.saved_dtype,
        "save_dataset": by_itself(_ALWAYS_SAVED),
        "keep_dataset_checkpoints": by_itself(_ALWAYS_SAVED),
        "checkpointer_cls": none(_NO_CLASS),
        "checkpoint_manager_cls": none(_NO_CLASS),
        "state_transformation_fns": none("`t5lite convert` writes what other programs read"),
    },
    "restoring": {
        "path": checkpoint_values.restored_path,
        "mode": checkpoint_values.restored_mode,
        "dtype": by_itself("float32, whatever the checkpoint's is"),
        "strict": by_itself("parameters must be there; the optimizer begins afresh"),
        "fallback_to_scratch": checkpoint_values.fallback,
        "assignment_map": checkpoint_values.assignment_map,
        "restore_dataset": none("a run that starts from a checkpoint begins its data anew"),
        "is_tensorflow": none("checkpoints of Mesh TensorFlow are not read"),
        "checkpointer_cls": none(_NO_CLASS),
        "checkpoint_manager_cls": none(_NO_CLASS),
        "state_transformation_fns": none(
            "initial_checkpoint.remap says where parameters come from"
        ),
        "use_gda": by_itself("always"),
    },
    "evaluator": {
        "num_examples": data_values.evaluated_examples,
        "use_memory_cache": by_itself("always: examples of an evaluation are read once"),
        "logger_cls": by_itself("always: log, TensorBoard, metrics.jsonl and predictions.jsonl"),
    },
    "answers written": {
        "write_n_results": by_itself("always: every answer is in predictions.jsonl"),
    },
    "SentencePiece vocabulary": {
        "sentencepiece_model_file": data_values.vocabulary_file,
        "extra_ids": data_values.vocabulary_file,
        "normalizer_spec_overrides_serialized": none("the file's own normalisation is used"),
        "reverse_extra_ids": none("extra ids count down from the end, as in T5"),
    },
    "byte vocabulary": {"extra_ids": data_values.bytes_vocabulary},
    "decoding": {
        "num_decodes": model_values.decoding,
        "alpha": model_values.decoding,
        "temperature": model_values.decoding,
        "topk": model_values.decoding,
        "topp": model_values.decoding,
        "return_all_decodes": model_values.all_decodes,
        "decoder_params": none("seeds are DECODE_SEED"),
        "prompt_with_targets": none("an answer begins with nothing"),
        "max_decode_steps": model_values.longest_answer,
        "max_decode_len": model_values.longest_answer,
    },
}

# What a configurable of T5X is, by its short name; what a DatasetConfig is depends on who names it.
SECTION_OF = {
    "train": "train",
    "evaluate": "evaluate",
    "infer": "infer",
    "EncoderDecoderModel": "model",
    "DecoderOnlyModel": "model",
    "PrefixLanguageModel": "model",
    "Transformer": "network wrapper",
    "DecoderWrapper": "network wrapper",
    "T5Config": "network",
    "TransformerConfig": "network",
    "Adafactor": "adafactor",
    "chain": "optax chain",
    **dict.fromkeys(training_values.OPTAX_OPTIMIZERS, "optax optimizer"),
    "clip": "clipping of values",
    "clip_by_global_norm": "clipping",
    "warmup_cosine_decay_schedule": "optax schedule",
    "PjitPartitioner": "partitioner",
    "ModelBasedPjitPartitioner": "partitioner",
    "standard_logical_axis_rules": "axis rules",
    "create_learning_rate_scheduler": "schedule",
    "Trainer": "trainer",
    "CheckpointConfig": "checkpoints",
    "SaveCheckpointConfig": "saving",
    "RestoreCheckpointConfig": "restoring",
    "Evaluator": "evaluator",
    "JSONLogger": "answers written",
    "SentencePieceVocabulary": "SentencePiece vocabulary",
    "ByteVocabulary": "byte vocabulary",
    "loss_fn": "model",
    "predict_batch_with_aux": "decoding",
    "beam_search": "decoding",
    "temperature_sample": "decoding",
}
DATA_SECTIONS = {
    "train_dataset_cfg": "training data",
    "train_eval_dataset_cfg": "held-out data",
    "infer_eval_dataset_cfg": "evaluated data",
    "dataset_cfg": "asked data",
}
# Functions of a section's class that no reference names, and what their settings are.
IMPLIED = {
    "model": {
        "loss_fn": "model",
        "predict_batch_with_aux": "decoding",
        "beam_search": "decoding",
        "temperature_sample": "decoding",
    },
}


def rule_of(section: str, name: str) -> Rule | None:
    """The rule of a setting; None where T5X's own files know none of this name."""
    if section in ("optax optimizer", "optax schedule"):
        return training_values.optax_setting
    return SECTIONS[section].get(name)
