"""Random choices that depend on a key only: the same on every machine, in any order of examples."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

# Below this many bits left, the next ones are hashed: the bias of a draw stays under 2**-64.
_RESERVE = 1 << 96


class KeyedRandom:
    """A stream of choices from SHA-256 of its key and a count."""

    __slots__ = ("_bits", "_block", "_seed")

    def __init__(self, *key: str | int):
        self._seed = "\x1f".join(map(str, key)).encode()
        self._block = 0
        self._bits = int.from_bytes(hashlib.sha256(self._seed).digest(), "little")

    def below(self, n: int) -> int:
        """A number from 0 to n - 1, all equally likely; n is at most 2**32."""
        if self._bits < _RESERVE:
            self._block += 1
            block = self._seed + b"\x1e%d" % self._block
            self._bits = int.from_bytes(hashlib.sha256(block).digest(), "little")
        self._bits, drawn = divmod(self._bits, n)
        return drawn

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def permutation(self, n: int) -> list[int]:
        """The numbers from 0 to n - 1 in an order drawn by Fisher and Yates's method."""
        order = list(range(n))
        for last in range(n - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
