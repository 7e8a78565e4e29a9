"""Conversations: what the model is given at each turn, and what it stops at."""

import io
import json
import types

import numpy as np
import pytest

from t5lite import generate as generate_module
from t5lite.cli import main
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import Generation
from t5lite.files.json_files import write_lines
from t5lite.generate import generate
from tests.data.tokenizer_folders import chat_folder
from tests.decoding import model_dirs
from tests.feature_converters import bare

TEMPLATE = (
    "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% endfor %}"
    "{{ '>' if add_generation_prompt else '' }}"
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    chat_folder(folder, template=TEMPLATE, vocab_size=264)
    return HFVocabulary(str(folder / "tokenizer.json"))


class Parrot:
    """A decoder that answers with a word, and remembers what it was asked."""

    def __init__(self, vocabulary, answers):
        self.vocabulary, self.answers = vocabulary, iter(answers)
        self.asked = []

    def prepare(self, params):
        return params

    def stream(self, params, inputs, *, config, index):
        self.asked.append((index, self.vocabulary.decode(inputs.tolist())))
        yield from self.vocabulary.encode(next(self.answers))

    def generate(self, params, inputs, *, config, indices):
        (tokens,), (index,) = inputs, indices
        self.asked.append((index, self.vocabulary.decode(tokens.tolist())))
        ids = [self.vocabulary.encode(next(self.answers)) for _ in range(config.num_branches)]
        return [[Generation(np.array(i, np.int32), 0.0, 0.0) for i in ids]]


@pytest.fixture
def parrot(vocabulary, monkeypatch):
    """Makes `generate` ask a parrot."""

    def make(answers, vocabulary=vocabulary):
        bird = Parrot(vocabulary, answers)
        model = types.SimpleNamespace(
            vocabulary=vocabulary,
            chat_template=vocabulary.chat_template,
            config=types.SimpleNamespace(max_answered_positions=None),
            params={},
            converter=bare("decoder_only", task_feature_lengths={"inputs": 500, "targets": 8}),
        )
        monkeypatch.setattr(generate_module, "own_folder", lambda *paths: paths)
        monkeypatch.setattr(generate_module, "load_model", lambda *_, **__: model)
        monkeypatch.setattr(generate_module, "make_generator", lambda *_, **__: bird)
        return bird

    return make


def run(**arguments):
    out = io.StringIO()
    generate(model_dir="x", stdout=out, **arguments)
    return out.getvalue()


def test_a_conversation_keeps_its_turns(parrot):
    bird = parrot(["hello", "fine"])
    stdin = io.StringIO("hi\n\nhow are you?\n")
    assert run(chat=True, system="Be kind.", stdin=stdin) == "hello\nfine\n"
    assert bird.asked == [
        (0, "[s]Be kind.[u]hi>"),
        (1, "[s]Be kind.[u]hi[a]hello[u]how are you?>"),
    ]


def test_without_chat_prompts_go_as_they_are(parrot):
    bird = parrot(["a", "b"])
    assert run(prompts=["one", "two"]) == "a\nb\n"
    assert bird.asked == [(0, "one"), (1, "two")]


def test_an_answer_ends_at_a_stop_string_in_the_history_too(parrot):
    bird = parrot(["yes. no", "x"])
    decoding = DecodingConfig(stop_strings=(".",))
    assert run(chat=True, prompts=["one", "two"], decoding=decoding) == "yes\nx\n"
    assert bird.asked[1][1] == "[u]one[a]yes[u]two>"


def test_of_several_answers_a_conversation_goes_on_with_the_first(parrot):
    bird = parrot(["a", "b", "c", "d"])
    decoding = DecodingConfig(strategy="sample", num_return_sequences=2)
    assert run(chat=True, prompts=["one", "two"], decoding=decoding) == "a\nb\nc\nd\n"
    assert bird.asked[1] == (1, "[u]one[a]a[u]two>")


def test_answers_of_a_conversation_may_be_long_and_a_cut_one_is_marked(parrot, vocabulary):
    bird = parrot(["x" * 600, "y" * 600])
    length = len(vocabulary.encode("x" * 600))
    bird.stream = lambda *_, config, **__: iter(
        vocabulary.encode(next(bird.answers))[: config.max_decode_length]
    )
    shown = run(chat=True, prompts=["one"])
    assert length > 512
    assert shown.endswith("x [cut after 512 tokens; see --max_decode_length]\n")
    decoding = DecodingConfig(max_decode_length=length + 1)
    assert run(chat=True, prompts=["one"], decoding=decoding) == "y" * 600 + "\n"
    parrot(["z" * 600]).stream = bird.stream
    bird.answers = iter(["z" * 600])
    assert run(prompts=["one"]) == vocabulary.decode(vocabulary.encode("z" * 600)[:64]) + "\n"


def test_an_answer_has_the_room_that_a_table_of_positions_leaves(parrot):
    bird = parrot(["a", "b"])
    generate_module.load_model("x").config.__dict__.update(
        max_answered_positions=40, architecture="decoder_only"
    )
    lengths = []
    bird.stream = lambda params, inputs, *, config, index: (
        lengths.append((len(inputs), config.max_decode_length)) or iter(())
    )
    run(chat=True, prompts=["one", "two"])
    assert all(asked + answer - 1 == 40 for asked, answer in lengths)
    assert lengths[1][1] < lengths[0][1]


def test_what_a_conversation_needs(parrot):
    parrot([])
    with pytest.raises(ValueError, match=r"--system begins a conversation.*--chat"):
        run(system="x", prompts=["y"])
    parrot([], vocabulary=ByteVocabulary())
    with pytest.raises(ValueError, match="no chat template"):
        run(chat=True, stdin=io.StringIO())


def test_by_the_command_and_from_a_file(tmp_path, vocabulary, capsys):
    model_dir = tmp_path / "model"
    model_dirs.save(model_dir, "decoder_only", vocabulary=vocabulary)
    flags = ["--model_dir", str(model_dir), "--max_decode_length", "6"]
    assert main(["generate", "--chat", "--system", "S", *flags, "one"]) == 0
    answer, _, mark = capsys.readouterr().out.partition(" [")
    assert mark in ("", "cut after 6 tokens; see --max_decode_length]\n")
    answer = answer.removesuffix("\n")
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "one"}]
    lines = [{"messages": messages}, {"messages": messages, "inputs": "[s]S[u]one>"}]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(source, lines)
    words = ["infer", *flags, "--input", str(source), "--output", str(output)]
    assert main([*words, "--inputs_field", "messages"]) == 0
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["prediction"] for line in found] == [answer, answer]
    assert [line["messages"] for line in found] == [messages, messages]
    source.write_text('{"messages": [{"content": "x"}]}\n')
    assert main(words) == 2
    assert "line 1: field 'messages'[0]: field 'role' is missing" in capsys.readouterr().err
