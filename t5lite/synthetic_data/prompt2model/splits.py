"""Splits of examples into train, validation and test, with nothing of the test in training."""

from __future__ import annotations

import collections
import dataclasses
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from t5lite.messages.ranges import Count, Range, Rate
from t5lite.messages.tables import format_table
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.prompt2model.held_out import HeldOut
from t5lite.synthetic_data.prompt2model.near_duplicates import distinct

# Outputs are labels if they are so few, and each stands for so many examples on average.
_MOST_LABELS = 20
_EXAMPLES_OF_LABEL = 10
# An output rarer than this is more likely a slip than a label; it does not set the others' number.
_RARE = 0.01

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """How examples are split. Shares are of the paper's demo: 3500, 500 and 1000 of 5000.

    Attributes:
      validation_share: Of all inputs.
      test_share: Of all inputs; 0 where there is a test set already.
      seed: Of the order in which inputs are dealt out, and of what balancing leaves.
      balanced: Whether each label gets as many examples as the rarest; outputs must be labels.
      near_duplicates: Similarity of two inputs from which the later is left out, 1 where they
        differ in case and punctuation only; None keeps all but exact duplicates. Leave it at None
        where one word or number more makes another question.
    """

    validation_share: Rate = 0.1
    test_share: Rate = 0.2
    seed: Count = 0
    balanced: bool = False
    near_duplicates: Annotated[float, Range(above=0, most=1)] | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=SplitConfig)
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                f"SplitConfig.validation_share {self.validation_share} and test_share "
                f"{self.test_share} leave nothing to train on; their sum must be below 1"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Splits:
    """Examples by what they are for.

    Attributes:
      train: To train on.
      validation: To choose a checkpoint by.
      test: To be reported.
      dropped: How many were left out, by reason.
    """

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    dropped: Mapping[str, int]

    def summary(self) -> str:
        """A table of how many examples each split has, and how many were left out and why."""
        rows = [[name, str(len(rows))] for name, rows in self.by_name().items()]
        rows += [[f"left out: {why}", str(n)] for why, n in self.dropped.items()]
        return format_table(("split", "examples"), rows, right=(1,))

    def by_name(self) -> dict[str, tuple[Row, ...]]:
        """The splits by the names of their files."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_examples(
    rows: Sequence[Row],
    config: SplitConfig,
    *,
    held_out: Mapping[str, Sequence[str]] | None = None,
) -> Splits:
    """Splits examples, after duplicates and what must not be trained on are out.

    All examples of one input are of one split. Of the training examples those are left out that
    share 13 words in a row with an input of validation or test, as `HeldOut` has it.

    Args:
      rows: Examples: texts "input" and "output", and whatever else they have.
      config: The shares, and what else is left out.
      held_out: Inputs of other test sets, by name.

    Raises:
      ValueError: `balanced` is asked for, and the outputs are no labels.
    """
    dropped: collections.Counter[str] = collections.Counter()
    kept = _first(rows, dropped)
    kept = _not_leaking(kept, held_out or {}, dropped)
    if config.near_duplicates is not None:
        places = distinct([row["input"] for row in kept], similarity=config.near_duplicates)
        kept = _keep(kept, places, "nearly the input of another", dropped)
    if config.balanced:
        kept = _balanced(kept, config, dropped)
    inputs = list(dict.fromkeys(row["input"] for row in kept))
    random.Random(f"split/{config.seed}").shuffle(inputs)
    num_test = round(len(inputs) * config.test_share)
    num_validation = round(len(inputs) * config.validation_share)
    place = {
        text: "test" if i < num_test else "validation" if i < num_test + num_validation else "train"
        for i, text in enumerate(inputs)
    }
    split = {
        name: [row for row in kept if place[row["input"]] == name]
        for name in ("train", "validation", "test")
    }
    others = {name: [row["input"] for row in split[name]] for name in ("validation", "test")}
    train = _not_leaking(split["train"], others, dropped)
    return Splits(
        train=tuple(train),
        validation=tuple(split["validation"]),
        test=tuple(split["test"]),
        dropped=dict(dropped),
    )


def label_counts(rows: Iterable[Row]) -> dict[str, int]:
    """How often each output is there, the most frequent first; empty where they are no labels."""
    counts = collections.Counter(row["output"] for row in rows)
    few = len(counts) <= min(_MOST_LABELS, counts.total() / _EXAMPLES_OF_LABEL)
    return dict(counts.most_common()) if few else {}


def label_table(rows: Sequence[Row]) -> str:
    """A table of the labels, their numbers and shares; "" where outputs are no labels."""
    counts = label_counts(rows)
    cells = [(label, str(n), f"{n / len(rows):.1%}") for label, n in counts.items()]
    return format_table(("label", "examples", "share"), cells, right=(1, 2)) if cells else ""


def _keep(
    rows: Sequence[Row], places: Iterable[int], why: str, dropped: collections.Counter[str]
) -> list[Row]:
    kept = [rows[place] for place in places]
    if len(kept) < len(rows):
        dropped[why] += len(rows) - len(kept)
    return kept


def _first(rows: Sequence[Row], dropped: collections.Counter[str]) -> list[Row]:
    seen: dict[tuple[str, str], int] = {}
    for place, row in enumerate(rows):
        seen.setdefault((row["input"], row["output"]), place)
    return _keep(rows, seen.values(), "duplicate", dropped)


def _not_leaking(
    rows: Sequence[Row], sets: Mapping[str, Sequence[str]], dropped: collections.Counter[str]
) -> list[Row]:
    sets = {name: inputs for name, inputs in sets.items() if inputs}
    for name, inputs in sets.items():
        leaks = HeldOut({name: inputs}).leaks([row["input"] for row in rows])
        places = [place for place, leak in enumerate(leaks) if not leak]
        rows = _keep(rows, places, f"overlaps with {name}", dropped)
    return list(rows)


def _balanced(
    rows: Sequence[Row], config: SplitConfig, dropped: collections.Counter[str]
) -> list[Row]:
    counts = label_counts(rows)
    if not counts:
        raise ValueError(
            "--balanced: the outputs are no labels: there are more than "
            f"{_MOST_LABELS} different ones, or fewer than {_EXAMPLES_OF_LABEL} examples of one on "
            "average; leave the flag out, or generate more examples"
        )
    size = min(n for n in counts.values() if n >= _RARE * len(rows))
    rng = random.Random(f"balance/{config.seed}")
    order = rng.sample(range(len(rows)), len(rows))
    taken: collections.Counter[str] = collections.Counter()
    chosen = []
    for place in order:
        label = rows[place]["output"]
        if taken[label] < size:
            taken[label] += 1
            chosen.append(place)
    return _keep(rows, sorted(chosen), "more of its label than of the rarest", dropped)
