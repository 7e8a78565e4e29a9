"""Judgments of pairs of answers, as JSON Lines."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from t5lite.data.sources.local_files import require
from t5lite.evaluation.preference.pairs import Pair, Pairs, Side
from t5lite.files.json_files import read_lines
from t5lite.files.local_paths import storage_path

Verdict = Literal["a", "b", "tie", "both_bad"]

# Who judges on the page.
PERSON = "person"
# The judge of a pair whose answers are the same.
IDENTICAL = "identical answers"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgment:
    """What was said of one pair.

    Attributes:
      pair: The pair's digest.
      id: Names the prompt.
      category: What it is counted under.
      model_a: What model A is called.
      model_b: What model B is called.
      verdict: Whose answer is better.
      judge: Who says so: `person`, a model, or `IDENTICAL`.
      first: Whose answer was shown first, or on the left; None where both orders were asked.
    """

    pair: str
    id: str
    category: str
    model_a: str
    model_b: str
    verdict: Verdict
    judge: str
    first: Side | None = None

    @classmethod
    def of(
        cls, pair: Pair, among: Pairs, *, verdict: Verdict, judge: str, first: Side | None = None
    ) -> Judgment:
        """A judgment of a pair; see the attributes."""
        return cls(
            pair=pair.digest,
            id=pair.id,
            category=pair.category,
            model_a=among.model_a,
            model_b=among.model_b,
            verdict=verdict,
            judge=judge,
            first=first,
        )

    @classmethod
    def read(cls, record: Mapping[str, Any], *, where: str) -> Judgment:
        """A judgment of its JSON object; fields that it does not know are left alone.

        Raises:
          ValueError: A field is missing or malformed; `where`, the field and what was found are
            named.
        """
        texts = ("pair", "id", "category", "model_a", "model_b", "verdict", "judge")
        remedy = "give a file that `t5lite preference serve` or `judge` wrote"
        values = {name: require(record, name, str, where=where, remedy=remedy) for name in texts}
        if values["verdict"] not in get_args(Verdict):
            raise ValueError(
                f"{where}: field 'verdict' is {values['verdict']!r}; it must be one of "
                f"{', '.join(get_args(Verdict))}"
            )
        first = record.get("first")
        if first not in (None, *get_args(Side)):
            raise ValueError(f"{where}: field 'first' is {first!r}; it must be 'a', 'b' or null")
        return cls(**values, first=first)

    def record(self) -> dict[str, Any]:
        """The judgment as a JSON object."""
        return dataclasses.asdict(self)


def read_judgments(path: str | pathlib.Path) -> list[Judgment]:
    """The judgments of a file.

    Raises:
      ValueError: There are none, a line is malformed, a pair is judged twice, or the lines compare
        different models.
    """
    found = check_judgments(read_lines(storage_path(path, name="JUDGMENTS")))
    if not found:
        raise ValueError(f"{path} holds no judgments yet")
    return found


def check_judgments(lines: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Judgment]:
    """The judgments of a file's lines, `(where, object)` each.

    Raises:
      ValueError: As `read_judgments`, but that there may be none.
    """
    found: dict[str, Judgment] = {}
    for where, record in lines:
        judgment = Judgment.read(record, where=where)
        first = next(iter(found.values()), judgment)
        if (judgment.model_a, judgment.model_b) != (first.model_a, first.model_b):
            raise ValueError(
                f"{where}: compares {judgment.model_a} with {judgment.model_b}, and the lines "
                f"before {first.model_a} with {first.model_b}; give files of one comparison each"
            )
        if judgment.pair in found:
            raise ValueError(
                f"{where}: prompt {judgment.id!r} is judged a second time; take one of the lines "
                "away"
            )
        found[judgment.pair] = judgment
    return list(found.values())
