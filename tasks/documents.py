"""A seqio Task over long documents, cut into windows. docs/long_context.md shows it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.sources import local_files
from t5lite.data.sources.split_files import Place, SplitFiles
from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.data_status import DataStatus

from . import field_templates
from .field_templates import FieldTemplate
from .files import files_status, split_files

if TYPE_CHECKING:
    import seqio
    import tensorflow as tf


def add_document_task(
    name: str,
    *,
    files: Mapping[str, Place],
    text: FieldTemplate = "text",
    format: str | None = None,
    stride: int | None = None,
) -> seqio.Task:
    """Registers a seqio Task whose examples are windows of documents, to train on.

    A window has as many tokens as `TASK_FEATURE_LENGTHS` gives targets, so a mixture's rates and
    epochs count windows, and a long document has its share. See `cut_into_windows`.

    Args:
      name: the Task's name.
      files: see `add_file_task`. Documents are read in a stream.
      text: a document's text: the name of a field, a template, or a function of the record.
      format: see `add_file_task`; `document` where each file is one document.
      stride: tokens from the beginning of a window to that of the next; those of a window if None.

    Returns:
      The registered Task.

    Raises:
      ValueError: as `add_file_task`, or the stride is no positive number.
    """
    if stride is not None and stride < 1:
        raise ValueError(f"Task {name!r}: stride is {stride}; it must be 1 or more")
    cut = functools.partial(cut_into_windows, stride=stride)
    return register(
        name, files=files, text=text, format=format, preprocessors=[cut], features=("targets",)
    )


def register(
    name: str,
    *,
    files: Mapping[str, Place],
    text: FieldTemplate,
    format: str | None,
    preprocessors: Sequence[Any],
    features: Sequence[str] = ("inputs", "targets"),
    **fields: Any,
) -> seqio.Task:
    """Registers a seqio Task that makes its examples of tokenised documents.

    Args:
      name: see `add_document_task`, as for the next three.
      files: the documents.
      text: of a record.
      format: of the files.
      preprocessors: given `targets`, a document's token ids without an end, and `id`, its place.
      features: which its examples have.
      **fields: of the Task.
    """
    import seqio

    field_templates.check(text, where=f"Task {name!r}, text")
    all_features = seqio_adapter.output_features()
    reader = _DocumentReader(name, split_files(name, files, format=format), text)
    return seqio.TaskRegistry.add(
        name,
        source=_source_class()(reader, tuple(files)),
        preprocessors=[seqio.preprocessors.tokenize, *preprocessors],
        output_features={n: f for n, f in all_features.items() if n in features},
        **fields,
    )


def cut_into_windows(
    dataset: tf.data.Dataset,
    sequence_length: Mapping[str, int],
    output_features: Mapping[str, Any],
    *,
    stride: int | None = None,
) -> tf.data.Dataset:
    """A seqio preprocessor: the windows of each document, behind `seqio.preprocessors.tokenize`.

    They begin at every multiple of the stride, and the last one is the first that reaches the
    document's end. That one alone has the end token behind it, if it has room for it: rows that a
    window fills end in the middle of a text, and have none.

    Args:
      dataset: has `targets`, a document's tokens without an end; other fields are left out.
      sequence_length: `targets` is how many tokens a window has.
      output_features: say what the end token is.
      stride: tokens between the beginnings of windows; at most those of a window, which None means.

    Raises:
      ValueError: the stride would leave out tokens between windows.
    """
    import tensorflow as tf

    length = sequence_length["targets"]
    step = length if stride is None else stride
    if step > length:
        raise ValueError(
            f"windows of {length} tokens at a stride of {step} leave out what is between them; "
            'give a stride of at most TASK_FEATURE_LENGTHS["targets"]'
        )
    feature = output_features["targets"]
    end = [feature.vocabulary.eos_id] if feature.add_eos else []

    def windows(document: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        tokens = tf.concat([document["targets"], tf.constant(end, tf.int32)], 0)
        num_tokens = tf.size(document["targets"], tf.int64)
        more = tf.maximum(-((length - num_tokens) // step), 0)  # rounded up
        number = tf.where(num_tokens > 0, 1 + more, 0)
        return tf.data.Dataset.range(number).map(
            lambda index: {"targets": tokens[index * step : index * step + length]}
        )

    return dataset.flat_map(windows)


@dataclasses.dataclass(frozen=True)
class _DocumentReader:
    """Reads documents.

    Attributes:
      name: the Task's.
      files: where the records are.
      text: what to make a document's text of.
    """

    name: str
    files: SplitFiles
    text: FieldTemplate

    def documents(self, split: str) -> Iterator[dict[str, str]]:
        """Yields the split's documents, one by one."""
        for where, record in self.files.records(split):
            text = field_templates.one_text(self.text, record, where=where)
            key = local_files.keyed_hash("document", text)
            yield {"id": f"{key:016x}", "targets": text}

    def fingerprint_parts(self) -> list[Any]:
        """Files, which may be found only when they are read, and the template."""
        return [self.files, self.text]


@functools.cache
def _source_class() -> Any:
    """A seqio DataSource of documents."""
    import seqio
    import tensorflow as tf

    class DocumentSource(seqio.FunctionDataSource):
        """Documents of files, as texts."""

        counts_when_asked = True
        is_repeatable = True
        gives_windows = True

        def __init__(self, reader: _DocumentReader, splits: Sequence[str]):
            seqio.DataSource.__init__(self, splits=splits)
            self._reader = reader

        def _dataset_fn(self, split: str, shuffle_files: bool, seed: int | None = None) -> Any:
            del shuffle_files, seed  # Files in their own order; the machine shuffles by index.
            text = tf.TensorSpec([], tf.string)
            return tf.data.Dataset.from_generator(
                functools.partial(self.texts, split),
                output_signature={"id": text, "targets": text},
            )

        def texts(self, split: str) -> Iterator[dict[str, str]]:
            """The documents, one by one."""
            return self._reader.documents(split)

        def data_status(self, *, split: str | None = None) -> DataStatus:
            """Whether the files are there."""
            return files_status(self._reader.name, self._reader.files, split=split)

        def num_input_examples(self, split: str) -> int:
            return self._reader.files.count(split)

    return DocumentSource
