"""The process that runs what is foreign: templates, and a tokenizer's patterns, in narrow limits.

It reads requests from standard input and answers on standard output, both as JSON behind its length
in 8 bytes. A request is a list of jobs of one kind; each is answered by itself, up to the first
that fails. Processor time is limited for each job, memory for the process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError

from t5lite.data.templates import sandbox, tokenizer_probe

HEAD = 8
_RENDERERS: Mapping[str, Callable[..., Any]] = {
    "chat": sandbox.render_chat,
    "prompt": sandbox.render_prompt,
    "tokenizer": tokenizer_probe.probe_tokenizer,
}
# Characters of an error that are passed on.
_LONGEST_MESSAGE = 500


class _OutOfTimeError(BaseException):
    """No Exception, which a template's filters may catch."""


def main(cpu_seconds: float, memory: int) -> None:
    """Answers requests until standard input ends.

    Args:
      cpu_seconds: processor time for each job.
      memory: bytes that the process may take.
    """
    _limit(memory)
    # What is sent to a whole group of processes is for the parent, whose end ends the input.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGVTALRM, _out_of_time)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    _send(replies, {"ready": True})
    while (request := _receive(requests)) is not None:
        for job in request["jobs"]:
            reply = _answer(_RENDERERS[request["kind"]], job, cpu_seconds)
            _send(replies, reply)
            if "error" in reply:
                break


def encoded(message: Any) -> bytes:
    """A message as it is written; values that are no JSON become their texts."""
    text = json.dumps(message, default=_plain).encode()
    return len(text).to_bytes(HEAD, "big") + text


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _send(stream: BinaryIO, message: Any) -> None:
    stream.write(encoded(message))
    stream.flush()


def _receive(stream: BinaryIO) -> Any:
    head = stream.read(HEAD)
    if len(head) < HEAD:
        return None
    return json.loads(stream.read(int.from_bytes(head, "big")))


def _limit(memory: int) -> None:
    """Takes memory, files and core dumps from the process, for good.

    macOS knows the limit of memory and does not enforce it.
    """
    limits = {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if sys.platform != "darwin":
        limits[resource.RLIMIT_AS] = memory
    for kind, wanted in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def _answer(render: Callable[..., Any], job: Mapping[str, Any], cpu_seconds: float) -> Any:
    try:
        # The first asks Python to stop, the second ends the process where that does not.
        signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds + 0.5)
        try:
            return {"result": render(**job)}
        except Exception as error:
            return _failure(error)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _OutOfTimeError as error:
        return {"error": "time", "message": "", "line": _line_in_code(error)}


def _failure(error: Exception) -> dict[str, Any]:
    """What went wrong, with the template's line."""
    if isinstance(error, MemoryError):
        return {"error": "memory", "message": "", "line": _line(error)}
    kinds = ((SecurityError, "unsafe"), (TemplateSyntaxError, "broken"), (TemplateError, "refuses"))
    kind = next((name for cls, name in kinds if isinstance(error, cls)), "fails")
    if isinstance(error, TemplateSyntaxError):
        return {"error": kind, "message": str(error.message), "line": error.lineno}
    message = f"{type(error).__name__}: {error}" if kind == "fails" else str(error)
    return {"error": kind, "message": message[:_LONGEST_MESSAGE], "line": _line(error)}


def _line(error: BaseException) -> int | None:
    """The line of the template, which jinja2 puts into tracebacks."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return lines[-1] if lines else None


def _line_in_code(error: BaseException) -> int | None:
    """As `_line`, of an error that jinja2 did not see: lines of what it compiled."""
    line, place = None, error.__traceback__
    while place is not None:
        template = place.tb_frame.f_globals.get("__jinja_template__")
        if place.tb_frame.f_code.co_filename == "<template>" and template is not None:
            line = template.get_corresponding_lineno(place.tb_lineno)
        place = place.tb_next
    return line


def _out_of_time(number: int, frame: Any) -> None:
    raise _OutOfTimeError
