"""A seqio Task over conversations of your own, in one call. docs/own_task.md shows it."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.chat.conversations import Conversation, as_messages, read_conversation
from t5lite.data.chat.named_chat_templates import choose_template
from t5lite.data.sources.split_files import Place, SplitFiles
from t5lite.data.tasks import environment, seqio_adapter
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.vocabularies.load import parse_vocabulary

from .files import split_files, under_data_root
from .python_tasks import MetricFn

if TYPE_CHECKING:
    import seqio

# The field that holds the messages, or a function of the record that returns them.
Messages = str | Callable[[Mapping[str, Any]], Any] | None


def add_chat_task(
    name: str,
    *,
    files: Mapping[str, Place],
    chat_template: str | None = None,
    messages: Messages = None,
    format: str | None = None,
    metrics: Sequence[MetricFn] = (),
) -> seqio.Task:
    """Registers a seqio Task that learns the assistant's part of conversations.

    As any seqio Task sees it, an example is one answer: `inputs` is the conversation so far as the
    chat template writes it, `targets` the answer up to the token that ends the turn. t5lite's
    decoder-only models learn a whole conversation as one sequence, in which the assistant's turns
    alone bear loss.

    Args:
      name: the Task's name.
      files: see `add_file_task`.
      chat_template: `chatml`, `plain`, `instruction`, or the path of a `.jinja` file (relative
        ones under the data root); None is that of the run's vocabulary. It is saved with the model.
      messages: the field that holds the messages, or a function of the record that returns
        `{"role": ..., "content": ...}` each; None knows the usual layouts
        (t5lite/data/chat/conversations.py).
      format: see `add_file_task`.
      metrics: functions `(targets, predictions) -> {name: value}` of answers as text.

    Returns:
      The registered Task.

    Raises:
      ValueError: `files` is empty, there is no such template or none at all, or a relative path is
        given and no data root is set. When the Task is used: for a missing file or a malformed
        conversation, with file, line and field.
    """
    import seqio

    if chat_template is not None and chat_template.endswith(".jinja"):
        chat_template = str(under_data_root(chat_template))
    vocabulary = parse_vocabulary(environment.vocabulary_name())
    try:
        template = choose_template(chat_template, vocabulary)
    except ValueError as error:
        raise ValueError(f"Task {name!r}: {error}") from error
    reader = _ChatReader(
        split_files(name, files, format=format), ChatFormat(vocabulary, template), messages
    )
    return seqio.TaskRegistry.add(
        name,
        source=_source_class()(reader, tuple(files)),
        preprocessors=[functools.partial(write_answers, reader=reader)],
        output_features=seqio_adapter.output_features(),
        postprocess_fn=_stripped,
        metric_fns=list(metrics),
    )


def _stripped(text: str, **unused: Any) -> str:
    return text.strip()


@dataclasses.dataclass(frozen=True)
class _ChatReader:
    """What reads conversations, and how they are written.

    Attributes:
      files: where the records are.
      format: how a conversation becomes tokens.
      messages: see `add_chat_task`.
      selection: which of the conversations it reads; None for all.
    """

    files: SplitFiles
    format: ChatFormat
    messages: Messages
    selection: InstanceSelection | None = None

    def conversations(self, split: str) -> Iterator[tuple[str, Conversation]]:
        """Yields (what an error calls it, conversation)."""
        if self.selection is None:
            yield from self._all_conversations(split)
            return
        texts = (("", _as_json(found)) for _, found in self._all_conversations(split))
        kept = self.selection.choose(texts)
        yield from itertools.compress(self._all_conversations(split), kept)

    def _all_conversations(self, split: str) -> Iterator[tuple[str, Conversation]]:
        for where, record in self.files.records(split):
            if callable(self.messages):
                found = {"messages": as_messages(self.messages(record), where=where)}
                yield where, read_conversation(found, where=where)
            else:
                yield where, read_conversation(record, where=where, field=self.messages)

    def fingerprint_parts(self) -> list[Any]:
        """Files, which may be found only when they are read, and the template."""
        template = self.format.template
        return [
            self.files,
            self.format.vocabulary,
            dict(template.sources),
            dict(template.special_tokens),
            self.messages,
            self.selection,
        ]


def _as_json(conversation: Conversation) -> str:
    return json.dumps(dataclasses.asdict(conversation))


def write_answers(
    dataset: Any, sequence_length: Mapping[str, int] | None, *, reader: _ChatReader
) -> Any:
    """A seqio preprocessor: of every conversation, each answer of the assistant's as an example.

    Args:
      dataset: a tf.data.Dataset with `conversation`, JSON, and `where`, what an error calls it.
      sequence_length: what is too long of a prompt is left out from its beginning.
      reader: says how a conversation is written.

    Returns:
      A tf.data.Dataset of token ids `inputs` and `targets`, and `*_pretokenized`.
    """
    import tensorflow as tf

    longest = _longest_prompt(sequence_length)
    examples = []
    for row in dataset.as_numpy_iterator():
        said = json.loads(row["conversation"])
        conversation = Conversation(tuple(said["messages"]), said["tools"])
        for turn in _named(
            reader.format.turns(conversation, longest_prompt=longest), row["where"].decode()
        ):
            examples.append(
                {
                    "inputs": turn.prompt.tokens,
                    "targets": turn.answer,
                    "inputs_pretokenized": turn.prompt.text,
                    "targets_pretokenized": turn.answer_text,
                }
            )
    ids, text = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.string)
    return tf.data.Dataset.from_generator(
        lambda: iter(examples),
        output_signature={
            "inputs": ids,
            "targets": ids,
            "inputs_pretokenized": text,
            "targets_pretokenized": text,
        },
    )


def _longest_prompt(lengths: Mapping[str, int] | None) -> int | None:
    """Most tokens of a prompt."""
    return lengths["inputs" if "inputs" in lengths else "targets"] if lengths else None


def _named(items: Iterator[Any], where: str) -> Iterator[Any]:
    """The items; what goes wrong is said with its place."""
    try:
        yield from items
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


@functools.cache
def _source_class() -> Any:
    """A seqio DataSource of conversations."""
    import seqio

    class ChatDataSource(seqio.FunctionDataSource):
        """Conversations of files, as JSON.

        Attributes:
          chat_format: how they are written.
        """

        counts_when_asked = True

        def __init__(self, reader: _ChatReader, splits: Sequence[str]):
            seqio.DataSource.__init__(self, splits=splits)
            self._reader = reader
            self.chat_format = reader.format

        def _dataset_fn(self, split: str, shuffle_files: bool, seed: int | None = None) -> Any:
            del shuffle_files, seed  # Files in their own order; the machine shuffles by index.
            import tensorflow as tf

            rows = [
                (where, _as_json(conversation))
                for where, conversation in self._reader.conversations(split)
            ]
            where, conversations = zip(*rows, strict=True) if rows else ((), ())
            return tf.data.Dataset.from_tensor_slices(
                {
                    "where": tf.constant(where, tf.string),
                    "conversation": tf.constant(conversations, tf.string),
                }
            )

        def num_input_examples(self, split: str) -> int:
            if self._reader.selection is not None:
                return sum(1 for _ in self._reader.conversations(split))
            return self._reader.files.count(split)

        def restricted(self, selection: InstanceSelection) -> ChatDataSource:
            """The source of one side of the conversations."""
            reader = dataclasses.replace(self._reader, selection=selection)
            return ChatDataSource(reader, self.splits)

        def token_examples(
            self, split: str, *, lengths: Mapping[str, int] | None, whole: bool
        ) -> Iterator[dict[str, list[int]]]:
            """Examples without TensorFlow, whole conversations if asked for.

            Args:
              split: one of its splits.
              lengths: see `ChatFormat.exchanges`, or `write_answers`.
              whole: whether an example is as much of a conversation as there is room for, what is
                not to be learned of its targets being complements; else it is an answer.
            """
            written = self.chat_format
            for where, conversation in self._reader.conversations(split):
                if whole:
                    for part in _named(written.exchanges(conversation, lengths=lengths), where):
                        yield {"inputs": part.inputs, "targets": part.targets}
                    continue
                longest = _longest_prompt(lengths)
                for turn in _named(written.turns(conversation, longest_prompt=longest), where):
                    yield {"inputs": turn.prompt.tokens, "targets": turn.answer}

    return ChatDataSource
