import json
import pathlib

import pytest

from t5lite.synthetic_data.prompt2model.parser import (
    MAX_ATTEMPTS,
    parse_prompt,
    prompt_of_layout,
    read_prompt,
    translate_instruction,
)
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from tests.synthetic_data.scripted import asking

_TEXT = """Tell whether a number is even.

7 -> odd
12  ->
  even
"""
_PARTS = {
    "Instruction": "Tell whether a number is even.",
    "Demonstrations": [{"input": "7", "output": "odd"}, {"input": "12", "output": "even"}],
}
_SPEC = PromptSpec(
    instruction="Tell whether a number is even.",
    demonstrations=(Demonstration("7", "odd"), Demonstration("12", "even")),
    original=_TEXT,
)


def _changed(**fields) -> str:
    return json.dumps({**_PARTS, **fields})


def test_a_teacher_takes_a_prompt_apart(tmp_path):
    requests = []

    def script(request):
        requests.append(request)
        return json.dumps(_PARTS)

    with asking(script, tmp_path) as teacher:
        assert parse_prompt(_TEXT, teacher) == _SPEC
        assert "failed" not in "".join(teacher.counts)
    (request,) = requests
    assert request.json_object and request.temperature == 0
    assert request.messages[-1].content == _TEXT.strip()
    # The examples that it is shown are answered in the form that is asked for.
    roles = [message.role for message in request.messages]
    assert roles == ["system", *["user", "assistant"] * 3, "user"]
    for prompt, answer in zip(request.messages[1:-1:2], request.messages[2:-1:2], strict=True):
        parts = json.loads(answer.content)
        assert parts["Instruction"] in prompt.content
        for one in parts["Demonstrations"]:
            assert one["input"] in prompt.content and one["output"] in prompt.content


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("The instruction is to sing.", "not the JSON asked for"),
        (_changed(Demonstrations="7 -> odd"), "field 'Demonstrations' must be a list"),
        (_changed(Demonstrations=[{"input": "8", "output": "even"}]), "1 is not in the prompt"),
        (_changed(Demonstrations=[{"input": "7", "output": ""}]), "1 has no text as its input or"),
        (_changed(Demonstrations=[{"input": 7, "output": "odd"}]), "1 has no text as its input or"),
        (_changed(Instruction=" "), "the instruction is empty"),
    ],
)
def test_an_answer_of_no_use_is_asked_again_and_counted(tmp_path, answer, problem):
    answers = [answer, answer, json.dumps(_PARTS)]
    with asking(lambda request: answers[request.attempt], tmp_path / "good") as teacher:
        assert parse_prompt(_TEXT, teacher) == _SPEC
        assert teacher.counts["attempts to parse the prompt that failed"] == 2
    with (
        asking(lambda request: answer, tmp_path / "bad") as teacher,
        pytest.raises(ValueError, match=f"in 5 attempts .*{problem}.*--noparse_with_teacher"),
    ):
        parse_prompt(_TEXT, teacher)
    assert teacher.counts["attempts to parse the prompt that failed"] == MAX_ATTEMPTS


def test_a_layout_needs_no_teacher():
    text = (
        "Tell whether a number\nis even.\n\nInput: 7\nOutput: odd\nInput:\n12\n\nOutput: even\n\n"
    )
    spec = prompt_of_layout(text)
    assert spec.instruction == "Tell whether a number\nis even."
    assert spec.demonstrations == _SPEC.demonstrations and spec.original == text
    assert prompt_of_layout("Sing. The Output: loud.").demonstrations == ()
    (shown,) = prompt_of_layout("Sing.\nInput:\nOutput: la").demonstrations
    assert shown == Demonstration("", "la")


@pytest.mark.parametrize(
    "text", ["a\nInput: b", "a\nOutput: b", "a\nInput: b\nInput: c\nOutput: d"]
)
def test_a_layout_of_unpaired_lines_is_refused(text):
    with pytest.raises(ValueError, match="must take turns"):
        prompt_of_layout(text)


def test_files_by_their_endings(tmp_path):
    def written(name: str, text: str) -> pathlib.Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    text = written("prompt.txt", "Sing.\nInput: a\nOutput: b")
    assert read_prompt(text, asking=None) == prompt_of_layout(text.read_text())
    lines = '{"instruction": "Sing."}\n{"input": "a", "output": "b"}\n'
    spec = read_prompt(written("prompt.jsonl", lines), asking=None)
    assert (spec.instruction, spec.demonstrations) == ("Sing.", (Demonstration("a", "b"),))
    spec.write(tmp_path / "prompt.json")
    # No teacher is asked about these.
    assert read_prompt(tmp_path / "prompt.json", asking=None) == spec
    with asking(lambda request: json.dumps(_PARTS), tmp_path / "answers") as teacher:
        assert read_prompt(tmp_path / "prompt.json", asking=teacher) == spec
        assert read_prompt(tmp_path / "prompt.jsonl", asking=teacher) == spec
        assert read_prompt(written("even.md", _TEXT), asking=teacher) == _SPEC


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", " \n", "is empty"),
        ("a.jsonl", "", "is empty"),
        ("a.jsonl", '{"input": "a", "output": "b"}', "line 1: no field 'instruction'"),
        ("a.jsonl", '{"instruction": "a"}\n{"input": "b"}', "line 2: no field 'output'"),
        ("a.jsonl", '{"instruction": 3}', "must be a text"),
        ("a.json", '{"demonstrations": []}', "'instruction' is missing"),
    ],
)
def test_files_of_another_shape_are_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_prompt(tmp_path / name, asking=None)


def test_an_instruction_is_translated_and_its_examples_stay(tmp_path):
    spec = PromptSpec(
        instruction="Nenne die Hauptstadt.", demonstrations=(Demonstration("Polen", "Warschau"),)
    )
    texts = (None, " ", "Name the capital.")
    answers = [json.dumps({"Language": "German", "Translation": text}) for text in texts]
    with asking(lambda request: answers[request.attempt], tmp_path) as teacher:
        found = translate_instruction(spec, teacher)
        assert teacher.counts["attempts to translate the instruction that failed"] == 2
    assert found == PromptSpec(
        instruction="Name the capital.",
        demonstrations=spec.demonstrations,
        language="German",
        original="Nenne die Hauptstadt.",
    )
