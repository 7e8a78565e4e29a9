"""The answer to a flag that a verb does not have.

Flags of T5X, of Hugging Face's trainers and of other tools are answered with ours.
"""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Sequence

from t5lite.configuration.external_names import MACROS, counterpart
from t5lite.configuration.t5x import flags as t5x_flags
from t5lite.messages.suggest import did_you_mean

# What others call it, without dashes: ours, in the order they are tried; the first that the verb
# has is named.
_OURS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("lr",): ("--learning_rate",),
    ("steps", "max_steps", "num_train_steps", "iters", "max_iters"): ("--train_steps",),
    ("epochs", "num_epochs", "num_train_epochs"): ("--train_steps='3 epochs'",),
    ("per_device_train_batch_size", "train_batch_size", "bs", "batch"): ("--batch_size",),
    ("gradient_accumulation_steps", "grad_accum", "accumulate"): ("--num_microbatches",),
    ("output_dir", "out_dir", "save_dir", "run_dir", "out"): ("--model_dir",),
    (
        *("model_name_or_path", "init_from", "pretrained", "checkpoint", "checkpoint_path"),
        *("model", "initial_checkpoint", "load", "model_path", "ckpt"),
    ): ("--initial_checkpoint_path", "--model_dir"),
    ("save_steps", "save_every", "save_interval"): ("--checkpoint_period",),
    ("save_total_limit", "keep"): ("--keep_checkpoints",),
    ("eval_steps", "eval_every", "eval_interval"): ("--eval_period",),
    ("per_device_eval_batch_size", "batch_size"): ("--eval_batch_size",),
    ("max_new_tokens", "max_length", "max_tokens"): ("--max_decode_length",),
    (
        *("max_seq_length", "max_source_length", "max_target_length", "max_input_length"),
        *("seq_len", "block_size", "model_max_length", "sequence_length"),
    ): ("--task_feature_lengths=inputs=512,targets=128",),
    ("warmup_steps", "num_warmup_steps"): ("--gin.schedule.warmup_steps",),
    ("weight_decay",): ("--gin.adamw.weight_decay",),
    ("optim", "optimizer"): ("--gin.train.optimizer=@adamw()",),
    ("bf16", "fp16", "dtype", "mixed_precision"): ("--activation_dtype",),
    ("gradient_checkpointing",): ("--remat_policy=full",),
    ("attn_implementation", "attention", "flash_attention"): ("--attention_implementation",),
    ("max_norm", "clip", "grad_clip", "gradient_clipping"): ("--max_grad_norm",),
    (
        *("dataset", "dataset_name", "task", "task_name", "mixture_name"),
        *("mixture_or_task_name", "mixture_or_task"),
    ): ("--mixture",),
    ("task_module", "task_modules", "modules"): ("--tasks",),
    ("tokenizer", "tokenizer_name", "vocab", "vocab_file", "spiece"): ("--vocabulary",),
    ("config", "gin", "recipe", "gin.file", "config_file"): ("--gin_file",),
    ("gin_param", "gin_params"): ("--gin.NAME=VALUE",),
    ("beam_size", "beams", "beam"): ("--num_beams",),
    ("do_sample", "sample"): ("--temperature",),
    ("limit", "max_eval_samples", "num_eval_examples"): ("--max_examples",),
    ("random_seed",): ("--seed", "--decode_seed"),
    ("input_file", "questions"): ("--input",),
    ("output_file",): ("--output",),
    ("data", "data_path", "data_root"): ("--data_dir",),
}


def complaint(word: str, known: Collection[str]) -> str:
    """What is wrong with a word that a verb's parser does not know, and what to write.

    Args:
      word: as given: a flag, perhaps with its value, or what is no flag at all.
      known: the flags of the verb.
    """
    if not word.startswith("-"):
        return f"{word!r} belongs to no flag.{_misplaced(word, known)}"
    flag = word.partition("=")[0]
    name = flag.lstrip("-").replace("-", "_").lower()
    if f"--{name}" in known:
        return f"there is no flag {flag}; it is written --{name}."
    if name in t5x_flags.FLAGS:
        return _of_t5x(flag, t5x_flags.FLAGS[name], known)
    for names, ours in _OURS.items():
        if name not in names:
            continue
        for other in ours:
            wanted = "--gin_file" if "NAME" in other else "--train_steps"  # of training alone
            is_gin = other.startswith("--gin.") and wanted in known
            if other.partition("=")[0] in known or is_gin:
                return f"there is no flag {flag}; it is {other} here."
    if hint := counterpart(name.upper(), MACROS):
        return f"there is no flag {flag}.{hint}"
    gin = " Any other setting is --gin.NAME=VALUE." if "--gin_file" in known else ""
    return f"there is no flag {flag}.{did_you_mean('--' + name, known)}{gin}"


def _of_t5x(flag: str, theirs: t5x_flags.T5XFlag, known: Collection[str]) -> str:
    """What a flag of T5X's is here."""
    is_known = theirs.here in known or (theirs.here == "--gin.NAME=VALUE" and "--gin_file" in known)
    if theirs.is_flag and not is_known:
        return f"there is no flag {flag}, nor what it is elsewhere here, {theirs.here}"
    if theirs.is_flag:
        return f"there is no flag {flag}; it is {theirs.here} here."
    return f"there is no flag {flag}, which is of T5X: {theirs.here}. Leave it out."


def _misplaced(word: str, known: Collection[str]) -> str:
    """Which flag a word without one was probably for."""
    wanted: Sequence[str] = ()
    if word.endswith(".gin"):
        wanted = ("--gin_file",)
    elif pathlib.Path(word).is_dir():
        wanted = ("--model_dir",)
    elif word.isidentifier():
        wanted = ("--mixture",)
    return next((f" Write {flag}={word}" for flag in wanted if flag in known), "")
