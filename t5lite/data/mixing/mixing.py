"""Mixing tasks by arithmetic: which example of which task is the n-th of the mixture.

**Every task is a jittered clock.** Time is cut into windows of `WINDOW_DRAWS` expected draws.
Task t of rate p_t has made floor(w * WINDOW_DRAWS * p_t + u_t) draws before window w, where the
phase u_t in [0, 1) comes from Philox(seed, t). The c draws of a task in one window cut it into c
equal parts, the k-th lying at (k + v) / c with v in [0, 1) from Philox(seed, t, j). So a window, in
time order, is a pure function of (seed, w), and the whole state of a reader is a window and an
offset in it.

What this promises, exactly and not on average, while all tasks run:
- every window holds within one of WINDOW_DRAWS * p_t draws of task t;
- so do all windows so far: task t has made within one of w * WINDOW_DRAWS * p_t draws before w;
- draw j of a task of n examples is example perm(j mod n) of epoch j div n, where perm is a keyed
  permutation of its own for every (seed, task, epoch): an epoch holds each example exactly once.
  Where a task has several passes (a store keeps them of what draws random numbers), epoch e holds
  the examples of pass e mod their number.

Rates are kept as integers, WINDOW_DRAWS * p_t in units of 2**-32, so nothing is rounded as time
goes on: this holds, to the bit on every platform, for the first 2**31 windows (1.7e13 draws).

Names: T tasks, D draws of one window.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from t5lite.data.mixing import philox

WINDOW_DRAWS = 8192
MAX_WINDOWS = 1 << 31

Stop = Literal["restart", "first_exhausted", "all_exhausted", "drop_exhausted"]

_FRACTION_BITS = 32
_FRACTION = (1 << _FRACTION_BITS) - 1
# What a random number is for: the last word of its counter.
_FOR_PHASE, _FOR_JITTER, _FOR_SHUFFLE, _FOR_TRANSFORM = 0, 1, 2, 3


@dataclasses.dataclass(frozen=True)
class Draws:
    """Consecutive draws of a mixture in time order.

    Attributes:
      task_D: int64, index of the task.
      draw_D: int64, how many draws the task had made before; of a task of n examples, draw j is one
        of epoch j div n.
      example_D: int64, index of the example in the task, whose passes lie one behind the other.
    """

    task_D: npt.NDArray[np.int64]
    draw_D: npt.NDArray[np.int64]
    example_D: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.task_D)


class MixtureReader:
    """The draws of a mixture, by window.

    Attributes:
      rates: float64 `[T]`, normalised to sum to one.
    """

    def __init__(
        self,
        num_examples: npt.ArrayLike,
        rates: npt.ArrayLike,
        *,
        seed: int,
        stop: Stop = "restart",
        num_epochs: int | None = None,
        shuffle: bool = True,
        later_passes: Sequence[Sequence[int]] = (),
    ):
        """Makes a reader.

        Args:
          num_examples: `[T]`, positive where the rate is.
          rates: `[T]`, not negative, not all zero, any sum. A task of rate 0 is never drawn and
            counts for no stop strategy.
          seed: integer in [0, 2**64).
          stop: when the mixture ends, a task being exhausted by `num_epochs` epochs.
            "restart": never. "first_exhausted": with the draw that exhausts the first task.
            "all_exhausted": with the draw that exhausts the last one, the others starting over
            meanwhile. "drop_exhausted": likewise, but an exhausted task gives no more, so that each
            example comes exactly `num_epochs` times.
          num_epochs: epochs until a task is exhausted, by default 1; not with "restart".
          shuffle: whether each epoch has its own random order of examples.
          later_passes: for each task the numbers of examples of further passes, which its epochs
            use in turn after the first; or nothing at all.

        Raises:
          ValueError: an argument is out of its range, or the end lies beyond `MAX_WINDOWS`.
        """
        self._num_examples = np.asarray(num_examples, np.int64)
        self.rates = _normalised(rates, self._num_examples)
        check_stop(stop, num_epochs)
        self._stop = stop
        self._shuffle = shuffle
        self._key = philox.key_from_seed(seed)
        tasks_T = np.arange(len(self.rates))
        counters = np.zeros((len(tasks_T), 4), np.int64)
        counters[:, 2], counters[:, 3] = tasks_T, _FOR_PHASE
        self._phase_T = philox.philox(self._key, counters)[:, 0].astype(np.int64)
        steps = np.rint(self.rates * WINDOW_DRAWS * 2.0**_FRACTION_BITS).astype(np.int64)
        self._step_T = np.where(self.rates > 0, np.maximum(steps, 1), 0)
        self._passes = _Passes.of(self._num_examples, later_passes or [()] * len(self.rates))
        self._quota_T = self._passes.examples_in(num_epochs or 1)
        self._last_window_T = None if stop == "restart" else self._find_last_windows()

    @property
    def num_windows(self) -> int | None:
        """How many windows there are until the mixture ends; None if it never does."""
        if self._last_window_T is None:
            return None
        last_windows = self._last_window_T[self.rates > 0]
        first_only = self._stop == "first_exhausted"
        return int(last_windows.min() if first_only else last_windows.max()) + 1

    def window(self, index: int) -> Draws:
        """The draws of one window.

        Args:
          index: in [0, `num_windows`).

        Returns:
          About `WINDOW_DRAWS` draws; fewer, or none, where tasks are exhausted.
        """
        return self._draws_between(index, index + 1)

    def walk(self, index: int = 0) -> Iterator[tuple[int, Draws]]:
        """Goes through the mixture from the start of a window to the end.

        Args:
          index: a window, 0 or one that a walk of an equal reader gave.

        Yields:
          (window, its draws). Where exhausted tasks have left the windows almost empty, one step
          covers several of them, mixed as if they were one.
        """
        end = MAX_WINDOWS if self.num_windows is None else self.num_windows
        while index < end:
            stride = self._stride(index)
            yield index, self._draws_between(index, index + stride)
            index += stride
        if self.num_windows is None:
            raise ValueError(f"a mixture is defined for {MAX_WINDOWS} windows, and they are over")

    def _emitted(self, window: int) -> npt.NDArray[np.int64]:
        """How many draws each task has made before a window, `[T]`, exhaustion aside."""
        # The product with the fraction stays below 2**63 for every window below 2**31.
        whole, fraction = self._step_T >> _FRACTION_BITS, self._step_T & _FRACTION
        return whole * window + ((fraction * window + self._phase_T) >> _FRACTION_BITS)

    def _find_last_windows(self) -> npt.NDArray[np.int64]:
        """The window in which each task makes the last draw of its quota, `[T]`; -1 at rate 0."""
        last_windows = np.full(len(self.rates), -1, np.int64)
        for task in np.flatnonzero(self.rates > 0):
            # Python's integers: the product may need more than 64 bits.
            missing = (int(self._quota_T[task]) << _FRACTION_BITS) - int(self._phase_T[task])
            windows = -(-missing // int(self._step_T[task]))
            if windows >= MAX_WINDOWS and self._stop != "first_exhausted":
                raise ValueError(
                    f"stop={self._stop!r} would not end: task {task} has rate "
                    f"{self.rates[task]:.3g} and {self._num_examples[task]} examples, so it is "
                    f"exhausted only after {windows * WINDOW_DRAWS:.3g} draws. Raise its rate, set "
                    "it to 0, or choose another stop strategy"
                )
            last_windows[task] = min(windows, MAX_WINDOWS) - 1
        return last_windows

    def _stride(self, window: int) -> int:
        """How many windows to take at once: a power of two, 1 unless most tasks are exhausted."""
        if self._stop != "drop_exhausted" or self._last_window_T is None:
            return 1
        live_rate = self.rates[self._last_window_T >= window].sum()
        stride = 1
        while stride * 2 * live_rate <= 1 and window % (stride * 2) == 0:
            stride *= 2
        return stride

    def _draws_between(self, start: int, end: int) -> Draws:
        first_T, last_T = self._emitted(start), self._emitted(end)
        if self._stop == "drop_exhausted":
            first_T, last_T = np.minimum(first_T, self._quota_T), np.minimum(last_T, self._quota_T)
        count_T = last_T - first_T
        task_D = np.repeat(np.arange(len(count_T)), count_T)
        rank_D = np.arange(len(task_D)) - np.repeat(np.cumsum(count_T) - count_T, count_T)
        draw_D = first_T[task_D] + rank_D

        jitter_D = philox.uniform(self._key, _counters(draw_D, task_D, _FOR_JITTER))
        # Stable: equal times keep the order of tasks, then of draws.
        order = np.argsort((rank_D + jitter_D) / count_T[task_D], kind="stable")
        if self.num_windows is not None and end >= self.num_windows:
            order = self._cut_at_end(order, draw_D[order] + 1 == self._quota_T[task_D[order]])
        task_D, draw_D = task_D[order], draw_D[order]

        epoch_D, start_D, size_D, example_D = self._passes.locate(task_D, draw_D)
        if self._shuffle:
            tweak_D3 = np.stack([epoch_D, task_D, np.full_like(task_D, _FOR_SHUFFLE)], axis=-1)
            example_D = philox.permute(example_D, size_D, self._key, tweak_N3=tweak_D3)
        return Draws(task_D, draw_D, start_D + example_D)

    def _cut_at_end(
        self, order: npt.NDArray[np.int64], exhausts_D: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Drops what comes after the draw that ends the mixture, in its last window."""
        ending = np.flatnonzero(exhausts_D)
        return order[: ending[0 if self._stop == "first_exhausted" else -1] + 1]


@dataclasses.dataclass(frozen=True)
class _Passes:
    """The passes of each task, P at most, and which of them a draw is in.

    Attributes:
      sizes_TP: how many examples each has; 0 behind a task's last.
      number_T: how many passes each task has.
      total_T: how many examples they have together.
    """

    sizes_TP: npt.NDArray[np.int64]
    number_T: npt.NDArray[np.int64]
    total_T: npt.NDArray[np.int64]

    @classmethod
    def of(cls, first: npt.NDArray[np.int64], later: Sequence[Sequence[int]]) -> "_Passes":
        """Makes them of the numbers of examples in the first pass, and in those after it."""
        number_T = np.array([1 + len(sizes) for sizes in later], np.int64)
        sizes_TP = np.zeros((len(first), int(number_T.max(initial=1))), np.int64)
        sizes_TP[:, 0] = first
        for task, sizes in enumerate(later):
            sizes_TP[task, 1 : 1 + len(sizes)] = sizes
        return cls(sizes_TP, number_T, sizes_TP.sum(axis=1))

    def examples_in(self, num_epochs: int) -> npt.NDArray[np.int64]:
        """How many draws so many epochs of each task are, `[T]`."""
        turns_T, rest_T = np.divmod(num_epochs, self.number_T)
        in_rest_TP = np.arange(self.sizes_TP.shape[1]) < rest_T[:, None]
        return turns_T * self.total_T + np.where(in_rest_TP, self.sizes_TP, 0).sum(axis=1)

    def locate(
        self, task_D: npt.NDArray[np.int64], draw_D: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], ...]:
        """Of each draw of a task its epoch, that pass's first example and size, its rank there."""
        turn_D, rest_D = np.divmod(draw_D, self.total_T[task_D])
        ends_DP = np.cumsum(self.sizes_TP, axis=1)[task_D]
        # Behind the last pass the ends repeat the total, which no rest reaches.
        pass_D = (rest_D[:, None] >= ends_DP).sum(axis=1)
        size_D = self.sizes_TP[task_D, pass_D]
        end_D = np.take_along_axis(ends_DP, pass_D[:, None], axis=1)[:, 0]
        start_D = end_D - size_D
        return turn_D * self.number_T[task_D] + pass_D, start_D, size_D, rest_D - start_D


def transform_keys(
    seed: int, task_N: npt.NDArray[np.int64], draw_N: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    """A Philox key for the transform of each draw, uint32 `[N, 2]`: another in every epoch.

    Args:
      seed: the mixture's.
      task_N: index of the task.
      draw_N: the task's draw, as in `Draws`.
    """
    key = philox.key_from_seed(seed)
    return philox.philox(key, _counters(draw_N, task_N, _FOR_TRANSFORM))[:, :2]


def check_stop(stop: str, num_epochs: int | None) -> None:
    """Raises ValueError where these do not say when a mixture ends."""
    if stop not in get_args(Stop):
        raise ValueError(
            f"DataConfig.stop must be one of {', '.join(get_args(Stop))}; found {stop!r}"
        )
    if stop == "restart" and num_epochs is not None:
        raise ValueError(
            f"DataConfig.num_epochs is {num_epochs}, which has no meaning with DataConfig.stop = "
            "'restart', which never ends; choose 'first_exhausted', 'all_exhausted' or "
            "'drop_exhausted'"
        )
    if num_epochs is not None and num_epochs < 1:
        raise ValueError(f"DataConfig.num_epochs must be at least 1, found {num_epochs}")


def mixing_rates(
    num_examples: npt.ArrayLike,
    *,
    maximum: float | None = None,
    temperature: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Rates of tasks from their sizes, `min(size, maximum) ** (1 / temperature)`.

    Examples-proportional mixing with an artificial limit and temperature, Raffel et al. (2020),
    section 3.5.2; the same formula as `seqio.mixing_rate_num_examples`.

    Args:
      num_examples: `[T]`.
      maximum: cap, applied before the temperature.
      temperature: 1 is proportional; the larger, the closer to equal rates.

    Returns:
      float64 `[T]`, not normalised.

    Raises:
      ValueError: the cap or the temperature is not positive, or a rate is beyond all numbers.
    """
    if maximum is not None and maximum <= 0:
        raise ValueError(f"DataConfig.rate_maximum must be positive, found {maximum}")
    if temperature <= 0:
        raise ValueError(f"DataConfig.rate_temperature must be positive, found {temperature}")
    sizes = np.asarray(num_examples, np.float64)
    if maximum is not None:
        sizes = np.minimum(sizes, maximum)
    with np.errstate(over="ignore"):
        rates = sizes ** (1.0 / temperature)
    if not np.isfinite(rates.sum()):
        raise ValueError(
            f"DataConfig.rate_temperature is {temperature}, and {sizes.max():.0f} examples to the "
            "power of its inverse are beyond all numbers; give a larger one"
        )
    return rates


def _normalised(
    rates: npt.ArrayLike, num_examples: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    values = np.asarray(rates, np.float64)
    if values.shape != num_examples.shape or values.ndim != 1:
        raise ValueError(f"found {values.shape} rates for {num_examples.shape} tasks")
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ValueError(f"rates must be finite, not negative and not all zero, found {values}")
    empty = np.flatnonzero((values > 0) & (num_examples <= 0))
    if empty.size:
        raise ValueError(f"task {empty[0]} has no examples but rate {values[empty[0]]:.3g}")
    return values / values.sum()


def _counters(
    draw_D: npt.NDArray[np.int64], task_D: npt.NDArray[np.int64], purpose: int
) -> npt.NDArray[np.int64]:
    words = (draw_D & _FRACTION, draw_D >> 32, task_D, np.full_like(task_D, purpose))
    return np.stack(words, axis=-1)
