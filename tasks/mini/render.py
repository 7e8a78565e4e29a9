"""From instances to prompts: zero-shot, few-shot and chain-of-thought examples.

An example is a dictionary: `id`, the same in all forms, `inputs`, `targets`, `template` (before its
slots are filled), `form`, and `num_choices`, how many answers the question allows.
"""

import random
from collections.abc import Callable
from typing import Any

from t5lite.data.tasks.instance_selection import InstanceSelection

from .declare import Instance, MiniTask
from .instances import draw_instance, training_instances, validation_instances

FORMS = ("zero_shot", "few_shot", "cot")
# Of an example, with the types that they have in TensorFlow.
FIELDS = dict.fromkeys(("id", "inputs", "targets", "template", "form"), "string")
FIELDS["num_choices"] = "int32"
ANSWER_PHRASE = "answer: "
MAX_FEW_SHOT_BYTES = 160

# How solved examples are laid out before the question, and how the question follows them.
_LAYOUTS = (
    ("Q: {prompt} A: {answer}\n", "Q: {prompt} A:"),
    ("{prompt} -> {answer}\n", "{prompt} ->"),
    ("{prompt}\n= {answer}\n", "{prompt}\n="),
    ("Example: {prompt} {answer}\n", "Now you: {prompt}"),
)
_REASONING_REQUESTS = (
    "{prompt} Show your steps.",
    "{prompt} Think first.",
    "Step by step: {prompt}",
    "Reason, then answer: {prompt}",
)


def examples(
    task: MiniTask,
    *,
    form: str,
    split: str,
    templates: tuple[str, ...],
    count: int,
    selection: InstanceSelection | None = None,
) -> list[dict[str, Any]]:
    """Renders the examples of one task, form and split.

    Args:
        task: the task.
        form: one of `FORMS`.
        split: `"train"` or `"validation"`.
        templates: those to choose from, by the example's index.
        count: how many examples.
        selection: one side of them, and no exemplar that is held out; None for all.

    Returns:
        `count` examples, those of one side; the same ones every time, whatever was rendered before.
    """
    if split == "train":
        instances = training_instances(task, stream=form, count=count)
    else:
        instances = validation_instances(task, count=count)
    kept = [True] * count
    if selection is not None:
        kept = selection.choose((instance.id, instance.id) for instance in instances)

    def may_be_shown(exemplar: Instance) -> bool:
        return selection is None or not selection.is_drawn(exemplar.id)

    rendered = []
    for index, instance in enumerate(instances):
        if not kept[index]:
            continue
        rng = random.Random(f"{task.name}/{split}/{form}/{index}")
        template = rng.choice(templates)
        inputs, targets = _FORMS[form](task, instance, template, rng, may_be_shown)
        rendered.append(
            {
                "id": instance.id,
                "inputs": inputs,
                "targets": targets,
                "template": template,
                "form": form,
                "num_choices": instance.num_choices,
            }
        )
    return rendered


def exemplars(
    task: MiniTask,
    query: Instance,
    count: int,
    *,
    rng: random.Random,
    may_be_shown: Callable[[Instance], bool],
) -> list[Instance]:
    """Distinct training instances of the task to show before `query`, which is never among them."""
    chosen: list[Instance] = []
    while len(chosen) < count:
        instance = draw_instance(task, "train", rng)
        if instance != query and instance not in chosen and may_be_shown(instance):
            chosen.append(instance)
    return chosen


def final_answer(text: str) -> str:
    """What follows the last answer phrase of a chain of thought; empty where there is none."""
    _, phrase, answer = text.rpartition(ANSWER_PHRASE)
    return answer.strip() if phrase else ""


def _zero_shot(
    task: MiniTask, instance: Instance, template: str, rng: random.Random, may_be_shown: Any
) -> tuple[str, str]:
    del task, rng, may_be_shown
    return template.format(**instance.fields), instance.answer


def _few_shot(
    task: MiniTask,
    instance: Instance,
    template: str,
    rng: random.Random,
    may_be_shown: Callable[[Instance], bool],
) -> tuple[str, str]:
    shot, query = rng.choice(_LAYOUTS)
    wanted = rng.choice((1, 2))
    end = query.format(prompt=template.format(**instance.fields))
    shots = [
        shot.format(prompt=template.format(**shown.fields), answer=shown.answer)
        for shown in exemplars(task, instance, wanted, rng=rng, may_be_shown=may_be_shown)
    ]
    if len("".join((*shots, end)).encode()) > MAX_FEW_SHOT_BYTES:
        shots = shots[:1]
    return "".join((*shots, end)), instance.answer


def _chain_of_thought(
    task: MiniTask, instance: Instance, template: str, rng: random.Random, may_be_shown: Any
) -> tuple[str, str]:
    del task, may_be_shown
    request = rng.choice(_REASONING_REQUESTS)
    prompt = request.format(prompt=template.format(**instance.fields))
    return prompt, f"{instance.rationale}, {ANSWER_PHRASE}{instance.answer}"


_FORMS = {"zero_shot": _zero_shot, "few_shot": _few_shot, "cot": _chain_of_thought}
