"""Texts and conversations as the ids that a model is given."""

import types

import numpy as np
import pytest

from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.inference.prompts import chat_prompt, decoding_for, known_end_ids, text_prompt
from tests.data.tokenizer_folders import chat_folder
from tests.feature_converters import converter

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}{% endfor %}"
    "{% if tools %}{{ tools | length }}{% endif %}{% if add_generation_prompt %}>{% endif %}"
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    folder = chat_folder(tmp_path_factory.mktemp("tokenizer"), template=TEMPLATE)
    return HFVocabulary(str(folder / "tokenizer.json"))


def model(vocabulary, *, name="decoder_only", inputs=1000, prompt_prefix=()):
    return types.SimpleNamespace(
        vocabulary=vocabulary,
        chat_template=vocabulary.chat_template,
        converter=converter(
            name,
            eos_id=vocabulary.eos_id,
            task_feature_lengths={"inputs": inputs, "targets": 8},
            prompt_prefix=prompt_prefix,
        ),
    )


def turns(*texts):
    roles = ["user", "assistant"] * len(texts)
    return [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]


@pytest.mark.parametrize(
    ("given", "is_chat", "positions", "length"),
    [
        (None, False, None, 64),
        (None, True, None, 512),
        (None, True, 100, 98),  # the last token of a text has no position after it
        (None, True, 2, 1),
        (None, False, 66, 64),
        (None, False, 65, 63),
        (None, False, 2, 1),
        (600, True, 100, 600),
    ],
)
def test_answers_are_as_long_as_there_is_room_for(given, is_chat, positions, length, caplog):
    config = types.SimpleNamespace(architecture="decoder_only", max_answered_positions=positions)
    prompts = [np.zeros(3, np.int32), np.zeros(1, np.int32)]
    decoding = DecodingConfig(max_decode_length=given)
    found = decoding_for(decoding, config, prompts, is_chat=is_chat)
    assert found.max_decode_length == length
    is_short = given is None and length not in (64, 512)
    assert (f"at most {length} tokens long" in caplog.text) == is_short


@pytest.mark.parametrize(
    ("name", "prefix", "ids"),
    [
        ("encoder_decoder", (), [100, 101, 1]),
        ("decoder_only", (0,), [0, 100, 101]),
        ("prefix_lm", (0,), [0, 100, 101]),
        ("decoder_only", (), [100, 101]),
    ],
)
def test_what_stands_around_a_text(name, prefix, ids):
    prompt = text_prompt("ab", model(ByteVocabulary(), name=name, prompt_prefix=prefix))
    assert prompt.tokens.tolist() == ids
    assert not prompt.was_cut


def test_a_long_text_is_cut_at_its_end():
    vocabulary = ByteVocabulary()
    cut = text_prompt("abcd", model(vocabulary, inputs=3, prompt_prefix=(0,)))
    assert (cut.tokens.tolist(), cut.was_cut) == ([0, 100, 101, 102], True)
    # As seqio cuts, the end token too.
    cut = text_prompt("abcd", model(vocabulary, inputs=3, name="encoder_decoder"))
    assert (cut.tokens.tolist(), cut.was_cut) == ([100, 101, 102], True)


def shown(prompt, vocabulary):
    return vocabulary.decode(prompt.tokens.tolist(), skip_special_tokens=False)


def test_a_conversation(vocabulary):
    messages = [{"role": "system", "content": "S"}, *turns("one", "two", "three")]
    # The template writes the beginning itself.
    asked = chat_prompt(messages, model(vocabulary, prompt_prefix=(1,)))
    assert shown(asked, vocabulary) == "<|im_start|>[s]S[u]one[a]two[u]three>"
    assert asked.tokens[0] == 1 and not asked.was_cut
    asked = chat_prompt(turns("x"), model(vocabulary), tools=[{"name": "f"}])
    assert shown(asked, vocabulary) == "<|im_start|>[u]x1>"


def test_special_tokens_in_a_message_are_special(vocabulary):
    asked = chat_prompt(turns("a<|endoftext|>b"), model(vocabulary))
    assert 0 in asked.tokens


def test_a_long_conversation_loses_its_oldest_exchanges(vocabulary):
    messages = [{"role": "system", "content": "S"}, *turns("1", "2", "3", "4", "5")]
    whole = len(chat_prompt(messages, model(vocabulary)).tokens)
    seen = []
    for length in range(whole, 0, -1):
        asked = chat_prompt(messages, model(vocabulary, inputs=length))
        assert len(asked.tokens) <= length
        assert asked.was_cut == (length < whole)
        seen.append(shown(asked, vocabulary))
    kept = list(dict.fromkeys(seen))
    assert kept[:3] == [
        "<|im_start|>[s]S[u]1[a]2[u]3[a]4[u]5>",
        "<|im_start|>[s]S[u]3[a]4[u]5>",
        "<|im_start|>[s]S[u]5>",
    ]
    # Then its beginning, but never what opens the answer.
    assert kept[-1] == ">"
    assert len(messages) == 6


def test_a_model_without_a_template():
    with pytest.raises(ValueError, match=r"no chat template.*without --chat"):
        chat_prompt(turns("x"), model(ByteVocabulary()))


def test_end_ids_that_the_model_does_not_know_are_left_out():
    config = types.SimpleNamespace(vocab_size=100)
    named = types.SimpleNamespace(eos_ids=(2, 100, 32000))
    assert known_end_ids(config, named, [7, 2]) == (2, 7)
