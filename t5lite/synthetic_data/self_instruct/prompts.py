"""What the teacher is asked in each step. The wording is written for this project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from t5lite.synthetic_data.self_instruct import demonstrations
from t5lite.synthetic_data.self_instruct.seeds import Instance, SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.requests import Request

# What stands where a task has no input.
NO_INPUT = "(none)"

_LIST = (
    "Below is a list of tasks for an assistant that reads and writes text. No two are alike: they "
    "differ in subject, in what has to be done, and in whether they are questions or requests."
)
_MORE = (
    "Write {num} further tasks in the same language, numbered {first} to {last}, one a line, each "
    "unlike all others. Write the list and nothing else."
)
_WHOLE_TASKS = (
    "Below are tasks for an assistant that reads and writes text. Each has an instruction, an "
    "input that the instruction is about, and the output that a careful person would write. Where "
    f"an instruction needs no input, {NO_INPUT} stands for it."
)
_MORE_WHOLE_TASKS = (
    "Write {num} further tasks of this form in the same language, numbered {first} to {last}. Let "
    "their subjects, their verbs, their length and their kind be as different as can be, give some "
    "of them an input and some none, and keep outputs below a hundred words."
)
_CLASSIFICATION = (
    "A classification is a task whose answer is one of a few labels that are known beforehand. Say "
    "of each task whether it is one: yes or no."
)
_INPUT_FIRST = (
    "Write examples for the last task: up to {num}, each an input and the right output. Where the "
    "task needs no input, write one example with the output alone."
)
_OUTPUT_FIRST = (
    "Write examples for the last task, which has a few possible labels: up to {num}, each a label "
    "and then an input that this label is right for. Use every label."
)


def instruction_request(
    shown: Sequence[str], config: SelfInstructConfig, *, attempt: int
) -> Request:
    """Asks for further instructions after those that are shown."""
    first, last = len(shown) + 1, len(shown) + config.num_asked
    listed = "\n".join(f"{n}. {one_line(text)}" for n, text in enumerate(shown, start=1))
    stop = (f"\n{last + 1}.",)
    if config.prompt_form == "continuation":
        text = f"{_LIST}\n\n{listed}\n{first}."
        return _first_step(text, config, stop=("\n\n", *stop), attempt=attempt)
    more = _MORE.format(num=config.num_asked, first=first, last=last)
    return _first_step(f"{_LIST}\n\n{listed}\n\n{more}", config, stop=stop, attempt=attempt)


def whole_task_request(
    shown: Sequence[SeedTask], config: SelfInstructConfig, *, attempt: int
) -> Request:
    """Asks for further tasks, each with its input and output, after those that are shown."""
    first, last = len(shown) + 1, len(shown) + config.num_asked
    listed = "\n\n".join(
        f"Task {number}\nInstruction: {one_line(task.instruction)}\n"
        + _input_and_output(task.instances[0])
        for number, task in enumerate(shown, start=1)
    )
    if config.prompt_form == "continuation":
        text = f"{_WHOLE_TASKS}\n\n{listed}\n\nTask {first}\nInstruction:"
    else:
        more = _MORE_WHOLE_TASKS.format(num=config.num_asked, first=first, last=last)
        text = f"{_WHOLE_TASKS}\n\n{listed}\n\n{more}"
    return _first_step(text, config, stop=(f"\nTask {last + 1}\n",), attempt=attempt)


def classification_request(instruction: str, config: SelfInstructConfig) -> Request:
    """Asks whether an instruction is a classification."""
    kinds = (demonstrations.CLASSIFICATIONS, demonstrations.OTHERS)
    shown = [
        f"Task: {task}\nClassification: {answer}"
        for task, answer in _alternating(*kinds, answers=("yes", "no"))
    ]
    asked = f"Task: {one_line(instruction)}\nClassification:"
    text = "\n\n".join([_CLASSIFICATION, *shown, asked])
    return _likeliest(text, config, max_tokens=8, stop=("\n\n", "\nTask:"))


def instance_request(
    instruction: str, config: SelfInstructConfig, *, is_classification: bool
) -> Request:
    """Asks for instances of an instruction: the output first where it is a classification."""
    tasks: Sequence[demonstrations.Demonstration]
    if is_classification:
        asked, tasks, form = _OUTPUT_FIRST, demonstrations.OUTPUT_FIRST, _label_and_input
        max_tokens = config.classification_instance_max_tokens
    else:
        asked, tasks, form = _INPUT_FIRST, demonstrations.INPUT_FIRST, _input_and_output
        max_tokens = config.instance_max_tokens
    shown = [
        "\n".join(
            [f"Task: {task.instruction}"]
            + [f"Example {n}\n{form(one)}" for n, one in enumerate(task.instances, start=1)]
        )
        for task in tasks
    ]
    head = asked.format(num=config.max_instances)
    text = "\n\n".join([head, *shown, f"Task: {one_line(instruction)}\nExample 1\n"])
    stop = (f"Example {config.max_instances + 1}", "Task:")
    return _likeliest(text.rstrip("\n"), config, max_tokens=max_tokens, stop=stop)


def one_line(text: str) -> str:
    """A text whose line breaks and further blanks are single blanks."""
    return " ".join(text.split())


def _input_and_output(instance: Instance) -> str:
    return f"Input: {instance.input or NO_INPUT}\nOutput: {instance.output}"


def _label_and_input(instance: Instance) -> str:
    return f"Label: {instance.output}\nInput: {instance.input}"


def _alternating(
    first: Sequence[str], second: Sequence[str], *, answers: tuple[str, str]
) -> list[tuple[str, str]]:
    """The texts of both with their answers, the shorter one's spread evenly over the longer's."""
    places = [(index / len(first), text, answers[0]) for index, text in enumerate(first)]
    places += [(index / len(second), text, answers[1]) for index, text in enumerate(second)]
    return [(text, answer) for _, text, answer in sorted(places)]


def _first_step(
    text: str, config: SelfInstructConfig, *, stop: tuple[str, ...], attempt: int
) -> Request:
    settings = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "presence_penalty": config.presence_penalty,
        "max_tokens": config.max_tokens,
        "stop": stop,
        "attempt": attempt,
    }
    return _request(text, config, settings)


def _likeliest(
    text: str, config: SelfInstructConfig, *, max_tokens: int, stop: tuple[str, ...]
) -> Request:
    return _request(text, config, {"temperature": 0.0, "max_tokens": max_tokens, "stop": stop})


def _request(text: str, config: SelfInstructConfig, settings: dict[str, Any]) -> Request:
    if config.prompt_form == "continuation":
        return Request(prompt=text, **settings)
    return Request.of_text(text, **settings)
