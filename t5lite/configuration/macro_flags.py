"""The flags that set gin macros: one table for every verb.

A flag is its macro's name in lower case; `--mixture`, `--tasks` and `--max_examples` are the
exceptions. `t5lite train` has one for every macro of gin/runs/train.gin whose value fits on a
command line, so for all but EVALS, which names configurables.
"""

from __future__ import annotations

import argparse
import json
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

from t5lite.decoding.config import Penalty, Temperature, TopP
from t5lite.messages.ranges import (
    Count,
    NotNegative,
    NumDevices,
    NumExamples,
    NumPasses,
    Positive,
    Rate,
    Seed,
    Share,
    Size,
)
from t5lite.messages.value_types import fits, shown, wanted
from t5lite.training.duration import parse_duration


class Flag(NamedTuple):
    """A flag that sets a gin macro.

    Attributes:
      flag: As it is written.
      read: Makes its value of a text; `bool` for a flag that takes none, and has another that says
        no: `--nochat` for `--chat`.
      help: What it is for.
      other_macro: What it sets, where that is not its own name in capitals.
      strategy: The decoding strategy that it belongs to, and so chooses.
    """

    flag: str
    read: Callable[[str], Any]
    help: str
    other_macro: str | None = None
    strategy: str | None = None

    @property
    def name(self) -> str:
        """The flag without dashes."""
        return self.flag.removeprefix("--")

    @property
    def macro(self) -> str:
        """What it sets."""
        return self.other_macro or self.name.upper()


def number(kind: Any) -> Callable[[str], Any]:
    """What reads a number of some type and range; all numbers of all flags are read by one.

    Args:
      kind: int, float, or one of them `Annotated` with a `Range`.
    """
    base = (typing.get_args(kind) or (kind,))[0]

    def read(text: str) -> Any:
        try:
            value = base(text)
        except ValueError:  # also of thousands of digits
            value = None
        if not fits(value, kind):
            raise argparse.ArgumentTypeError(f"{shown(text)} is not {wanted(kind)}")
        return value

    return read


def lengths(text: str) -> dict[str, int]:
    """Reads `inputs=512,targets=128`."""
    return _by_name(text, number(Size))


def max_examples(text: str) -> int | dict[str, int]:
    """Reads `100000`, or `my_stream=100000,my_task=500`."""
    read = number(NumExamples)
    return _by_name(text, read) if "=" in text else read(text)


def _by_name(text: str, read: Callable[[str], int]) -> dict[str, int]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and value for name, _, value in pairs):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not like inputs=512,targets=128")
    return {name: read(value) for name, _, value in pairs}


def _folders(text: str) -> dict[str, str]:
    """Reads `fr=RUN,de=RUN`."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and folder for name, _, folder in pairs):
        raise argparse.ArgumentTypeError(f"{shown(text)} is not like fr=FOLDER,de=FOLDER")
    folders = {name: folder for name, _, folder in pairs}
    if len(folders) < len(pairs):
        raise argparse.ArgumentTypeError(f"{shown(text)} has a name twice")
    return folders


def duration(text: str) -> int | str:
    """Reads a number of steps, or a text such as `3 epochs`, which stays one."""
    try:
        amount = parse_duration(text, name="it")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("it = ")) from None
    return int(amount.amount) if text.isdecimal() else text


def comma_separated(text: str) -> tuple[str, ...]:
    """Reads `a,b`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


positive = number(Size)
share = number(Share)


def number_or_names(text: str) -> int | tuple[str, ...]:
    """Reads `3`, or `a,b`."""
    return number(Count)(text) if text.lstrip("-").isdecimal() else comma_separated(text)


def _window(text: str) -> tuple[int, int]:
    """Reads `100:105`."""
    start, colon, stop = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not like 100:105, START:STOP in steps")
    return number(Size)(start), number(Size)(stop)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(map(number(Count), comma_separated(text)))


def _texts(text: str) -> tuple[str, ...]:
    """A JSON list of texts, or one text as it is."""
    if not text.startswith("["):
        return (text,)
    try:
        texts = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no JSON list: {error}") from None
    if not all(isinstance(item, str) for item in texts):
        raise argparse.ArgumentTypeError(f"{shown(text)} holds what is no text")
    return tuple(texts)


# ---- Where things are ----------------------------------------------------------------------------

MODEL_DIR = Flag("--model_dir", str, "folder of the run")
MODEL = Flag(
    "--model_dir", str, "folder of a run, or a checkpoint of any format that `t5lite convert` reads"
)
TASKS = Flag("--tasks", comma_separated, "task modules, comma separated", "TASK_MODULES")
DATA_DIR = Flag("--data_dir", str, "root of the tasks' files")
VOCABULARY = Flag(
    *("--vocabulary", str),
    "bytes, bytes:EXTRA_IDS, PATH.model, PATH.model:EXTRA_IDS or PATH/tokenizer.json",
)
TASK_FLAGS = (TASKS, DATA_DIR, VOCABULARY)
MODELS_VOCABULARY = Flag(
    *("--vocabulary", str),
    "that of a checkpoint of another format that holds none, as for `t5lite convert`",
)
CACHE_DIR = Flag("--cache_dir", str, "where token stores and converted checkpoints are kept")
MAX_STORE_EXAMPLES = Flag(
    *("--max_store_examples", max_examples),
    "store at most so many examples of every task, or by task, as in my_stream=100000",
)
STORE_EPOCHS = Flag(
    *("--store_epochs", number(NumPasses)),
    "passes stored of tasks that draw random numbers, used in turn",
)
ADAPTER = Flag("--adapter", str, "run that trained adapters of the model in --model_dir")
STEP = Flag("--step", number(Count), "which checkpoint (default: the latest)")
ATTENTION_IMPLEMENTATION = Flag(
    *("--attention_implementation", str),
    "what computes attention: auto (default), xla, blocked, cudnn, pallas",
)

# ---- Decoding ------------------------------------------------------------------------------------

MAX_DECODE_LENGTH = Flag("--max_decode_length", number(Size), "most tokens of an answer")
EVAL_BATCH_SIZE = Flag(
    "--eval_batch_size", number(Size), "examples decoded at once, over all devices"
)
DECODING_FLAGS = (
    Flag(
        *("--temperature", number(Temperature), "sample, with logits divided by this"),
        strategy="sample",
    ),
    Flag("--top_k", number(Count), "sample among the k most likely tokens", strategy="sample"),
    Flag(
        *("--top_p", number(TopP), "sample among likely tokens of this probability"),
        strategy="sample",
    ),
    Flag("--num_beams", number(Size), "search with so many beams", strategy="beam"),
    Flag(
        *("--length_penalty", number(float), "exponent: 0 is none, more favours the long"),
        strategy="beam",
    ),
    Flag("--length_penalty_style", str, "t5x (default) or hugging_face", strategy="beam"),
    Flag("--repetition_penalty", number(Penalty), "above 1: repeat less"),
    MAX_DECODE_LENGTH,
    Flag("--min_decode_length", number(Count), "tokens before which no answer ends"),
    Flag("--stop_ids", _ids, "tokens that end an answer too, comma separated"),
    Flag("--stop_strings", _texts, 'text that ends an answer, or ["several", "texts"]'),
    Flag("--decode_seed", number(Seed), "seed of sampling"),
)
NUM_RETURN_SEQUENCES = Flag(
    *("--num_return_sequences", number(Size)),
    "draws of a prompt, which vote in an evaluation, or best beams",
)

# ---- Of one verb or two --------------------------------------------------------------------------

TASK_FEATURE_LENGTHS = Flag(
    *("--task_feature_lengths", lengths),
    "longest inputs and targets in tokens, as in inputs=512,targets=128",
)
MIXTURE = Flag("--mixture", str, "registered mixture or task", "MIXTURE_OR_TASK_NAME")
EXAMPLE_FLAGS = (MIXTURE, Flag("--split", str, "split of its tasks"))
ALLOW_MISSING_TASKS = Flag("--allow_missing_tasks", bool, "leave out tasks that have no data")
RANK_BY = Flag(
    *("--rank_by", str),
    "compare options by log-likelihood (sum), that a token (mean) or a byte (mean_byte), or "
    "less that without the prompt (unconditional)",
)
CHAT_TEMPLATE_FLAGS = (
    Flag("--use_chat_template", bool, "ask in conversations, exemplars as turns"),
    Flag("--system_prompt", str, "what these conversations begin with"),
)
MESH_FLAGS = (
    Flag("--mesh_fsdp", number(NumDevices), "devices to split parameters over; -1 is the rest"),
    Flag("--mesh_sequence", number(NumDevices), "devices to split lengths over; -1 is the rest"),
    Flag("--mesh_tensor", number(NumDevices), "devices to split each layer over; -1 is the rest"),
    Flag("--num_slices", number(Size), "groups of devices with fast links (default: as TPUs say)"),
)
EVAL_FLAGS = (
    Flag(
        *("--max_examples", number(NumExamples), "only the first so many of each task"),
        "MAX_EXAMPLES_PER_TASK",
    ),
    Flag("--output_dir", str, "where results go (default: MODEL_DIR/eval)"),
    RANK_BY,
    Flag("--rank_end_token", bool, "score what ends an answer with each option (default: yes)"),
    Flag("--num_shots", number(Count), "exemplars of a prompt (default: as the task gives them)"),
    Flag("--fewshot_split", str, "where a task without exemplars takes them from: train"),
    Flag("--fewshot_seed", number(Seed), "of the draws of these exemplars"),
    *CHAT_TEMPLATE_FLAGS,
    Flag("--prompt_too_long", str, "drop_exemplars (default), skip or cut"),
    ALLOW_MISSING_TASKS,
    Flag("--score_targets", bool, "compute the likelihood of the references (default: yes)"),
    *MESH_FLAGS,
)
INFER_FLAGS = (
    Flag("--input", str, "JSONL file to answer"),
    Flag("--output", str, "JSONL file to write"),
    Flag("--inputs_field", str, "field of --input with the prompt or messages"),
    Flag("--options_field", str, "field of --input with the answers to choose from"),
    Flag(
        *("--adapters", _folders),
        "several LoRA runs by name, as in fr=RUN,de=RUN; the field `adapter` of a line names one",
    ),
    RANK_BY,
    *CHAT_TEMPLATE_FLAGS,
    *MESH_FLAGS,
)
GENERATE_FLAGS = (
    Flag(
        *("--chat", bool),
        "one conversation, written as the model's chat template says; without it a prompt goes to "
        "the model alone and as it is",
    ),
    Flag("--system", str, "what a conversation begins with"),
)
TRAIN_FLAGS = (
    MIXTURE,
    TASK_FEATURE_LENGTHS,
    Flag("--train_steps", duration, "1000, '3 epochs', '50_000 examples', '2e6 tokens'"),
    Flag("--batch_size", number(Size), "rows of a batch, of all devices together"),
    Flag("--num_microbatches", number(Size), "parts of a batch, one after the other"),
    Flag(
        *("--initial_checkpoint_path", str),
        "what a fresh run starts from: a model folder, Hugging Face's too, or a checkpoint",
    ),
    Flag("--learning_rate", number(NotNegative), "base of the schedule"),
    Flag("--max_grad_norm", number(Positive), "clip gradients to this global norm"),
    Flag("--dropout_rate", number(Rate), "between 0 and 1"),
    Flag("--activation_dtype", str, "float32 or bfloat16"),
    Flag("--remat_policy", str, "what the backward pass recomputes: none, full, dots"),
    ATTENTION_IMPLEMENTATION,
    Flag("--seed", number(Seed), "of initialisation, dropout and mixing"),
    ALLOW_MISSING_TASKS,
    MAX_STORE_EXAMPLES,
    STORE_EPOCHS,
    Flag("--eval_period", duration, "how often to evaluate (default: at the end)"),
    EVAL_BATCH_SIZE,
    MAX_DECODE_LENGTH,
    Flag("--checkpoint_period", duration, "how often to save"),
    Flag("--checkpoint_minutes", number(Positive), "also save when so many have passed"),
    Flag("--keep_checkpoints", number(Size), "how many of the last to keep"),
    Flag("--loss_by_task", bool, "log the loss of each task too"),
    Flag("--profile_steps", _window, "trace these steps, the last left out, as in 100:105"),
    Flag("--wandb_project", str, "also log to this project of Weights & Biases"),
    *MESH_FLAGS,
)
