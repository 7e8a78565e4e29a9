"""What the gin files that T5X ships set, as far as it means something here; T5X is not needed.

Configurables stand under their short names. The sizes of models are those of t5lite's own files.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from t5lite.configuration.gin_reader import Binding, Macro, Reference
from t5lite.configuration.t5x.model_file import size_fields

_REQUIRED = Macro("gin.REQUIRED")

# A file of T5X is known by the end of its path, wherever somebody's copy of T5X lies.
_RUN = re.compile(r"(?:^|/)configs/runs/(finetune|pretrain|eval|infer)\.gin$")
_MODEL = re.compile(
    r"(?:^|/)(?P<kind>examples/t5|examples/scalable_t5|contrib/gpu/t5)/"
    r"(?P<family>t5_1_0|t5_1_1|mt5|byt5)/(?P<size>\w+)\.gin$"
)
_FLAXFORMER = re.compile(
    r"(?:^|/)flaxformer/t5x/configs/t5/models/(?P<family>t5_1_1|t5|mt5|byt5)_(?P<size>\w+)\.gin$"
)
_ADAMW = re.compile(r"(?:^|/)contrib/gpu/t5/t5_1_1/adamw_opt\.gin$")
_DECODER_ONLY = re.compile(r"(?:^|/)examples/decoder_only/models/(base|large|xl|xxl)\.gin$")
_EXAMPLE = re.compile(r"(?:^|/)(?:examples|contrib/gpu)/t5/t5_1_1/examples/(\w+)\.gin$")

_VOCABULARIES = {
    "t5_1_0": "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model",
    "t5_1_1": "gs://t5-data/vocabs/cc_all.32000.100extra/sentencepiece.model",
    "mt5": "gs://t5-data/vocabs/mc4.250000.100extra/sentencepiece.model",
}


def _made(name: str) -> Reference:
    return Reference(name, True)


def _data(scope: str, **settings: Any) -> dict[str, Any]:
    prefix = f"{scope}/DatasetConfig" if scope else "DatasetConfig"
    shared = {
        "mixture_or_task_name": Macro("MIXTURE_OR_TASK_NAME"),
        "task_feature_lengths": Macro("TASK_FEATURE_LENGTHS"),
        "module": Macro("MIXTURE_OR_TASK_MODULE"),
    }
    return {f"{prefix}.{name}": value for name, value in {**shared, **settings}.items()}


_TRAIN = {
    "MODEL_DIR": _REQUIRED,
    "MIXTURE_OR_TASK_NAME": _REQUIRED,
    "TASK_FEATURE_LENGTHS": _REQUIRED,
    "TRAIN_STEPS": _REQUIRED,
    "TRAIN_STEPS_RELATIVE": None,
    "MIXTURE_OR_TASK_MODULE": None,
    "USE_CACHED_TASKS": True,
    "BATCH_SIZE": 128,
    "RANDOM_SEED": None,
    "USE_HARDWARE_RNG": False,
    "train.model": Macro("MODEL"),
    "train.model_dir": Macro("MODEL_DIR"),
    "train.train_dataset_cfg": _made("train/DatasetConfig"),
    "train.train_eval_dataset_cfg": _made("train_eval/DatasetConfig"),
    "train.checkpoint_cfg": _made("CheckpointConfig"),
    "train.partitioner": _made("PjitPartitioner"),
    "train.trainer_cls": Reference("Trainer", False),
    "train.total_steps": Macro("TRAIN_STEPS"),
    "train.relative_steps": Macro("TRAIN_STEPS_RELATIVE"),
    "train.random_seed": Macro("RANDOM_SEED"),
    "train.use_hardware_rng": Macro("USE_HARDWARE_RNG"),
    "PjitPartitioner.num_partitions": 1,
    "PjitPartitioner.logical_axis_rules": _made("standard_logical_axis_rules"),
    "CheckpointConfig.restore": _made("RestoreCheckpointConfig"),
    "CheckpointConfig.save": _made("SaveCheckpointConfig"),
    "SaveCheckpointConfig.keep": None,
    "Trainer.learning_rate_fn": _made("create_learning_rate_scheduler"),
    **_data("train_eval", split="validation", batch_size=Macro("BATCH_SIZE"), pack=True),
}
RUNS: Mapping[str, Mapping[str, Any]] = {
    "finetune": {
        **_TRAIN,
        "INITIAL_CHECKPOINT_PATH": _REQUIRED,
        "DROPOUT_RATE": 0.1,
        "EVAL_STEPS": 20,
        "EVAL_PERIOD": 1000,
        "EVALUATOR_USE_MEMORY_CACHE": True,
        "EVALUATOR_NUM_EXAMPLES": None,
        "JSON_WRITE_N_RESULTS": None,
        "train.infer_eval_dataset_cfg": _made("infer_eval/DatasetConfig"),
        "train.inference_evaluator_cls": Reference("Evaluator", False),
        "train.eval_steps": Macro("EVAL_STEPS"),
        "train.eval_period": Macro("EVAL_PERIOD"),
        "Evaluator.num_examples": Macro("EVALUATOR_NUM_EXAMPLES"),
        "Evaluator.use_memory_cache": Macro("EVALUATOR_USE_MEMORY_CACHE"),
        "Evaluator.logger_cls": (Reference("JSONLogger", False),),
        "JSONLogger.write_n_results": Macro("JSON_WRITE_N_RESULTS"),
        "RestoreCheckpointConfig.path": Macro("INITIAL_CHECKPOINT_PATH"),
        "RestoreCheckpointConfig.mode": "specific",
        "SaveCheckpointConfig.period": 5000,
        "create_learning_rate_scheduler.factors": "constant",
        "create_learning_rate_scheduler.base_learning_rate": 0.001,
        "create_learning_rate_scheduler.warmup_steps": 1000,
        **_data(
            *("train",),
            split="train",
            batch_size=Macro("BATCH_SIZE"),
            shuffle=True,
            seed=None,
            use_cached=Macro("USE_CACHED_TASKS"),
            pack=True,
        ),
        **_data(
            *("infer_eval",),
            split="validation",
            batch_size=Macro("BATCH_SIZE"),
            task_feature_lengths=None,
        ),
    },
    "pretrain": {
        **_TRAIN,
        "SHUFFLE_TRAIN_EXAMPLES": True,
        "train.infer_eval_dataset_cfg": None,
        "train.eval_steps": 20,
        "train.eval_period": 1000,
        "RestoreCheckpointConfig.path": (),
        "SaveCheckpointConfig.period": 1000,
        "create_learning_rate_scheduler.factors": "constant * rsqrt_decay",
        "create_learning_rate_scheduler.base_learning_rate": 1.0,
        "create_learning_rate_scheduler.warmup_steps": 10000,
        **_data(
            *("train",),
            split="train",
            batch_size=Macro("BATCH_SIZE"),
            shuffle=Macro("SHUFFLE_TRAIN_EXAMPLES"),
            seed=None,
            use_cached=Macro("USE_CACHED_TASKS"),
            pack=True,
        ),
    },
    "eval": {
        "MIXTURE_OR_TASK_NAME": _REQUIRED,
        "CHECKPOINT_PATH": _REQUIRED,
        "EVAL_OUTPUT_DIR": _REQUIRED,
        "TASK_FEATURE_LENGTHS": None,
        "MIXTURE_OR_TASK_MODULE": None,
        "evaluate.model": Macro("MODEL"),
        "evaluate.dataset_cfg": _made("DatasetConfig"),
        "evaluate.partitioner": _made("PjitPartitioner"),
        "evaluate.restore_checkpoint_cfg": _made("RestoreCheckpointConfig"),
        "evaluate.output_dir": Macro("EVAL_OUTPUT_DIR"),
        "evaluate.inference_evaluator_cls": Reference("Evaluator", False),
        "PjitPartitioner.num_partitions": 1,
        "PjitPartitioner.logical_axis_rules": _made("standard_logical_axis_rules"),
        "Evaluator.logger_cls": (Reference("JSONLogger", False),),
        "RestoreCheckpointConfig.path": Macro("CHECKPOINT_PATH"),
        "RestoreCheckpointConfig.mode": "specific",
        **_data("", split="test", batch_size=32),
    },
    "infer": {
        "MIXTURE_OR_TASK_NAME": _REQUIRED,
        "TASK_FEATURE_LENGTHS": _REQUIRED,
        "CHECKPOINT_PATH": _REQUIRED,
        "INFER_OUTPUT_DIR": _REQUIRED,
        "MIXTURE_OR_TASK_MODULE": None,
        "infer.mode": "predict",
        "infer.model": Macro("MODEL"),
        "infer.output_dir": Macro("INFER_OUTPUT_DIR"),
        "infer.dataset_cfg": _made("DatasetConfig"),
        "infer.partitioner": _made("PjitPartitioner"),
        "infer.restore_checkpoint_cfg": _made("RestoreCheckpointConfig"),
        "infer.checkpoint_period": 100,
        "PjitPartitioner.num_partitions": 1,
        "PjitPartitioner.logical_axis_rules": _made("standard_logical_axis_rules"),
        "RestoreCheckpointConfig.path": Macro("CHECKPOINT_PATH"),
        "RestoreCheckpointConfig.mode": "specific",
        **_data("", split="test", batch_size=32),
    },
}

_LOSS_AND_OPTIMIZER = {
    "Z_LOSS": 0.0001,
    "LABEL_SMOOTHING": 0.0,
    "LOSS_NORMALIZING_FACTOR": None,
    "DROPOUT_RATE": _REQUIRED,
    "OPTIMIZER": _made("Adafactor"),
    "Adafactor.decay_rate": 0.8,
    "Adafactor.step_offset": 0,
}


def _model(kind: str, *, module: str, network: str, vocabularies: tuple[str, ...]) -> dict:
    made = {
        "module": _made(module),
        **dict.fromkeys(vocabularies, Macro("VOCABULARY")),
        "optimizer_def": Macro("OPTIMIZER"),
        "z_loss": Macro("Z_LOSS"),
        "label_smoothing": Macro("LABEL_SMOOTHING"),
        "loss_normalizing_factor": Macro("LOSS_NORMALIZING_FACTOR"),
    }
    return {
        **_LOSS_AND_OPTIMIZER,
        "MODEL": _made(kind),
        **{f"{kind}.{name}": value for name, value in made.items()},
        f"{module}.config": _made(network),
        f"{network}.dtype": "bfloat16",
        f"{network}.dropout_rate": Macro("DROPOUT_RATE"),
    }


# Sizes that only T5X has: emb_dim, num_heads, num_layers, head_dim, mlp_dim.
_DECODER_ONLY_SIZES = {
    "base": (768, 12, 12, 64, 2048),
    "large": (1024, 16, 24, 64, 2816),
    "xl": (2048, 32, 24, 64, 5120),
    "xxl": (4096, 64, 24, 64, 10240),
}
_TINY = {
    "emb_dim": 8,
    "num_heads": 4,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "head_dim": 3,
    "mlp_dim": 16,
}

# Macros that Flaxformer's files give the network as.
_FLAXFORMER_MACROS = {
    "vocab_size": "NUM_EMBEDDINGS",
    "dtype": "ACTIVATION_DTYPE",
    "emb_dim": "EMBED_DIM",
    "mlp_dim": "MLP_DIM",
    "num_heads": "NUM_HEADS",
    "head_dim": "HEAD_DIM",
    "num_encoder_layers": "NUM_ENCODER_LAYERS",
    "num_decoder_layers": "NUM_DECODER_LAYERS",
}
_ADAMW_SETTINGS = {
    "OPTIMIZER": _made("chain"),
    "chain.transformations": (_made("clip_by_global_norm"), _made("adamw")),
    "clip_by_global_norm.max_norm": 1.0,
    "adamw.learning_rate": 1e-4,
    "adamw.weight_decay": 0.01,
    "T5Config.scale_attn_logits": True,
}

_WMT = {
    "MIXTURE_OR_TASK_NAME": "wmt_t2t_ende_v003",
    "TASK_FEATURE_LENGTHS": {"inputs": 256, "targets": 256},
}
_FINETUNED_WMT = {
    "TRAIN_STEPS": 1_020_000,
    "LOSS_NORMALIZING_FACTOR": 233472,
}
_C4 = {
    "MIXTURE_OR_TASK_NAME": "c4_v220_span_corruption",
    "TASK_FEATURE_LENGTHS": {"inputs": 512, "targets": 114},
    "DROPOUT_RATE": 0.0,
    "BATCH_SIZE": 256,
}
_CHECKPOINTS = "gs://t5-data/pretrained_models/t5x"
_EXAMPLES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "base_c4_pretrain": (
        "base",
        "pretrain",
        {**_C4, "TRAIN_STEPS": 100_000, "train.eval_period": 2000},
    ),
    "small_c4_pretrain": ("small", "pretrain", {**_C4, "TRAIN_STEPS": 10_000}),
    "base_wmt_finetune": (
        *("base", "finetune"),
        {
            **_WMT,
            **_FINETUNED_WMT,
            "INITIAL_CHECKPOINT_PATH": f"{_CHECKPOINTS}/t5_1_1_base/checkpoint_1000000",
            "train.eval_period": 100,
            "predict_batch_with_aux.num_decodes": 4,
            "infer_eval/DatasetConfig.task_feature_lengths": Macro("TASK_FEATURE_LENGTHS"),
            "infer_eval/DatasetConfig.batch_size": 64,
        },
    ),
    "small_wmt_finetune": (
        *("small", "finetune"),
        {
            **_WMT,
            **_FINETUNED_WMT,
            "DROPOUT_RATE": 0.0,
            "INITIAL_CHECKPOINT_PATH": f"{_CHECKPOINTS}/t5_1_1_small/checkpoint_1000000",
        },
    ),
    "base_wmt_from_scratch": (
        *("base", "pretrain"),
        {
            **_WMT,
            **_data("infer_eval", split="validation", batch_size=128, task_feature_lengths=None),
            "TRAIN_STEPS": 50_000,
            "DROPOUT_RATE": 0.0,
            "train.eval_period": 500,
            "train.random_seed": 0,
            "train/DatasetConfig.seed": 0,
            "train.infer_eval_dataset_cfg": _made("infer_eval/DatasetConfig"),
            "train.inference_evaluator_cls": Reference("Evaluator", False),
            "SaveCheckpointConfig.period": 5000,
            "predict_batch_with_aux.num_decodes": 4,
            "PjitPartitioner.num_partitions": 2,
        },
    ),
    "base_wmt_infer": (
        *("base", "infer"),
        {**_WMT, "TASK_FEATURE_LENGTHS": {"inputs": 64, "targets": 64}, "DROPOUT_RATE": 0.0},
    ),
    "base_wmt_eval": (
        *("base", "eval"),
        {
            **_WMT,
            "TASK_FEATURE_LENGTHS": None,
            "DROPOUT_RATE": 0.0,
            "PjitPartitioner.num_partitions": 2,
        },
    ),
}


def is_of_t5x(path: str) -> bool:
    """Whether a path ends like that of a gin file that T5X ships."""
    return "t5x/" in path or any(
        pattern.search(path) for pattern in (_RUN, _MODEL, _FLAXFORMER, _DECODER_ONLY, _EXAMPLE)
    )


def statements(path: str) -> list[Binding] | None:
    """What a gin file that T5X ships sets; None where it is not known.

    Args:
      path: as somebody includes it, such as "t5x/configs/runs/finetune.gin".
    """
    settings = _settings(path)
    if settings is None:
        return None
    return [_binding(key, value, path) for key, value in settings.items()]


@functools.cache
def _settings(path: str) -> Mapping[str, Any] | None:
    if match := _RUN.search(path):
        return RUNS[match[1]]
    if match := _EXAMPLE.search(path):
        if match[1] not in _EXAMPLES:
            return None
        size, run, own = _EXAMPLES[match[1]]
        return {**(_encoder_decoder("t5_1_1", size) or {}), **RUNS[run], **own}
    if _ADAMW.search(path):
        return _ADAMW_SETTINGS
    if match := _FLAXFORMER.search(path):
        return _flaxformer("t5_1_0" if match["family"] == "t5" else match["family"], match["size"])
    if match := _DECODER_ONLY.search(path):
        return _decoder_only(match[1])
    if match := _MODEL.search(path):
        return _encoder_decoder(
            match["family"], match["size"], is_scalable="scalable" in match["kind"]
        )
    return None


def _encoder_decoder(
    family: str, size: str, *, is_scalable: bool = False
) -> Mapping[str, Any] | None:
    if size == "tiny":  # each of T5X's is that of T5 1.1
        family = "t5_1_1"
    ours = size_fields(f"models/{family}/{'base' if size == 'tiny' else size.lower()}.gin")
    if ours is None:
        return None
    network = {
        "vocab_size": ours["vocab_size"],
        "emb_dim": ours["d_model"],
        "num_heads": ours["num_heads"],
        "num_encoder_layers": ours["num_encoder_layers"],
        "num_decoder_layers": ours["num_decoder_layers"],
        "head_dim": ours["d_kv"],
        "mlp_dim": ours["d_ff"],
        "mlp_activations": ours["mlp_activations"],
        "logits_via_embedding": ours["tied_embeddings"],
        **(_TINY if size == "tiny" else {}),
        **({"scan_layers": True, "remat_policy": "minimal"} if is_scalable else {}),
    }
    vocabulary: dict[str, Any] = {"VOCABULARY": _made("ByteVocabulary")}
    if family in _VOCABULARIES:
        vocabulary = {
            "VOCABULARY": _made("SentencePieceVocabulary"),
            "SentencePieceVocabulary.sentencepiece_model_file": _VOCABULARIES[family],
        }
    return {
        **_model(
            "EncoderDecoderModel",
            module="Transformer",
            network="T5Config",
            vocabularies=("input_vocabulary", "output_vocabulary"),
        ),
        **vocabulary,
        **{f"T5Config.{name}": value for name, value in network.items()},
    }


def _flaxformer(family: str, size: str) -> Mapping[str, Any] | None:
    """A model of Flaxformer's, as one of T5X's whose network is given by macros."""
    known = _encoder_decoder(family, size)
    if known is None:
        return None
    keys = {f"T5Config.{name}": macro for name, macro in _FLAXFORMER_MACROS.items()}
    return {
        **known,
        **{macro: known[key] for key, macro in keys.items()},
        **{key: Macro(macro) for key, macro in keys.items()},
        "ARCHITECTURE": _made("Transformer"),
        "EncoderDecoderModel.module": Macro("ARCHITECTURE"),
    }


def _decoder_only(size: str) -> Mapping[str, Any]:
    names = ("emb_dim", "num_heads", "num_layers", "head_dim", "mlp_dim")
    network = {
        "vocab_size": 32128,
        "mlp_activations": ("gelu", "linear"),
        "logits_via_embedding": True,
        **dict(zip(names, _DECODER_ONLY_SIZES[size], strict=True)),
    }
    return {
        **_model(
            "DecoderOnlyModel",
            module="DecoderWrapper",
            network="TransformerConfig",
            vocabularies=("vocabulary",),
        ),
        "DecoderOnlyModel.decode_fn": Reference("temperature_sample", False),
        "temperature_sample.temperature": 1.0,
        "temperature_sample.topk": 40,
        "VOCABULARY": _made("SentencePieceVocabulary"),
        "SentencePieceVocabulary.sentencepiece_model_file": _VOCABULARIES["t5_1_1"],
        **{f"TransformerConfig.{name}": value for name, value in network.items()},
    }


def _binding(key: str, value: Any, path: str) -> Binding:
    scope, _, rest = key.rpartition("/")
    configurable, _, name = rest.rpartition(".")
    return Binding(scope, configurable, name, value, path, is_ours=True)
