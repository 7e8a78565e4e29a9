"""Few-shot prompts: exemplars of the same task and split, as many as a token budget allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from .keyed_random import KeyedRandom
from .pattern import Pattern
from .records import Record
from .render import Exemplars, RenderedExample, compose
from .token_budget import TokenBudget


@dataclasses.dataclass(frozen=True)
class FewShotConfig:
    """How many exemplars a prompt shows.

    Attributes:
      min_shots: the fewest exemplars asked for.
      max_shots: the most. Each number between the two is equally likely; set them alike for a
        fixed number.
    """

    min_shots: int = 0
    max_shots: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.min_shots <= self.max_shots or self.max_shots == 0:
            raise ValueError(
                f"FewShotConfig: min_shots {self.min_shots} and max_shots {self.max_shots}: "
                "0 <= min_shots <= max_shots is needed, and max_shots at least 1"
            )


class ExemplarPool:
    """The records of one task and split, to draw exemplars from.

    Of records with the same texts (up to case and blanks) only the first can be drawn.
    """

    def __init__(self, records: Sequence[Record]):
        """Reads every record once.

        Args:
          records: all records of the task's split.
        """
        places: dict[int, int] = {}
        distinct: list[Record] = []
        for record in records:
            content = _content(record)
            if content not in places:
                places[content] = len(distinct)
                distinct.append(record)
        self._places = places
        self._distinct = distinct

    def draw(self, record: Record, *, key: str | int, count: int) -> tuple[Record, ...]:
        """Draws other records: none with this one's id or texts, and no two with the same texts.

        Args:
          record: the record that the exemplars are for.
          key: what the choice is drawn from, together with the record's id.
          count: how many.

        Returns:
          As many as asked for, or all there are.
        """
        draws = KeyedRandom(key, record.id, "exemplars")
        own_place = self._places.get(_content(record), -1)
        chosen: list[Record] = []
        for place in _lazy_permutation(len(self._distinct), draws):
            if len(chosen) == count:
                break
            other = self._distinct[place]
            if place != own_place and other.id != record.id:
                chosen.append(other)
        return tuple(chosen)


def _lazy_permutation(n: int, draws: KeyedRandom) -> Iterator[int]:
    """The numbers from 0 to n - 1 in a drawn order; taking k of them costs k steps, whatever n.

    Fisher and Yates's method on a list that is its own index wherever nothing was swapped.
    """
    swapped: dict[int, int] = {}
    for place in range(n):
        other = place + draws.below(n - place)
        yield swapped.get(other, other)
        swapped[other] = swapped.get(place, place)


def _content(record: Record) -> int:
    """Equal for records whose texts differ in case and blanks only."""
    return hash(tuple(" ".join(text.split()).casefold() for text in record.fields.values()))


def render_few_shot(
    pattern: Pattern,
    record: Record,
    pool: ExemplarPool,
    *,
    key: str | int,
    config: FewShotConfig,
    budget: TokenBudget,
    with_options: bool = True,
    inverted: bool = False,
) -> RenderedExample:
    """Words a record after exemplars; drops them from the left until the prompt fits.

    Args:
      pattern: the templates to choose from.
      record: what is asked about.
      pool: the records of its task and split.
      key: what all choices are drawn from, together with the record's id.
      config: how many exemplars.
      budget: how many tokens.
      with_options: as in `tasks.flan.render.render`.
      inverted: likewise.

    Returns:
      The example; where no exemplar is shown, the zero-shot form of the same template, even if
      that is longer than the budget.
    """
    spread = config.max_shots - config.min_shots + 1
    count = config.min_shots + KeyedRandom(key, record.id, "count").below(spread)
    shots = pool.draw(record, key=key, count=count)
    prompt = compose(
        pattern, record, key=key, with_options=with_options, inverted=inverted, shots=shots
    )
    kept = budget.num_fitting(prompt)
    if shots and not kept:
        prompt = compose(pattern, record, key=key, with_options=with_options, inverted=inverted)
    return prompt.example(kept, _outcome(asked=count, drawn=len(shots), kept=kept))


def _outcome(*, asked: int, drawn: int, kept: int) -> Exemplars:
    if kept:
        return "all fit" if kept == drawn else "some fit"
    if drawn:
        return "none fits"
    return "none there" if asked else "none asked"
