"""Endpoints that misbehave: each way is handled, counted, and shown in one line without the key."""

import json
import sys

import hypothesis
import hypothesis.strategies as st
import pytest

from t5lite.configuration import config as gin_config
from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.requests import Choice, Message, Request
from tests.synthetic_data.scripted import Answer, local_endpoint

KEY = "sk-a-secret-that-nobody-reads"
QUESTION = Request.of_text("What is it?")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def teacher(endpoint, **changes):
    settings = {"max_retry_wait": 0.0, "max_retries": 1, "max_failures": 3, "max_concurrent": 2}
    return TeacherConfig(teacher=endpoint.url, **{"model": "tiny"} | settings | changes)


def ask(script, folder, requests=(QUESTION,), **changes):
    """What became of requests to an endpoint, the Asking, and the endpoint."""
    with local_endpoint(script) as endpoint, teacher(endpoint, **changes).open(folder) as asking:
        return asking.ask(requests, desc=None), asking, endpoint


def test_a_request_is_sent_as_openai_has_it(tmp_path):
    requests = [
        Request(
            messages=(Message("system", "s"), Message("user", "u")),
            temperature=0.5,
            top_p=0.9,
            max_tokens=7,
            stop=("x", "y"),
            presence_penalty=1.5,
            frequency_penalty=-0.5,
            n=2,
            json_object=True,
        ),
        Request(prompt="Once", max_tokens=3, attempt=4),
    ]
    answered, _, endpoint = ask(lambda _: Answer(("one", "two")), tmp_path, requests)
    chat, plain = sorted(endpoint.bodies, key=lambda body: "prompt" in body)
    assert chat == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["x", "y"],
        "presence_penalty": 1.5,
        "frequency_penalty": -0.5,
        "n": 2,
        "response_format": {"type": "json_object"},
    }
    assert plain == {
        **{"model": "tiny", "prompt": "Once", "temperature": 1.0, "top_p": 1.0, "max_tokens": 3}
    }
    assert answered[0].reply.choices == (Choice("one"), Choice("two"))
    assert answered[1].reply.choices == (Choice("one"),)  # no more than were asked for
    assert endpoint.keys == [f"Bearer {KEY}"] * 2


def test_without_a_key_none_is_sent(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert ask(lambda _: "yes", tmp_path)[2].keys == [""]
    monkeypatch.setenv("OTHER", "other")
    question = Request.of_text("Else?")
    asked = ask(lambda _: "yes", tmp_path, [question], api_key_variable="OTHER")
    assert asked[2].keys == ["Bearer other"]


def test_without_the_client_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ValueError, match=r"needs openai, .*: pip install 't5lite\[synthetic\]'"):
        ask(lambda _: "yes", tmp_path)


def test_a_cut_answer_is_known(tmp_path):
    (answered,), _, _ = ask(lambda _: Answer(("It i",), finish_reason="length"), tmp_path)
    assert answered.reply.choices == (Choice("It i", was_cut=True),)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(("slow",), status=429), "429 too many requests"),
        (Answer(("busy",), status=500), "500 error of the endpoint"),
        (Answer(("busy",), status=503), "503 error of the endpoint"),
        (Answer(("late",), status=408), "408 timed out"),
        (Answer(closes=True), "no connection"),
        (Answer(body=b"<html>proxy</html>"), "not what OpenAI's API answers"),
        (Answer(body=b""), "not what OpenAI's API answers"),
        (Answer(body=b"[1]"), "not what OpenAI's API answers"),
        (Answer(body=b'{"choices": {"a": 1}}'), "not what OpenAI's API answers"),
        (Answer(body=b'{"choices": [{"message": {"content": 1}}]}'), "not what OpenAI's API"),
        (Answer(body=b'{"choices": [], "usage": null}'), "no choices in the answer"),
        (Answer(body=b"{}"), "no choices in the answer"),
        (Answer(body=b'{"error": {"message": "odd"}}'), "no choices in the answer"),
    ],
)
def test_what_may_pass_is_tried_again_and_counted(tmp_path, answer, kind):
    answers = iter([answer, "fine"])
    (answered,), asking, endpoint = ask(lambda _: next(answers), tmp_path)
    assert answered.reply.choices == (Choice("fine"),)
    (counted,) = set(asking.counts) - {"requests", "answered now", "found on disk"}
    assert counted.startswith(kind) and f"{counted} " in asking.summary()
    assert len(endpoint.bodies) == 2

    with pytest.raises(ValueError, match=rf"^teacher tiny answered nothing: {kind}") as error:
        ask(lambda _: answer, tmp_path / "for_ever")
    assert "\n" not in str(error.value)


def test_an_endpoint_that_never_answers_is_given_up(tmp_path):
    hanging = Answer(hangs=True)
    with pytest.raises(ValueError, match="answered nothing: no answer in time"):
        ask(lambda _: hanging, tmp_path, timeout=0.05)


def test_nobody_there_is_said_at_once(tmp_path):
    nobody = TeacherConfig(
        teacher="http://127.0.0.1:9/v1", model="m", max_retries=0, max_retry_wait=0.0
    )
    with nobody.open(tmp_path) as asking, pytest.raises(ValueError, match=r"no connection: .+"):
        asking.ask([QUESTION], desc=None)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"refuses the key in \$OPENAI_API_KEY \(401: no \[key\]\)"),
        (403, r"refuses the key in \$OPENAI_API_KEY"),
        (404, r"knows no model 'tiny', or is no base URL .*--teacher_model"),
        (402, "this key's credit is spent"),
    ],
)
def test_what_never_passes_stops_the_run_without_a_retry(tmp_path, status, said):
    bad = Answer((f"no\n{KEY}",), status=status)
    requests = [Request.of_text(str(i)) for i in range(50)]
    with local_endpoint(lambda _: bad) as endpoint, teacher(endpoint).open(tmp_path) as asking:
        with pytest.raises(ValueError, match=said) as error:
            asking.ask(requests, desc=None)
        assert len(endpoint.bodies) <= 2
    assert KEY not in str(error.value) and "\n" not in str(error.value)


def test_a_refused_call_without_a_key_names_the_variable(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match=r"without a key: \$OPENAI_API_KEY is not set"):
        ask(lambda _: Answer(("no",), status=401), tmp_path)


def test_a_request_that_is_refused_fails_alone(tmp_path):
    def script(body):
        if "long" in body["messages"][0]["content"]:
            return Answer((f"too long, {KEY}",), status=400)
        return "fine"

    requests = [Request.of_text("long"), Request.of_text("short")]
    (long, short), asking, endpoint = ask(script, tmp_path, requests)
    assert long.problem == "400 request refused: too long, [key]" and short.reply
    assert asking.counts["400 request refused"] == 1 and len(endpoint.bodies) == 2


def test_json_is_asked_for_in_words_where_an_endpoint_refuses_the_setting(tmp_path, caplog):
    def script(body):
        return Answer(("no such field",), status=400) if "response_format" in body else "{}"

    requests = [Request.of_text(str(i), json_object=True) for i in range(6)]
    answered, asking, endpoint = ask(script, tmp_path, requests, max_concurrent=1)
    assert all(a.reply.choices == (Choice("{}"),) for a in answered)
    assert len(endpoint.bodies) == 7  # the first is asked twice
    (said,) = [m for m in caplog.messages if "takes no response_format" in m]
    assert "no such field" in said
    assert asking.counts["answered now"] == 6


def test_a_long_retry_after_is_heeded_as_number_or_date(tmp_path):
    for text in ("900", "Fri, 31 Dec 2999 23:59:59 GMT"):
        slow = Answer(("wait",), status=429, headers={"Retry-After": text})
        with pytest.raises(ValueError, match=r"wants to be left alone for [\d,]{3,} seconds"):
            ask(lambda _, slow=slow: slow, tmp_path)


@pytest.mark.parametrize("text", ["soon", "-5", "nan", "inf", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_an_odd_retry_after_is_none(tmp_path, text):
    answers = iter([Answer(status=429, headers={"Retry-After": text}), "fine"])
    (answered,), _, _ = ask(lambda _: next(answers), tmp_path)
    assert answered.reply


def test_missing_usage_is_guessed(tmp_path):
    body = json.dumps({"choices": [{"message": {"content": "x" * 40}}]}).encode()
    (answered,), _, _ = ask(lambda _: Answer(body=body), tmp_path)
    assert answered.reply.prompt_tokens == QUESTION.count_tokens()
    assert answered.reply.completion_tokens == 10


FIELDS = [
    *("choices", "message", "content", "text", "usage", "finish_reason", "prompt_tokens"),
    *("completion_tokens", "error"),
]


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    bodies=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
                ),
                max_leaves=8,
            ).map(lambda value: json.dumps(value).encode()),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_whatever_comes_back_is_an_answer_or_a_counted_failure(noisy, bodies):
    endpoint, said, asking = noisy
    said[:] = bodies
    number = len(endpoint.bodies)
    requests = [Request.of_text(f"{number} {i}") for i in range(len(bodies))]
    try:
        answered = asking.ask(requests, desc=None)
    except ValueError as error:
        assert "answered nothing" in str(error) or "in a row failed" in str(error)
    else:
        assert all((a.reply is None) == bool(a.problem) for a in answered)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """An endpoint that answers what stands in a list, in turn."""
    said = []
    folder = tmp_path_factory.mktemp("answers")

    def script(body):
        return Answer(body=said[int(body["messages"][0]["content"].split()[1]) % len(said)])

    with local_endpoint(script) as endpoint, teacher(endpoint, max_retries=0).open(folder) as ask:
        yield endpoint, said, ask


# ---- What names an endpoint ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://me:secret@127.0.0.1/v1", "a user, a password or a query may hold a key"),
        ("https://127.0.0.1/v1?api_key=secret", "a user, a password or a query may hold a key"),
        ("ftp://127.0.0.1/v1", "no URL such as"),
        ("http://", "no URL such as"),
        ("http://127.0.0.1:99999/v1", "no URL such as"),
    ],
)
def test_a_url_that_cannot_be_or_may_hold_a_key_is_refused(url, said):
    with pytest.raises(ValueError, match=said) as error:
        TeacherConfig(teacher=url, model="m")
    assert "secret" not in str(error.value)


def test_a_key_in_place_of_its_variable_is_refused_and_not_shown():
    with pytest.raises(ValueError, match="--api_key_variable is the name of") as error:
        TeacherConfig(teacher="http://127.0.0.1/v1", model="m", api_key_variable=KEY)
    assert KEY not in str(error.value)


def test_the_url_may_stand_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    there = TeacherConfig(teacher="endpoint", model="m")
    with pytest.raises(ValueError, match=r"\$OPENAI_BASE_URL, which is not set"):
        there.open(tmp_path)
    with local_endpoint(lambda _: "yes") as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        with there.open(tmp_path) as asking:
            assert asking.ask([QUESTION], desc=None)[0].reply


def test_a_teacher_must_be_named(tmp_path):
    with pytest.raises(ValueError, match="give --teacher=URL"):
        TeacherConfig().open(tmp_path)
    with pytest.raises(ValueError, match="wants --teacher_model"):
        TeacherConfig(teacher="http://127.0.0.1/v1").open(tmp_path)


def test_the_key_is_in_no_file_and_no_configuration(tmp_path):
    ask(lambda _: "yes", tmp_path / "run")
    assert not any(
        KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    parsed = gin_config.parse(["runs/teacher.gin"])
    assert KEY not in parsed.table("infer") and KEY not in parsed.operative_config()
    assert KEY not in repr(TeacherConfig(teacher="endpoint", model="m"))


# ---- Recorded answers ----------------------------------------------------------------------------


def test_recorded_answers_are_given_again_and_what_is_missing_is_named(tmp_path):
    ask(lambda _: "yes", tmp_path)
    before = (tmp_path / "answers.jsonl").read_bytes()
    with TeacherConfig(teacher="recorded").open(tmp_path) as asking:
        assert asking.teacher_name == "tiny"
        assert asking.ask([QUESTION], desc=None)[0].reply.choices == (Choice("yes"),)
        other = Request.of_text("Something else?")
        with pytest.raises(ValueError, match=f"{other.digest('tiny')[:16]}.*'Something else"):
            asking.ask([other], desc=None)
    assert (tmp_path / "answers.jsonl").read_bytes() == before


def test_of_several_teachers_one_must_be_named(tmp_path):
    ask(lambda _: "yes", tmp_path)
    ask(lambda _: "no", tmp_path, model="other")
    with pytest.raises(ValueError, match="holds answers of other, tiny; say of whom"):
        TeacherConfig(teacher="recorded").open(tmp_path)
    with pytest.raises(ValueError, match="not of 'third'"):
        TeacherConfig(teacher="recorded", model="third").open(tmp_path)
    with TeacherConfig(teacher="recorded", model="tiny").open(tmp_path) as asking:
        assert asking.ask([QUESTION], desc=None)[0].reply.choices == (Choice("yes"),)


def test_answers_may_lie_in_a_folder_of_their_own(tmp_path):
    ask(lambda _: "yes", tmp_path / "run", answers=str(tmp_path / "shared"))
    assert not (tmp_path / "run").exists()
    assert len(Answers(tmp_path / "shared", writes=False)) == 1
