"""Registers the miniature suite with seqio.

| name | splits | what it is |
| --- | --- | --- |
| `mini_<task>` | train, validation | zero-shot; validation holds new instances |
| `mini_<task>_fewshot` | train, validation | one or two solved examples first |
| `mini_<task>_cot` | train, validation | reasoning, then `answer: ...` |
| `mini_<task>_new_templates` | validation | the same new instances under unseen wordings |

Held-out tasks have only the first two, and only validation. The Mixtures are `mini` (everything
that is trained on), `mini_zeroshot` (the same without solved examples in the prompt: the shortest
to train on), `mini_new_instances`, `mini_new_templates`, `mini_new_tasks`, `mini_new_tasks_fewshot`
and `mini_cot`.
"""

from collections.abc import Callable
from typing import Any

from ..metrics import exact_match
from .declare import MiniTask
from .render import examples, final_answer
from .suite import HELD_OUT_TASKS, TRAINED_TASKS

TRAIN_EXAMPLES = {"zero_shot": 2000, "few_shot": 1000, "cot": 1500}
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

    trained: list[tuple[str, float]] = []
    for task in TRAINED_TASKS:
        for form in _forms(task):
            name = add_task(task, form, sizes={"train": TRAIN_EXAMPLES[form], **_VALIDATION})
            trained.append((name, task.weight * _RATES[form]))
        add_task(task, "zero_shot", sizes=_VALIDATION, new_wording=True)
    for task in HELD_OUT_TASKS:
        for form in ("zero_shot", "few_shot"):
            add_task(task, form, sizes=_VALIDATION)

    mixtures = {
        "mini": trained,
        "mini_zeroshot": [(name, rate) for name, rate in trained if not name.endswith("_fewshot")],
        "mini_new_instances": [f"mini_{task.name}" for task in TRAINED_TASKS],
        "mini_new_templates": [f"mini_{task.name}_new_templates" for task in TRAINED_TASKS],
        "mini_new_tasks": [f"mini_{task.name}" for task in HELD_OUT_TASKS],
        "mini_new_tasks_fewshot": [f"mini_{task.name}_fewshot" for task in HELD_OUT_TASKS],
        "mini_cot": [f"mini_{task.name}_cot" for task in TRAINED_TASKS if task.has_rationale],
    }
    for name, members in mixtures.items():
        seqio.MixtureRegistry.add(name, members, default_rate=1.0)


def _forms(task: MiniTask) -> tuple[str, ...]:
    return ("zero_shot", "few_shot", *(("cot",) if task.has_rationale else ()))


def add_task(
    task: MiniTask,
    form: str,
    *,
    sizes: dict[str, int],
    new_wording: bool = False,
) -> str:
    """Registers one Task over lazily rendered examples and returns its name."""
    import seqio

    from t5lite.data.seqio_door import output_features

    name = f"mini_{task.name}" + ("_new_templates" if new_wording else _SUFFIXES[form])
    templates = task.new_templates if new_wording else task.templates
    seqio.TaskRegistry.add(
        name,
        source=seqio.FunctionDataSource(
            _dataset_fn(task, form, templates, sizes),
            splits=tuple(sizes),
            num_input_examples=sizes,
        ),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        postprocess_fn=_postprocess_final_answer if form == "cot" else None,
        output_features=output_features(),
        metric_fns=[exact_match],
    )
    return name


def _dataset_fn(
    task: MiniTask, form: str, templates: tuple[str, ...], sizes: dict[str, int]
) -> Callable[..., Any]:
    def dataset_fn(split: str, shuffle_files: bool, seed: int | None = None) -> Any:
        """The rendered examples as a `tf.data.Dataset`; there are no files to shuffle."""
        import tensorflow as tf

        del shuffle_files, seed
        rendered = examples(task, form=form, split=split, templates=templates, count=sizes[split])
        columns = {key: [example[key] for example in rendered] for key in rendered[0]}
        return tf.data.Dataset.from_tensor_slices(columns)

    return dataset_fn


def _postprocess_final_answer(text: str, **_: Any) -> str:
    return final_answer(text)
