"""How long to train and how often to do something: in steps, examples, tokens or epochs."""

import dataclasses
import re
from typing import Literal, cast, get_args

from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import shown

Unit = Literal["steps", "examples", "tokens", "epochs"]
UNITS: tuple[str, ...] = get_args(Unit)

_PATTERN = re.compile(
    r"\s*(?P<amount>[+-]?[\d_.]+(?:e[+-]?\d+)?)\s*(?P<unit>[a-z]*)\s*", re.IGNORECASE
)
# Steps are counted in 32 bits on devices, all else in 64.
_MOST_STEPS, _MOST = 2**31 - 1, 2**63 - 1
_EXAMPLES = "write 1000, '1000 steps', '50_000 examples', '2e6 tokens' or '3 epochs'"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far training has come, in every unit.

    Attributes:
      steps: optimizer steps done.
      examples: examples seen, before packing.
      tokens: real (non-padding) tokens seen, inputs and targets.
      epochs: passes over the training data, with the fraction of the current one.
    """

    steps: int = 0
    examples: int = 0
    tokens: int = 0
    epochs: float = 0.0


@dataclasses.dataclass(frozen=True)
class Duration:
    """A positive amount of training: whole steps, examples or tokens, or (fractional) epochs."""

    amount: int | float
    unit: Unit

    def of(self, progress: Progress) -> int | float:
        """Gives the progress in this duration's unit."""
        return cast("int | float", getattr(progress, self.unit))

    def reached(self, progress: Progress) -> bool:
        """Says whether this much training is done."""
        return self.of(progress) >= self.amount

    def crossed(self, before: Progress, after: Progress) -> bool:
        """Says whether a multiple of this duration, taken as a period, lies in (before, after]."""
        return self.of(after) // self.amount > self.of(before) // self.amount

    def __str__(self) -> str:
        return (
            f"{self.amount:g} {self.unit}"
            if isinstance(self.amount, float)
            else f"{self.amount} {self.unit}"
        )


def parse_duration(value: "int | float | str | Duration", *, name: str = "duration") -> Duration:
    """Reads a duration as a person writes it.

    Args:
      value: a number of steps, or text such as "1000 steps", "50_000 examples", "2e6 tokens", "3
        epochs"; a `Duration` is returned as it is.
      name: the flag or macro that the value comes from, for the error message.

    Returns:
      The duration.

    Raises:
      ValueError: if it is not a positive number followed by a known unit, or if it is a fraction of
        a step, example or token.
    """
    if isinstance(value, Duration):
        return value
    match = None if isinstance(value, bool) else _PATTERN.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{name} = {shown(value)} is not a duration: {_EXAMPLES}.")
    unit = _parse_unit(match["unit"].lower() or "steps", value, name=name)
    try:
        amount = float(match["amount"])
    except ValueError:
        raise ValueError(
            f"{name} = {shown(value)}: {shown(match['amount'])} is not a number; {_EXAMPLES}."
        ) from None
    most = _MOST_STEPS if unit == "steps" else _MOST
    if not 0 < amount <= most:
        raise ValueError(
            f"{name} = {shown(value)} must be positive, and at most {most} {unit}: {_EXAMPLES}."
        )
    if unit == "epochs":
        return Duration(amount, unit)
    if amount != int(amount):
        raise ValueError(
            f"{name} = {shown(value)}: {unit} come whole; only epochs may be fractional."
        )
    return Duration(int(amount), unit)


def _parse_unit(unit: str, value: int | float | str, *, name: str) -> Unit:
    """Reads a unit, singular or plural."""
    plural = unit if unit.endswith("s") else unit + "s"
    if plural not in UNITS:
        raise ValueError(
            f"{name} = {shown(value)}: no unit {shown(unit)}.{did_you_mean(unit, UNITS)}"
        )
    return cast(Unit, plural)
