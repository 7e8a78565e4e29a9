"""Few-shot prompts: exemplars of the same task and split, as many as a token budget allows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from tasks.flan.draws import Draws
from tasks.flan.pattern import Pattern
from tasks.flan.records import Record
from tasks.flan.render import RenderedExample, compose


@dataclasses.dataclass(frozen=True)
class FewShotConfig:
    """How many exemplars a prompt shows, and how long it may be.

    Attributes:
      min_shots: the fewest exemplars asked for.
      max_shots: the most. Each number between the two is equally likely; set them alike for a
        fixed number.
      max_tokens: the budget of the whole prompt.
    """

    min_shots: int = 0
    max_shots: int = 10
    max_tokens: int = 1920

    def __post_init__(self) -> None:
        if not 0 <= self.min_shots <= self.max_shots or self.max_shots == 0:
            raise ValueError(
                f"FewShotConfig: min_shots {self.min_shots} and max_shots {self.max_shots}: "
                "0 <= min_shots <= max_shots is needed, and max_shots at least 1"
            )
        if self.max_tokens < 1:
            raise ValueError(f"FewShotConfig: max_tokens {self.max_tokens}; give at least 1")


@dataclasses.dataclass
class FewShotTally:
    """What became of the few-shot prompts of a task. Tallies add up.

    Attributes:
      examples: how many were rendered.
      drawn: exemplars drawn for them.
      shown: exemplars that their prompts show.
      shortened: examples that show some of theirs, but not all.
      none_asked: examples that are zero-shot since no exemplar was to be shown.
      none_there: examples that are zero-shot since their task has no other record.
      none_fits: examples that are zero-shot since not even one exemplar fits the budget.
    """

    examples: int = 0
    drawn: int = 0
    shown: int = 0
    shortened: int = 0
    none_asked: int = 0
    none_there: int = 0
    none_fits: int = 0

    @property
    def zero_shot(self) -> int:
        """How many examples show no exemplar."""
        return self.none_asked + self.none_there + self.none_fits

    def __add__(self, other: FewShotTally) -> FewShotTally:
        sums = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return FewShotTally(*(a + b for a, b in sums))


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
        draws = Draws(key, record.id, "exemplars")
        own_place = self._places.get(_content(record), -1)
        chosen: list[Record] = []
        for place in _lazy_permutation(len(self._distinct), draws):
            if len(chosen) == count:
                break
            other = self._distinct[place]
            if place != own_place and other.id != record.id:
                chosen.append(other)
        return tuple(chosen)


def _lazy_permutation(n: int, draws: Draws) -> Iterator[int]:
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
    count_tokens: Callable[[str], int],
    tally: FewShotTally,
    with_options: bool = True,
    inverted: bool = False,
) -> RenderedExample:
    """Words a record after exemplars; drops them from the left until the prompt fits.

    Args:
      pattern: the wordings.
      record: what is asked about.
      pool: the records of its task and split.
      key: what all choices are drawn from, together with the record's id.
      config: how many exemplars, and the budget.
      count_tokens: the number of tokens of a text; called once where all exemplars fit, else
        about log2 of their number more.
      tally: is told what became of this example.
      with_options: as in `tasks.flan.render.render`.
      inverted: likewise.

    Returns:
      The example; where no exemplar is shown, the zero-shot form of the same template, even if
      that is longer than the budget.
    """
    spread = config.max_shots - config.min_shots + 1
    count = config.min_shots + Draws(key, record.id, "count").below(spread)
    shots = pool.draw(record, key=key, count=count)
    prompt = compose(
        pattern, record, key=key, with_options=with_options, inverted=inverted, shots=shots
    )
    kept = _num_fitting(
        len(shots), lambda number: count_tokens(prompt.text(number)) <= config.max_tokens
    )
    _note(tally, count=count, drawn=len(shots), kept=kept)
    if kept:
        return prompt.example(kept)
    alone = compose(pattern, record, key=key, with_options=with_options, inverted=inverted)
    return alone.example(0)


def _num_fitting(number: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to this one that fits, by bisection; 0 always does."""
    if number == 0 or fits(number):
        return number
    low, high = 0, number
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _note(tally: FewShotTally, *, count: int, drawn: int, kept: int) -> None:
    tally.examples += 1
    tally.drawn += drawn
    tally.shown += kept
    tally.shortened += 0 < kept < drawn
    tally.none_asked += count == 0
    tally.none_there += count > 0 and drawn == 0
    tally.none_fits += drawn > 0 and kept == 0
