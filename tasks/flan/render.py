"""Words a record with one of its pattern's templates.

Everything random (which template, how options are listed and in which order, what separates
exemplars) is drawn from the key and the record's id, so a prompt depends on neither order nor
machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

from t5lite.data.tasks.labels import Label

from ..python_tasks import Example
from .keyed_random import KeyedRandom
from .options import OptionStyle, draw_style
from .pattern import Pattern, Template
from .records import Record

SEPARATORS = ("\n\n", "\n\n\n", "\n\n---\n\n", "\n\n###\n\n", "\n\n***\n\n")
# What leads from the inputs of an exemplar, and of the question after it, to the answer, where the
# template itself does not: without it an answer would run on from the text before it.
CUES = ("\nAnswer:", "\nA:", "\nOutput:", "\nResponse:", "\nReply:", "\n=>", "\n->")


# What became of a few-shot example's exemplars. All it drew are shown, or those that fit; or it is
# zero-shot, since none was to be shown, its task has no other record, or not even one fits.
Exemplars = Literal["", "all fit", "some fit", "none asked", "none there", "none fits"]


@dataclasses.dataclass(frozen=True)
class RenderedExample(Example):
    """An example, and how it came about.

    Attributes:
      template: the pattern, the kind of form and its place, such as `nli/few_shot/3`.
      num_shots: how many exemplars its prompt shows.
      exemplars: what became of them; empty in a zero-shot form.
    """

    template: str = ""
    num_shots: int = 0
    exemplars: Exemplars = ""

    @property
    def label(self) -> Label:
        """How it was made, for token stores."""
        return Label(self.template, self.num_shots, self.exemplars)


@dataclasses.dataclass(frozen=True, eq=False)
class ComposedPrompt:
    """A rendered record in its parts.

    Attributes:
      id: the record's.
      intro: what stands before the exemplars; may be empty.
      shots: the exemplars, each with its target.
      question: what is asked, which ends the prompt.
      separator: what stands between these.
      target: what the model is to write.
      references: every text that evaluation counts as right.
      options: what could stand in the target's place; none where the answer is free.
      template: the pattern, the kind of form and its place.
    """

    id: str
    intro: str
    shots: tuple[str, ...]
    question: str
    separator: str
    target: str
    references: tuple[str, ...]
    options: tuple[str, ...]
    template: str

    def text(self, num_shots: int) -> str:
        """The whole prompt with the last so many exemplars, those nearest to the question."""
        shots = self.shots[len(self.shots) - num_shots :]
        parts = (self.intro, *shots, self.question) if self.intro else (*shots, self.question)
        return self.separator.join(parts)

    def example(self, num_shots: int, exemplars: Exemplars = "") -> RenderedExample:
        """The example with the last so many exemplars."""
        return RenderedExample(
            id=self.id,
            inputs=self.text(num_shots),
            targets=self.target,
            references=self.references,
            options=self.options,
            template=self.template,
            num_shots=num_shots,
            exemplars=exemplars,
        )


def render(
    pattern: Pattern,
    record: Record,
    *,
    key: str | int,
    with_options: bool = True,
    inverted: bool = False,
    shots: Sequence[Record] = (),
) -> RenderedExample:
    """Words a record.

    Args:
      pattern: the templates to choose from.
      record: what is asked about, of the pattern's schema.
      key: what the choices are drawn from, together with the record's id.
      with_options: whether options are listed, where the record has any.
      inverted: whether the answer is given and the input asked for.
      shots: solved records of the same schema to show first, in this order, all of them
        (`tasks.flan.few_shot` draws them and keeps to a token budget).

    Returns:
      The example. Its target is the right option's label or text, as its list of options asks;
      its options are what the target would be of each option.
      Where a target holds more than the answer (a rationale before it), the references are still
      answers: compare them with `tasks.cot_files.final_answer` of what the model writes.

    Raises:
      ValueError: if `inverted` is asked of a pattern without inversions.
    """
    prompt = compose(
        pattern, record, key=key, with_options=with_options, inverted=inverted, shots=shots
    )
    return prompt.example(len(shots))


def compose(
    pattern: Pattern,
    record: Record,
    *,
    key: str | int,
    with_options: bool = True,
    inverted: bool = False,
    shots: Sequence[Record] = (),
) -> ComposedPrompt:
    """As `render`, in parts, so that exemplars can still be left out.

    The zero-shot and the few-shot prompt of one key use templates at the same place.
    """
    draws = KeyedRandom(key, record.id)
    kind, templates = _templates(pattern, inverted=inverted, few_shot=bool(shots))
    place = draws.below(len(templates))
    separator = draws.pick(SEPARATORS)
    template = templates[place]
    cue = draws.pick(CUES) if shots and not template.has_cue else ""
    style = None
    if with_options and record.options and not inverted:
        style = draw_style(
            draws,
            num_options=max(len(shown.options) for shown in (record, *shots)),
            lettered=pattern.schema.options == "lettered",
        )
    writer = _Writer(
        template, cue, style=style, draws=draws, shuffled=pattern.schema.options == "shuffled"
    )
    asked = writer.write(record)
    by_label = style is not None and style.by_label
    solved = [writer.write(shot) for shot in shots]
    if inverted:
        references: tuple[str, ...] = (asked.target,)
    else:
        references = (asked.answer,) if by_label else record.references
    return ComposedPrompt(
        id=record.id,
        intro=template.intro.format_map(record.fields) if shots and template.intro else "",
        shots=tuple(
            shot.inputs + ("\n" if "\n" in shot.target else " ") + shot.target for shot in solved
        ),
        question=asked.inputs,
        separator=separator,
        target=asked.target,
        references=references,
        options=() if inverted else asked.options,
        template=f"{pattern.name}/{kind}/{place}",
    )


def _templates(
    pattern: Pattern, *, inverted: bool, few_shot: bool
) -> tuple[Literal["zero_shot", "few_shot", "inversion"], tuple[Template, ...]]:
    if inverted:
        if not pattern.inversions:
            raise ValueError(
                f"pattern {pattern.name!r} has no inversions; render it with inverted=False"
            )
        return "inversion", pattern.inversions
    return ("few_shot", pattern.few_shot) if few_shot else ("zero_shot", pattern.zero_shot)


class _Written(NamedTuple):
    """A record in words.

    Attributes:
      inputs: what is asked.
      target: what is to be written.
      answer: the answer in the target.
      options: the target with each option for the answer, in the order shown; none where the record
        has no options, or the target holds a rationale, which is of the right one alone.
    """

    inputs: str
    target: str
    answer: str
    options: tuple[str, ...]


class _Writer:
    """Writes records, exemplars and question alike, with one template and one list style."""

    def __init__(
        self,
        template: Template,
        cue: str,
        *,
        style: OptionStyle | None,
        draws: KeyedRandom,
        shuffled: bool,
    ):
        self._template = template
        self._cue = cue
        self._style = style
        self._draws = draws
        self._shuffled = shuffled

    def write(self, record: Record) -> _Written:
        """Writes one."""
        template = self._template
        values = {**record.fields, "answer": record.answer, "rationale": record.rationale}
        inputs = template.inputs_without_options
        answers = record.options
        if self._style and record.options:
            inputs = template.inputs
            options, place = record.options, record.answer_index
            if self._shuffled:
                order = self._draws.permutation(len(options))
                options = tuple(options[index] for index in order)
                place = order.index(record.answer_index)
            values["options"] = self._style.show(options)
            answers = tuple(self._style.answer(options, i) for i in range(len(options)))
            values["answer"] = answers[place]
        targets = [template.targets.format_map({**values, "answer": answer}) for answer in answers]
        return _Written(
            inputs=inputs.format_map(values) + self._cue,
            target=template.targets.format_map(values),
            answer=values["answer"],
            options=() if "{rationale}" in template.targets else tuple(targets),
        )
