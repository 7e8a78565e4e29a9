"""How one layer's numbers lie in our parameters and in somebody else's tensors.

A layout only permutes numbers, so both directions are exact, whatever the type.

Shapes: D width in, H heads, K width of a head, N width out (H * K in attention).
"""

import dataclasses
from typing import Literal, Protocol

import numpy as np

from t5lite.models.config import TransformerConfig


class Layout(Protocol):
    """One tensor of theirs made from one or several of ours, and the way back."""

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        """Theirs to ours, in the order of the row's names."""

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        """Ours to theirs; the inverse of `split`."""

    def __hash__(self) -> int:
        """Layouts are values: what they make of a shape is remembered."""


@dataclasses.dataclass(frozen=True)
class _Same:
    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        return (tensor,)

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        (part,) = parts
        return part


@dataclasses.dataclass(frozen=True)
class _Transposed:
    """A torch Linear keeps [N, D], we keep [D, N]."""

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        return (tensor.T,)

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        (part,) = parts
        return part.T


@dataclasses.dataclass(frozen=True)
class _QueryKeyValueInARow:
    """Query, key and value side by side: kernels [D, 3N] and biases [3N] of GPT-2's Conv1D."""

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        query = config.num_heads * config.d_kv
        key = query + config.kv_heads * config.d_kv
        return tuple(np.split(tensor, (query, key), axis=-1))

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        return np.concatenate(parts, axis=-1)


@dataclasses.dataclass(frozen=True)
class _QueryKeyValueInAColumn:
    """MPT: query, key and value below one another, as a Linear [3N, D]."""

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        return GPT2_QKV.split(tensor.T, config)

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        return GPT2_QKV.join(parts, config).T


@dataclasses.dataclass(frozen=True)
class _QueryKeyValueByHead:
    """GPT-NeoX: every head's query, key and value together, [H, 3, K, D] as a Linear [3N, D]."""

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        heads, width = config.num_heads, config.d_kv
        by_head = tensor.reshape(heads, 3, width, *tensor.shape[1:])
        return tuple(by_head[:, i].reshape(heads * width, *tensor.shape[1:]).T for i in range(3))

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        heads, width = config.num_heads, config.d_kv
        by_head = np.stack(
            [part.T.reshape(heads, width, *part.T.shape[1:]) for part in parts], axis=1
        )
        return by_head.reshape(-1, *by_head.shape[3:])


@dataclasses.dataclass(frozen=True)
class _AdjacentRotary:
    """A Linear [H * K, D] whose rotary pairs are neighbours (2i, 2i + 1), as in Meta's LLaMA.

    We rotate the halves of a head against each other, (i, i + K / 2): the rows of one form are
    those of the other in another order.

    Attributes:
      heads: Which of the config's numbers of heads it has.
    """

    heads: Literal["num_heads", "kv_heads"]

    def split(self, tensor: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        pairs = tensor.reshape(getattr(config, self.heads), config.d_kv // 2, 2, -1)
        return (pairs.swapaxes(1, 2).reshape(tensor.shape).T,)

    def join(self, parts: tuple[np.ndarray, ...], config: TransformerConfig) -> np.ndarray:
        (part,) = parts
        halves = part.T.reshape(getattr(config, self.heads), 2, config.d_kv // 2, -1)
        return halves.swapaxes(1, 2).reshape(part.T.shape)


SAME: Layout = _Same()
TRANSPOSED: Layout = _Transposed()
GPT2_QKV: Layout = _QueryKeyValueInARow()
MPT_QKV: Layout = _QueryKeyValueInAColumn()
NEOX_QKV: Layout = _QueryKeyValueByHead()
META_ROTARY_QUERY: Layout = _AdjacentRotary("num_heads")
META_ROTARY_KEY: Layout = _AdjacentRotary("kv_heads")
