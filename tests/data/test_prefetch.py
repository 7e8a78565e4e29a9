"""The thread behind a prefetcher: order, errors, and its end."""

import gc
import itertools
import threading

import pytest

from t5lite.data.prefetch import Prefetcher


def threads():
    return [t for t in threading.enumerate() if t.name == "prefetch"]


def test_gives_everything_in_order_and_ends():
    prefetcher = Prefetcher(iter(range(100)), size=3)
    assert list(prefetcher) == list(range(100))
    assert list(prefetcher) == []
    prefetcher.close()
    assert not threads()


def test_an_error_comes_in_its_place_and_stays():
    def items():
        yield 1
        raise KeyError("here")

    prefetcher = Prefetcher(items(), size=5)
    assert next(prefetcher) == 1
    for _ in range(2):
        with pytest.raises(KeyError, match="here"):
            next(prefetcher)
    prefetcher.close()


def test_makes_no_more_than_size_ahead():
    made = []

    def items():
        for i in itertools.count():
            made.append(i)
            yield i

    prefetcher = Prefetcher(items(), size=2)
    assert next(prefetcher) == 0
    prefetcher.close()
    assert len(made) <= 5  # taken, ready, waiting for room
    with pytest.raises(StopIteration):
        next(prefetcher)
    assert not threads()


def test_a_forgotten_prefetcher_leaves_no_thread():
    prefetcher = Prefetcher(itertools.count(), size=2)
    next(prefetcher)
    [thread] = threads()
    del prefetcher
    gc.collect()
    thread.join(timeout=30)
    assert not thread.is_alive()
