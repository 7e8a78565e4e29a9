"""Worker processes that import registry modules themselves, and end with their parent."""

import concurrent.futures
import contextlib
import multiprocessing
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def worker_pool(num_workers: int, *, died: str) -> Iterator[concurrent.futures.Executor]:
    """Spawned processes, which Ctrl-C ends at once and without a word of their own.

    Args:
      num_workers: how many.
      died: what to say where one of them was killed.

    Raises:
      ValueError: `died`.
    """
    executor = concurrent.futures.ProcessPoolExecutor(
        num_workers,
        mp_context=multiprocessing.get_context("spawn"),
        # A terminal sends Ctrl-C to all processes; the parent alone answers.
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield executor
    except concurrent.futures.process.BrokenProcessPool as error:
        raise ValueError(died) from error
    except KeyboardInterrupt:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
