"""A model's answers to an evaluation's examples, and the file that keeps them until it ends."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from t5lite.decoding.journal import Journal
from t5lite.decoding.sequence_generator import Generation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answered:
    """What a model made of one example.

    Attributes:
      generations: What it generated, in the order of the draws.
      option_scores: What each option is compared by.
      option_likelihoods: Of each option its log-likelihood in nats, and whether greedy decoding
        gives it.
      target: Log-likelihood of the reference in nats, and its number of tokens.
    """

    generations: Sequence[Generation] = ()
    option_scores: Sequence[float] = ()
    option_likelihoods: Sequence[tuple[float, bool]] = ()
    target: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it in JSON's types; `from_json` reads it back to the bit."""
        return {
            "generations": [
                [generation.tokens.tolist(), generation.log_likelihood, generation.score]
                for generation in self.generations
            ],
            "option_scores": list(self.option_scores),
            "option_likelihoods": list(self.option_likelihoods),
            "target": self.target,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Answered:
        """See `to_json`."""
        generations = [
            Generation(np.array(tokens, np.int32), log_likelihood, score)
            for tokens, log_likelihood, score in record["generations"]
        ]
        scores, target = record["option_scores"], record["target"]
        likelihoods = record["option_likelihoods"] if scores else ()
        return cls(
            generations=generations,
            option_scores=scores,
            option_likelihoods=[(found[0], found[1]) for found in likelihoods],
            target=None if target is None else (target[0], target[1]),
        )


class AnswerJournal:
    """Answers on process 0's disk, so that an evaluation that was killed goes on where it stopped.

    All processes enter it and append together; see `decoding.journal` for the files.

    Attributes:
      done: The answers that are there, on every process.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        settings: Mapping[str, Any],
        num_lines: int,
        chunk_size: int,
    ) -> None:
        """Opens or continues it; as `Journal`, whose errors every process raises.

        Raises:
          ValueError: As `Journal`, or another version of t5lite kept the answers.
        """
        self.chunk_size = chunk_size
        self._journal: Journal | None = None
        text, error = b"", b""
        if jax.process_index() == 0:
            try:
                self._journal = Journal(
                    path,
                    settings=settings,
                    num_lines=num_lines,
                    chunk_size=chunk_size,
                    flag="--output_dir",
                )
                text = self._journal.read()
            except ValueError as found:
                error = str(found).encode()
        if error := _shared(error):
            raise ValueError(error.decode())
        records = [json.loads(line) for line in _shared(text).split(b"\n") if line]
        try:
            self.done = [Answered.from_json(record) for record in records]
        except KeyError as lacking:
            self.__exit__()
            raise ValueError(
                f"{path}*: the answers that an interrupted evaluation left lack {lacking}, for "
                "another version of t5lite gave them. Delete these files to ask again, or choose "
                "another --output_dir."
            ) from lacking

    def __enter__(self) -> AnswerJournal:
        return self

    def __exit__(self, *error: object) -> None:
        if self._journal is not None:
            self._journal.__exit__(*error)

    def append(self, answered: Sequence[Answered]) -> None:
        """Keeps one more chunk."""
        if self._journal is not None:
            self._journal.append([one.to_json() for one in answered])

    def finish(self) -> None:
        """Says that all answers are there."""
        if self._journal is not None:
            self._journal.finish()

    def discard(self) -> None:
        """Deletes the files, once what was made of the answers is saved."""
        if self._journal is not None:
            self._journal.discard()


def _shared(text: bytes) -> bytes:
    """What process 0 has, on every process."""
    if jax.process_count() == 1:
        return text
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
    found = np.zeros(length, np.uint8)
    if jax.process_index() == 0:
        found[:] = np.frombuffer(text, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(found)).astype(np.uint8).tobytes()
