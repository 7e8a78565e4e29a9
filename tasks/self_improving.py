"""The Task `self_improving`: what a round of `t5lite self_improve` trains on.

The data root is the round's folder. Its `train.jsonl` has the examples with their targets, and once
more with the predictions that are nearest to these.
"""

from __future__ import annotations

from .files import add_file_task

__all__: list[str] = []

# Each round has its own folder, in one process.
DATA_DIR_IS_READ_WHEN_USED = True

add_file_task("self_improving", files={"train": "train.jsonl"}, inputs="inputs", targets="targets")
