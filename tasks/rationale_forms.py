"""What a small model is asked in Distilling Step-by-Step, and in what it is compared with.

Source: Hsieh et al., arXiv:2305.02301; the prefixes are those of its code
(github.com/google-research/distilling-step-by-step).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from .cot_files import final_answer
from .natural_instructions_metrics import rouge_l
from .python_tasks import Example, MetricFn, add_python_task, task_name

LABEL_PREFIX, RATIONALE_PREFIX = "predict: ", "explain: "


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One input, and what is known of it.

    Attributes:
      id: Names it within its split.
      input: What is asked, without prefix.
      label: The ground truth; None where nobody knows it.
      teacher_label: What a teacher answered; None where it gave nothing that could be read.
      rationale: Why, by a teacher or a person; likewise.
    """

    id: str
    input: str
    label: str | None = None
    teacher_label: str | None = None
    rationale: str | None = None


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to make an example of a record.

    Attributes:
      suffix: What it adds to a set's name.
      prefix: What stands before the input.
      target: Template of the target, over the fields of `Record`.
      answer: The field that evaluation compares with.
    """

    suffix: str
    prefix: str
    target: str
    answer: str

    @property
    def is_reasoned(self) -> bool:
        """Whether the answer stands behind its reasons."""
        return self.target != f"{{{self.answer}}}"

    def example(self, record: Record) -> Example | None:
        """The record in this form; None where it lacks what the form shows."""
        fields = {name: text for name, text in vars(record).items() if text is not None}
        try:
            target, answer = self.target.format(**fields), fields[self.answer]
        except KeyError:
            return None
        return Example(record.id, f"{self.prefix}{record.input}", target, (answer,))


_REASONED = "{{rationale}} So the answer is {{{label}}}."

# The losses tell label Tasks from rationale Tasks by the ends of these.
FORMS = (
    Form("label", LABEL_PREFIX, "{label}", "label"),
    Form("teacher_label", LABEL_PREFIX, "{teacher_label}", "teacher_label"),
    Form("rationale", RATIONALE_PREFIX, "{rationale}", "rationale"),
    # Fine-tuning, and distillation of a teacher's labels.
    Form("standard", "", "{label}", "label"),
    Form("teacher_standard", "", "{teacher_label}", "teacher_label"),
    # Reasons and answer as one target.
    Form("single", "", _REASONED.format(label="label"), "label"),
    Form("teacher_single", "", _REASONED.format(label="teacher_label"), "teacher_label"),
)

Reader = Callable[[str], Sequence[Record]]


def add_set(name: str, read: Reader, *, splits: Sequence[str], metrics: Sequence[MetricFn]) -> None:
    """Registers a Task for each form of a set, `NAME_FORM`, and mixtures of them.

    `NAME` mixes `NAME_label` and `NAME_rationale` at equal rates, `NAME_teacher` has the labels of
    the teacher: the set without a ground truth.

    Args:
      name: of the set.
      read: gives the records of a split, always the same in the same order.
      splits: those that it gives.
      metrics: of answers.
    """
    import seqio

    name = task_name(name)
    for form in FORMS:
        is_rationale = form.answer == "rationale"
        add_python_task(
            f"{name}_{form.suffix}",
            FormReader(read, form),
            splits=splits,
            metrics=(rouge_l,) if is_rationale else metrics,
            postprocess=final_answer if form.is_reasoned else str.strip,
        )
    rationale = (f"{name}_rationale", 1.0)
    seqio.MixtureRegistry.add(name, [(f"{name}_label", 1.0), rationale])
    seqio.MixtureRegistry.add(f"{name}_teacher", [(f"{name}_teacher_label", 1.0), rationale])


@dataclasses.dataclass(frozen=True)
class FormReader:
    """Reads a set in one form; what `add_python_task` calls a reader.

    Attributes:
      read: gives the records of a split.
      form: the form.
    """

    read: Reader
    form: Form

    def __call__(self, split: str) -> list[Example]:
        """The split's examples: of the records that have all that the form shows.

        Raises:
          ValueError: none has.
        """
        records = self.read(split)
        examples = [example for record in records if (example := self.form.example(record))]
        if records and not examples:
            raise ValueError(
                f"split {split!r}: none of {len(records)} records has what the form "
                f"{self.form.suffix!r} is made of, {self.form.target!r}. Take another Task of the "
                "set, or let a teacher write what is missing (t5lite rationales)."
            )
        return examples
