"""Folders as `t5lite prompt2model` fills them, small enough to train on in a test."""

import pathlib
import random

from t5lite.synthetic_data.prompt2model.prompt_spec import SPEC_FILE, Demonstration, PromptSpec
from tests.synthetic_data.lines import write_lines

SPEC = PromptSpec(
    instruction="Say which of two letters comes first.",
    demonstrations=(Demonstration("b a", "a"), Demonstration("c d", "c")),
    original="Say which of two letters comes first, such as b a: a, and c d: c.",
)

# A model of some thousand parameters on bytes, trained from nothing in a second or two.
TINY_MODEL = (
    "TransformerConfig.d_model = 16",
    "TransformerConfig.d_ff = 32",
    "TransformerConfig.d_kv = 8",
    "TransformerConfig.num_heads = 2",
    "TransformerConfig.num_encoder_layers = 1",
    "TransformerConfig.num_decoder_layers = 1",
    "TASK_FEATURE_LENGTHS = {'inputs': 80, 'targets': 4}",
    "BATCH_SIZE = 8",
)
TINY = (
    *TINY_MODEL,
    "EVAL_BATCH_SIZE = 8",
    "MAX_DECODE_LENGTH = 4",
    "TRAIN_STEPS = '3 epochs'",
    "EVAL_PERIOD = '1 epochs'",
)
FROM_NOTHING = "recipes/prompt2model/from_nothing.gin"


def examples(count: int, *, seed: int = 0) -> list[dict[str, str]]:
    """Right answers, no input twice."""
    rng = random.Random(seed)
    pairs = [(a, b) for a in "abcdefghij" for b in "abcdefghij" if a != b]
    rows = rng.sample(pairs, count)
    return [
        {"id": f"made_{i:03d}", "input": f"{a} {b}", "output": min(a, b)}
        for i, (a, b) in enumerate(rows)
    ]


def write_folder(path: pathlib.Path) -> pathlib.Path:
    """A folder that is ready for the step train."""
    path.mkdir(parents=True, exist_ok=True)
    SPEC.write(path / SPEC_FILE)
    rows = [row | {"dataset": index % 2} for index, row in enumerate(examples(32))]
    for name, part in (("train", rows[:16]), ("validation", rows[16:24]), ("test", rows[24:])):
        write_lines(path / "data" / f"{name}.jsonl", part)
    return path
