"""Which examples share a batch, and to what length it is padded: few shapes, to compile little."""

from collections.abc import Sequence

SMALLEST_FINE_BUCKET = 16


def bucket_length(length: int, *, longest: int | None = None, smallest: int = 32) -> int:
    """The padded length for `length` tokens: the next power of two.

    Args:
      length: Tokens to hold.
      longest: Lengths up to it never get a bucket above it.
      smallest: The smallest bucket.

    Returns:
      A length of at least `length`.
    """
    bucket = smallest
    while bucket < length:
        bucket *= 2
    return bucket if longest is None else max(length, min(bucket, longest))


def fine_bucket_length(length: int, *, longest: int | None = None) -> int:
    """The padded length where padding costs more than compiling: powers of two and halfway between.

    Args:
      length: Tokens to hold.
      longest: Lengths up to it never get a bucket above it.
    """
    power = bucket_length(length, smallest=SMALLEST_FINE_BUCKET)
    halfway = power * 3 // 4
    bucket = halfway if power > SMALLEST_FINE_BUCKET and length <= halfway else power
    return bucket if longest is None else max(length, min(bucket, longest))


def plan_batches(sizes: Sequence[tuple[int, ...]], *, batch_size: int) -> list[list[int]]:
    """Groups examples of like size.

    The longest come first: if memory does not suffice, the first batch says so, and the time a
    progress bar promises only shrinks.

    Args:
      sizes: Of each example the lengths that matter, the most important first.
      batch_size: Most examples in a batch.

    Returns:
      Lists of at most `batch_size` indices into `sizes`; each index once. Ties keep their order.
    """

    def key(index: int) -> tuple[int, ...]:
        first, *rest = sizes[index]
        return (-bucket_length(first), *(-size for size in rest), -first)

    order = sorted(range(len(sizes)), key=key)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
