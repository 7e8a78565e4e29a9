"""Standard streams that are closed, full, without a reader, or in another encoding."""

import io
import logging
import os
import subprocess
import sys

import pytest

from t5lite.messages.streams import input_lines, is_news
from tests.conftest import REPOSITORY

LIST = f"{sys.executable} -m t5lite data fetch"


def shell(line, **environment):
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["data fetch", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_output_is_one_line(words, unbuffered):
    line = f"{sys.executable} -m t5lite {words} >/dev/full"
    done = shell(line, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 2
    expected = "t5lite: error: standard output cannot be written: No space left on device\n"
    assert done.stderr == expected


ABANDONED = """
import asyncio
import builtins
from t5lite.messages.streams import leave_out_abandoned_writes

class Raises:
    def __init__(self, error):
        self.error = error

    def __del__(self):
        raise self.error

async def writes():
    try:
        await asyncio.Future()
    finally:
        raise ImportError("half gone")

leave_out_abandoned_writes()
Raises(RuntimeError("Event loop is closed"))
Raises(RuntimeError("another"))
loop = asyncio.new_event_loop()
kept = writes()
asyncio.events._set_running_loop(loop)
kept.send(None)
builtins.kept = kept  # Its end is that of the interpreter.
"""


def test_writes_that_a_failed_save_left_behind_are_not_heard_of():
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED], capture_output=True, text=True, cwd=REPOSITORY
    )
    errors = [line for line in done.stderr.split("\n") if "Error" in line]
    assert errors == ["RuntimeError: another"]


def test_an_output_without_a_reader_ends_without_a_word():
    # The reader is gone before the first line is written.
    done = shell(f"(sleep 0.1; {LIST}; echo $? >&2) | true")
    assert done.stderr == "141\n"


def test_a_closed_output_is_refused_before_anything_is_done():
    done = shell(f"{LIST} >&-")
    assert done.returncode == 2
    assert done.stderr == (
        "t5lite: error: standard output is closed; give it a place, such as >/dev/null\n"
    )


def test_closed_input_and_errors_disturb_nothing():
    done = shell(f"{LIST} <&- 2>&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert "gsm8k" in done.stdout


def test_no_file_takes_the_place_of_a_closed_stream():
    code = (
        "from t5lite.messages import streams\n"
        "streams.take_over([])\n"
        "import os, sys\n"
        "print(os.open('/etc/hostname', os.O_RDONLY) > 2, file=sys.stdout)"
    )
    done = shell(f'{sys.executable} -c "{code}" <&- 2>&-')
    assert done.stdout == "True\n"


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_an_ascii_locale_has_its_remedy():
    done = shell(f"{LIST} gsm8k --data_dir=/tmp/é", **ASCII)
    assert done.returncode == 2
    assert "PYTHONUTF8=1" in done.stderr and done.stderr.count("\n") == 1
    code = (
        "from t5lite import cli\n"
        "cli._RUN['data'] = lambda arguments: print('caf\\xe9')\n"
        "raise SystemExit(cli.main(['data', 'fetch']))"
    )
    done = shell(
        f"{sys.executable} -c '{code}'".replace("'data'", '"data"')
        .replace("'fetch'", '"fetch"')
        .replace("'caf\\xe9'", '"caf\\xe9"'),
        **ASCII,
    )
    assert done.returncode == 2
    assert "'\\xe9' cannot be written in this locale's encoding, ascii" in done.stderr


def lines(data, encoding="utf-8"):
    return list(input_lines(io.TextIOWrapper(io.BytesIO(data), encoding=encoding)))


def test_lines_of_standard_input():
    assert lines("\ufeffone\n\n  \ntwo \u2028three\r\nlast".encode()) == [
        "one",
        "two \u2028three",
        "last",
    ]


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        ("ja\nnée\n".encode("latin-1"), "utf-8", r"line 2 .* not UTF-8 \(byte 0xe9\); convert it"),
        ("ja\n".encode("utf-16"), "utf-8", r"line 1 .* not UTF-8 \(byte 0xff\)"),
        ("née\n".encode(), "ascii", r"line 1 .* not ASCII \(byte 0xc3\).*PYTHONUTF8=1"),
    ],
)
def test_input_in_another_encoding_is_refused(data, encoding, said):
    with pytest.raises(ValueError, match=said):
        lines(data, encoding)


def test_no_input_is_said():
    with pytest.raises(ValueError, match="standard input is closed; give the prompts"):
        list(input_lines(None))


@pytest.mark.parametrize(
    ("library", "level", "has_traceback", "shown"),
    [
        ("t5lite.train", logging.INFO, False, True),
        ("absl", logging.WARNING, False, False),
        ("absl", logging.ERROR, False, True),
        ("absl", logging.ERROR, True, False),
        ("gcsfs", logging.ERROR, True, False),
        ("gcsfs.credentials", logging.ERROR, True, False),
        ("gcsfs", logging.WARNING, False, True),
        ("asyncio", logging.ERROR, True, True),
    ],
)
def test_tracebacks_of_errors_that_are_raised_as_well_are_left_out(
    library, level, has_traceback, shown
):
    error = ValueError("no such host")
    record = logging.getLogger(library).makeRecord(
        *(library, level, "", 0, "out of retries", ()),
        exc_info=(ValueError, error, None) if has_traceback else None,
    )
    assert is_news(record) == shown


@pytest.mark.parametrize("package", ["orbax/checkpoint", "mine"])
def test_a_write_that_a_failed_save_left_behind_is_not_logged(package):
    message = f"Task exception was never retrieved, defined at /site-packages/{package}/writing.py"
    record = logging.getLogger("asyncio").makeRecord(
        "asyncio", logging.ERROR, "", 0, message, (), None
    )
    assert is_news(record) == (package == "mine")
