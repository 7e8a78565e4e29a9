"""A teacher that writes instructions from a grammar: what the loop does with one that runs dry.

It knows a number of verbs, objects and subjects, takes what it writes from them at random, the
frequent ones more often, and so repeats itself more and more. Nothing but the loop is studied.
"""

from __future__ import annotations

import pathlib
import random
from collections.abc import Sequence

from t5lite.files.json_files import read_lines
from t5lite.synthetic_data.provenance import Trace
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct.instructions import write_instructions
from t5lite.synthetic_data.self_instruct.seeds import SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request

_PIECES = (
    ("Write", "Explain", "Summarize", "Compare", "Translate", "Improve", "Invent", "Criticize"),
    ("a short", "a long", "a simple", "a formal", "an old", "a typical", "a modern", "a strange"),
    ("letter", "recipe", "speech", "story", "proof", "contract", "poem", "joke", "plan", "review"),
    ("about the sea", "for children", "on tax law", "from Norway", "with numbers", "without verbs"),
    ("for a friend.", "in two sentences.", "as a table.", "step by step.", "before lunch.", "now."),
)


class GrammarTeacher:
    """Answers every request with a list of as many instructions as it asks for."""

    name = "grammar"
    batch_size = 64

    async def reply(self, requests: Sequence[Request]) -> list[Reply]:
        """See `Teacher`."""
        return [Reply((Choice(_listed(request.attempt)),), 0, 0) for request in requests]

    async def close(self) -> None:
        """See `Teacher`."""


def _listed(seed: int) -> str:
    rng = random.Random(seed)
    lines = []
    for number in range(9, 17):
        words = [rng.choices(p, [1 / (i + 1) for i in range(len(p))])[0] for p in _PIECES]
        lines.append(f"{number}. {' '.join(words)}")
    return "\n".join(lines)


def run(folder: pathlib.Path, seeds: Sequence[SeedTask], *, max_rounds: int) -> list[dict]:
    """The first step with this teacher; what its rounds brought."""
    config = SelfInstructConfig(
        num_instructions=100_000, max_rounds=max_rounds, requests_per_round=5
    )
    folder.mkdir(parents=True, exist_ok=True)
    with Asking(GrammarTeacher(), Answers(folder / "answers")) as asking, Trace(folder) as trace:
        write_instructions(asking, seeds, config, folder=folder, trace=trace)
    return [record for _, record in read_lines(folder / files.ROUNDS)]
