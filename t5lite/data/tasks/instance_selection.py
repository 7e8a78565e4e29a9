"""Which instances of a task are held out of training, whatever forms the task is asked in.

An instance is known by what it is, never by its place: by its id, which all forms of a task share,
or where it has none by its text. That alone says whether it is evaluated, so what is evaluated in
one form is trained on in no other, whichever instances each of them has. What merely has the text
of a held-out instance, under another id, is on neither side.
"""

import dataclasses
from collections.abc import Collection, Iterable

from t5lite.data.sources.local_files import keyed_hash

_RESOLUTION = 1 << 64  # of keyed_hash


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceSelection:
    """One side of a task's instances.

    Attributes:
      task: the task, whatever its form; instances of others are drawn apart.
      seed: of the draw.
      share: of the instances to hold out, in [0, 1); each is held out with this chance, so of few
        instances it may be none.
      ids: those to hold out instead of drawing; None to draw.
      held_out: whether this is the side that is held out, or the one that is trained on.
    """

    task: str
    seed: int
    share: float
    ids: frozenset[str] | None = None
    held_out: bool

    def choose(self, instances: Iterable[tuple[str, str]]) -> list[bool]:
        """Whether each instance is on this side.

        Args:
          instances: (id, text) of all of a split, in any order; ids may be empty.
        """
        listed = list(instances)
        held_out = self.held_out_texts(listed)
        return [self.is_on_this_side(name, text, held_out) for name, text in listed]

    def held_out_texts(self, instances: Iterable[tuple[str, str]]) -> set[str]:
        """The texts of what is held out, as `same_text` gives them; arguments are `choose`'s."""
        texts = ((name, same_text(text)) for name, text in instances)
        return {text for name, text in texts if self.is_drawn(name or text)}

    def is_on_this_side(self, name: str, text: str, held_out_texts: Collection[str]) -> bool:
        """Whether an instance is, given what `held_out_texts` says of the split."""
        text = same_text(text)
        return self.is_drawn(name or text) if self.held_out else text not in held_out_texts

    def is_drawn(self, key: str) -> bool:
        """Whether an instance is held out for its own sake, by its id or else its text."""
        if self.ids is not None:
            return key in self.ids
        return self._hash(key) < self.share * _RESOLUTION

    def _hash(self, key: str) -> int:
        return keyed_hash("held out", str(self.seed), self.task, key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NotingSelection(InstanceSelection):
    """A selection that notes which of its ids it met.

    Attributes:
      matched: ids, or texts of instances without, that were asked for and are held out.
    """

    matched: set[str] = dataclasses.field(default_factory=set, compare=False)

    def is_drawn(self, key: str) -> bool:
        """As any selection says, and notes it."""
        drawn = super().is_drawn(key)
        if drawn:
            self.matched.add(key)
        return drawn


def same_text(text: str) -> str:
    """What instances of one text have in common: all but blanks."""
    return " ".join(text.split())
