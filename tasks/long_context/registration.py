"""Registers the Tasks and Mixtures."""

from __future__ import annotations

from .gov_report import add_summary_task
from .passkey import add_passkey_task
from .perplexity import add_perplexity_tasks

WINDOWS = (2048, 4096, 8192, 16384, 32768)


def register() -> None:
    """Adds them to seqio's registries."""
    add_perplexity_tasks(
        "pg19_perplexity",
        files={"test": "pg19/test/*.txt", "validation": "pg19/validation/*.txt"},
        format="document",
        windows=WINDOWS,
    )
    add_perplexity_tasks(
        "proof_pile_perplexity",
        files={"test": "proof_pile/test.jsonl", "validation": "proof_pile/validation.jsonl"},
        windows=WINDOWS,
        max_tokens=max(WINDOWS),
    )
    for length in WINDOWS:
        add_passkey_task(f"passkey_{length}", length=length)
    splits = ("train", "validation", "test")
    add_summary_task("gov_report", files={s: f"gov_report/{s}.jsonl" for s in splits})
