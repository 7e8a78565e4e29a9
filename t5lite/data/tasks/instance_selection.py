"""Which instances of a task are held out of training, whatever forms the task is asked in.

An instance is known by what it is, never by its place: by its id, which all forms of a task share,
or where it has none by its text. Instances of one text stay on one side, under whatever ids.
"""

import dataclasses
from collections.abc import Iterable

from t5lite.data.sources.local_files import keyed_hash

_RESOLUTION = 1 << 64  # of keyed_hash


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceSelection:
    """One side of a task's instances.

    Attributes:
      task: the task, whatever its form; instances of others are drawn apart.
      seed: of the draw.
      share: of the instances to hold out, in [0, 1); each is held out with this chance, and where
        that is none, the one with the smallest hash is, if there are others.
      ids: those to hold out instead of drawing; None to draw.
      held_out: whether this is the side that is held out, or the one that is trained on.
    """

    task: str
    seed: int
    share: float
    ids: tuple[str, ...] | None = None
    held_out: bool

    def choose(self, instances: Iterable[tuple[str, str]]) -> list[bool]:
        """Whether each instance is on this side.

        Args:
          instances: (id, text) of all of a split, in any order; ids may be empty.
        """
        listed = list(instances)
        held_out = self.held_out_texts(listed)
        return [(same_text(text) in held_out) == self.held_out for _, text in listed]

    def held_out_texts(self, instances: Iterable[tuple[str, str]]) -> set[str]:
        """The texts that are held out, as `same_text` gives them; arguments are `choose`'s."""
        found: set[str] = set()
        first: str | None = None
        smallest, hash_of_smallest, are_several = "", _RESOLUTION, False
        for name, written in instances:
            text = same_text(written)
            key = name or text
            first = text if first is None else first
            are_several |= text != first
            if self.is_drawn(key):
                found.add(text)
            if not found and self.ids is None and self._hash(key) < hash_of_smallest:
                hash_of_smallest, smallest = self._hash(key), text
        return found or ({smallest} if are_several and self.ids is None else set())

    def is_drawn(self, key: str) -> bool:
        """Whether an instance is held out for its own sake, by its id or else its text."""
        if self.ids is not None:
            return key in self.ids
        return self._hash(key) < self.share * _RESOLUTION

    def _hash(self, key: str) -> int:
        return keyed_hash("held out", str(self.seed), self.task, key)


def same_text(text: str) -> str:
    """What instances of one text have in common: all but blanks."""
    return " ".join(text.split())
