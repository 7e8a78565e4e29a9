"""One job a Task, in worker processes that import task modules themselves.

Workers end with their parent.
"""

import concurrent.futures
import contextlib
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

# A worker spends seconds importing TensorFlow, so a few small Tasks are not worth one.
_TASKS_PER_WORKER = 16
_SECONDS = 0.5

# Who hears what the running job reports; in a worker, the process that it belongs to.
_listeners: list[Callable[[Any], object]] = []


def run_jobs(
    run: Callable[[_Job], _Result],
    jobs: Sequence[_Job],
    *,
    num_workers: int | None,
    died: str,
    on_report: Callable[[Any], object] | None = None,
) -> Iterator[_Result]:
    """Yields the results of jobs as they come.

    Args:
      run: what is done with each, a function that can be pickled; it may `report`.
      jobs: what can be pickled.
      num_workers: processes; None for one per core, and no more than one for every 16 jobs. One
        job, or with one worker, runs in this process.
      died: what to say where a worker was killed.
      on_report: called in this process with what jobs report meanwhile.

    Raises:
      ValueError: `died`.
    """
    if num_workers is None:
        num_workers = min(os.cpu_count() or 1, math.ceil(len(jobs) / _TASKS_PER_WORKER))
    if min(num_workers, len(jobs)) <= 1:
        for job in jobs:
            with _reporting_to(on_report):
                result = run(job)
            yield result
        return
    context = multiprocessing.get_context("spawn")
    reports = context.SimpleQueue()
    with _processes(min(num_workers, len(jobs)), context, reports, died=died) as executor:
        waiting = {executor.submit(run, job) for job in jobs}
        while waiting:
            done, waiting = concurrent.futures.wait(
                waiting, _SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
            while not reports.empty():
                message = reports.get()
                if on_report is not None:
                    on_report(message)
            for future in done:
                yield future.result()


def report(message: Any) -> None:
    """Hands a message, of a job that is running, to the process that waits for it."""
    if _listeners:
        _listeners[-1](message)


@contextlib.contextmanager
def _reporting_to(listener: Callable[[Any], object] | None) -> Iterator[None]:
    if listener is None:
        yield
        return
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.pop()


def _begin_worker(reports: Any) -> None:
    # A terminal sends Ctrl-C to all processes; the parent alone answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _listeners.append(reports.put)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended, however that was; a killed one tells nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def error_text(error: Exception) -> str:
    """An error as text, to cross processes: its message if meant for users, else its traceback."""
    if isinstance(error, ValueError):
        return str(error)
    return "".join(traceback.format_exception(error))


@contextlib.contextmanager
def _processes(
    num_workers: int, context: multiprocessing.context.SpawnContext, reports: Any, *, died: str
) -> Iterator[concurrent.futures.Executor]:
    """Spawned processes, which Ctrl-C or an error of a job ends at once, without another word."""
    executor = concurrent.futures.ProcessPoolExecutor(
        num_workers,
        mp_context=context,
        initializer=_begin_worker,
        initargs=(reports,),
    )
    try:
        yield executor
    except concurrent.futures.process.BrokenProcessPool as error:
        raise ValueError(died) from error
    except BaseException:
        # Nobody hears what the others report any more, and nobody waits for their results.
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
