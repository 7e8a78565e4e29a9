"""Options as tokens behind a prompt: read together with it, blanks between them theirs."""

import pytest

from t5lite.data.chat.chat_format import ChatPrompt
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.inference.options import chat_choices, text_choices, why_no_choice
from tests.conftest import shared_path

BYTES = ByteVocabulary()


@pytest.mark.parametrize(("text", "delimiter"), [("A: ", ""), ("A:", " ")])
def test_blanks_between_prompt_and_option_are_the_options(text, delimiter):
    found = text_choices(
        text, ["b", "cd"], vocabulary=BYTES, is_continued=True, delimiter=delimiter
    )
    assert found.prompt == BYTES.encode("A:")
    assert found.options == [BYTES.encode(" b"), BYTES.encode(" cd")]


def test_an_encoder_decoders_options_are_texts_of_their_own():
    found = text_choices("A: ", ["b"], vocabulary=BYTES, is_continued=False, delimiter=" ")
    assert found == (BYTES.encode("A: "), [BYTES.encode("b")])


def test_prompt_and_option_are_one_text_to_a_tokenizer():
    path = shared_path("data", "vocab", "seqio_test_sentencepiece.model")
    vocabulary = SentencePieceVocabulary(str(path))
    options = ["the answer", "a", "is"]
    for delimiter in (" ", ""):
        prompt, found = text_choices(
            "this is the answer",
            options,
            vocabulary=vocabulary,
            is_continued=True,
            delimiter=delimiter,
        )
        for option, ids in zip(options, found, strict=True):
            whole = vocabulary.encode("this is the answer" + delimiter + option)
            # Where a token reaches over the border, the option is read alone.
            alone = vocabulary.encode(delimiter + option)
            assert ids == (whole[len(prompt) :] if whole[: len(prompt)] == prompt else alone)
            assert (
                vocabulary.decode([*prompt, *ids])
                .replace(" ", "")
                .endswith(option.replace(" ", ""))
            )


def test_a_turn_continues_what_opens_it():
    prompt = ChatPrompt(BYTES.encode("x:"), "x:", [], False)
    found = chat_choices(prompt, ["y", "</s>"], vocabulary=BYTES)
    assert found.options == [BYTES.encode("y"), BYTES.encode_special("</s>")]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["a", "b"], ""),
        (["a", "b", "a"], "options 1 and 3 are equal: 'a'"),
        (["a", "\n"], "option 2 is empty: '\\n'"),
        (["abcd", "b"], "option 1 has 4 tokens, and the model takes 3"),
    ],
)
def test_options_that_a_model_cannot_choose_among(options, reason):
    assert why_no_choice(options, [BYTES.encode(o) for o in options], longest=3) == reason
