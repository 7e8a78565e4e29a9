"""Random numbers that are a pure function of a key and a counter.

Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), and a keyed
permutation built on it. Nothing is drawn in sequence, so any number of a stream is computed without
those before it, the same on every host and platform: all arithmetic is on integers.

Names: `_N` is any common shape of elements; words are 32 bits wide and held in uint64.
"""

import numpy as np
import numpy.typing as npt

UInt64Array = npt.NDArray[np.uint64]
# One key's two words, or for several keys the arrays of first and of second words.
Key = tuple[int | UInt64Array, int | UInt64Array]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)
_PHILOX_ROUNDS = 10
# Four rounds make a pseudorandom permutation of a large domain (Luby and Rackoff, 1988). Domains
# of a few elements need more before every order is about equally likely.
_FEISTEL_ROUNDS = 8


def key_from_seed(seed: int) -> tuple[int, int]:
    """Splits a seed into the two words of a Philox key.

    Args:
      seed: an integer in [0, 2**64).

    Returns:
      The low and the high word.

    Raises:
      ValueError: the seed is out of range.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must lie in [0, 2**64), found {seed}")
    return seed & 0xFFFFFFFF, seed >> 32


def philox(key: Key, counters: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Philox4x32-10: four random words for every counter.

    Args:
      key: two words; arrays of them are broadcast against the counters.
      counters: integers below 2**32, `[..., 4]`.

    Returns:
      uint32 of the counters' shape.
    """
    counters = np.asarray(counters, np.uint64)
    words = _philox_words(key, *(counters[..., i] for i in range(4)))
    return np.stack(words, axis=-1).astype(np.uint32)


def words(keys_N2: npt.ArrayLike, num_N: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    """Random words for each of several keys, one key's after another's.

    Args:
      keys_N2: two words each.
      num_N: how many words of each key's stream are wanted; asking for more begins alike.

    Returns:
      uint32 `[K]`, K the sum of `num_N`.
    """
    blocks_N = -(-num_N // 4)
    counters_B4 = np.zeros((int(blocks_N.sum()), 4), np.int64)
    counters_B4[:, 0] = np.arange(len(counters_B4)) - np.repeat(
        np.cumsum(blocks_N) - blocks_N, blocks_N
    )
    keys_B2 = np.repeat(np.asarray(keys_N2, np.uint64), blocks_N, axis=0)
    words_B4 = philox((keys_B2[:, 0], keys_B2[:, 1]), counters_B4)
    place_B4 = 4 * counters_B4[:, :1] + np.arange(4)
    return words_B4[place_B4 < np.repeat(num_N, blocks_N)[:, None]]


def uniform(key: Key, counters: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """One number in [0, 1), a multiple of 2**-32, for every counter.

    Args:
      key: two words; arrays of them are broadcast against the counters.
      counters: integers below 2**32, `[..., 4]`.

    Returns:
      float64, the counters' shape without its last axis.
    """
    return philox(key, counters)[..., 0].astype(np.float64) * 2.0**-32


def permute(
    index_N: npt.ArrayLike,
    size_N: npt.ArrayLike,
    key: tuple[int, int],
    *,
    tweak_N3: npt.ArrayLike,
) -> npt.NDArray[np.int64]:
    """Where keyed permutations of [0, size) send each index.

    Elements with the same size, key and tweak share one permutation. A Feistel network permutes the
    smallest power of two that holds `size`; an image outside [0, size) is sent through again until
    it falls inside ("cycle walking", Black and Rogaway, 2002), which keeps it a bijection and takes
    fewer than two passes on average.

    Args:
      index_N: integers in [0, size).
      size_N: integers in [1, 2**62]; broadcast against `index_N`.
      key: two words.
      tweak_N3: three words that name the permutation; the third below 2**24. Broadcast.

    Returns:
      int64 `[N]`, each in [0, size).
    """
    shape = np.broadcast_shapes(np.shape(index_N), np.shape(size_N), np.shape(tweak_N3)[:-1])
    image = np.broadcast_to(np.asarray(index_N, np.uint64), shape).reshape(-1).copy()
    size = np.broadcast_to(np.asarray(size_N, np.uint64), shape).reshape(-1)
    tweak = np.broadcast_to(np.asarray(tweak_N3, np.uint64), (*shape, 3)).reshape(-1, 3)
    bits = _bit_length(np.maximum(size, np.uint64(2)) - np.uint64(1))
    outside = np.arange(image.size)
    while outside.size:
        walked = _feistel(image[outside], bits[outside], key, tweak[outside])
        image[outside] = walked
        outside = outside[walked >= size[outside]]
    return image.reshape(shape).astype(np.int64)


def _philox_words(
    key: Key, c0: UInt64Array, c1: UInt64Array, c2: UInt64Array, c3: UInt64Array
) -> tuple[UInt64Array, UInt64Array, UInt64Array, UInt64Array]:
    """The ten rounds on separate words, each an array of values below 2**32."""
    k0, k1 = (np.asarray(word, np.uint64) for word in key)
    for _ in range(_PHILOX_ROUNDS):
        product0 = c0 * _MULTIPLIERS[0]
        product1 = c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (product1 >> _WORD_BITS) ^ c1 ^ k0,
            product1 & _WORD,
            (product0 >> _WORD_BITS) ^ c3 ^ k1,
            product0 & _WORD,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    return c0, c1, c2, c3


def _feistel(
    value: UInt64Array, bits: UInt64Array, key: tuple[int, int], tweak: UInt64Array
) -> UInt64Array:
    """Permutes [0, 2**bits): halves of bits // 2 and the rest swap places in every round."""
    low_bits = bits >> np.uint64(1)
    high_bits = bits - low_bits
    low, high = value & _mask(low_bits), value >> low_bits
    third = tweak[:, 2] << np.uint64(8)
    for round_index in range(_FEISTEL_ROUNDS):
        noise, *_ = _philox_words(
            key, low, tweak[:, 0], tweak[:, 1], third | np.uint64(round_index)
        )
        low, high = high ^ (noise & _mask(high_bits)), low
        low_bits, high_bits = high_bits, low_bits
    return (high << low_bits) | low


def _mask(bits: UInt64Array) -> UInt64Array:
    return (np.uint64(1) << bits) - np.uint64(1)


def _bit_length(value: UInt64Array) -> UInt64Array:
    """Number of bits of each positive value; exact where a float logarithm would round."""
    bits = np.zeros_like(value)
    for step in (32, 16, 8, 4, 2, 1):
        step_bits = np.uint64(step)
        has_more = (value >> bits) >> step_bits > 0
        bits = np.where(has_more, bits + step_bits, bits)
    return bits + np.uint64(1)
