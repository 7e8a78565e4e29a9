"""Registers the Tasks and Mixtures of all suites."""

from __future__ import annotations

import types
from collections.abc import Mapping

from t5lite.data.tasks.data_status import DataStatus

from . import bbh, gsm8k, mgsm, mmlu, prompt2model, tydiqa, zero_shot
from .suite_tasks import SuiteTask, add_suites

_SUITES = (mmlu, bbh, tydiqa, mgsm, gsm8k, zero_shot, prompt2model)


TASKS: Mapping[str, SuiteTask] = types.MappingProxyType(
    {task.name: task for suite in _SUITES for task in suite.suite_tasks()}
)


def register() -> None:
    """Adds every Task of every suite to seqio's registries, and the Mixtures."""
    add_suites(TASKS.values())


def data_status(*, verify: bool = False) -> list[DataStatus]:
    """The state of every Task's data.

    Args:
      verify: whether to read them; otherwise no file is opened.
    """
    return [task.data_status(verify=verify) for task in TASKS.values()]
