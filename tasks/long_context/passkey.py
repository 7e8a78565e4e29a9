"""Passkey retrieval: a number of five digits, hidden in filler sentences and asked for at the end.

It says from how far away a model can read. The protocol is that of Position Interpolation (Chen et
al. 2023, arXiv:2306.15595, section 3.4) after Mohtashami and Jaggi (arXiv:2305.16300): 32 distances
at even steps up to the context length, 10 keys each, and `k_max`, the longest distance up to
which every distance is answered in at least a fifth of the cases. The wording is our own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks import environment
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary

from ..python_tasks import Example, add_python_task

if TYPE_CHECKING:
    import seqio

INTRODUCTION = "A key is hidden in this text. Find it.\n"
FILLER = "The sun is warm. The sea is blue.\n"
KEY = "The key is {key}. Keep {key} in mind.\n"
QUESTION = "What is the key? The key is"

NUM_DISTANCES = 32
NUM_TRIALS = 10
LEAST_SUCCESS = 0.2


class Hidden(NamedTuple):
    """What was to be found.

    Attributes:
      key: the digits.
      distance: tokens from the key's first mention to the end of the prompt, as was asked for.
    """

    key: str
    distance: int


def prompt(key: str, *, num_before: int, num_after: int) -> str:
    """The text in which a key is hidden, up to where it must follow behind a space.

    Args:
      key: the digits.
      num_before: filler lines in front of the key's.
      num_after: filler lines behind it.
    """
    line = KEY.format(key=key)
    return f"{INTRODUCTION}{FILLER * num_before}{line}{FILLER * num_after}{QUESTION}"


def random_key(*parts: str | int) -> str:
    """Five digits, the first no zero, that depend on these parts only."""
    return str(10_000 + local_files.keyed_hash("passkey", *map(str, parts)) % 90_000)


def add_passkey_task(
    name: str,
    *,
    length: int,
    num_distances: int = NUM_DISTANCES,
    num_trials: int = NUM_TRIALS,
    fill: bool = True,
    seed: int = 0,
) -> seqio.Task:
    """Registers a seqio Task that asks for keys from further and further away.

    Its split is `test`. Distances are length / num_distances, twice that, ... up to the length, in
    tokens of the run's vocabulary; a prompt comes as near to one as whole filler lines allow, and
    is never longer than the length. Distances too short for the question are left out.

    Args:
      name: the Task's name.
      length: tokens of the context that is tried.
      num_distances: how many distances.
      num_trials: keys of each.
      fill: whether filler before the key makes every prompt as long as the context; otherwise the
        key's line is the first, and prompts are as long as the distance.
      seed: of the keys.

    Returns:
      The registered Task. Its metrics are `accuracy` and `k_max`. The key is the one option of each
      example: ranked, without an end token, it is found where greedy decoding would have written
      it, which costs one pass over the prompt.

    Raises:
      ValueError: a number is not positive, or the context has no room for a key and the question.
    """
    for argument, value in (
        ("length", length),
        ("num_distances", num_distances),
        ("num_trials", num_trials),
    ):
        if value < 1:
            raise ValueError(f"Task {name!r}: {argument} is {value}; it must be 1 or more")
    reader = _PasskeyReader(name, length, num_distances, num_trials, fill, seed)
    return add_python_task(
        name,
        reader,
        splits=("test",),
        metrics=(passkey_retrieval,),
        postprocess=first_number,
        reference=_hidden,
    )


def passkey_retrieval(
    targets: Sequence[Hidden], predictions: Sequence[str | None], aux_values: Mapping[str, Any]
) -> dict[str, float]:
    """Share of keys that were found, and from how far away.

    Args:
      targets: what was hidden.
      predictions: the numbers that a model wrote, in the same order; None where it wrote none.
      aux_values: where the key was ranked, N of `is_greedy`: whether a model would have written it.

    Returns:
      `{"accuracy": share, "k_max": tokens}`; `k_max` is the longest distance such that at it and
      at each shorter one a fifth of the keys or more were found, and 0 if there is none.

    Raises:
      ValueError: the two differ in number, or there are none.
    """
    if len(targets) != len(predictions) or not targets:
        raise ValueError(f"{len(targets)} keys for {len(predictions)} predictions")
    is_found = [p == target.key for target, p in zip(targets, predictions, strict=True)]
    is_found = list(aux_values.get("is_greedy", is_found))
    by_distance: dict[int, list[bool]] = {}
    for target, hit in zip(targets, is_found, strict=True):
        by_distance.setdefault(target.distance, []).append(bool(hit))
    k_max = 0
    for distance, hits in sorted(by_distance.items()):
        if sum(hits) / len(hits) < LEAST_SUCCESS:
            break
        k_max = distance
    return {"accuracy": sum(map(bool, is_found)) / len(targets), "k_max": k_max}


def first_number(text: str) -> str | None:
    """The first run of digits of a text; None where there is none."""
    found = re.search(r"\d+", text)
    return found[0] if found else None


def _hidden(example: Mapping[str, Any]) -> Hidden:
    """Of an example's fields; its id is `<distance>/<trial>`."""
    distance = example["id"].decode().partition("/")[0]
    return Hidden(example["targets_pretokenized"].decode(), int(distance))


@dataclasses.dataclass(frozen=True)
class _PasskeyReader:
    """Makes the examples; see `add_passkey_task`."""

    name: str
    length: int
    num_distances: int
    num_trials: int
    fill: bool
    seed: int

    def __call__(self, split: str) -> list[Example]:
        del split  # There is one.
        vocabulary = parse_vocabulary(environment.vocabulary_name())
        examples = []
        for place in range(1, self.num_distances + 1):
            distance = self.length * place // self.num_distances
            for trial in range(self.num_trials):
                key = random_key(self.seed, self.length, distance, trial)
                text = self._prompt(key, distance, vocabulary)
                if text is not None:
                    place_and_trial = f"{distance}/{trial}"
                    examples.append(Example(place_and_trial, text, key, (key,), options=(key,)))
        if not examples:
            raise ValueError(
                f"Task {self.name!r}: in {self.length} tokens there is no room for a key and the "
                "question; give more with length"
            )
        return examples

    def _prompt(self, key: str, distance: int, vocabulary: Vocabulary) -> str | None:
        """A prompt with the key so far from its end; None if the distance has no room for it."""

        def num_behind(lines: int) -> int:
            whole = prompt(key, num_before=0, num_after=lines)
            return len(vocabulary.encode(whole.removeprefix(INTRODUCTION)))

        num_after = most_lines(num_behind, distance)
        # The last distance leaves no room for what stands before the key.
        for after in range(-1 if num_after is None else num_after, -1, -1):

            def num_tokens(lines: int, after: int = after) -> int:
                return len(vocabulary.encode(prompt(key, num_before=lines, num_after=after)))

            num_before = most_lines(num_tokens, self.length)
            if num_before is not None:
                return prompt(key, num_before=num_before if self.fill else 0, num_after=after)
        return None


def most_lines(num_tokens: Callable[[int], int], limit: int) -> int | None:
    """The most filler lines with which a text has no more tokens than the limit; None without any.

    Args:
      num_tokens: of a text with so many lines; it grows by about as much with each.
      limit: tokens.
    """
    none, one = num_tokens(0), num_tokens(1)
    if none > limit:
        return None
    lines = (limit - none) // max(num_tokens(2) - one, 1)
    while num_tokens(lines) > limit:
        lines -= 1
    return lines
