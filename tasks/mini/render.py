"""From instances to prompts: zero-shot, few-shot and chain-of-thought examples.

An example is a dictionary: `inputs`, `targets`, `template` (before its slots are filled),
`form`, and `num_choices`, how many answers the question allows.
"""

import random
from typing import Any

from .declare import Instance, MiniTask
from .instances import draw_instance, training_instances, validation_instances

FORMS = ("zero_shot", "few_shot", "cot")
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
    task: MiniTask, *, form: str, split: str, templates: tuple[str, ...], count: int
) -> list[dict[str, Any]]:
    """Renders the examples of one task, form and split.

    Args:
        task: the task.
        form: one of `FORMS`.
        split: `"train"` or `"validation"`.
        templates: those to choose from, by the example's index.
        count: how many examples.

    Returns:
        `count` examples; the same ones every time, whatever was rendered before.
    """
    if split == "train":
        instances = training_instances(task, stream=form, count=count)
    else:
        instances = validation_instances(task, count=count)
    rendered = []
    for index, instance in enumerate(instances):
        rng = random.Random(f"{task.name}/{split}/{form}/{index}")
        template = rng.choice(templates)
        inputs, targets = _FORMS[form](task, instance, template, rng)
        rendered.append(
            {
                "inputs": inputs,
                "targets": targets,
                "template": template,
                "form": form,
                "num_choices": instance.num_choices,
            }
        )
    return rendered


def exemplars(task: MiniTask, query: Instance, count: int, rng: random.Random) -> list[Instance]:
    """Distinct training instances of the task to show before `query`, which is never among them."""
    chosen: list[Instance] = []
    while len(chosen) < count:
        instance = draw_instance(task, "train", rng)
        if instance != query and instance not in chosen:
            chosen.append(instance)
    return chosen


def final_answer(text: str) -> str:
    """What follows the last answer phrase of a chain of thought; empty where there is none."""
    _, phrase, answer = text.rpartition(ANSWER_PHRASE)
    return answer.strip() if phrase else ""


def _zero_shot(
    task: MiniTask, instance: Instance, template: str, rng: random.Random
) -> tuple[str, str]:
    del task, rng
    return template.format(**instance.fields), instance.answer


def _few_shot(
    task: MiniTask, instance: Instance, template: str, rng: random.Random
) -> tuple[str, str]:
    shot, query = rng.choice(_LAYOUTS)
    wanted = rng.choice((1, 2))
    end = query.format(prompt=template.format(**instance.fields))
    shots = [
        shot.format(prompt=template.format(**shown.fields), answer=shown.answer)
        for shown in exemplars(task, instance, wanted, rng)
    ]
    if len("".join((*shots, end)).encode()) > MAX_FEW_SHOT_BYTES:
        shots = shots[:1]
    return "".join((*shots, end)), instance.answer


def _chain_of_thought(
    task: MiniTask, instance: Instance, template: str, rng: random.Random
) -> tuple[str, str]:
    del task
    request = rng.choice(_REASONING_REQUESTS)
    prompt = request.format(prompt=template.format(**instance.fields))
    return prompt, f"{instance.rationale}, {ANSWER_PHRASE}{instance.answer}"


_FORMS = {"zero_shot": _zero_shot, "few_shot": _few_shot, "cot": _chain_of_thought}
