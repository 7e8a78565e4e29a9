"""One request for each input, and one example of each answer that passes the filters."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from t5lite.files.json_files import write_lines
from t5lite.synthetic_data.provenance import Origin, Trace, Verdict
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER
from t5lite.synthetic_data.teachers.asking import Answered
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.forecast import Expected, forecast
from t5lite.synthetic_data.teachers.requests import Request

log = logging.getLogger(__name__)

# Requests of a round; after each, the trace is on disk.
_ROUND = 512


def make_examples(
    requests: Sequence[Request],
    origin_of: Callable[[int, Answered], Origin],
    *,
    teacher: TeacherConfig,
    path: pathlib.Path,
    inputs: str,
    answers: str,
    shown: Sequence[Origin] = (),
    dry_run: bool = False,
) -> None:
    """Asks a teacher, and writes the examples that are kept, in the order of the requests.

    Killed and started again, it asks for what is not answered yet, and ends with the same files.

    Args:
      requests: One or more.
      origin_of: What becomes of the answer to the request of that number; it is called in order,
        and only for those that were answered.
      teacher: Who is asked.
      path: The examples' file; the trace and the answers lie beside it.
      inputs: What the requests are of, for messages: "documents".
      answers: What is answered, for messages: "instructions".
      shown: What requests show, for the trace.
      dry_run: Only say what it would cost.

    Raises:
      ValueError: As `Asking.ask`.
    """
    with teacher.open(path.parent / ANSWERS_FOLDER, dry_run=dry_run) as asking:
        if dry_run:
            longest = max(requests, key=Request.count_tokens)
            print(forecast(asking, [Expected(answers, len(requests), longest)]))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        kept: list[Mapping[str, Any]] = []
        num_unanswered = 0
        with Trace(path.parent) as trace:
            trace.add(shown)
            for start in range(0, len(requests), _ROUND):
                answered = asking.ask(requests[start : start + _ROUND], desc=answers)
                origins = [
                    origin_of(index, answer)
                    for index, answer in enumerate(answered, start=start)
                    if answer.reply is not None
                ]
                for origin in origins:
                    asking.note("kept" if origin.kept else f"left out: {origin.left_out_by}")
                trace.add(origins)
                kept += [{"id": one.id, **one.example} for one in origins if one.kept]
                num_unanswered += len(answered) - len(origins)
        print(asking.summary())
    write_lines(path, kept)
    print(f"Examples: {path}, {len(kept):,} of {len(requests):,} {inputs}")
    if num_unanswered:
        log.warning(
            "%s %s were not answered: the budget is spent (--max_calls, --max_total_tokens, "
            "--max_price), or the teacher failed. The same command goes on there.",
            *(f"{num_unanswered:,}", inputs),
        )


def passes(verdicts: list[Verdict], name: str, kept: bool, why: str = "") -> bool:
    """Adds what a filter says; whether the example passed.

    Args:
      verdicts: Those of the filters before it.
      name: Of the filter: what is wrong with those that it leaves out.
      kept: Whether the example passes.
      why: What was found, if it does not.
    """
    verdicts.append(Verdict(name, kept, "" if kept else why))
    return kept
