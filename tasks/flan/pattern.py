"""A pattern: the templates of one kind of dataset, as plain data.

A template is text with slots in braces: a field of the schema, `{answer}`, `{rationale}`, or
`{options}`, which stands on a line of its own and vanishes with that line where options are not
shown. So a template must read well both with the list of options and without it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from .records import Schema
from .schemas import SCHEMAS

OPTIONS_SLOT = "{options}"
# A template that ends so leads over to the answer.
CUE_ENDS = (":", "->", "=", "/")


@dataclasses.dataclass(frozen=True, eq=False)
class Template:
    """How one record becomes a prompt and a target.

    Attributes:
      inputs: what the model reads; in a few-shot form, of the exemplars and of the question alike.
      targets: what it writes.
      intro: what stands before the exemplars of a few-shot form, once; may be empty.
    """

    inputs: str
    targets: str = "{answer}"
    intro: str = ""

    @functools.cached_property
    def inputs_without_options(self) -> str:
        """The inputs without the line of the options."""
        head, slot, tail = self.inputs.partition(OPTIONS_SLOT)
        return head.rstrip("\n") + tail if slot else head

    @property
    def has_cue(self) -> bool:
        """Whether the inputs end with a sign that the answer comes next."""
        return self.inputs.endswith(CUE_ENDS)


@dataclasses.dataclass(frozen=True, eq=False)
class Pattern:
    """The templates of one kind of dataset.

    Attributes:
      name: its name, which is also its schema's.
      schema: what its records hold.
      zero_shot: the templates without exemplars.
      few_shot: the matching ones with exemplars: the same number, each with the same targets.
      inversions: templates that give the answer and ask for the input; may be empty.
    """

    name: str
    schema: Schema
    zero_shot: tuple[Template, ...]
    few_shot: tuple[Template, ...]
    inversions: tuple[Template, ...]


# Zero-shot: inputs, or inputs and targets. Few-shot: inputs, or an intro and inputs.
TemplateText = str | tuple[str, str]


def list_options_after(slot: str, forms: Sequence[TemplateText]) -> list[TemplateText]:
    """The forms with a line of options after a slot such as `{question}`."""

    def extend(text: str) -> str:
        return text.replace(slot, f"{slot}\n{OPTIONS_SLOT}")

    return [
        extend(form) if isinstance(form, str) else (extend(form[0]), extend(form[1]))
        for form in forms
    ]


def make_pattern(
    name: str,
    *,
    zero_shot: Sequence[TemplateText],
    few_shot: Sequence[TemplateText],
    inversions: Sequence[tuple[str, str]] = (),
) -> Pattern:
    """Makes the pattern of the schema of the same name.

    Args:
      name: a name in `SCHEMAS`.
      zero_shot: inputs, or inputs and targets where the targets are not just the answer.
      few_shot: as many; inputs, or an intro and inputs. Targets are those of the zero-shot form
        at the same place.
      inversions: inputs and targets.
    """
    direct = tuple(Template(*((form,) if isinstance(form, str) else form)) for form in zero_shot)
    shown = [("", form) if isinstance(form, str) else form for form in few_shot]
    return Pattern(
        name=name,
        schema=SCHEMAS[name],
        zero_shot=direct,
        few_shot=tuple(
            Template(inputs, form.targets, intro)
            for (intro, inputs), form in zip(shown, direct, strict=True)
        ),
        inversions=tuple(Template(*form) for form in inversions),
    )
