"""One job a Task, in worker processes that import task modules themselves.

Workers end with their parent.
"""

import concurrent.futures
import contextlib
import math
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# A worker spends seconds importing TensorFlow, so a few small Tasks are not worth one.
_TASKS_PER_WORKER = 16


def run_jobs(
    run: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    *,
    num_workers: int | None,
    died: str,
) -> Iterator[_Result]:
    """Yields the results of jobs as they come.

    Args:
      run: what is done with each, a function that can be pickled.
      jobs: what can be pickled.
      num_workers: processes; None for one per core, and no more than one for every 16 jobs. One
        job, or with one worker, runs in this process.
      died: what to say where a worker was killed.

    Raises:
      ValueError: `died`.
    """
    if num_workers is None:
        num_workers = min(os.cpu_count() or 1, math.ceil(len(jobs) / _TASKS_PER_WORKER))
    if min(num_workers, len(jobs)) <= 1:
        yield from map(run, jobs)
        return
    with _processes(min(num_workers, len(jobs)), died=died) as executor:
        futures = [executor.submit(run, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


def error_text(error: Exception) -> str:
    """An error as text, to cross processes: its message if meant for users, else its traceback."""
    if isinstance(error, ValueError):
        return str(error)
    return "".join(traceback.format_exception(error))


@contextlib.contextmanager
def _processes(num_workers: int, *, died: str) -> Iterator[concurrent.futures.Executor]:
    """Spawned processes, which Ctrl-C ends at once and without a word of their own."""
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
