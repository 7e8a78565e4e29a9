"""What `t5lite infer` asks: lines and examples as they are, or as conversations."""

import functools

import numpy as np
import pytest

from t5lite.checkpoints.load import LoadedModel
from t5lite.cli import main
from t5lite.data.chat.named_chat_templates import NAMED_TEMPLATES
from t5lite.data.tasks.prompt_parts import PromptParts
from t5lite.data.tasks.seqio_adapter import import_tasks, load_eval_tasks
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.files.json_files import write_lines
from t5lite.inference.few_shot import messages
from t5lite.inference.prompts import chat_prompt
from t5lite.inference.questions import QuestionReader
from tests.decoding import model_dirs, tiny
from tests.feature_converters import converter

TEMPLATE = ChatTemplate({"default": NAMED_TEMPLATES["plain"]}, {"eos_token": "</s>"})


def model(*, inputs=400, has_template=True):
    rows = converter("decoder_only", task_feature_lengths={"inputs": inputs, "targets": 16})
    return LoadedModel(
        config=tiny.config("decoder_only", vocab_size=264),
        params=None,
        vocabulary=ByteVocabulary(),
        converter=rows,
        step=0,
        chat_template=TEMPLATE if has_template else None,
    )


@functools.cache
def task():
    """A Task whose prompts have parts."""
    import_tasks(["tests.parts_tasks"], vocabulary="bytes")
    lengths = {"inputs": 400, "targets": 16}
    (found,) = load_eval_tasks("parts_plus", split="validation", task_feature_lengths=lengths)
    return found


@pytest.fixture
def lines(tmp_path):
    """A file with a text, and with a conversation."""
    path = tmp_path / "in.jsonl"
    talk = [{"role": "user", "content": "Hello"}]
    records = [{"q": "One", "o": ["a", "bc"]}, {"q": talk, "o": ["a"]}]
    write_lines(path, records)
    return str(path)


def user(text, **more):
    return chat_prompt([{"role": "user", "content": text}], model(), **more)


def test_lines_are_asked_as_they_are(lines):
    text, talk = QuestionReader(model=model()).of_file(lines, field="q", options_field="o")
    assert text.tokens.tolist() == [0, *ByteVocabulary().encode("One")]
    assert text.end_ids == () and [o.tolist()[-1] for o in text.option_tokens] == [1, 1]
    assert talk.tokens.tolist() == user("Hello").tokens.tolist()


@pytest.mark.parametrize("system_prompt", [None, "Be brief."])
def test_a_text_becomes_a_conversation_where_that_is_asked(lines, system_prompt):
    reader = QuestionReader(model=model(), use_chat_template=True, system_prompt=system_prompt)
    text, talk = reader.of_file(lines, field="q", options_field="o")
    said = [{"role": "user", "content": "One"}]
    if system_prompt:
        said.insert(0, {"role": "system", "content": system_prompt})
    expected = chat_prompt(said, model(), options=["a", "bc"])
    assert text.tokens.tolist() == expected.tokens.tolist()
    assert text.end_ids == expected.end_ids != ()
    np.testing.assert_equal(list(text.option_tokens), list(expected.options))
    assert talk.tokens.tolist() == user("Hello").tokens.tolist(), "it is one already"


def test_a_tasks_exemplars_become_turns():
    questions = QuestionReader(model=model(), use_chat_template=True).of_tasks([task()])
    assert len(questions) == len(task().examples)
    for question, example in zip(questions, task().examples, strict=True):
        parts = PromptParts.of(example.raw)
        assert parts.exemplars
        expected = chat_prompt(messages(parts, system_prompt=None), model())
        assert question.tokens.tolist() == expected.tokens.tolist()
        assert question.end_ids == expected.end_ids
        assert question.record["inputs"] == example.inputs_text
        assert question.record["id"] == example.id
    plain = QuestionReader(model=model()).of_tasks([task()])
    for question, example in zip(plain, task().examples, strict=True):
        assert question.tokens.tolist() == example.prompt(model().converter).tolist()


@pytest.mark.parametrize(("room", "num_cut"), [(0, 0), (-1, 1)])
def test_prompts_of_tasks_that_are_cut_are_counted(caplog, room, num_cut):
    lengths = sorted(len(ByteVocabulary().encode(e.inputs_text)) for e in task().examples)
    assert lengths[-1] > lengths[-2], "one is the longest"
    small = model(inputs=lengths[-1] + room)
    questions = QuestionReader(model=small).of_tasks([task()])
    assert max(len(question.tokens) for question in questions) == small.converter.longest_prompt
    said = f"{num_cut} of {len(questions)} prompts are longer than"
    assert (said in caplog.text) == bool(num_cut)


def test_a_conversation_needs_a_template_and_a_system_prompt_a_conversation(tmp_path, capsys):
    with pytest.raises(ValueError, match=r"no chat template.*--use_chat_template"):
        QuestionReader(model=model(has_template=False), use_chat_template=True)
    model_dirs.save(tmp_path / "model")
    (tmp_path / "in.jsonl").write_text('{"inputs": "x"}\n')
    words = [f"--input={tmp_path}/in.jsonl", f"--output={tmp_path}/o.jsonl", "--system_prompt=Hi"]
    assert main(["infer", f"--model_dir={tmp_path}/model", *words]) == 2
    assert "give --use_chat_template with it" in capsys.readouterr().err
