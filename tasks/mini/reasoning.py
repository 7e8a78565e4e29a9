"""Chains of thought for number tasks that the suite asks only directly.

`benchmarks/study` compares training with and without them. They are kept out of the suite's own
mixtures. An instance, its split and its answer are those of the direct form.
"""

import dataclasses
import random
import re
from collections.abc import Callable

from tasks.mini.declare import Instance, MiniTask


def with_rationale(task: MiniTask) -> MiniTask:
    """The same task, its instances with a rationale.

    Args:
        task: one that has a rationale already, which is kept, or one of `RATIONALES`.
    """
    if task.has_rationale:
        return task
    rationale = RATIONALES[task.name]

    def make(rng: random.Random) -> Instance:
        instance = task.make(rng)
        return instance._replace(rationale=rationale(instance))

    return dataclasses.replace(task, make=make, has_rationale=True)


def _numbers(instance: Instance) -> list[int]:
    """Every number of the question, in the order of its fields."""
    return [int(digits) for digits in re.findall(r"\d+", " ".join(instance.fields.values()))]


def _compare_two(instance: Instance) -> str:
    a, b = _numbers(instance)
    return f"{a}>{b}" if a > b else f"{a}<{b}"


def _in_order(instance: Instance) -> str:
    return ">".join(map(str, sorted(_numbers(instance), reverse=True)))


def _change(instance: Instance) -> str:
    a, b = _numbers(instance)
    return f"{a}+{b}={a + b}" if "earns" in instance.fields["change"] else f"{a}-{b}={a - b}"


def _next_number(instance: Instance) -> str:
    first, second, third = _numbers(instance)
    step = second - first
    return f"{second}-{first}={step}, {third}+{step}={third + step}"


RATIONALES: dict[str, Callable[[Instance], str]] = {
    "larger": _compare_two,
    "smaller": _compare_two,
    "is_larger": _compare_two,
    "largest_of_three": _in_order,
    "dearer": _compare_two,
    "can_pay": _compare_two,
    "purse": _change,
    "next_number": _next_number,
}
