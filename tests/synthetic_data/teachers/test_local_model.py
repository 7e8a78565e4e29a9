"""A model folder as a teacher: its answers are those of infer, and it is called by its weights."""

import dataclasses
import shutil
import types

import jax
import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.cli import main
from t5lite.convert.cached import model_folder
from t5lite.synthetic_data.prompt2model.work import Work
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.local_model import LocalModel
from t5lite.synthetic_data.teachers.requests import Message, Request
from tests.conftest import shared_path
from tests.decoding import model_dirs
from tests.synthetic_data.lines import lines_of, write_lines

TEXTS = ["a", "what is it?", "a question of more bytes", "b", "c"]
LENGTH = 6
TEMPLATE = "{% for m in messages %}<{{ m.role[:1] }}>{{ m.content }}{% endfor %}<a>"


def greedy(text, **changes):
    return Request(prompt=text, **{"temperature": 0, "max_tokens": LENGTH} | changes)


def drawn(text, **changes):
    return Request(prompt=text, **{"temperature": 0.9, "max_tokens": LENGTH, "n": 2} | changes)


CONVERSATION = Request(
    messages=(Message("system", "Say."), Message("user", "a")), temperature=0, max_tokens=LENGTH
)
TOO_LONG = greedy("x" * 10_000)
# All are asked at once, so that each program is compiled once.
ASKED = [
    *map(greedy, TEXTS),
    *map(drawn, TEXTS),
    drawn("a", attempt=1),
    drawn("a", temperature=0.4),
    greedy("a", n=2),
    CONVERSATION,
    greedy("Say.\n\na"),
    TOO_LONG,
    greedy("a", json_object=True),
    greedy("b", json_object=True),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "model"
    model_dirs.save(path, "decoder_only")
    return path


def ask(folder, requests, answers, **config):
    with TeacherConfig(teacher=str(folder), batch_size=4, **config).open(answers) as asking:
        found = asking.ask(requests, desc=None)
        return [a.reply or a.problem for a in found], asking


@pytest.fixture(scope="module")
def replies(folder, tmp_path_factory):
    found, asking = ask(folder, ASKED, tmp_path_factory.mktemp("answers"))
    assert asking.counts["prompt too long"] == 1
    return dict(zip(ASKED, found, strict=True))


def test_greedy_answers_are_those_of_infer(folder, replies, tmp_path):
    write_lines(tmp_path / "in.jsonl", [{"inputs": text} for text in TEXTS])
    words = [f"--model_dir={folder}", f"--max_decode_length={LENGTH}", "--eval_batch_size=4"]
    files = [f"--input={tmp_path}/in.jsonl", f"--output={tmp_path}/out.jsonl"]
    assert main(["infer", *words, *files]) == 0
    records = lines_of(tmp_path / "out.jsonl")
    found = [replies[greedy(text)] for text in TEXTS]
    assert [r.choices[0].text for r in found] == [r["prediction"] for r in records]
    assert [r.choices[0].was_cut for r in found] == [r.get("was_cut", False) for r in records]
    assert [r.prompt_tokens for r in found] == [len(text) + 1 for text in TEXTS]
    assert all(r.completion_tokens == LENGTH for r in found if r.choices[0].was_cut)


def test_draws_depend_on_the_request_alone(folder, replies, tmp_path):
    (alone,), _ = ask(folder, [drawn(TEXTS[2])], tmp_path)
    assert alone == replies[drawn(TEXTS[2])]
    assert len({choice.text for choice in alone.choices}) == 2
    others = [drawn("a"), drawn("a", attempt=1), drawn("a", temperature=0.4)]
    assert len({replies[request].choices for request in others}) == 3


def test_the_likeliest_answer_comes_as_often_as_it_is_wanted(replies):
    assert replies[greedy("a", n=2)].choices == replies[greedy("a")].choices * 2


def test_a_stop_text_ends_an_answer(folder, replies, tmp_path):
    said = {text: replies[greedy(text)].choices[0].text for text in TEXTS}
    question, text = max(said.items(), key=lambda item: len(item[1]))
    stop = text[1:3]
    (stopped,), _ = ask(folder, [greedy(question, stop=(stop,))], tmp_path)
    assert len(text) >= 3 and stopped.choices[0].text == text[: text.index(stop)]
    assert not stopped.choices[0].was_cut


def test_a_prompt_that_is_too_long_fails_alone(replies):
    assert replies[TOO_LONG].startswith("prompt too long: more than the 49 tokens")


def test_a_conversation_is_written_by_the_models_template(folder, replies, tmp_path):
    assert replies[CONVERSATION].choices == replies[greedy("Say.\n\na")].choices
    chat = tmp_path / "chat"
    shutil.copytree(folder, chat)
    description = ModelDescription.load(folder)
    dataclasses.replace(description, chat_template=TEMPLATE).save(chat)
    (reply,), asking = ask(chat, [CONVERSATION], tmp_path / "answers")
    assert reply.prompt_tokens == len("<s>Say.<u>a<a>")
    assert asking.teacher_name != LocalModel(str(folder), batch_size=4).name


def test_what_a_model_has_no_part_in_is_said(folder, tmp_path, caplog):
    with pytest.raises(ValueError, match="a model folder has no presence_penalty"):
        ask(folder, [Request(prompt="a", presence_penalty=1.0)], tmp_path)
    with pytest.raises(ValueError, match="--teacher_model=x names a model at an endpoint"):
        ask(folder, [], tmp_path, model="x")
    with pytest.raises(ValueError, match="--teacher"):
        ask(folder / "none", [], tmp_path)
    request = greedy("a", json_object=True)
    teacher = LocalModel(str(folder), batch_size=4)
    teacher._check([request, request])
    teacher._check([request])
    assert len([m for m in caplog.messages if "JSON in words alone" in m]) == 1


def test_a_model_is_called_by_what_it_is_and_not_by_where(folder, tmp_path):
    name = LocalModel(str(folder), batch_size=2).name
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere)
    assert LocalModel(str(elsewhere), batch_size=2).name == name
    model_dirs.save_params(elsewhere, {"other": jax.numpy.ones(3)})
    assert LocalModel(str(elsewhere), batch_size=2).name != name


def test_prompt2model_knows_a_model_by_its_answers_name_and_so_do_recorded_answers(
    folder, tmp_path
):
    _, asking = ask(folder, [greedy("a")], tmp_path / ANSWERS_FOLDER)
    for teacher in (str(folder), "recorded"):
        work = Work(tmp_path, types.SimpleNamespace(teacher=TeacherConfig(teacher=teacher)))
        assert work.teacher == asking.teacher_name
        work.close()


def test_a_new_size_of_a_batch_is_said_to_be_compiled(folder, tmp_path, caplog):
    caplog.set_level("INFO")
    ask(folder, [greedy("a"), greedy("b")], tmp_path)
    (said,) = [m for m in caplog.messages if "is compiled, once" in m]
    assert "prompts of 32 tokens and answers of 6" in said


def test_a_checkpoint_of_another_format_has_the_same_name_wherever_it_is_converted(tmp_path):
    source = str(shared_path("weights/stories260k/stories260K.bin"))
    first, second = (
        LocalModel(source, batch_size=2, cache_dir=str(tmp_path / place)).name
        for place in ("one", "two")
    )
    assert first == second
    assert model_folder(source, cache_dir=tmp_path / "one").is_relative_to(tmp_path / "one")
