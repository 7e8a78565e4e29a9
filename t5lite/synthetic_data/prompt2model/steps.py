"""A pipeline as a table of steps: the files that each reads and writes, and the function between.

A step is run where its files are missing, or were made of other files or settings than there are
now. `StepFolder` (step_folder.py) keeps what each was made of.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from t5lite.messages.suggest import did_you_mean
from t5lite.messages.tables import format_table
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder, StepRecord, StepState

log = logging.getLogger(__name__)

Work = TypeVar("Work")

# What a step counted, by what it is called: examples, calls, seconds.
Counts = Mapping[str, int | float | str | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step(Generic[Work]):
    """One step of a pipeline.

    Attributes:
      name: What it is called on the command line.
      about: What it does, in a few words.
      run: Does it, reading and writing files of the folder. A step that is killed is run again with
        what it had written so far, and must end with the same files.
      settings: What decides its outputs beside its inputs, as a JSON object.
      check: Raises where something that it needs was not given; called for all steps before the
        first is run, and before files that it wrote earlier are deleted.
      inputs: Files of the folder that it needs.
      optional_inputs: Files that it reads where they are there, and the step that writes them is
        not switched off.
      outputs: Files that are there when it is done. One that does not end with files, such as a
        server, has none, and is run each time.
      belongings: Further files and folders that it writes, deleted with its outputs before it is
        done anew.
    """

    name: str
    about: str
    run: Callable[[Work], Counts]
    settings: Callable[[Work], Mapping[str, Any]] = lambda work: {}
    check: Callable[[Work], None] = lambda work: None
    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    belongings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Pipeline(Generic[Work]):
    """Steps in their order.

    Attributes:
      steps: The table.
    """

    steps: Sequence[Step[Work]]

    def step(self, name: str, *, flag: str = "STEP") -> Step[Work]:
        """The step of a name.

        Raises:
          ValueError: There is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        names = [step.name for step in self.steps]
        raise ValueError(
            f"{flag} {name!r} is no step; the steps are {', '.join(names)}."
            f"{did_you_mean(name, names)}"
        )

    def unread(self, folder: StepFolder) -> frozenset[str]:
        """Files that nobody reads, for the steps that write them are switched off."""
        off = [step for step in self.steps if folder.is_switched_off(step.name)]
        return frozenset(output for step in off for output in step.outputs)

    def run(self, folder: StepFolder, work: Work) -> None:
        """Runs all steps that are not done, but for those switched off.

        Args:
          folder: Where they read and write.
          work: What each is called with.

        Raises:
          ValueError: A step's input is missing; or as the steps raise.
        """
        for step in self.steps:
            is_off = folder.is_switched_off(step.name)
            if not is_off and not self._state(folder, work, step).is_done:
                step.check(work)
        for step in self.steps:
            if folder.is_switched_off(step.name):
                log.info("%s: switched off", step.name)
            else:
                self.run_one(folder, work, step=step)

    def run_one(self, folder: StepFolder, work: Work, *, step: Step[Work]) -> None:
        """Runs a step, unless it is done and nothing has changed since.

        Raises:
          ValueError: An input is missing, or only some of its outputs are there; or as the step
            raises.
        """
        state = self._state(folder, work, step)
        if state.is_done:
            log.info("%s: %s", step.name, state)
            return
        step.check(work)
        self._check_inputs(folder, step)
        log.info("%s: %s", step.name, step.about if state.kind == "to do" else state)
        if not state.goes_on:
            folder.clear((*step.outputs, *step.belongings))
        folder.begin(
            step.name,
            inputs=self._inputs(folder, step),
            settings=step.settings(work),
            goes_on=state.goes_on,
        )
        counts = step.run(work)
        missing = [name for name in step.outputs if not folder.has(name)]
        assert not missing, f"the step {step.name} did not write {missing}"
        folder.finish(step.name, outputs=step.outputs, counts=counts)

    def status(self, folder: StepFolder) -> str:
        """A table of the steps: whether each is done, and what it read, wrote and counted."""
        rows, stale = [], set[str]()
        for step in self.steps:
            inputs = self._inputs(folder, step)
            state = folder.state(step.name, inputs=inputs, outputs=step.outputs)
            said = str(state)
            behind = sorted(stale & inputs.keys())
            if folder.is_switched_off(step.name):
                said = "switched off"
            elif state.is_done and behind:
                said = f"out of date: {', '.join(behind)} will be made anew"
            if said != str(state) or not state.is_done:
                stale.update(step.outputs)
            record = folder.record(step.name)
            rows.append((step.name, said, record.finished or record.begun, *_shown(record)))
        return format_table(
            ("step", "state", "when", "read", "wrote", "counts"), rows, drops_empty=True
        )

    def _state(self, folder: StepFolder, work: Work, step: Step[Work]) -> StepState:
        inputs, settings = self._inputs(folder, step), step.settings(work)
        return folder.state(step.name, inputs=inputs, outputs=step.outputs, settings=settings)

    def _inputs(self, folder: StepFolder, step: Step[Work]) -> dict[str, str | None]:
        """The hash of each file that a step reads; None of one that is not there."""
        found = {name: folder.hash(name) for name in step.inputs}
        unread = self.unread(folder)
        optional = {name: folder.hash(name) for name in step.optional_inputs if name not in unread}
        return found | {name: digest for name, digest in optional.items() if digest is not None}

    def _check_inputs(self, folder: StepFolder, step: Step[Work]) -> None:
        for name in step.inputs:
            if folder.has(name):
                continue
            writers = [other.name for other in self.steps if name in other.outputs]
            remedy = (
                f"The step {writers[0]} writes it: run that one, or put the file there by hand."
                if writers
                else "Put it there."
            )
            raise ValueError(
                f"the step {step.name} reads {folder.path / name}, which is not there. {remedy}"
            )


def _shown(record: StepRecord) -> tuple[str, str, str]:
    read, wrote = (
        ", ".join(f"{name} {(digest or 'not there')[:8]}" for name, digest in each.items())
        for each in (record.inputs, record.outputs)
    )
    return read, wrote, ", ".join(f"{name} {value}" for name, value in record.counts.items())
