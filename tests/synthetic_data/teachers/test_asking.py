"""Asking: order, the disk, retries, budgets, what stops a run, and the summary."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.requests import Choice, Message, Request
from t5lite.synthetic_data.teachers.teacher import TeacherError
from tests.synthetic_data.scripted import AT_ONCE, ScriptedTeacher, asking, local_endpoint


def questions(n, start=0):
    return [Request.of_text(f"question {i}", max_tokens=10) for i in range(start, start + n)]


def echo(request):
    return request.messages[-1].content.upper()


def texts(answered):
    return [a.reply and a.reply.choices[0].text for a in answered]


def test_answers_come_in_the_order_of_the_requests_and_each_is_asked_once(tmp_path):
    teacher = ScriptedTeacher(echo)
    requests = [*questions(40), *questions(3)]
    with Asking(teacher, Answers(tmp_path), AT_ONCE) as ask:
        answered = ask.ask(requests, desc="asking")
        assert texts(answered) == [r.messages[-1].content.upper() for r in requests]
        assert [a.digest for a in answered] == [r.digest("scripted") for r in requests]
        assert len(teacher.asked) == 40
        assert ask.counts["requests"] == 43 and ask.counts["answered now"] == 40
        # What is on disk is asked of nobody, in this run or another.
        ask.ask(questions(41), desc="again")
        assert len(teacher.asked) == 41
    teacher = ScriptedTeacher(echo)
    with Asking(teacher, Answers(tmp_path), AT_ONCE) as ask:
        assert texts(ask.ask(requests, desc="asking")) == texts(answered)
        assert ask.counts["found on disk"] == 43 and not teacher.asked
        assert re.search(r"tokens of answers, now +0\n", ask.summary())


def test_batches_are_as_the_teacher_wants_them(tmp_path):
    teacher = ScriptedTeacher(echo, batch_size=4)
    with Asking(teacher, Answers(tmp_path), AT_ONCE) as ask:
        ask.ask(questions(10), desc="asking")
    assert [size for _, size in teacher.calls] == [4, 4, 2]


def test_what_fails_is_asked_again_alone(tmp_path):
    seen = []

    def script(request):
        seen.append(echo(request))
        if seen.count("QUESTION 2") == 1 and seen[-1] == "QUESTION 2":
            return TeacherError("429 too many requests")
        return echo(request)

    teacher = ScriptedTeacher(script, batch_size=4)
    with Asking(teacher, Answers(tmp_path), AT_ONCE) as ask:
        assert texts(ask.ask(questions(4), desc="asking"))[2] == "QUESTION 2"
        assert ask.counts["429 too many requests"] == 1
    assert [echo(r) for r in teacher.asked] == [f"QUESTION {i}" for i in (0, 1, 2, 3, 2)]


def test_a_request_that_fails_with_all_retries_says_so_and_costs_no_other(tmp_path):
    def script(request):
        return TeacherError("no connection") if "1" in echo(request) else echo(request)

    with asking(script, tmp_path) as ask:
        failed, fine = ask.ask(questions(2, start=1), desc="asking")
        assert failed.reply is None and failed.problem == "no connection"
        assert fine.reply.choices == (Choice("QUESTION 2"),)
        assert ask.counts["no connection"] == 3  # once, and two retries
        assert ask.counts["failed with all retries"] == 1
        assert "no connection" in ask.summary()
    assert failed.digest not in Answers(tmp_path, writes=False)


def test_a_final_failure_is_not_tried_again(tmp_path):
    def script(request):
        if "1" in echo(request):
            return TeacherError("400 request refused", is_final=True, said="too long")
        return echo(request)

    with asking(script, tmp_path) as ask:
        failed, _ = ask.ask(questions(2, start=1), desc="asking")
        assert failed.problem == "400 request refused: too long"
        assert ask.counts["400 request refused"] == 1


def test_failures_in_a_row_stop_the_run_and_what_was_answered_stays(tmp_path):
    def script(request):
        number = int(request.messages[-1].content.split()[1])
        return TeacherError("no connection") if number > 4 else echo(request)

    limits = Limits(max_retry_wait=0.0, max_retries=1, max_failures=3, max_concurrent=2)
    teacher = ScriptedTeacher(script)
    with (
        Asking(teacher, Answers(tmp_path), limits) as ask,
        pytest.raises(ValueError, match="3 requests in a row failed, each with all its retries"),
    ):
        ask.ask(questions(50), desc="asking")
    assert len(teacher.asked) < 20
    assert len(Answers(tmp_path, writes=False)) == 5


def test_where_nothing_is_answered_that_is_an_error(tmp_path):
    with (
        asking(lambda _: TeacherError("no connection", said="refused"), tmp_path) as ask,
        pytest.raises(ValueError, match="scripted answered nothing: no connection: refused"),
    ):
        ask.ask(questions(2), desc="asking")


def test_a_teacher_that_wants_to_be_left_alone_is(tmp_path):
    wants = iter([TeacherError("429", retry_after=0.2)])
    teacher = ScriptedTeacher(lambda request: next(wants, "fine"))
    limits = Limits(max_concurrent=1, max_retry_wait=0.3)
    with Asking(teacher, Answers(tmp_path), limits) as ask:
        ask.ask(questions(3), desc="asking")
    (first, _), (second, _), *_ = teacher.calls
    assert second - first >= 0.2  # asyncio never wakes early


def test_a_teacher_that_wants_too_much_patience_stops_the_run(tmp_path):
    with (
        asking(lambda _: TeacherError("429 too many requests", retry_after=900), tmp_path) as ask,
        pytest.raises(ValueError, match=r"left alone for 900 seconds.*--max_retry_wait=0"),
    ):
        ask.ask(questions(1), desc="asking")


def test_the_rate_is_kept(tmp_path):
    teacher = ScriptedTeacher(echo)
    limits = Limits(requests_per_minute=60 / 0.05)
    with Asking(teacher, Answers(tmp_path), limits) as ask:
        ask.ask(questions(4), desc="asking")
    # The fourth may go when three have leaked away; the limiter's clock is the loop's.
    (first, _), _, _, (last, _) = teacher.calls
    assert last - first >= 3 * 0.05 - 0.001


@pytest.mark.parametrize(
    ("limits", "answered"),
    [
        # A request is 7 tokens (12 bytes and a turn), its longest answer 10, the answers here 3.
        ({"max_calls": 3}, 3),
        ({"max_total_tokens": 50}, 4),
        ({"max_price": 50.0, "prompt_price": 1e6, "completion_price": 1e6}, 4),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_a_budget_is_never_exceeded_and_what_fits_is_asked(tmp_path, limits, answered, batch_size):
    limits = Limits(max_retry_wait=0.0, **limits)
    for _ in range(2):  # the second run finds the budget spent
        teacher = ScriptedTeacher(echo, batch_size=batch_size)
        with Asking(teacher, Answers(tmp_path), limits) as ask:
            result = ask.ask(questions(6), desc="asking")
            assert sum(a.reply is not None for a in result) == answered
            left_out = [a.problem for a in result if a.reply is None]
            assert all("the budget is spent (--max_" in problem for problem in left_out)
            assert ask.counts["left out, the budget is spent"] == 6 - answered
    assert not teacher.asked


def test_prices_are_shown(tmp_path):
    limits = Limits(prompt_price=1e6, completion_price=2e6)
    with asking(echo, tmp_path, limits=limits) as ask:
        ask.ask(questions(2), desc="asking")
        assert re.search(r"price, now +26\.0000", ask.summary())  # 2 x (7 + 2 x 3)


def test_a_price_without_prices_bounds_nothing():
    with pytest.raises(ValueError, match="--prompt_price and --completion_price"):
        Limits(max_price=3.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"input": "a", "n": 1, "more": 2}', {"input": "a", "n": 1, "maybe": None}),
        ('Here it is:\n```json\n{"input": "a", "n": 1}\n```\nDone.', {"n": 1}),
        ('Sure! {"input": "{}", "n": 2} Good?', {"input": "{}", "n": 2}),
        ('{"input": "a"}', "not the JSON asked for: no field 'n'"),
        ('{"input": 1, "n": 1}', "field 'input' must be a text, got 1"),
        ('{"input": "a", "n": 1', "not the JSON asked for: the answer, column"),
        ('{"input": "\\ud800", "n": 1}', "half of a surrogate pair"),
        ("[1, 2]", "no object in it"),
        ("Of course.", "no object in it"),
        ("  \n", "empty"),
    ],
)
def test_json_is_read_or_said_why_not_and_counted(tmp_path, text, found):
    fields = {"input": str, "n": int, "maybe": str | None}
    with asking(echo, tmp_path) as ask:
        read = ask.read_json(Choice(text), fields)
        if isinstance(found, dict):
            assert read | found == read and not ask.counts
        else:
            assert found in read
            assert ask.counts == {read.partition(":")[0]: 1}


def test_a_cut_answer_is_said_to_be_cut(tmp_path):
    with asking(echo, tmp_path) as ask:
        assert ask.read_json(Choice('{"a": 1}', was_cut=True), {"a": int}) == "cut short"
        assert ask.counts == {"cut short": 1}


def test_half_a_character_becomes_a_mark(tmp_path):
    with asking(lambda _: "a\ud800b", tmp_path) as ask:
        (answered,) = ask.ask([Request(prompt="go")], desc="asking")
        assert answered.reply.choices[0].text == "a?b"
        assert ask.counts["answers with half a character"] == 1


def test_settings_tell_requests_apart():
    base = Request.of_text("a")
    others = [
        Request.of_text("b"),
        Request.of_text("a", system="s"),
        Request(prompt="a"),
        Request(messages=(Message("assistant", "a"),)),
        Request.of_text("a", temperature=0.5),
        Request.of_text("a", n=2),
        Request.of_text("a", stop=("x",)),
        Request.of_text("a", json_object=True),
        Request.of_text("a", attempt=1),
    ]
    digests = {r.digest("t") for r in (base, *others)} | {base.digest("u")}
    assert len(digests) == len(others) + 2


RUN = """
    import sys
    from t5lite.synthetic_data.teachers.config import TeacherConfig
    from t5lite.synthetic_data.teachers.requests import Request

    config = TeacherConfig(teacher=sys.argv[1], model="m", max_concurrent=2)
    with config.open(sys.argv[2]) as ask:
        ask.ask([Request.of_text(f"question {i}") for i in range(30)], desc="asking")
"""


def test_a_run_that_is_killed_goes_on_and_pays_for_nothing_kept_twice(tmp_path):
    """The endpoint kills it itself, at its 11th call."""

    def script(body):
        if len(endpoint.bodies) == 11:
            process.kill()
            process.wait()
        return body["messages"][-1]["content"].upper()

    with local_endpoint(script) as endpoint:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RUN), endpoint.url, str(tmp_path)],
            env=os.environ | {"OPENAI_API_KEY": ""},
            stderr=subprocess.DEVNULL,
        )
        assert process.wait() == -signal.SIGKILL
        kept, before = len(Answers(tmp_path, writes=False)), len(endpoint.bodies)
        assert 9 <= kept <= 10 and before <= 12  # two were under way
        config = TeacherConfig(teacher=endpoint.url, model="m")
        with config.open(tmp_path) as ask:
            answered = ask.ask([Request.of_text(f"question {i}") for i in range(30)], desc="asking")
            assert texts(answered) == [f"QUESTION {i}" for i in range(30)]
            assert ask.counts["found on disk"] == kept
        assert len(endpoint.bodies) - before == 30 - kept
    assert set(endpoint.keys) == {""}


def test_ctrl_c_leaves_what_was_answered(tmp_path):
    def script(request):
        if len(teacher.asked) == 5:
            signal.raise_signal(signal.SIGINT)
        return echo(request)

    teacher = ScriptedTeacher(script)
    limits = Limits(max_concurrent=1)
    with Asking(teacher, Answers(tmp_path), limits) as ask, pytest.raises(KeyboardInterrupt):
        ask.ask(questions(20), desc="asking")
    assert len(Answers(tmp_path, writes=False)) in (4, 5) and len(teacher.asked) == 5
