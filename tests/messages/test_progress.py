"""Progress: a bar on a terminal, whole lines elsewhere."""

import io

import pytest
import tqdm

from t5lite.messages.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(
    file: io.StringIO, *, total: float | None = 200, steps: int = 200, pace: float = 60, **settings
) -> str:
    """What is printed of steps that take `pace` seconds each."""
    seconds = 0.0
    with progress_bar(
        total=total,
        desc="eval",
        unit=" ex",
        disable=False,
        file=file,
        clock=lambda: seconds,
        **settings,
    ) as bar:
        for step in range(steps):
            seconds += pace
            bar.set_postfix_str(f"step {step}", refresh=False)
            bar.update(1)
    return file.getvalue()


def test_lines_where_there_is_no_terminal():
    lines = shown(io.StringIO()).splitlines()
    assert len(lines) == 20
    assert lines[0] == "eval: 10 of 200 ex, step 9"
    assert lines[-1] == "eval: 200 of 200 ex, step 199"


def test_lines_are_seconds_apart_and_the_last_is_there():
    assert shown(io.StringIO(), pace=0.01) == "eval: 200 of 200 ex, step 199\n"
    lines = shown(io.StringIO(), pace=0.125).splitlines()
    assert [line.split()[1] for line in lines] == ["40", "80", "120", "160", "200"]


def test_a_job_that_ends_early_shows_where():
    assert shown(io.StringIO(), steps=37, pace=0.01) == "eval: 37 of 200 ex, step 36\n"
    assert shown(io.StringIO(), steps=0) == ""


def test_what_stands_behind_is_shown_less_and_less_often():
    file, seconds = io.StringIO(), 0.0
    with progress_bar(
        total=2, desc="read", unit="task", disable=False, file=file, clock=lambda: seconds
    ) as bar:
        for count in range(90):
            seconds += 1.0
            bar.set_postfix_str(f"{count + 1} examples so far")
        bar.update(2)
    *lines, last = file.getvalue().splitlines()
    assert lines[0] == "read: 0 of 2 task, 5 examples so far"
    assert [int(line.split()[5]) for line in lines] == [5, 15, 35, 75]
    assert last == "read: 2 of 2 task, 90 examples so far"


def test_a_resumed_job_shows_what_is_left():
    assert shown(io.StringIO(), initial=190, steps=10) == "eval: 200 of 200 ex, step 9\n"


def test_fractions_and_unknown_totals():
    assert (
        shown(io.StringIO(), total=0.5, steps=1, initial=-0.75) == "eval: 0.25 of 0.50 ex, step 0\n"
    )
    assert shown(io.StringIO(), total=None) == ""


def test_a_bar_on_a_terminal():
    assert "\r" in shown(Terminal())


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()])
def test_nothing_where_it_is_disabled(file):
    with progress_bar(total=3, desc="x", unit="y", disable=True, file=file) as bar:
        bar.update(3)
    assert isinstance(bar, tqdm.tqdm) and file.getvalue() == ""
