"""SIGTERM and Ctrl-C: once is a request, Ctrl-C after it the end."""

import os
import signal
import threading

import pytest

from t5lite import cli
from t5lite.training import signals
from t5lite.training.signals import StopRequest


@pytest.fixture
def ended(monkeypatch):
    """Set when the process would have ended; holds its exit code."""
    event = threading.Event()
    monkeypatch.setattr(
        signals.os, "_exit", lambda code: (setattr(event, "code", code), event.set())
    )
    return event


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_first_is_a_request_and_ctrl_c_after_it_the_end(signum, ended, capfd):
    before = signal.getsignal(signum)
    with StopRequest() as stop:
        assert not stop.at(1)
        os.kill(os.getpid(), signum)
        assert stop._requested.wait(60) and stop.at(2)
        assert not ended.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert ended.wait(60) and ended.code == 130
    assert signal.getsignal(signum) is before
    assert capfd.readouterr().err.count("Stopped at once") == 1


def test_sigterm_twice_is_still_a_request(ended):
    with StopRequest() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop._requested.wait(60)
    assert not ended.is_set()


def test_training_in_a_thread_leaves_signals_alone():
    def use():
        with StopRequest() as stop:
            answers.append((stop.at(1), signal.getsignal(signal.SIGINT)))

    answers = []
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert answers == [(False, signal.getsignal(signal.SIGINT))]


def test_ctrl_c_elsewhere_is_one_line_and_exit_code_130(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._RUN, "cache", interrupted)
    assert cli.main(["cache", "mini"]) == 130
    assert capsys.readouterr().err == "\nt5lite cache: interrupted\n"
