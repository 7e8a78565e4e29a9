"""Answers on disk: what is found again, and what damaged files say."""

import dataclasses
import json

import hypothesis
import hypothesis.strategies as st
import pytest

from t5lite.synthetic_data.teachers.answers import ANSWERS_FILE, Answers
from t5lite.synthetic_data.teachers.requests import Choice, Message, Reply, Request

REPLY = Reply((Choice("an answer"), Choice("cut", was_cut=True)), 12, 34)


def filled(folder, n=3):
    with Answers(folder) as answers:
        for i in range(n):
            answers.add("teacher", Request.of_text(f"question {i}"), REPLY)
    return folder / ANSWERS_FILE


anything = st.text(st.characters(exclude_categories=()))


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(teacher=anything, asked=anything, answer=anything)
def test_any_text_is_found_again(tmp_path_factory, teacher, asked, answer):
    folder = tmp_path_factory.mktemp("answers")
    request = Request(messages=(Message("user", asked),), stop=(asked, "x"), temperature=0.3)
    reply = Reply((Choice(answer, was_cut=True),), 1, 2)
    with Answers(folder) as answers:
        answers.add(teacher, request, reply)
        answers.add(teacher, Request(prompt=asked), REPLY)
        digest = request.digest(teacher)
        assert answers.find(digest).reply == reply
    with Answers(folder, writes=False) as answers:
        found = answers.find(digest)
        assert (found.teacher, found.request, found.reply) == (teacher, request, reply)
        assert answers.find(Request(prompt=asked).digest(teacher)).reply == REPLY
        assert answers.teachers == {teacher} and len(answers) == 2
        assert (answers.prompt_tokens, answers.completion_tokens) == (13, 36)
        assert answers.find("0" * 64) is None


def test_the_piece_of_a_line_that_a_killed_process_leaves_is_cut_off(tmp_path):
    path = filled(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with Answers(tmp_path, writes=False) as answers:
        assert len(answers) == 2
    with Answers(tmp_path) as answers:
        assert len(answers) == 2
        answers.add("teacher", Request.of_text("question 2"), REPLY)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b'{"digest": "12"}', b"\xff\xfe", b"[1]", b'{"instruction": "a", "output": "b"}'],
)
def test_a_foreign_line_is_named(tmp_path, line):
    path = filled(tmp_path)
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first + b"\n" + line + b"\n" + rest)
    for writes in (True, False):
        with pytest.raises(ValueError, match=rf"{ANSWERS_FILE}, line 2: no answer"):
            Answers(tmp_path, writes=writes)
    Answers(tmp_path / "other").close()  # and no lock stays behind
    path.write_bytes(first + b"\n")
    Answers(tmp_path).close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["request"]["messages"][0].update(content="other"), "its digest was made of"),
        (lambda r: r.update(choices=[{"text": 1, "was_cut": False}]), "must be a text"),
        (lambda r: r.update(choices=[{"text": "a"}]), "missing or not known: was_cut"),
        (lambda r: r["request"].update(temperature=7), "temperature"),
        (lambda r: r["request"].update(n=0), "n must be"),
        (lambda r: r["request"].pop("stop"), "missing or not known: stop"),
        (lambda r: r["request"].update(messages=[{"role": "user"}]), "request"),
        (lambda r: r["request"].update(prompt="both"), "a conversation, or a prompt"),
    ],
)
def test_a_damaged_line_is_named_when_it_is_asked_for(tmp_path, change, said):
    path = filled(tmp_path)
    lines = path.read_text().split("\n")
    record = json.loads(lines[1])
    change(record)
    path.write_text("\n".join([lines[0], json.dumps(record), *lines[2:]]))
    with Answers(tmp_path) as answers:
        assert answers.find(Request.of_text("question 0").digest("teacher")).reply == REPLY
        with pytest.raises(ValueError, match=rf"{ANSWERS_FILE}, line 2: .*{said}"):
            answers.find(Request.of_text("question 1").digest("teacher"))


def test_malformed_json_behind_a_good_head_is_named(tmp_path):
    path = filled(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"temperature": 1.0', b'"temperature": 1,0', 1))
    with Answers(tmp_path) as answers, pytest.raises(ValueError, match="line 1, column"):
        answers.find(Request.of_text("question 0").digest("teacher"))


def test_one_process_at_a_time_adds(tmp_path):
    with Answers(tmp_path) as answers:
        with pytest.raises(ValueError, match="another process asks for the answers in"):
            Answers(tmp_path)
        answers.add("teacher", Request.of_text("a"), REPLY)
        with Answers(tmp_path, writes=False) as reading:  # reading needs no leave
            assert len(reading) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [ANSWERS_FILE]


def test_a_folder_that_is_only_read_must_be_there(tmp_path):
    with pytest.raises(ValueError, match=r"--x .*: there is no answers.jsonl"):
        Answers(tmp_path / "none", writes=False, name="--x")


def test_many_answers_open_without_being_read(tmp_path, monkeypatch):
    """An index is made of the heads of lines: no JSON of them is parsed."""
    path = filled(tmp_path, n=1)
    line = path.read_bytes()
    digest = Request.of_text("question 0").digest("teacher").encode()
    path.write_bytes(b"".join(line.replace(digest, b"%064x" % i) for i in range(2000)))
    parsed = []
    monkeypatch.setattr(json, "loads", lambda text: parsed.append(text) or "teacher")
    with Answers(tmp_path, writes=False) as answers:
        assert len(answers) == 2000
    assert len(parsed) == 1  # the teacher's name


def test_every_field_of_a_request_is_kept(tmp_path):
    request = Request.of_text(
        "q", system="s", temperature=0.2, top_p=0.5, max_tokens=7, stop=("a",), n=3, attempt=2,
        presence_penalty=1.5, frequency_penalty=-0.5, json_object=True,
    )  # fmt: skip
    default = Request.of_text("q")
    same = [
        f.name
        for f in dataclasses.fields(Request)
        if f.name != "prompt" and getattr(request, f.name) == getattr(default, f.name)
    ]
    assert not same
    with Answers(tmp_path) as answers:
        answers.add("t", request, REPLY)
        assert answers.find(request.digest("t")).request == request
