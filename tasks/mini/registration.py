"""Registers the miniature suite with seqio.

| name | splits | what it is |
| --- | --- | --- |
| `mini_<task>` | train, validation | zero-shot; validation holds new instances |
| `mini_<task>_fewshot` | train, validation | one or two solved examples first |
| `mini_<task>_cot` | train, validation | reasoning, then `answer: ...` |
| `mini_<task>_new_templates` | validation | the same new instances under unseen templates |

Tasks that are not trained on have no unseen templates, and only validation.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.task_kinds import TaskKind

from ..metrics import ClosedTarget, closed_exact_match
from .declare import MiniTask
from .render import FIELDS, FORMS, examples, final_answer
from .suite import DEVELOPMENT_TASKS, NEW_TASKS, TRAINED_TASKS

TRAIN_EXAMPLES = {"zero_shot": 1500, "few_shot": 400, "cot": 800}  # times the task's rate
VALIDATION_EXAMPLES = 64
_VALIDATION = {"validation": VALIDATION_EXAMPLES}
_SUFFIXES = {"zero_shot": "", "few_shot": "_fewshot", "cot": "_cot"}
_RATES = {"zero_shot": 1.0, "few_shot": 0.2, "cot": 0.5}


def register() -> None:
    """Adds every Task and Mixture of the suite to seqio's registries. Generates no example.

    Raises:
        ValueError: from seqio, if called twice in one process.
    """
    import seqio

    for task in TRAINED_TASKS:
        for form in FORMS:
            count = round(TRAIN_EXAMPLES[form] * task.rate)
            add_task(task, form, sizes={"train": count, **_VALIDATION})
        add_task(task, "zero_shot", sizes=_VALIDATION, new_templates=True)
    for task in DEVELOPMENT_TASKS + NEW_TASKS:
        for form in FORMS:
            add_task(task, form, sizes=_VALIDATION)

    mixtures = {
        "mini": [
            (f"mini_{task.name}{_SUFFIXES[form]}", task.rate * _RATES[form])
            for task in TRAINED_TASKS
            for form in FORMS
        ],
        "mini_zeroshot": [(f"mini_{task.name}", task.rate) for task in TRAINED_TASKS],
        "mini_cot": _names(TRAINED_TASKS, "_cot"),
        "mini_new_instances": _names(TRAINED_TASKS),
        "mini_new_templates": _names(TRAINED_TASKS, "_new_templates"),
        "mini_development_tasks": _names(DEVELOPMENT_TASKS),
        "mini_new_tasks": _names(NEW_TASKS),
        "mini_new_tasks_fewshot": _names(NEW_TASKS, "_fewshot"),
        "mini_new_tasks_cot": _names(NEW_TASKS, "_cot"),
    }
    for name, members in mixtures.items():
        seqio.MixtureRegistry.add(name, members, default_rate=1.0)


def _names(tasks: Sequence[MiniTask], suffix: str = "") -> list[str]:
    return [f"mini_{task.name}{suffix}" for task in tasks]


def add_task(
    task: MiniTask,
    form: str,
    *,
    sizes: dict[str, int],
    new_templates: bool = False,
    suite: str = "mini",
) -> str:
    """Registers one Task over lazily rendered examples and returns its name."""
    import seqio

    from t5lite.data.tasks.seqio_adapter import output_features

    name = f"{suite}_{task.name}" + ("_new_templates" if new_templates else _SUFFIXES[form])
    templates = task.new_templates if new_templates else task.templates
    seqio.TaskRegistry.add(
        name,
        source=_source_class()(task, form, templates, sizes),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        postprocess_fn=functools.partial(_answer, form=form),
        output_features=output_features(),
        metric_fns=[closed_exact_match],
    )
    return name


@functools.cache
def _source_class() -> Any:
    """A FunctionDataSource of one task in one form."""
    import seqio

    class MiniDataSource(seqio.FunctionDataSource):
        """Rendered examples, made when they are asked for."""

        is_repeatable = True

        def __init__(
            self,
            task: MiniTask,
            form: str,
            templates: tuple[str, ...],
            sizes: dict[str, int],
            selection: InstanceSelection | None = None,
        ):
            # Of one side of the instances nobody knows the number before they are made.
            counted = sizes if selection is None else None
            seqio.DataSource.__init__(self, splits=tuple(sizes), num_input_examples=counted)
            self._made_of = (task, form, templates, sizes)
            self._selection = selection

        def _dataset_fn(self, split: str, shuffle_files: bool, seed: int | None = None) -> Any:
            """The rendered examples as a `tf.data.Dataset`; there are no files to shuffle."""
            import tensorflow as tf

            del shuffle_files, seed
            rendered = self._rendered(split)
            columns = {
                key: tf.constant([example[key] for example in rendered], kind)
                for key, kind in FIELDS.items()
            }
            return tf.data.Dataset.from_tensor_slices(columns)

        def _rendered(self, split: str) -> list[dict[str, Any]]:
            task, form, templates, sizes = self._made_of
            return examples(
                task,
                form=form,
                split=split,
                templates=templates,
                count=sizes[split],
                selection=self._selection,
            )

        def restricted(self, selection: InstanceSelection) -> MiniDataSource:
            """The source of one side of the instances."""
            return MiniDataSource(*self._made_of, selection)

        def task_kind(self) -> TaskKind:
            """Tasks of one operation are of one category."""
            task = self._made_of[0]
            return TaskKind(task.category, task.name)

        def task_description(self) -> str:
            """Its templates."""
            return "\n".join(self._made_of[0].templates)

        def records(self, split: str) -> Iterator[Mapping[str, Any]]:
            """Prompts and targets."""
            for example in self._rendered(split):
                yield {name: example[name] for name in ("id", "inputs", "targets")}

    return MiniDataSource


def _answer(
    text: str, *, form: str, example: Mapping[str, Any], is_target: bool
) -> str | ClosedTarget:
    answer = final_answer(text) if form == "cot" else text
    return ClosedTarget(answer, int(example["num_choices"])) if is_target else answer
