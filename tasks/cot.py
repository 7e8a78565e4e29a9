"""FLAN's chain-of-thought sets: seqio Tasks for each TSV under the data root, and a mixture.

Importing this module registers what lies under the data root (`--data_dir`, gin macro `DATA_DIR`
or `T5LITE_DATA_DIR`) as `cot/*.tsv`. Each set gives the Tasks `cot_<set>_direct` (the answer
alone), `_reason` (reasoning, then the answer), `_reason_3shot` (after three solved rows of the
same split), and inverted, `_explain` (the reasoning, given the answer) and `_ask` (the question,
given reasoning and answer). The mixture `cot` holds them all, inverted ones at 0.3 of the rate.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import pathlib

from t5lite.data.tasks import environment
from t5lite.data.tasks.instance_selection import InstanceSelection

from . import cot_files, natural_instructions_metrics
from .python_tasks import Example, add_python_task, capped_examples, task_name

# Flan 2022's cap for chain of thought, and its rate of inverted tasks to straight ones
# (arXiv 2301.13688, table 23; flan/v2/mixtures.py).
MAX_EXAMPLES_PER_TASK = 100_000
INVERTED_SCALE = 0.3


def register(root: pathlib.Path, *, prefix: str = "cot") -> None:
    """Registers the Tasks of every set under `ROOT/cot`, and the mixture called `prefix`.

    Raises:
      ValueError: if there is no set.
    """
    import seqio

    rates = []
    for set_name, path in cot_files.find_sets(root).items():
        for form in cot_files.FORMS:
            name = task_name(f"{prefix}_{set_name}_{form.suffix}")
            _add_task(name, path, form)
            scale = INVERTED_SCALE if form.inverted else 1.0
            rate = functools.partial(capped_examples, maximum=MAX_EXAMPLES_PER_TASK, scale=scale)
            rates.append((name, rate))
    seqio.MixtureRegistry.add(prefix, rates)


def _add_task(name: str, path: pathlib.Path, form: cot_files.PromptFormat) -> None:
    """Registers one set in one form."""
    add_python_task(
        name,
        FormReader(path, form),
        splits=("train", "validation"),
        metrics=(
            (natural_instructions_metrics.rouge_l,)
            if form.inverted
            else (cot_files.final_answer_accuracy,)
        ),
        postprocess=str.strip if form.inverted else cot_files.final_answer,
    )


@dataclasses.dataclass(frozen=True)
class FormReader:
    """Reads one set in one form; what `add_python_task` calls a reader.

    Attributes:
      path: the set's file.
      form: the form.
      selection: which of the instances it reads, exemplars among them; None for all.
    """

    path: pathlib.Path
    form: cot_files.PromptFormat
    selection: InstanceSelection | None = None

    def __call__(self, split: str) -> list[Example]:
        """The examples of a split."""
        rows = cot_files.read_split(self.path, split)
        if self.selection is not None:
            kept = self.selection.choose((row.id, row.question) for row in rows)
            rows = tuple(itertools.compress(rows, kept))
        return cot_files.render_examples(rows, self.form)

    def restricted(self, selection: InstanceSelection) -> FormReader:
        """The reader of one side of the instances."""
        return dataclasses.replace(self, selection=selection)


register(environment.data_dir())
