"""What T5X and Hugging Face call what a gin file sets here, for those who write their names.

docs/names.md has the same for readers; a test holds the names of ours to what there is.
"""

from __future__ import annotations

from t5lite.configuration.t5x.flags import COMMAND

# Each name of theirs, with ours in the order to be named.
_T5X_CONFIGURABLES: dict[str, tuple[str, ...]] = {
    "T5Config": ("TransformerConfig",),
    "Transformer": ("TransformerConfig",),
    "EncoderDecoderModel": ("TransformerConfig", "CrossEntropy"),
    "DecoderOnlyModel": ("TransformerConfig.architecture", "CrossEntropy"),
    "PrefixLanguageModel": ("DataConfig.converter", "CrossEntropy"),
    "predict_batch_with_aux": ("DecodingConfig",),
    "DatasetConfig": ("DataConfig", "EvalConfig"),
    "EncDecFeatureConverter": ("DataConfig.converter",),
    "LMFeatureConverter": ("DataConfig.converter",),
    "PrefixLMFeatureConverter": ("DataConfig.converter",),
    "CheckpointConfig": ("CheckpointConfig", "initial_checkpoint"),
    "SaveCheckpointConfig": ("CheckpointConfig",),
    "RestoreCheckpointConfig": ("RestoreConfig", "initial_checkpoint"),
    "Adafactor": ("adafactor",),
    "create_learning_rate_scheduler": ("schedule",),
    "train_script.train": ("train",),
    "eval_script.evaluate": ("evaluate",),
    "infer_script.infer": ("infer",),
    "trainer.Trainer": ("train.num_microbatches", "schedule"),
    "PjitPartitioner": ("MeshConfig",),
    "ModelBasedPjitPartitioner": ("MeshConfig",),
    "standard_logical_axis_rules": ("MeshConfig",),
    "beam_search": ("DecodingConfig.strategy",),
    "temperature_sample": ("DecodingConfig.strategy",),
    "optax.adam": ("adamw",),
    "optax.adamw": ("adamw",),
    "optimizers.adam": ("adamw",),
    "optimizers.adamw": ("adamw",),
    "optimizers.lion": ("optax_optimizer",),
    "optimizers.sgd": ("optax_optimizer",),
    "optimizers.chain": ("train.optimizer", "train.max_grad_norm"),
    "SentencePieceVocabulary": ("VOCABULARY",),
    "ByteVocabulary": ("VOCABULARY",),
    "Evaluator": ("EvalConfig",),
    "JSONLogger": ("EvalConfig",),
}
CONFIGURABLES: dict[str, tuple[str, ...]] = {
    **_T5X_CONFIGURABLES,
    "AdamW": ("adamw",),
    "Trainer": ("train",),
    "TrainingArguments": ("train",),
    "GenerationConfig": ("DecodingConfig",),
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "emb_dim": ("TransformerConfig.d_model",),
    "hidden_size": ("TransformerConfig.d_model",),
    "n_embd": ("TransformerConfig.d_model",),
    "mlp_dim": ("TransformerConfig.d_ff",),
    "intermediate_size": ("TransformerConfig.d_ff",),
    "head_dim": ("TransformerConfig.d_kv",),
    "num_layers": ("TransformerConfig.num_encoder_layers", "TransformerConfig.num_decoder_layers"),
    "num_hidden_layers": ("TransformerConfig.num_decoder_layers",),
    "num_attention_heads": ("TransformerConfig.num_heads",),
    "num_key_value_heads": ("TransformerConfig.num_kv_heads",),
    "hidden_act": ("TransformerConfig.mlp_activations",),
    "feed_forward_proj": ("TransformerConfig.mlp_activations",),
    "logits_via_embedding": ("TransformerConfig.tied_embeddings", "TransformerConfig.scale_logits"),
    "tie_word_embeddings": ("TransformerConfig.tied_embeddings",),
    "rms_norm_eps": ("TransformerConfig.norm_epsilon",),
    "layer_norm_epsilon": ("TransformerConfig.norm_epsilon",),
    "torch_dtype": ("TransformerConfig.dtype",),
    "use_cached": ("CACHE_DIR",),
    "module": ("TASK_MODULES",),
    "assignment_map": ("RestoreConfig.remap",),
    "weight_decay_rate": ("adamw.weight_decay",),
    "beta1": ("adamw.b1",),
    "beta2": ("adamw.b2",),
    "loss_normalizing_factor": ("CrossEntropy.loss_normalization",),
    "total_steps": ("TRAIN_STEPS",),
    "random_seed": ("SEED",),
}
MACROS: dict[str, tuple[str, ...]] = {
    "MIXTURE_OR_TASK_MODULE": ("TASK_MODULES",),
    "LABEL_SMOOTHING": ("CrossEntropy.label_smoothing",),
    "Z_LOSS": ("CrossEntropy.z_loss",),
    "LOSS_NORMALIZING_FACTOR": ("CrossEntropy.loss_normalization",),
    "RANDOM_SEED": ("SEED",),
    "SHUFFLE_TRAIN_EXAMPLES": ("DataConfig.shuffle",),
    "TRAIN_STEPS_RELATIVE": ("TRAIN_STEPS",),
    "EVAL_STEPS": ("EvalConfig.max_examples_per_task",),
    "EVALUATOR_NUM_EXAMPLES": ("EvalConfig.max_examples_per_task",),
    "SAVING_PERIOD": ("CHECKPOINT_PERIOD",),
    "WARMUP_STEPS": ("schedule.warmup_steps",),
    "NUM_EMBEDDINGS": ("VOCAB_SIZE",),
    "CHECKPOINT_PATH": ("MODEL_DIR", "INITIAL_CHECKPOINT_PATH"),
    "INFER_OUTPUT_DIR": ("OUTPUT",),
    "EVAL_OUTPUT_DIR": ("OUTPUT_DIR",),
    "OPTIMIZER": ("train.optimizer",),
    "MODEL": ("train.model",),
    "BEAM_SIZE": ("NUM_BEAMS",),
}
# Macros of theirs that nothing here stands for, and why none has to.
_NEEDLESS = {
    "USE_CACHED_TASKS": "tasks are always read from token stores, which are built on first use",
    "JSON_WRITE_N_RESULTS": "every answer is written to predictions.jsonl",
    "EVALUATOR_USE_MEMORY_CACHE": "an evaluation's examples are always kept in memory",
    "USE_HARDWARE_RNG": "random numbers come of SEED, alike on every device",
}
# Modules as T5X's gin files import them.
T5X_MODULES = frozenset(
    {
        *("adafactor", "checkpoints", "decoding", "gin_utils", "models", "network", "optimizers"),
        *("partitioning", "trainer", "utils"),
    }
)
ALL = (CONFIGURABLES, PARAMETERS, MACROS)
T5X_COMMAND = f"`{COMMAND}` translates a gin file of T5X."


def counterpart(name: str, names: dict[str, tuple[str, ...]]) -> str:
    """Says what a name of theirs is here, with a leading space; '' where it is none.

    Args:
      name: as written, perhaps behind modules: `network.T5Config`.
      names: `CONFIGURABLES`, `PARAMETERS` or `MACROS`.
    """
    short = name if name in names else name.rsplit(".", 1)[-1]
    if names is MACROS and name in _NEEDLESS:
        return f" {name} of T5X is not needed here: {_NEEDLESS[name]}. {T5X_COMMAND}"
    if short not in names:
        return ""
    answer = f" What {short} is elsewhere is {' or '.join(names[short])} here."
    is_of_t5x = names is MACROS or (names is CONFIGURABLES and short in _T5X_CONFIGURABLES)
    return f"{answer} {T5X_COMMAND}" if is_of_t5x else answer
