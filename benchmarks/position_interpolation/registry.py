"""What the study of Position Interpolation trains on, registered with seqio.

`documents` are real texts, which `texts.py` laid out; `keys` are texts of less than 256 tokens in
which a number is hidden and asked for. `text_<n>` mixes both for windows of n tokens: about a
quarter of the tokens are of `keys`, whatever the window.
"""

from __future__ import annotations

import seqio

from tasks.documents import add_document_task

# Tokens, here bytes, of the model's window, and of those that it is extended to.
WINDOW = 256
WINDOWS = (256, 2048, 4096, 8192)

MEAN_KEY_TEXT = 161
KEYS_SHARE = 0.25


def register() -> None:
    """Adds the Tasks and Mixtures."""
    files = {"train": "train.jsonl", "validation": "validation.jsonl", "test": "test.jsonl"}
    add_document_task("documents", files=files)
    add_document_task("keys", files={"train": "keys.jsonl"})
    ratio = KEYS_SHARE / (1 - KEYS_SHARE) / MEAN_KEY_TEXT
    for window in WINDOWS:
        rates = [("documents", 1.0), ("keys", ratio * window)]
        seqio.MixtureRegistry.add(f"text_{window}", rates)


register()
