"""A run of T5X as a run of t5lite: each setting finds its rule, and is listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.configuration.gin_reader import Binding, Macro, Reference, is_finite, uses
from t5lite.configuration.t5x.following import Followed, short_name
from t5lite.configuration.t5x.outcomes import Decision, Fact, Mapped, NoCounterpart, Outcome
from t5lite.configuration.t5x.reading import read
from t5lite.configuration.t5x.rules import SECTION_OF, rule_of

# What the command that runs the file gives, where T5X's command gave it too.
_GIVEN_LATER = {
    ("train", "model_dir"): ("MODEL_DIR", "--model_dir=DIR"),
    ("train", "total_steps"): ("TRAIN_STEPS", "--train_steps=N"),
    ("training data", "mixture_or_task_name"): ("MIXTURE_OR_TASK_NAME", "--mixture=NAME"),
    ("training data", "task_feature_lengths"): (
        *("TASK_FEATURE_LENGTHS", "--task_feature_lengths=inputs=512,targets=128"),
    ),
    ("asked data", "mixture_or_task_name"): ("MIXTURE_OR_TASK_NAME", "--mixture=NAME"),
    ("infer", "output_dir"): ("OUTPUT", "--output=FILE.jsonl"),
}
_TRAINED = ("train", "training data")
# Macros of model files.
_OF_MODELS = ("NUM_EMBEDDINGS", "ACTIVATION_DTYPE", "DROPOUT_RATE")
# Packages whose modules register no Tasks of a user's.
_LIBRARIES = (
    *("__gin__", "__main__", "t5x", "seqio", "flaxformer", "flax", "jax", "optax", "gin", "clu"),
    *("airio", "tensorflow", "numpy", "orbax", "jestimator"),
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """What became of one thing that T5X's files or flags say.

    Attributes:
      said: as it is written there.
      place: file and line, or a flag.
      outcome: what it is here.
    """

    said: str
    place: str
    outcome: Outcome


@dataclasses.dataclass(frozen=True)
class Translation:
    """A run of t5lite made of one of T5X.

    Attributes:
      command: what runs it: train, eval or infer.
      includes: t5lite's files that its gin file begins with.
      settings: gin settings by their keys, which may hold macros and references.
      entries: what became of everything.
      given_later: macros that the command gives, with its flags.
    """

    command: str
    includes: tuple[str, ...]
    settings: Mapping[str, Any]
    entries: tuple[Entry, ...]
    given_later: Mapping[str, str]

    def with_entry(self, entry: Entry) -> Translation:
        """The same with one more entry."""
        return dataclasses.replace(self, entries=(*self.entries, entry))

    def without(self, key: str) -> Translation:
        """The same without a setting, which is to be decided."""

        def kept(settings: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in settings.items() if name != key}

        entries = list(self.entries)
        for index, entry in enumerate(entries):
            outcome = entry.outcome
            if isinstance(outcome, Mapped) and key in outcome.settings:
                note = f"{key} is to be decided"
                left = Mapped(kept(outcome.settings), note, outcome.instead)
                entries[index] = dataclasses.replace(entry, outcome=left)
        return dataclasses.replace(self, settings=kept(self.settings), entries=tuple(entries))

    def of(self, kind: type[Any]) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if isinstance(entry.outcome, kind)]


def translate(
    files: Sequence[str],
    bindings: Sequence[str] = (),
    *,
    search_paths: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    entries: Sequence[Entry] = (),
) -> Translation:
    """Reads gin files of T5X and says what they are here.

    Args:
      files: in T5X's order, where the later wins.
      bindings: `"NAME=VALUE"` as in `--gin.NAME=VALUE`, of T5X's names.
      search_paths: folders to look in besides the current one.
      settings: t5lite's own, which win.
      entries: what became of other flags.

    Raises:
      ValueError: a file that is named cannot be read, or a flag is none.
    """
    return _Translator(Followed(read(files, bindings, search_paths=search_paths))).translation(
        settings or {}, entries
    )


class _Translator:
    """Says what became of one run's settings."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._run = followed.run

    def translation(self, given: Mapping[str, Any], entries: Sequence[Entry]) -> Translation:
        outcomes = {key: self._outcome(fact) for key, fact in self._run.facts.items()}
        settings: dict[str, Any] = {}
        for outcome in outcomes.values():
            if not isinstance(outcome, NoCounterpart):
                _merge(settings, outcome.settings)
        _merge(settings, self._of_checkpoints_model())
        if self._run.model:
            per_layer = self._run.model[1].get("RelativeBias.per_layer")
            settings |= {"RelativeBias.per_layer": True} if per_layer else {}
        found = [*self._entries_of_bindings(outcomes), *self._entries_of_imports(settings)]
        later = {
            m: flag for m, flag in self._given_later().items() if m not in {**settings, **given}
        }
        instead = [o.instead for o in outcomes.values() if isinstance(o, Mapped)]
        for flag in instead:
            if flag.startswith("--vocabulary="):
                later["VOCABULARY"] = flag
        includes = self._includes(found)
        for entry in entries:
            if not isinstance(entry.outcome, NoCounterpart):
                _merge(settings, entry.outcome.settings)
        settings |= given
        return Translation(self._run.command, includes, settings, (*found, *entries), later)

    def _outcome(self, fact: Fact) -> Outcome:
        rule = rule_of(fact.section, fact.name)
        if rule is None:
            return NoCounterpart("not known as a setting of T5X's")
        is_trained_mixture = fact.name == "mixture_or_task_name" and self._is_as_trained(fact)
        if fact.is_missing and not is_trained_mixture:
            return self._missing(fact)
        try:
            outcome = rule(fact, self._run)
        except (TypeError, ValueError, LookupError):
            return Decision(f"{fact.value!r} is no value that T5X takes here")
        if not isinstance(outcome, Mapped):
            return outcome
        if not all(map(is_finite, outcome.settings.values())):
            return Decision(f"{fact.value!r} has a number that is none")
        # What rules themselves name is known here; what the value names is T5X's or a user's own.
        foreign = set(uses(fact.value))
        if any(use in foreign for value in outcome.settings.values() for use in uses(value)):
            return Decision(f"{fact.value!r} is not known here: give the value that it makes")
        return outcome

    def _is_as_trained(self, fact: Fact) -> bool:
        """Whether an evaluation's setting is that of the training data."""
        trained = self._run.facts.get(("training data", fact.name))
        is_evaluated = fact.section in ("held-out data", "evaluated data")
        return is_evaluated and trained is not None and trained.origin == fact.origin

    def _missing(self, fact: Fact) -> Outcome:
        """What becomes of a value that no file gives."""
        key = (fact.section, fact.name)
        if self._is_as_trained(fact):
            return Mapped({}, instead="as in training")
        if key == ("train", "total_steps") and self._run.start != 0:
            note = "steps of this run, where T5X counts those of the checkpoint too"
            return Mapped({}, note, instead="--train_steps=N")
        if key in _GIVEN_LATER:
            return Mapped({}, instead=_GIVEN_LATER[key][1])
        if key == ("restoring", "path"):
            flag = (
                "--initial_checkpoint_path=PATH"
                if self._run.command == "train"
                else "--model_dir=PATH"
            )
            return Mapped({}, instead=flag)
        if key == ("network", "dropout_rate"):
            return Mapped({}, instead="--dropout_rate=RATE, or the model file's 0.1")
        if fact.name == "model" or key == ("evaluate", "output_dir"):
            return Mapped({}, instead="MODEL_DIR/eval" if fact.name != "model" else "see below")
        if fact.value.name in self._followed.macros:
            return Decision(f"the macro {fact.value.name} is made of itself")
        name = fact.value.name if fact.value != Macro("gin.REQUIRED") else fact.origin.name
        return Decision(
            f"{name} is given by no file: give --gin.{name}=VALUE to this command, as to T5X's"
        )

    def _given_later(self) -> dict[str, str]:
        missing = [key for key, fact in self._run.facts.items() if fact.is_missing]
        later = {
            _GIVEN_LATER[key][0]: _GIVEN_LATER[key][1] for key in missing if key in _GIVEN_LATER
        }
        if self._run.command == "train":
            later = {**{m: flag for (s, _), (m, flag) in _GIVEN_LATER.items() if s in _TRAINED}}
        if ("restoring", "path") in missing or self._run.command != "train":
            macro = "INITIAL_CHECKPOINT_PATH" if self._run.command == "train" else "MODEL_DIR"
            later[macro] = f"--{macro.lower()}=PATH"
        if self._run.command == "infer":
            later.setdefault("OUTPUT", "--output=FILE.jsonl")
        return later

    def _of_checkpoints_model(self) -> dict[str, Any]:
        """What macros say of a model whose network is not known."""
        if self._run.command != "train" or self._run.model is not None:
            return {}
        values = {
            n: self._followed.resolved(Macro(n)) for n in ("DROPOUT_RATE", "ACTIVATION_DTYPE")
        }
        return {name: v for name, v in values.items() if not isinstance(v, Macro)}

    def _includes(self, found: list[Entry]) -> tuple[str, ...]:
        if self._followed.assumed:
            found.append(
                Entry(
                    *("(no file of a run)", ""),
                    Decision(
                        f"what is not said is as in T5X's configs/runs/"
                        f"{self._followed.assumed}.gin; give T5X's other --gin_file too"
                    ),
                )
            )
        if self._run.command != "train":
            return ()
        if self._run.model is not None:
            return (self._run.model[0], "runs/train.gin")
        path = self._run.facts.get(("restoring", "path"))
        if path is not None and path.value:
            note = f"{self._models_fault()}; what the checkpoint is, it says itself"
            outcome = Mapped({}, note, "runs/finetune.gin")
            found.append(Entry("the model", "", outcome))
            return ("runs/finetune.gin",)
        found.append(
            Entry(
                *("the model", ""),
                Decision(
                    f"{self._models_fault()}: give T5X's file of it too, or include one of "
                    "t5lite's, as models/t5_1_1/base.gin"
                ),
            )
        )
        return ("models/t5_1_1/base.gin", "runs/train.gin")

    def _models_fault(self) -> str:
        """Why no file of t5lite's describes the model."""
        fact = self._run.facts.get(("train", "model"))
        if fact is None or fact.is_missing:
            return "no file says what the model is"
        return f"{fact.value!r} and its network are not T5X's own"

    def _entries_of_bindings(self, outcomes: Mapping[tuple[str, str], Outcome]) -> Iterator[Entry]:
        for problem in self._followed.problems:
            yield Entry(problem.what, problem.place, Decision(problem.why))
        asked: set[str] = set()
        for binding in self._followed.live.values():
            facts = self._followed.facts_of(binding)
            reached = [outcomes[fact.section, fact.name] for fact in facts]
            if not reached and not binding.is_ours:
                yield Entry(_said(binding), binding.place, self._unreached(binding))
            outcome = _joined(reached) if reached else None
            is_listed = outcome is not None and (not binding.is_ours or _matters(outcome, binding))
            if outcome is not None and is_listed:
                if isinstance(outcome, Decision):
                    outcome = self._once(outcome, asked)
                yield Entry(_said(binding), binding.place, self._noted(outcome, binding))
        for fact in self._run.facts.values():
            outcome = outcomes[fact.section, fact.name]
            is_default = fact.written.place == "T5X's default"
            if is_default and _matters(outcome, fact.written):
                yield Entry(_said(fact.written), fact.written.place, outcome)

    def _noted(self, outcome: Outcome, binding: Binding) -> Outcome:
        """The outcome with a note where a class is a user's own, read as T5X's of the same name."""
        named = [binding.configurable, *(u.name for u in uses(binding.value) if _is_made(u))]
        own = {
            i.module
            for i in self._followed.imports
            for name in named
            if name.startswith(f"{i.name}.") and i.module.split(".")[0] not in _LIBRARIES
        }
        if not own or not isinstance(outcome, Mapped):
            return outcome
        note = f"{', '.join(own)} is no module of T5X's: it is read as T5X's of this name"
        return dataclasses.replace(outcome, note="; ".join(n for n in (outcome.note, note) if n))

    def _once(self, decision: Decision, asked: set[str]) -> Outcome:
        """A decision the first time that it is asked for."""
        if decision.question in asked:
            return Mapped({}, instead="to be decided, as above or below")
        asked.add(decision.question)
        return decision

    def _unreached(self, binding: Binding) -> Outcome:
        if binding.is_macro:
            if binding.name in self._of_checkpoints_model():
                return Mapped({binding.name: self._of_checkpoints_model()[binding.name]})
            if binding.name in _OF_MODELS:
                return Mapped({}, "nothing in these files uses it", instead="the model's own")
            return NoCounterpart("nothing in these files uses it")
        if short_name(binding.configurable) in (*SECTION_OF, "DatasetConfig"):
            return NoCounterpart("nothing in this run reaches it, in T5X neither")
        return NoCounterpart("not one of T5X's own configurables that t5lite knows")

    def _entries_of_imports(self, settings: dict[str, Any]) -> Iterator[Entry]:
        configurables = {b.configurable for b in self._followed.live.values()}
        configurables |= {
            use.name
            for b in self._followed.live.values()
            for use in uses(b.value)
            if isinstance(use, Reference)
        }
        for statement in {i.module: i for i in self._followed.imports}.values():
            if statement.module.split(".")[0] in _LIBRARIES:
                continue
            said = f"import {statement.module}"
            if any(name.startswith(f"{statement.name}.") for name in configurables):
                why = "it is imported for what gin configures in it, which is listed by itself"
                yield Entry(said, statement.place, NoCounterpart(why))
                continue
            note = ""
            if statement.module.startswith("t5."):
                note = "Tasks of the package t5; leave it out where yours are all that is used"
            outcome = Mapped({"TASK_MODULES": (statement.module,)}, note)
            _merge(settings, outcome.settings)
            yield Entry(said, statement.place, outcome)


def _is_made(use: Macro | Reference) -> bool:
    return isinstance(use, Reference)


def _said(binding: Binding) -> str:
    return f"{binding.key} = {binding.value!r}"


def _merge(settings: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Adds settings; modules and evaluations are collected."""
    for key, value in more.items():
        if key in ("TASK_MODULES", "EVALS") and key in settings:
            value = tuple(dict.fromkeys([*settings[key], *value]))
        settings[key] = value


def _matters(outcome: Outcome, binding: Binding) -> bool:
    """Whether what T5X's own file says belongs in the list: it is written, or to be decided.

    Once: a macro where there is one, not the parameter that it is the value of.
    """
    if isinstance(binding.value, Macro) and binding.value != Macro("gin.REQUIRED"):
        return False
    if isinstance(outcome, Decision):
        return True
    is_written = isinstance(outcome, Mapped) and bool(outcome.settings)
    return is_written and not isinstance(binding.value, Reference)


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of several, as of a macro that several settings use."""
    decisions = [o for o in outcomes if isinstance(o, Decision)]
    if decisions:
        questions = dict.fromkeys(decision.question for decision in decisions)
        proposal = dict.fromkeys(line for decision in decisions for line in decision.proposal)
        return Decision("; ".join(questions), tuple(proposal))
    mapped = [o for o in outcomes if isinstance(o, Mapped)]
    if not mapped:
        return outcomes[0]
    settings: dict[str, Any] = {}
    for outcome in mapped:
        _merge(settings, outcome.settings)
    notes = "; ".join(dict.fromkeys(o.note for o in mapped if o.note))
    instead = "; ".join(dict.fromkeys(o.instead for o in mapped if o.instead))
    return Mapped(settings, notes, "" if settings else instead)
