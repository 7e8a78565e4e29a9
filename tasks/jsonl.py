"""A seqio Task over JSON Lines files, whatever their suffix, by `add_file_task` (files.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from t5lite.data.sources.split_files import Place

from .field_templates import FieldTemplate
from .files import add_file_task
from .python_tasks import MetricFn

if TYPE_CHECKING:
    import seqio


def add_jsonl_task(
    name: str,
    *,
    files: Mapping[str, Place],
    inputs: FieldTemplate,
    targets: FieldTemplate,
    metrics: Sequence[MetricFn] = (),
) -> seqio.Task:
    """`add_file_task` whose files hold a JSON object a line; see there for the arguments."""
    return add_file_task(
        name, files=files, inputs=inputs, targets=targets, format="jsonl", metrics=metrics
    )
