"""Records of every usual layout are one conversation, and what is none is named."""

import pytest

from t5lite.data.chat.conversations import read_conversation

HELLO = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
SYSTEM = {"role": "system", "content": "Be kind."}


def messages(record, **options):
    return list(read_conversation(record, where="x.jsonl, line 1", **options).messages)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"messages": HELLO, "prompt": "hello", "prompt_id": 3}, HELLO),
        ({"messages": [SYSTEM, *HELLO]}, [SYSTEM, *HELLO]),
        ({"messages": HELLO, "system": "Be kind."}, [SYSTEM, *HELLO]),
        ({"messages": [SYSTEM, *HELLO], "system": "Other."}, [SYSTEM, *HELLO]),
        (
            {
                "conversations": [
                    {"from": "system", "value": "Be kind."},
                    {"from": "human", "value": "hello"},
                    {"from": "gpt", "value": "hi", "weight": None},
                ],
                "id": "1",
            },
            [SYSTEM, *HELLO],
        ),
        ({"conversation": [{"role": "human", "content": "hello"}, HELLO[1]]}, HELLO),
        ({"prompt": "hello", "completion": "hi"}, HELLO),
        ({"prompt": HELLO[:1], "completion": HELLO[1:]}, HELLO),
        ({"prompt": "hello", "answer": "hi"}, HELLO),
        ({"question": "hello", "response": "hi", "system": ""}, HELLO),
        ({"instruction": "hello", "input": "", "output": "hi"}, HELLO),
        ({"instruction": "hello", "output": "hi", "input": None}, HELLO),
        (
            {"instruction": "Add.", "input": "1 2", "output": "3"},
            [
                {"role": "user", "content": "Add.\n\n1 2"},
                {"role": "assistant", "content": "3"},
            ],
        ),
        (
            {"instruction": "Who?", "context": "Ann.", "response": "Ann", "category": "qa"},
            [
                {"role": "user", "content": "Who?\n\nAnn."},
                {"role": "assistant", "content": "Ann"},
            ],
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "hel"},
                            {"type": "text", "text": "lo"},
                        ],
                    },
                    {"role": "assistant", "content": "hi", "name": None},
                ]
            },
            HELLO,
        ),
    ],
)
def test_layouts(record, expected):
    assert messages(record) == expected


def test_tools_calls_and_weights():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    record = {
        "messages": [HELLO[0], call, {"role": "tool", "content": "3"}, {**HELLO[1], "weight": 0}],
        "tools": '[{"name": "add"}]',
    }
    conversation = read_conversation(record, where="here")
    assert conversation.tools == ({"name": "add"},)
    assert conversation.messages[1] == {**call, "content": ""}
    assert conversation.answers() == [1]


def test_a_field_of_another_name():
    assert messages({"dialog": HELLO, "messages": []}, field="dialog") == HELLO
    with pytest.raises(ValueError, match="field 'chat' is missing"):
        messages({"dialog": HELLO}, field="chat")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "x"}, r"no conversation: expected a field 'messages', .*fields: 'text'"),
        ({"messages": "x"}, r"field 'messages': expected a list, found a string"),
        ({"messages": []}, r"field 'messages' is an empty list"),
        ({"messages": ["x"]}, r"field 'messages'\[0\]: expected \{\"role\""),
        ({"messages": [{"content": "x"}]}, r"'messages'\[0\]: field 'role' is missing"),
        ({"messages": [{"role": "user"}]}, r"'messages'\[0\]: field 'content' is missing"),
        (
            {"messages": [HELLO[0], {"role": "asistant", "content": "x"}]},
            r"\[1\]: the role 'asistant' is none of .* Did you mean 'assistant'",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            r"\[0\]: field 'content'\[0\]: content of type 'image_url'; only parts of type 'text'",
        ),
        ({"messages": HELLO[:1]}, r"nothing to learn from: no message of the role 'assistant'"),
        ({"messages": HELLO[1:]}, r"nothing to learn from"),
        ({"instruction": "x", "output": None}, r"field 'output': expected a string, found null"),
        ({"messages": [{"role": "user", "content": "\ud83d"}]}, r"half of a surrogate pair"),
        ({"prompt": "x", "completion": "\ud83d"}, r"field 'completion' is no text: character 1"),
        ({"messages": HELLO, "tools": "{"}, r"field 'tools': malformed JSON"),
    ],
)
def test_what_is_none_is_named_with_its_place(record, message):
    with pytest.raises(ValueError, match=r"x\.jsonl, line 1: .*" + message):
        messages(record)
