"""Registers the Flan Collection: a seqio Task for each task and form. Opens no file.

Task names are `flan_<task>_<form>`. A task's data are looked for when it is used (see
`tasks.flan.sources`); docs/flan.md lists forms, places and mixtures.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.data.vocabularies.load import parse_vocabulary

from .. import cot_files, natural_instructions_metrics
from ..python_tasks import Example, MetricFn, add_python_task, task_name
from . import sources
from .few_shot import ExemplarPool, FewShotConfig, TokenBudget, render_few_shot
from .keyed_random import KeyedRandom
from .manifest import FLAN_TASKS, FlanTask
from .pattern import Pattern
from .patterns import PATTERNS
from .records import Record
from .render import render
from .schemas import SCHEMAS

# Longest few-shot prompt in tokens; 1920 leaves room in the 2048 of FLAN's code.
PROMPT_TOKENS_VARIABLE = "T5LITE_FLAN_PROMPT_TOKENS"
_DEFAULT_PROMPT_TOKENS = 1920

# In Flan 2021's sets, how many of ten training examples are asked the other way round: of the
# public templates about three in ten do so.
INVERTED_SHARE = 0.3


@dataclasses.dataclass(frozen=True)
class PromptSetting:
    """How a task is put.

    Attributes:
      suffix: what the form adds to the Task's name.
      few_shot: whether exemplars come first.
      with_options: whether answer options are listed, where there are any.
      inverted: whether the answer is given and the question asked for, always.
    """

    suffix: str
    few_shot: bool
    with_options: bool = True
    inverted: bool = False


FOUR_FORMS = (
    PromptSetting("zs_opt", few_shot=False),
    PromptSetting("zs_noopt", few_shot=False, with_options=False),
    PromptSetting("fs_opt", few_shot=True),
    PromptSetting("fs_noopt", few_shot=True, with_options=False),
)
TWO_FORMS = (PromptSetting("zs", few_shot=False), PromptSetting("fs", few_shot=True))
INVERTED_FORMS = (
    PromptSetting("inv_zs", few_shot=False, inverted=True),
    PromptSetting("inv_fs", few_shot=True, inverted=True),
)


def forms(task: FlanTask) -> tuple[PromptSetting, ...]:
    """The forms a task has, as in Flan 2022."""
    if task.collection == "niv2":
        return TWO_FORMS
    if task.collection == "cot" or task.is_dialogue:
        return (*TWO_FORMS, *INVERTED_FORMS)
    return FOUR_FORMS


def full_name(task: FlanTask, form: PromptSetting) -> str:
    """The Task's name in seqio's registry."""
    return task_name(f"flan_{task.name}_{form.suffix}")


@dataclasses.dataclass(frozen=True, eq=False)
class FormReader:
    """Reads one task in one form; what `add_python_task` calls a reader.

    Attributes:
      task: the task.
      form: the form.
      pattern: its templates.
      digest: of the pattern, so that token stores notice an edit of it.
      prompt_tokens: budget of few-shot prompts.
      selection: which of the instances it reads, exemplars among them; None for all.
    """

    task: FlanTask
    form: PromptSetting
    pattern: Pattern
    digest: str
    prompt_tokens: int
    selection: InstanceSelection | None = None

    def __call__(self, split: str) -> list[Example]:
        """The split's examples, rendered."""
        return list(self.examples(split))

    def examples(self, split: str) -> Iterator[Example]:
        """The same one by one, so that each can be tokenised while its vocabulary remembers it."""
        records = self._records(split)
        key = f"{self.task.name}/{self.form.suffix}"
        render_record: Callable[..., Example]
        if self.form.few_shot:
            vocabulary = parse_vocabulary(environment.vocabulary_name())
            render_record = functools.partial(
                render_few_shot,
                pool=ExemplarPool(records),
                config=FewShotConfig(),
                budget=TokenBudget(self.prompt_tokens, lambda text: len(vocabulary.encode(text))),
            )
        else:
            render_record = render
        for record in records:
            yield render_record(
                self.pattern,
                record,
                key=key,
                with_options=self.form.with_options,
                inverted=self._is_inverted(record.id, split),
            )

    def _records(self, split: str) -> Sequence[Record]:
        records = sources.read(self.task, split)
        if self.selection is None:
            return records
        contents = ((record.id, "\n".join(record.fields.values())) for record in records)
        return list(itertools.compress(records, self.selection.choose(contents)))

    def restricted(self, selection: InstanceSelection) -> FormReader:
        """The reader of one side of the instances."""
        return dataclasses.replace(self, selection=selection)

    def task_kind(self) -> TaskKind:
        """As the manifest says."""
        return TaskKind(self.task.category, self.task.name)

    def records(self, split: str) -> Iterator[Mapping[str, Any]]:
        """The data set's fields, before any template, the answer last."""
        for record in self._records(split):
            more: dict[str, Any] = {"options": list(record.options)} if record.options else {}
            more |= {"rationale": record.rationale} if record.rationale else {}
            yield {"id": record.id, **record.fields, **more, "answer": record.answer}

    def _is_inverted(self, record_id: str, split: str) -> bool:
        if self.form.inverted or self.form.suffix in ("zs", "fs"):
            return self.form.inverted
        if self.task.collection != "muffin" or split != "train":
            return False
        draws = KeyedRandom(self.task.name, self.form.suffix, record_id, "inverted")
        return draws.below(1000) < 1000 * INVERTED_SHARE

    @property
    def prompt_setting(self) -> str:
        """The form; which of its templates an example has is drawn with equal chances."""
        return self.form.suffix

    def num_examples(self, split: str) -> int:
        """The manifest's number where it has one, without opening a file; else counted.

        A task without data and without a number counts as empty.
        """
        if self.selection is not None:
            return len(self._records(split))
        if split == "train" and self.task.num_examples is not None:
            return min(self.task.num_examples, self.task.max_read)
        if self.data_status().state != "present":
            return 0
        return len(sources.read(self.task, split))

    def data_status(self) -> DataStatus:
        """Whether the task's data are there."""
        return dataclasses.replace(sources.status(self.task), task=full_name(self.task, self.form))

    def fingerprint_parts(self) -> tuple[Any, ...]:
        """What its examples depend on besides its code: settings, and the state of its files."""
        # One text, since thousands of tasks are hashed one after the other.
        return (
            f"{self.task} {self.form} {self.digest} {self.prompt_tokens} {self.selection}",
            *sources.files(self.task),
        )


def register() -> None:
    """Registers every task in every form.

    Raises:
      ValueError: if `T5LITE_FLAN_PROMPT_TOKENS` is set to no number.
    """
    digests = {name: _digest(pattern) for name, pattern in PATTERNS.items()}
    prompt_tokens = _prompt_tokens()
    for task in FLAN_TASKS.values():
        assert not task.held_out, task.name
        for form in forms(task):
            reasons = task.collection == "cot" and not form.inverted
            pattern = PATTERNS[task.pattern]
            add_python_task(
                full_name(task, form),
                FormReader(task, form, pattern, digests[task.pattern], prompt_tokens),
                splits=sources.SPLITS,
                metrics=_metrics(task, form),
                postprocess=cot_files.final_answer if reasons else str.strip,
            )


def _prompt_tokens() -> int:
    value = os.environ.get(PROMPT_TOKENS_VARIABLE, "") or str(_DEFAULT_PROMPT_TOKENS)
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(
            f"{PROMPT_TOKENS_VARIABLE}={value!r} is not a number of tokens, such as 960"
        )
    return int(value)


def _digest(pattern: Pattern) -> str:
    return hashlib.sha256(repr(pattern).encode()).hexdigest()


def _metrics(task: FlanTask, form: PromptSetting) -> Sequence[MetricFn]:
    """Exact match where there is something to choose, else ROUGE-L beside it."""
    if task.collection == "cot" and not form.inverted:
        return (cot_files.final_answer_accuracy,)
    if SCHEMAS[task.pattern].options != "none" and not form.inverted:
        return (natural_instructions_metrics.exact_match,)
    english = set(task.languages) <= {"English"}
    rouge_l = (
        natural_instructions_metrics.rouge_l
        if english
        else natural_instructions_metrics.rouge_l_any_language
    )
    return (natural_instructions_metrics.exact_match, rouge_l)


def data_status(*, verify: bool = False) -> list[DataStatus]:
    """The state of every task's data, a line a task, in the manifest's order.

    Args:
      verify: whether to read them; otherwise folders are listed and no file is opened.
    """
    return [sources.status(task, verify=verify) for task in FLAN_TASKS.values()]
