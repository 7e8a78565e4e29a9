"""What a dataset's reader gives and a pattern words: a `Record`, checked by a `Schema`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from t5lite.messages.suggest import did_you_mean

OptionOrder = Literal["none", "shuffled", "ordered", "lettered"]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One example of a dataset, before it is rendered. Made by `Schema.record`.

    Attributes:
      id: names it within its task and split.
      fields: its texts by the schema's field names.
      answer: what is to be written; where there are options, the text of the right one.
      options: the answers to choose from, in the dataset's order; empty where there are none.
      answer_index: the place of the right one among the options, from 0; -1 without options.
      rationale: how the answer is reached; empty where the schema has none.
      references: every answer that evaluation counts as right, `answer` first.
    """

    id: str
    fields: Mapping[str, str]
    answer: str
    options: tuple[str, ...] = ()
    answer_index: int = -1
    rationale: str = ""
    references: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Schema:
    """What a record must hold so that a pattern can word it.

    Attributes:
      name: its name in `tasks.flan.schemas.SCHEMAS`.
      fields: names of the record's texts, none of which may be empty.
      about: what the fields and the answer hold, for whoever writes a reader.
      options: `none`; `shuffled` (shown in an order drawn anew for every prompt); `ordered` (their
        order has a meaning, such as scores from 0 to 5); `lettered` (ordered, and always labelled
        A, B, C, since the record's own texts speak of the letters).
      options_optional: whether a record may come without options; it then has no list to show.
      rationale: whether the record must have a rationale.
    """

    name: str
    fields: tuple[str, ...]
    about: str
    options: OptionOrder = "none"
    options_optional: bool = False
    rationale: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """What a template may name: fields, `answer`, and `options` and `rationale` if any."""
        extra = ["answer"]
        extra += ["options"] if self.options != "none" else []
        extra += ["rationale"] if self.rationale else []
        return (*self.fields, *extra)

    def record(
        self,
        id: str,
        fields: Mapping[str, str],
        *,
        answer: str,
        options: Sequence[str] = (),
        answer_index: int | None = None,
        rationale: str = "",
        references: Sequence[str] = (),
        where: str = "",
    ) -> Record:
        """Makes a checked record; all texts are stripped of surrounding blanks.

        Args:
          id: names it within its task and split.
          fields: a text for each of the schema's fields, and no other.
          answer: the answer, one of the options if there are any.
          options: the answers to choose from.
          answer_index: the right one's place; by default the first option that is `answer`.
          rationale: how the answer is reached.
          references: other answers that evaluation counts as right.
          where: file and line, for the error.

        Raises:
          ValueError: if something is missing, empty or unknown, or the answer is no option.
        """
        at = f"{where or f'record {id!r}'} (schema {self.name!r})"
        texts = {name: text.strip() for name, text in fields.items()}
        if tuple(texts) != self.fields:
            self._check_names(texts, at)
        answer = answer.strip()
        rationale = rationale.strip()
        for name, text in (*texts.items(), ("answer", answer)):
            if not text:
                raise ValueError(f"{at}: {name!r} is empty; leave the record out")
        if bool(rationale) != self.rationale:
            found = "missing" if self.rationale else "given, and the schema has none"
            raise ValueError(f"{at}: 'rationale' is {found}")
        choices = tuple(option.strip() for option in options)
        return Record(
            id=id,
            fields=texts,
            answer=answer,
            options=choices,
            answer_index=self._find_answer(choices, answer, answer_index, at),
            rationale=rationale,
            references=tuple(dict.fromkeys([answer, *(text.strip() for text in references)])),
        )

    def _check_names(self, texts: Mapping[str, str], at: str) -> None:
        for name in self.fields:
            if name not in texts:
                raise ValueError(f"{at}: field {name!r} is missing; it has {sorted(texts)}")
        for name in texts:
            if name not in self.fields:
                raise ValueError(f"{at}: unknown field {name!r}.{did_you_mean(name, self.fields)}")

    def _find_answer(
        self, options: tuple[str, ...], answer: str, answer_index: int | None, at: str
    ) -> int:
        """The right option's place, -1 without options."""
        if not options:
            if self.options != "none" and not self.options_optional:
                raise ValueError(f"{at}: no options, and its patterns list them")
            return -1
        if self.options == "none":
            raise ValueError(f"{at}: has options, and its patterns cannot list them")
        if not all(options) or len(options) < 2:
            raise ValueError(f"{at}: options {options!r}: at least two are needed, none empty")
        if self.options == "lettered" and len(options) > 26:
            raise ValueError(f"{at}: {len(options)} options, and there are 26 letters for them")
        if answer_index is None and answer in options:
            return options.index(answer)
        if answer_index is not None and 0 <= answer_index < len(options):
            if options[answer_index] == answer:
                return answer_index
            raise ValueError(
                f"{at}: answer {answer!r} is not option {answer_index}, {options[answer_index]!r}"
            )
        found = answer if answer_index is None else answer_index
        raise ValueError(f"{at}: answer {found!r} is not among the {len(options)} options")
