"""An iterator run ahead by a thread."""

import queue
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

# How often a thread that waits for room looks whether it is still wanted, in seconds.
_POLL_SECONDS = 0.1


class Prefetcher(Generic[Item]):
    """Iterates `items`, of which a daemon thread keeps some ready.

    What the iterator raises is raised to the consumer, in its place. The thread ends with the
    iterator, with `close`, or when nothing refers to the prefetcher any more.
    """

    def __init__(self, items: Iterator[Item], *, size: int):
        """Starts the thread.

        Args:
          items: used by the thread alone from now on.
          size: how many items may be ready, at least 1.
        """
        self._queue: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=size)
        self._closed = threading.Event()
        # The thread must not hold the prefetcher, or it would never be collected.
        self._thread = threading.Thread(
            target=_run, args=(items, self._queue, self._closed), name="prefetch", daemon=True
        )
        weakref.finalize(self, self._closed.set)
        self._ending: tuple[str, Any] | None = None
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        kind, value = self._ending or self._queue.get()
        if kind == "item":
            return value
        # Whoever asks again gets the same answer.
        self._ending = kind, value
        if kind == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """Ends the thread and waits for it; what was ready is lost."""
        self._closed.set()
        self._thread.join()
        if self._ending is None:
            self._ending = "end", None


def _run(
    items: Iterator[Item], ready: "queue.Queue[tuple[str, Any]]", closed: threading.Event
) -> None:
    def put(kind: str, value: Any) -> bool:
        while not closed.is_set():
            try:
                ready.put((kind, value), timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    try:
        for item in items:
            if not put("item", item):
                return
    except BaseException as error:  # the consumer decides what it means
        put("error", error)
    else:
        put("end", None)
