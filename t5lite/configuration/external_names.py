"""What T5X and Hugging Face call what a gin file sets here, for those who write their names.

docs/names.md has the same for readers; a test holds the names of ours to what there is.
"""

from __future__ import annotations

# Each name of theirs, with ours in the order to be named.
CONFIGURABLES: dict[str, tuple[str, ...]] = {
    "T5Config": ("TransformerConfig",),
    "Transformer": ("TransformerConfig",),
    "EncoderDecoderModel": ("TransformerConfig", "CrossEntropy"),
    "DecoderOnlyModel": ("TransformerConfig.architecture", "CrossEntropy"),
    "PrefixLanguageModel": ("DataConfig.converter", "CrossEntropy"),
    "DatasetConfig": ("DataConfig", "EvalConfig"),
    "EncDecFeatureConverter": ("DataConfig.converter",),
    "LMFeatureConverter": ("DataConfig.converter",),
    "PrefixLMFeatureConverter": ("DataConfig.converter",),
    "SaveCheckpointConfig": ("CheckpointConfig",),
    "RestoreCheckpointConfig": ("RestoreConfig", "initial_checkpoint"),
    "Adafactor": ("adafactor",),
    "AdamW": ("adamw",),
    "create_learning_rate_scheduler": ("schedule",),
    "Trainer": ("train",),
    "TrainingArguments": ("train",),
    "PjitPartitioner": ("MeshConfig",),
    "beam_search": ("DecodingConfig.strategy",),
    "temperature_sample": ("DecodingConfig.strategy",),
    "GenerationConfig": ("DecodingConfig",),
    "SentencePieceVocabulary": ("VOCABULARY",),
    "ByteVocabulary": ("VOCABULARY",),
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
    "CHECKPOINT_PATH": ("MODEL_DIR", "INITIAL_CHECKPOINT_PATH"),
    "INFER_OUTPUT_DIR": ("OUTPUT",),
}
ALL = (CONFIGURABLES, PARAMETERS, MACROS)


def counterpart(name: str, names: dict[str, tuple[str, ...]]) -> str:
    """Says what a name of theirs is here, with a leading space; '' where it is none.

    Args:
      name: as written, perhaps behind modules: `network.T5Config`.
      names: `CONFIGURABLES`, `PARAMETERS` or `MACROS`.
    """
    short = name.rsplit(".", 1)[-1]
    if short not in names:
        return ""
    return f" What is {short} elsewhere is {' or '.join(names[short])} here."
