"""A seqio Task whose examples a Python function gives, as text; from there on it is ordinary seqio.

What comes out is a plain `seqio.Task` over a `seqio.FunctionDataSource`, with seqio's own
tokenize and append_eos, so T5X and stock seqio can use it too.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.labels import Label
from t5lite.data.tasks.prompt_parts import PromptParts, texts_of
from t5lite.data.tasks.task_kinds import TaskKind

if TYPE_CHECKING:
    import seqio
    import tensorflow as tf

# Of (targets, predictions), or of (targets, scores, aux_values), as seqio tells by the names.
MetricFn = Callable[..., Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class Example:
    """One example as text.

    Attributes:
      id: names the example within its Task; unique where the data has ids.
      inputs: what the model reads.
      targets: what the model learns to write.
      references: every text that evaluation counts as right.
      options: the answers to choose among, where there are such.
      parts: what `inputs` is composed of, where that is known; see `asked`.
    """

    id: str
    inputs: str
    targets: str
    references: tuple[str, ...]
    options: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    parts: PromptParts | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    def asked(
        cls,
        parts: PromptParts,
        *,
        id: str,
        targets: str,
        references: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> Example:
        """An example whose `inputs` are the prompt that these parts make.

        Args:
          parts: of the prompt.
          id: as above.
          targets: the answer, without the delimiter that stands before it.
          references: as above; the target alone if there are none.
          options: as above.
        """
        return cls(
            id=id,
            inputs=parts.text(),
            targets=targets,
            references=references or (targets,),
            options=options,
            parts=parts,
        )

    @property
    def label(self) -> Label | None:
        """How its prompt was made, if known; token stores keep it for `t5lite tasks audit`."""
        return None


def add_python_task(
    name: str,
    read: Callable[[str], Sequence[Example]],
    *,
    splits: Sequence[str],
    metrics: Sequence[MetricFn],
    postprocess: Callable[[str], str | None] = str.strip,
    reference: Callable[[Mapping[str, Any]], Any] | None = None,
) -> seqio.Task:
    """Registers a seqio Task over examples that a Python function reads.

    Nothing is read at registration: `read` runs when a dataset or a count is asked for, and its
    ValueErrors reach the caller as they are, not wrapped by tf.data.

    Args:
      name: the Task's name.
      read: `read(split)` gives the split's examples, always in the same order. It may also be an
        object that is called so and has further methods: `num_examples(split)`, if it knows the
        number without reading; `examples(split)`, which gives the same examples one by one;
        `data_status()`, whether its data are there (t5lite/data/tasks/data_status.py);
        `task_kind()`, its category (t5lite/data/tasks/task_kinds.py); `task_description()` and
        `records(split)` (t5lite/data/tasks/seqio_records.py); `restricted(selection)`, a
        reader that leaves instances out before it draws exemplars from among the others
        (t5lite/data/tasks/instance_selection.py);
        `fingerprint_parts()` (t5lite/data/tasks/fingerprint.py); and an
        attribute `prompt_setting`, a name such as `zs_opt` for `t5lite tasks audit`.
      splits: the splits `read` accepts.
      metrics: functions `(targets, predictions) -> {name: value}`; each target is the example's
        reference, or the list of its references where there are several.
      postprocess: applied to each prediction before scoring; None where it finds no answer.
      reference: makes what metrics compare with of an example's fields, where it is not what
        `metrics` says.

    Returns:
      The registered Task.
    """
    import seqio

    def postprocess_fn(
        text: str, *, example: Mapping[str, Any] | None = None, is_target: bool = False
    ) -> Any:
        if not is_target or example is None:
            return postprocess(text)
        if reference is not None:
            return reference(example)
        references = list(texts_of(example, "references"))
        return references[0] if len(references) == 1 else references

    return seqio.TaskRegistry.add(
        name,
        source=_source_class()(read, splits),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features=seqio_adapter.output_features(),
        postprocess_fn=postprocess_fn,
        metric_fns=list(metrics),
    )


def task_name(text: str) -> str:
    """The text with `_` for every character that seqio allows in no Task name, such as `-`."""
    return re.sub(r"[^\w.]", "_", text)


def capped_examples(
    task: Any, *, maximum: float, scale: float = 1.0, declared: int | None = None
) -> float:
    """A mixing rate: the Task's number of examples times `scale`, at most `maximum`.

    What `seqio.mixing_rate_num_examples` computes, for Tasks that are never cached by seqio. A
    Task without a train split counts the first split it has, so that a mixture of evaluation
    Tasks has rates too. Where the number is `declared`, nothing is counted.
    """
    if declared is None:
        split = "train" if "train" in task.splits else task.splits[0]
        declared = task.num_input_examples(split)
    return float(min(declared * scale, maximum))


@functools.cache
def _source_class() -> type[seqio.FunctionDataSource]:
    """A FunctionDataSource that counts its examples when asked; stock seqio wants counts ahead."""
    import seqio

    class PythonDataSource(seqio.FunctionDataSource):
        """Examples that a Python function reads."""

        counts_when_asked = True
        texts_have_all_fields = True
        is_repeatable = True

        def __init__(self, read: Callable[[str], Sequence[Example]], splits: Sequence[str]):
            # Past FunctionDataSource, which would inspect a signature for each of thousands.
            seqio.DataSource.__init__(self, splits=splits)
            self._read = read

        def _dataset_fn(self, split: str, shuffle_files: bool, seed: int | None = None) -> Any:
            del shuffle_files, seed  # One file in its own order; the machine shuffles by index.
            return _to_dataset(self._read(split))

        @property
        def data_status(self) -> Callable[[], DataStatus] | None:
            """Whether the data are there, where the reader knows."""
            return getattr(self._read, "data_status", None)

        @property
        def task_kind(self) -> Callable[[], TaskKind] | None:
            """What is asked, where the reader knows."""
            return getattr(self._read, "task_kind", None)

        @property
        def task_description(self) -> Callable[[], str] | None:
            """What is asked in words, where the reader knows."""
            return getattr(self._read, "task_description", None)

        @property
        def records(self) -> Callable[[str], Iterator[Mapping[str, Any]]] | None:
            """What the prompts are made of, where the reader tells."""
            return getattr(self._read, "records", None)

        def restricted(self, selection: InstanceSelection) -> PythonDataSource:
            """The source with one side of the instances."""
            restrict = getattr(self._read, "restricted", None)
            read = restrict(selection) if restrict else SelectedReader(self._read, selection)
            return PythonDataSource(read, self.splits)

        @property
        def prompt_setting(self) -> str:
            """How the reader's examples are put, where it says so; else empty."""
            return getattr(self._read, "prompt_setting", "")

        def num_input_examples(self, split: str) -> int:
            counter = getattr(self._read, "num_examples", None)
            return counter(split) if counter else len(self._read(split))

        def texts(self, split: str) -> Iterator[dict[str, Any]]:
            """The same examples as texts, with labels, for who can do without TensorFlow."""
            examples = getattr(self._read, "examples", self._read)
            for example in examples(split):
                yield {**_fields(example), "label": example.label}

    return PythonDataSource


@dataclasses.dataclass(frozen=True)
class SelectedReader:
    """Reads one side of the instances that another reader gives.

    Attributes:
      read: the other reader.
      selection: which side.
    """

    read: Callable[[str], Sequence[Example]]
    selection: InstanceSelection

    def __call__(self, split: str) -> list[Example]:
        """The examples of a split that are on this side."""
        examples = self.read(split)
        kept = self.selection.choose((example.id, example.inputs) for example in examples)
        return list(itertools.compress(examples, kept))


def _fields(example: Example) -> dict[str, str | tuple[str, ...]]:
    """An example's fields, as seqio sees them; those of the prompt's parts where it has some."""
    fields: dict[str, str | tuple[str, ...]] = {
        "id": example.id,
        "inputs": example.inputs,
        "targets": example.targets,
        "references": example.references,
        "options": example.options,
    }
    return fields | (example.parts.fields() if example.parts else {})


def _to_dataset(examples: Sequence[Example]) -> tf.data.Dataset:
    """The examples as a tf.data.Dataset of scalar strings, and lists of strings of shape [None].

    Raises:
      ValueError: some have parts, and others have none.
    """
    import tensorflow as tf

    if len({example.parts is None for example in examples}) > 1:
        raise ValueError("a Task's examples must all have `parts`, or none of them")
    rows = [_fields(example) for example in examples]
    names = dict.fromkeys(name for row in (_fields(_EMPTY), *rows) for name in row)
    columns = {}
    for name in names:
        values = [row[name] for row in rows]
        columns[name] = (
            tf.ragged.constant(values, ragged_rank=1, dtype=tf.string)
            if name in _LISTS
            else tf.constant(values, dtype=tf.string)
        )
    return tf.data.Dataset.from_tensor_slices(columns)


# What a Task without examples has the fields of.
_EMPTY = Example("", "", "", ())
_LISTS = ("references", "options", "exemplar_inputs", "exemplar_targets")
