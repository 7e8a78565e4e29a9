"""A seqio source that gives some of another's examples, under splits of its own names."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import types
from collections.abc import Iterable, Mapping
from typing import Any

from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.instance_selection import InstanceSelection, NotingSelection, same_text
from t5lite.data.tasks.seqio_endless import ending
from t5lite.data.tasks.seqio_library import is_text, load_seqio


@dataclasses.dataclass(frozen=True)
class Part:
    """What a split is made of.

    Attributes:
      split: of the other source.
      selection: which instances of it; None for all.
    """

    split: str
    selection: InstanceSelection | None = None


def select_source(source: Any, parts: Mapping[str, Part], *, task_name: str) -> Any:
    """A `seqio.DataSource` of parts of another one.

    A source that itself knows how to leave instances out has a method `restricted(selection)`,
    which gives a source of the same splits without them: a prompt then shows none of them as an
    exemplar either. Of others the raw examples are chosen, by their field `id` where there is one,
    and by their text: the field `inputs`, or else all fields but the id.

    Args:
      source: the other one.
      parts: what each split is made of.
      task_name: the Task that it is for, which its `data_status` names.

    Raises:
      ValueError: the source gives texts or conversations beside its dataset, and cannot leave
        instances out of them.
    """
    selects = any(part.selection is not None for part in parts.values())
    gives_more = hasattr(source, "texts") or hasattr(source, "chat_format")
    if selects and gives_more and not hasattr(source, "restricted"):
        raise ValueError(
            f"Task {task_name!r}: its source {type(source).__name__} gives examples past its "
            "dataset (`texts` or `token_examples`) and has no method `restricted(selection)` to "
            "leave instances out of them; write one, or hold out no instances"
        )
    return _source_class()(source, dict(parts), task_name)


def matched_ids(source: Any, ids: Iterable[str], *, task: str, task_name: str) -> set[str]:
    """Which ids, of a list, instances of a source's training split have.

    Args:
      source: it.
      ids: the list.
      task: the task that the ids are of.
      task_name: the registered Task, a form of it, that the source is of.
    """
    selection = NotingSelection(task=task, seed=0, share=0.0, ids=frozenset(ids), held_out=True)
    parts = {"train": Part("train", selection)}
    held_out = select_source(source, parts, task_name=task_name)
    for _ in held_out.get_dataset("train", shuffle=False).as_numpy_iterator():
        pass
    return selection.matched


@functools.cache
def _source_class() -> Any:
    load_seqio()
    import seqio

    class SelectedSource(seqio.DataSource):
        """Parts of another source.

        Attributes:
          selected_from: the other one.
        """

        counts_when_asked = True

        def __init__(self, base: Any, parts: dict[str, Part], task_name: str):
            super().__init__(splits=tuple(parts), caching_permitted=base.caching_permitted)
            self.selected_from = base
            self._parts = parts
            self._task_name = task_name
            self._sources = {
                split: base.restricted(part.selection)
                if part.selection is not None and hasattr(base, "restricted")
                else base
                for split, part in parts.items()
            }

        @property
        def supports_arbitrary_sharding(self) -> bool:
            return False

        def list_shards(self, split: str) -> Any:
            return self._sources[split].list_shards(self._parts[split].split)

        def get_dataset(
            self,
            split: str = "train",
            shuffle: bool = True,
            seed: int | None = None,
            shard_info: Any = None,
            **unused: Any,
        ) -> Any:
            """The examples, as the other source gives them."""
            part = self._parts[split]
            dataset = self._sources[split].get_dataset(
                split=part.split, shuffle=shuffle, seed=seed, shard_info=shard_info
            )
            selection = self._filter_of(split)
            if selection is None:
                return dataset
            base = types.SimpleNamespace(
                name=self._task_name,
                source=self.selected_from,
                num_input_examples=self.selected_from.num_input_examples,
            )
            raw = dataset.map(_key_and_content).as_numpy_iterator()
            ends = ending(raw, base, part.split, source=dataset, dataset=dataset)
            return _filtered(dataset, selection, raw=ends)

        def num_input_examples(self, split: str) -> int | None:
            """As the other source says; None where that counts other examples too."""
            if self._filter_of(split) is not None:
                return None
            return self._sources[split].num_input_examples(self._parts[split].split)

        def _filter_of(self, split: str) -> InstanceSelection | None:
            """The selection that the other source leaves to this one."""
            is_restricted = self._sources[split] is not self.selected_from
            return None if is_restricted else self._parts[split].selection

        def _of_base(self, name: str, split: str, **settings: Any) -> Any:
            return getattr(self._sources[split], name)(self._parts[split].split, **settings)

        def __getattr__(self, name: str) -> Any:
            """What the machine asks of some sources and not of others."""
            if name not in _PASSED_ON:
                raise AttributeError(name)
            of_base = getattr(self.selected_from, name)
            if name in ("texts", "token_examples"):
                return functools.partial(self._of_base, name)
            if name == "fingerprint_parts":
                return lambda: [*of_base(), [*self._parts.items()]]
            if name == "data_status" and of_base is not None:
                return functools.partial(self._data_status, of_base)
            return of_base

        def _data_status(self, ask: Any, *, split: str | None = None) -> DataStatus:
            part = self._parts.get(split or "")
            knows_splits = part is not None and "split" in inspect.signature(ask).parameters
            status = ask(split=part.split) if part is not None and knows_splits else ask()
            return dataclasses.replace(status, task=self._task_name)

    return SelectedSource


_PASSED_ON = (
    *("texts", "token_examples", "chat_format", "fingerprint_parts", "data_status"),
    *("prompt_setting", "task_kind", "task_description"),
)


# ---- Raw examples --------------------------------------------------------------------------------


def _filtered(dataset: Any, selection: InstanceSelection, *, raw: Iterable[Any]) -> Any:
    """The raw examples of a `tf.data.Dataset` that are on this side; `raw` is one pass over it."""
    import numpy as np
    import tensorflow as tf

    held_out_texts = selection.held_out_texts(map(_read, raw))

    def is_kept(*row: Any) -> Any:
        return np.bool_(selection.is_on_this_side(*_read(row), held_out_texts))

    def keep(example: Mapping[str, Any]) -> Any:
        kept = tf.numpy_function(is_kept, _key_and_content(example), tf.bool, stateful=False)
        return tf.ensure_shape(kept, ())

    return dataset.filter(keep)


def _key_and_content(example: Mapping[str, Any]) -> tuple[Any, ...]:
    """An example's id, empty where it has none, and the tensors that make up its text."""
    import tensorflow as tf

    name = example["id"] if is_text(example.get("id")) else tf.constant("")
    if is_text(example.get("inputs")):
        return name, example["inputs"]
    fields = {field: value for field, value in sorted(example.items()) if field != "id"}
    return name, *tf.nest.flatten(fields, expand_composites=True)


def _read(row: tuple[Any, ...]) -> tuple[str, str]:
    """(id, text) of what `_key_and_content` gives; the text of several tensors is their digest."""
    name, *parts = row
    if len(parts) == 1 and isinstance(parts[0], bytes):
        return name.decode("utf-8", "replace"), same_text(parts[0].decode("utf-8", "replace"))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part.tolist() if hasattr(part, "tolist") else part).encode())
    return name.decode("utf-8", "replace"), digest.hexdigest()
