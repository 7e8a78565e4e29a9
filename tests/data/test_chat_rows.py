"""From files of conversations to training rows: what a model reads there is what it is asked."""

import types

import numpy as np
import pytest

from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.chat.conversations import read_conversation
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.files.json_files import write_lines
from t5lite.inference.prompts import chat_prompt
from tests.data.tokenizer_folders import chat_folder

MODULE = """
from tasks.chat import add_chat_task
from tasks.files import add_file_task
import seqio

add_chat_task("rows_chat", files={"train": "talk.jsonl"}, chat_template=TEMPLATE)
add_file_task("rows_text", files={"train": "text.csv"}, inputs="{q}", targets="{a}")
seqio.MixtureRegistry.add("rows_both", [("rows_chat", 1), ("rows_text", 1)])
"""
TALKS = [
    ["hello", "hi", "how are you?", "fine\n", "and é?", "é"],
    ["one", "two"],
    ["what is the sum?", "\nfour", "of what?", "two and two"],
]


@pytest.fixture(params=["bytes", "tokenizer"])
def run(request, tmp_path, monkeypatch):
    """A data root with tasks of a fresh module; gives what `DataConfig` needs to know of it."""
    import seqio

    name, template = "bytes", "'plain'"
    if request.param == "tokenizer":
        (tmp_path / "tokenizer").mkdir()
        name, template = str(chat_folder(tmp_path / "tokenizer")), None
    conversations = [
        [
            {"role": ("user", "assistant")[place % 2], "content": text}
            for place, text in enumerate(talk)
        ]
        for talk in TALKS
    ]
    write_lines(tmp_path / "talk.jsonl", ({"messages": messages} for messages in conversations))
    (tmp_path / "text.csv").write_text("q,a\nquestion,answer\n")
    module = f"rows_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{module}.py").write_text(MODULE.replace("TEMPLATE", str(template)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", name)
    yield types.SimpleNamespace(
        conversations=conversations,
        settings={
            "task_modules": (module,),
            "cache_dir": str(tmp_path / "cache"),
            "vocabulary": name,
            "data_dir": str(tmp_path),
            "num_epochs": 1,
            "stop": "first_exhausted",
            "shuffle": False,
            "num_build_workers": 1,
            "prefetch_batches": 0,
        },
    )
    for name in ("rows_chat", "rows_text"):
        seqio.TaskRegistry.remove(name)
    seqio.MixtureRegistry.remove("rows_both")


def segments(features, prefix):
    """Inputs, targets and weights of every example of packed rows."""
    found = []
    for row, ids in enumerate(features[f"{prefix}_segment_ids"]):
        for segment in range(1, ids.max() + 1):
            here = ids == segment
            found.append({name: array[row][here] for name, array in features.items()})
    return found


def open_rows(run, name, converter, lengths, **changes):
    config = DataConfig(
        mixture_or_task_name=name,
        task_feature_lengths=lengths,
        batch_size=8,
        converter=converter,
        **(run.settings | changes),
    )
    return open_train_data(config)


def as_loaded(data):
    """What `chat_prompt` asks of a loaded model."""
    return types.SimpleNamespace(
        vocabulary=data.vocabulary, chat_template=data.chat_template, converter=data.converter
    )


def asked(data, messages, place):
    return chat_prompt(messages[:place], as_loaded(data)).tokens.tolist()


@pytest.mark.parametrize("lengths", [{"inputs": 150, "targets": 250}, {"targets": 400}])
def test_a_decoder_reads_whole_conversations_and_learns_the_answers(run, lengths):
    data = open_rows(run, "rows_chat", "decoder_only", lengths)
    (batch, *_) = data
    examples = segments(batch.features, "decoder")
    assert len(examples) == len(run.conversations)
    written = ChatFormat(data.vocabulary, data.chat_template)
    for example in examples:
        sequence = [example["decoder_input_tokens"][0], *example["decoder_target_tokens"]]
        np.testing.assert_array_equal(example["decoder_input_tokens"], sequence[:-1])
        (messages,) = [
            messages
            for messages in run.conversations
            if sequence[: len(first := asked(data, messages, 1))] == first
        ]
        bears_loss = np.zeros(len(sequence), bool)
        conversation = read_conversation({"messages": messages}, where="")
        for place in range(1, len(messages), 2):
            prompt = asked(data, messages, place)
            assert sequence[: len(prompt)] == prompt
            answer = written.turn(conversation, place).answer
            assert sequence[len(prompt) :][: len(answer)] == answer
            assert answer[-1] in data.vocabulary.eos_ids
            bears_loss[len(prompt) :][: len(answer)] = True
        np.testing.assert_array_equal(example["decoder_loss_weights"], bears_loss[1:])
        assert bears_loss[-1]


@pytest.mark.parametrize("converter", ["encoder_decoder", "prefix_lm"])
def test_others_learn_an_answer_an_example(run, converter):
    data = open_rows(run, "rows_chat", converter, {"inputs": 200, "targets": 30}, pack=False)
    (batch, *_) = data
    found = []
    for row in range(6):
        features = {name: array[row] for name, array in batch.features.items()}
        weights = features["decoder_loss_weights"].astype(bool)
        targets = features["decoder_target_tokens"][weights].tolist()
        if converter == "encoder_decoder":
            prompt = np.trim_zeros(features["encoder_input_tokens"], "b").tolist()
        else:
            prompt = features["decoder_input_tokens"][: weights.argmax() + 1].tolist()
        found.append((prompt, targets))
    written = ChatFormat(data.vocabulary, data.chat_template)
    expected = []
    for messages in run.conversations:
        conversation = read_conversation({"messages": messages}, where="")
        for place in range(1, len(messages), 2):
            answer = written.turn(conversation, place).answer
            expected.append((asked(data, messages, place), answer))
    assert sorted(found) == sorted(expected)


def test_conversations_and_texts_share_rows(run):
    lengths = {"inputs": 150, "targets": 250}
    data = open_rows(run, "rows_both", "decoder_only", lengths)
    (batch, *_) = data
    examples = segments(batch.features, "decoder")
    vocabulary = data.vocabulary
    text = [0, *vocabulary.encode("question"), *vocabulary.encode("answer"), vocabulary.eos_id]
    found = [
        [int(e["decoder_input_tokens"][0]), *e["decoder_target_tokens"].tolist()] for e in examples
    ]
    assert text in found
    assert any(
        row[: len(first)] == first
        for row in found
        for first in [asked(data, run.conversations[0], 1)]
    )
    stats = batch.stats
    used = sum(len(e["decoder_target_tokens"]) for e in examples)
    assert stats.num_input_tokens + stats.num_target_tokens == used


def test_an_evaluation_asks_and_scores_the_same(run):
    lengths = {"inputs": 150, "targets": 250}
    data = open_rows(run, "rows_chat", "decoder_only", lengths)
    (task,) = seqio_adapter.load_eval_tasks(
        "rows_chat", split="train", task_feature_lengths=lengths
    )
    messages = run.conversations[0]
    conversation = read_conversation({"messages": messages}, where="")
    written = ChatFormat(parse_vocabulary(run.settings["vocabulary"]), data.chat_template)
    for example, place in zip(task.examples, (1, 3, 5), strict=False):
        assert example.prompt(data.converter).tolist() == asked(data, messages, place)
        assert example.answer(data.converter).tolist() == written.turn(conversation, place).answer
    assert task.end_ids[0] in data.vocabulary.eos_ids
