"""The three standard streams: closed, full, without a reader, or in another encoding."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

_UTF8 = ("utf-8", "utf8")
# They log errors, with tracebacks of threads of theirs, that they hand to us as well.
_TELL_TWICE = ("absl", "gcsfs")
_LOCALE_REMEDY = "Start it with PYTHONUTF8=1, or in a UTF-8 locale such as LC_ALL=C.UTF-8."


class Unbroken:
    """Standard error for what only tells how far it is: nothing ends for want of its reader.

    Ctrl-C may end that reader (`2>&1 | tee`) before a run has saved.
    """

    def write(self, text: str) -> None:
        """Writes what can be written."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def say(text: str) -> None:
    """Prints a message on standard error, where that is possible."""
    print(text, file=Unbroken(), flush=True)


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of a library's log says something to a user that no message of ours does."""
    if record.name == "absl" and record.levelno < logging.ERROR:
        return False  # It is orbax's voice, and warns of what we asked for.
    if record.name == "asyncio" and "/orbax/" in record.getMessage():
        return False  # What `leave_out_abandoned_writes` leaves out, where it is logged.
    return not (record.exc_info and record.name.partition(".")[0] in _TELL_TWICE)


def leave_out_abandoned_writes() -> None:
    """Has nothing printed of writes that a failed save left behind, one traceback an array.

    Orbax closes its event loop at the first write that fails. What the others want to say then
    finds the loop closed, or the interpreter half gone; the failure itself is reported where it is
    waited for.
    """
    usual = sys.unraisablehook
    if usual is not sys.__unraisablehook__:  # Another program's, or this one.
        return
    is_finalizing = (
        sys.is_finalizing
    )  # When Python ends, names of modules go before this is called.

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        closed = str(unraisable.exc_value) == "Event loop is closed"
        if not closed and not (is_finalizing() and "coroutine" in repr(unraisable.object)):
            usual(unraisable)

    sys.unraisablehook = hook


def take_over(words: list[str]) -> str:
    """Makes the standard streams such that nothing else can take their places.

    A file that is opened while a stream is closed gets its number, and what libraries print there
    ends up in it.

    Args:
      words: the command's words.

    Returns:
      What is wrong with standard output or the words' encoding, and the remedy; '' if nothing.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # Lower numbers are open by now, so it gets this very one; children keep it too.
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        return "standard output is closed; give it a place, such as >/dev/null"
    if isinstance(sys.stdout, io.TextIOWrapper) and _is_utf8(sys.stdout):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.getfilesystemencoding() not in _UTF8 and not all(map(str.isascii, words)):
        return (
            f"the words of the command are not ASCII, and this locale's encoding is "
            f"{sys.getfilesystemencoding()}. {_LOCALE_REMEDY}"
        )
    return ""


class _Watched:
    """Standard output that remembers the first time it could not be written."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        return self._noting(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._noting(self._stream.flush)

    def _noting(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except OSError as error:
            self.error = self.error or error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def output_written() -> Iterator[None]:
    """Ends the process with one line where what is printed within cannot be written.

    Raises:
      SystemExit: 141 without a word where the reader of a pipe went, as in `t5lite tasks list |
        head`; 2 where standard output is full or cannot be written to.
    """
    stream = sys.stdout
    watched = _Watched(stream)
    sys.stdout = cast(TextIO, watched)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BaseException:
        if watched.error is None:
            raise
    finally:
        sys.stdout = stream
    if watched.error is None:
        return
    # What is still to be flushed when Python ends goes nowhere.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if isinstance(watched.error, BrokenPipeError):
        raise SystemExit(128 + signal.SIGPIPE)
    say(f"t5lite: error: standard output cannot be written: {watched.error.strerror}")
    raise SystemExit(2)


def is_of_output(error: OSError) -> bool:
    """Whether an error is that of standard output, within `output_written`."""
    return isinstance(sys.stdout, _Watched) and sys.stdout.error is error


def locale_error(error: BaseException) -> str:
    """What to say of a text that the locale's encoding has no bytes for; '' of other errors."""
    if not isinstance(error, UnicodeEncodeError) or error.encoding in _UTF8:
        return ""
    return (
        f"{error.object[error.start : error.end]!a} cannot be written in this locale's encoding, "
        f"{error.encoding}. {_LOCALE_REMEDY}"
    )


def input_lines(
    stdin: TextIO | None, *, before_each: Callable[[], None] | None = None
) -> Iterator[str]:
    """Yields the lines of standard input that are not blank, without their ends.

    Args:
      stdin: standard input; None where there is none.
      before_each: called before a line is waited for.

    Raises:
      ValueError: there is no standard input, or a line of it is in another encoding.
    """
    if stdin is None:
        raise ValueError("standard input is closed; give the prompts as words of the command")
    if isinstance(stdin, io.TextIOWrapper):
        stdin.reconfigure(errors="surrogateescape")
    number = 0
    while True:
        if before_each is not None:
            before_each()
        line = stdin.readline()
        number += 1
        if not line:
            return
        line = line.removeprefix("\ufeff") if number == 1 else line
        try:
            line.encode("utf-8")
        except UnicodeEncodeError as error:
            remedy = "convert it to UTF-8 (iconv -f LATIN1 -t UTF-8)"
            if not _is_utf8(stdin):
                remedy = f"{remedy}. {_LOCALE_REMEDY}"
            raise ValueError(
                f"line {number} of standard input is not {stdin.encoding.upper()} (byte 0x"
                f"{ord(line[error.start]) & 0xFF:02x}); {remedy}"
            ) from error
        if line.strip():
            yield line.rstrip("\n")


def _is_utf8(stream: TextIO) -> bool:
    return (stream.encoding or "").lower() in _UTF8
