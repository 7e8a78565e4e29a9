"""What the study of Position Interpolation trains and evaluates on, registered with seqio.

`documents` are real texts, which `texts.py` laid out; `keys` are texts of less than 256 bytes in
which a number is hidden and asked for. `text_<n>` mixes both for windows of n: about a quarter of
the tokens are of `keys`, whatever the window. `test_<n>_<n>` is perplexity in windows that move
by a half, `perplexity_<n>` that and the one of 256; `keys_<n>` asks for numbers up to n bytes
away.
"""

from __future__ import annotations

import seqio

from benchmarks.position_interpolation.texts import EXTENDED, TRAINED
from tasks.documents import add_document_task
from tasks.long_context.passkey import add_passkey_task
from tasks.long_context.perplexity import add_perplexity_tasks

# Further windows at which stories260K is measured, which was trained to 512 tokens.
STORIES = (512, 1024)

MEAN_KEY_TEXT = 161
KEYS_SHARE = 0.25
MOST_TOKENS = 8192
# The paper has 32 distances and 10 trials of each.
NUM_DISTANCES, NUM_TRIALS = 8, 5


def register() -> None:
    """Adds the Tasks and Mixtures."""
    files = {"train": "train.jsonl", "validation": "validation.jsonl", "test": "test.jsonl"}
    held_out = {split: files[split] for split in ("validation", "test")}
    add_document_task("documents", files=files)
    add_document_task("keys", files={"train": "keys.jsonl"})
    ratio = KEYS_SHARE / (1 - KEYS_SHARE) / MEAN_KEY_TEXT
    names = {}
    for window in (TRAINED, *STORIES, *EXTENDED):
        (names[window],) = add_perplexity_tasks(
            f"test_{window}",
            files=held_out,
            windows=[window],
            stride=window // 2,
            max_tokens=MOST_TOKENS,
        )
    for window in (TRAINED, *EXTENDED):
        rates = [("documents", 1.0), ("keys", ratio * window)]
        seqio.MixtureRegistry.add(f"text_{window}", rates)
        shown = dict.fromkeys([names[TRAINED], names[window]])
        seqio.MixtureRegistry.add(f"perplexity_{window}", [(name, 1.0) for name in shown])
        add_passkey_task(
            f"keys_{window}",
            length=window,
            num_distances=NUM_DISTANCES,
            num_trials=NUM_TRIALS,
        )
    shown = [names[window] for window in (TRAINED, *STORIES, 2048)]
    seqio.MixtureRegistry.add("perplexity_stories", [(name, 1.0) for name in shown])


register()
