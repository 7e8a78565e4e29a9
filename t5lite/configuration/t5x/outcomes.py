"""What becomes of a setting of T5X: a setting here, nothing and why, or a question.

A rule is a function of the setting and of the run it is in that gives one of the three.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from t5lite.configuration.gin_reader import Binding, Macro, Reference
from t5lite.files.buckets import is_address


@dataclasses.dataclass(frozen=True)
class Fact:
    """A setting that T5X would have used.

    Attributes:
      section: what it is a setting of; see `rules.SECTIONS`.
      name: the parameter.
      value: with macros filled in.
      written: the binding of the parameter.
      origin: where the value stands: the same, or the macro that it leads to.
    """

    section: str
    name: str
    value: Any
    written: Binding
    origin: Binding

    @property
    def is_missing(self) -> bool:
        """Whether the value is still to be given, or a macro that nothing defines."""
        return isinstance(self.value, Macro)


@dataclasses.dataclass(frozen=True)
class Mapped:
    """There is a counterpart.

    Attributes:
      settings: gin settings of t5lite by their keys; none where its default is the same.
      note: what is other than in T5X.
      instead: what does the same where it is no setting.
    """

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""
    instead: str = ""


@dataclasses.dataclass(frozen=True)
class NoCounterpart:
    """There is none.

    Attributes:
      why: and what there is in its place.
    """

    why: str


@dataclasses.dataclass(frozen=True)
class Decision:
    """Somebody has to decide.

    Attributes:
      question: what about.
      proposal: lines of a gin file that would do it, once filled in.
      settings: what stands there until then.
    """

    question: str
    proposal: tuple[str, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


Outcome = Mapped | NoCounterpart | Decision


_EVALUATED = ("held-out data", "evaluated data")


@dataclasses.dataclass
class Run:
    """All settings of a run of T5X, for rules that need more than one.

    Attributes:
      command: what runs it here: train, eval or infer.
      section_of: the section of a configurable by its short name, None for one that T5X has not.
      start: the step of the checkpoint it starts from; 0 without one, None where nothing says it.
      facts: the settings by section and name.
      classes: short names of the configurables that were met, by section.
      model: t5lite's model file and what is changed of it; None where T5X's network is unknown.
    """

    command: str
    section_of: Callable[[str], str | None]
    start: int | None = 0
    facts: dict[tuple[str, str], Fact] = dataclasses.field(default_factory=dict)
    classes: dict[str, str] = dataclasses.field(default_factory=dict)
    model: tuple[str, dict[str, Any]] | None = None

    @property
    def takes_model_of_checkpoint(self) -> bool:
        """Whether what the model is comes from the checkpoint."""
        return self.command != "train" or self.model is None

    @property
    def has_known_schedule(self) -> bool:
        """Whether optax's optimizer has a learning rate that is known here."""
        rate = self.value("optax optimizer", "learning_rate")
        return isinstance(rate, Reference) and self.section_of(rate.name) in (
            "schedule",
            "optax schedule",
        )

    @property
    def uses_other_schedule(self) -> bool:
        """Whether T5X's own schedule is not the optimizer's, as with optax's optimizers."""
        rate = self.value("optax optimizer", "learning_rate")
        is_named = isinstance(rate, Reference) and self.section_of(rate.name) == "schedule"
        return "optax optimizer" in self.classes and not is_named

    @property
    def evaluates(self) -> bool:
        """Whether training is interrupted by evaluations."""
        return any((s, "mixture_or_task_name") in self.facts for s in _EVALUATED)

    def value(self, section: str, name: str, default: Any = None) -> Any:
        """The value of a setting; `default` where it is not set or still to be given."""
        fact = self.facts.get((section, name))
        return default if fact is None or fact.is_missing else fact.value

    def section(self, name: str) -> dict[str, Any]:
        """All values of a section that are given."""
        return {n: f.value for (s, n), f in self.facts.items() if s == name and not f.is_missing}


Rule = Callable[[Fact, Run], Outcome]


def to(name: str, *, unless: Any = ...) -> Rule:
    """A setting with the same value here.

    Args:
      name: its key here.
      unless: the value that it has here anyway.
    """

    def rule(fact: Fact, run: Run) -> Outcome:
        del run
        if unless is not ... and fact.value == unless:
            return Mapped({}, instead=f"{name} = {unless!r}, as it is without")
        return Mapped({name: fact.value})

    return rule


def none(why: str) -> Rule:
    """A setting without counterpart."""
    return lambda fact, run: NoCounterpart(why)


def by_itself(what: str) -> Rule:
    """A setting that needs none here, for t5lite does so by itself."""
    return lambda fact, run: Mapped({}, instead=what)


def part_of(section: str) -> Rule:
    """A reference to what has settings of its own, which are followed."""

    def rule(fact: Fact, run: Run) -> Outcome:
        del run
        if fact.value is None:
            return Mapped({}, instead="none")
        if isinstance(fact.value, Reference):
            return Mapped({}, instead=f"its settings, as {section}")
        return NoCounterpart(f"{fact.value!r} is no configurable")

    return rule


def is_elsewhere(path: Any) -> bool:
    """Whether a path is of another machine, and of no bucket that is read."""
    return isinstance(path, str) and "://" in path and not is_address(path)


_STEP_IN_NAME = re.compile(r"(?:^|/)(?:checkpoint_|model\.ckpt-)(\d+)(?:/checkpoint)?/*$")


def step_in_name(path: str) -> int | None:
    """The step in a checkpoint's path, as in "…/checkpoint_1198000"; None without one."""
    match = _STEP_IN_NAME.search(path)
    return int(match[1]) if match else None
