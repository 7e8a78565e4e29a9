"""What judgments say: win rates with their intervals, and how far judges agree."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from t5lite.evaluation.preference.judgments import IDENTICAL, Judgment, read_judgments
from t5lite.evaluation.preference.win_rates import (
    WinRate,
    agreement,
    win_rate,
    win_rates,
)
from t5lite.messages.tables import format_table

TITLES = (
    *("category", "pairs", "A better", "B better", "ties", "both bad"),
    *("win rate of A", "95% interval"),
)

_ALL = "all"


@dataclasses.dataclass(frozen=True)
class Result:
    """What one judge says.

    Attributes:
      file: The file of judgments.
      judge: Who judged.
      model_a: What model A is called.
      model_b: What model B is called.
      judgments: Of each pair.
    """

    file: str
    judge: str
    model_a: str
    model_b: str
    judgments: tuple[Judgment, ...]

    @classmethod
    def read(cls, file: str) -> Result:
        """Of a file.

        Raises:
          ValueError: It holds no judgments, or is malformed.
        """
        judgments = read_judgments(file)
        judges = dict.fromkeys(j.judge for j in judgments if j.judge != IDENTICAL)
        return cls(
            file=file,
            judge=" and ".join(judges) or "nobody",
            model_a=judgments[0].model_a,
            model_b=judgments[0].model_b,
            judgments=tuple(judgments),
        )

    @property
    def title(self) -> str:
        """Who is compared, and by whom."""
        return f"A = {self.model_a}, B = {self.model_b}, judged by {self.judge} ({self.file})"

    @property
    def note(self) -> str:
        """How to read the win rates."""
        num_identical = sum(judgment.judge == IDENTICAL for judgment in self.judgments)
        note = "A tie, or two bad answers, counts as half a win."
        if num_identical:
            note += f" {num_identical:,} of the ties are pairs of identical answers."
        return note

    def rates(self) -> Mapping[str, WinRate]:
        """The win rate of A by category, where there are several, and of all pairs last."""
        by_category = win_rates(self.judgments)
        named = {category or "none": rate for category, rate in by_category.items()}
        return {**(named if len(named) > 1 else {}), _ALL: win_rate(self.judgments)}


def report(files: Sequence[str], *, output: str | None = None) -> None:
    """Prints win rates, and agreement where there are several files; `t5lite preference report`.

    Args:
      files: Files of judgments.
      output: HTML page to write as well.

    Raises:
      ValueError: A file holds no judgments, or is malformed.
    """
    results = [Result.read(file) for file in files]
    for result in results:
        rows = [cells(category, rate) for category, rate in result.rates().items()]
        table = format_table(TITLES, rows, right=range(1, len(TITLES)))
        print(f"{result.title}\n\n{table}\n\n{result.note}\n")
    agreements = [describe_agreement(*two) for two in itertools.combinations(results, 2)]
    for line in agreements:
        print(line)
    if output is not None:
        from t5lite.evaluation.preference.results_page import write_results

        write_results(output, results, agreements)
        print(f"page: {output}")


def cells(category: str, rate: WinRate) -> tuple[str, ...]:
    """A line of a table under `TITLES`."""
    counts = (rate.num_pairs, rate.wins, rate.losses, rate.ties, rate.both_bad)
    interval = f"{rate.low:.1%} to {rate.high:.1%}"
    return (category, *(f"{count:,}" for count in counts), f"{rate.rate:.1%}", interval)


def describe_agreement(first: Result, second: Result) -> str:
    """How far two judges agree, as a sentence."""
    who = f"{first.judge} ({first.file}) and {second.judge} ({second.file})"
    found = agreement(first.judgments, second.judgments)
    if found is None:
        return f"{who} have judged no pair in common."
    kappa = "is not defined" if found.kappa is None else f"{found.kappa:.2f}"
    return (
        f"{who} agree on {found.share:.1%} of the {found.num_pairs:,} pairs that both judged; "
        f"Cohen's kappa {kappa}."
    )
