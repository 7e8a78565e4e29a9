"""What a model is asked is the beginning of what it learned from the same conversation.

And end tokens are learned, whatever the template writes behind them.
"""

import pytest

from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.chat.conversations import Conversation
from t5lite.data.chat.named_chat_templates import NAMED_TEMPLATES, choose_template
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import shared_path
from tests.data.tokenizer_folders import LLAMA_2, chat_folder, write_json

# Thoughts of earlier turns are dropped, as some models' templates do.
FORGETFUL = (
    "{% for m in messages %}[{{ m.role }}]"
    "{% if not loop.last and m.role == 'assistant' %}{{ m.content.split('THEN')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
# The prompt opens a thought that the conversation does not show.
OPENING = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]<think>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = chat_folder(tmp_path_factory.mktemp("tokenizer"))
    return HFVocabulary(str(folder / "tokenizer.json"))


def vocabulary_named(name, tokenizer):
    if name == "bytes":
        return ByteVocabulary()
    if name == "t5":
        return SentencePieceVocabulary(str(shared_path("data/vocab/t5_spiece.model")))
    return tokenizer


def conversation(*texts, system=None):
    roles = ("user", "assistant") * len(texts)
    said = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
    first = [] if system is None else [{"role": "system", "content": system}]
    return Conversation((*first, *said))


TALK = conversation("hello", "\nhi there", "What is é?", "  A letter.\n", "", "", system="Be kind.")


def custom(source, vocabulary):
    return ChatFormat(vocabulary, ChatTemplate({"default": source}, vocabulary.special_tokens))


def ids(exchange):
    return [*exchange.inputs, *(max(token, ~token) for token in exchange.targets)]


def learned(exchange):
    """Runs of tokens that bear loss."""
    runs = [[]]
    for token in exchange.targets:
        if token >= 0:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return runs


@pytest.mark.parametrize("name", ["bytes", "t5", "tokenizer"])
@pytest.mark.parametrize("template", [*NAMED_TEMPLATES, None, LLAMA_2])
def test_prompts_are_beginnings_of_what_is_learned(name, template, tokenizer):
    vocabulary = vocabulary_named(name, tokenizer)
    if template == LLAMA_2:
        vocabulary = tokenizer  # The others have no bos_token to name.
        written = custom(template, vocabulary)
    elif name != "tokenizer" and template in (None, "chatml"):
        with pytest.raises(ValueError, match=r"no chat template|no such token; take 'plain'"):
            choose_template(template, vocabulary)
        return
    else:
        written = ChatFormat(vocabulary, choose_template(template, vocabulary))
    (exchange,) = written.exchanges(TALK)
    turns = list(written.turns(TALK))
    assert len(turns) == 3
    for turn, place in zip(turns, TALK.answers(), strict=True):
        asked = written.prompt(TALK.messages[:place])
        assert turn.prompt == asked
        assert ids(exchange)[: len(asked.tokens)] == asked.tokens
        assert turn.answer[-1] in vocabulary.eos_ids
        assert ids(exchange)[len(asked.tokens) :][: len(turn.answer)] == turn.answer
        said = TALK.messages[place]["content"]
        assert vocabulary.decode(turn.answer).split() == said.split()
    assert learned(exchange) == [turn.answer for turn in turns]
    assert exchange.inputs == turns[0].prompt.tokens
    assert written.end_ids() == (turns[0].answer[-1],)


def test_a_template_that_rewrites_earlier_turns_makes_sequences_of_their_own(tokenizer):
    written = custom(FORGETFUL, tokenizer)
    talk = conversation("a", "thinking THEN b", "c", "d", "e", "f")
    exchanges = list(written.exchanges(talk))
    turns = list(written.turns(talk))
    assert [len(learned(exchange)) for exchange in exchanges] == [1, 2]
    assert exchanges[0].inputs == turns[0].prompt.tokens
    assert exchanges[1].inputs == turns[1].prompt.tokens
    assert "thinking" in tokenizer.decode(turns[0].answer)
    assert "thinking" not in turns[1].prompt.text


def test_what_opens_an_answer_need_not_be_in_the_conversation(tokenizer):
    turn = next(custom(OPENING, tokenizer).turns(conversation("a", " b ")))
    assert turn.prompt.text.endswith("[assistant]<think>")
    assert tokenizer.decode(turn.answer, skip_special_tokens=False) == "b<|im_end|>"


def test_a_template_that_ends_no_turn_is_refused(tokenizer):
    source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    with pytest.raises(ValueError, match="no token of the vocabulary that ends the assistant's"):
        next(custom(source, tokenizer).turns(conversation("a", "b")))
    with pytest.raises(ValueError, match="does not write the assistant's message as it is"):
        next(custom("{{ messages | length }}{{ eos_token }}", tokenizer).turns(TALK))


def test_the_end_is_the_first_token_of_control_behind_the_answer(tokenizer):
    source = "{% for m in messages %}{{ m.content }}<|im_end|>\n{% endfor %}<|endoftext|>"
    (turn,) = custom(source, tokenizer).turns(conversation("a", "b<|endoftext|>c"))
    text = tokenizer._tokenizer.decode(turn.answer, skip_special_tokens=False)
    assert text.endswith("b<|endoftext|>c<|im_end|>")


def test_long_conversations_are_taken_apart(tokenizer):
    written = ChatFormat(tokenizer, choose_template("chatml", tokenizer))
    texts = [f"{'word ' * 6}{i}" for i in range(12)]
    talk = conversation(*texts, system="Be kind.")
    for lengths in ({"inputs": 60, "targets": 120}, {"targets": 150}):
        exchanges = list(written.exchanges(talk, lengths=lengths))
        assert len(exchanges) > 1
        turns = list(written.turns(talk))
        assert [run for e in exchanges for run in learned(e)] == [turn.answer for turn in turns]
        for exchange in exchanges:
            assert len(exchange.targets) <= lengths["targets"]
            assert len(exchange.inputs) <= lengths.get("inputs", 0)
            text = tokenizer._tokenizer.decode(ids(exchange), skip_special_tokens=False)
            assert text.startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n")


def test_bos_stands_in_front_where_the_tokenizer_has_it_before_every_text(tmp_path):
    from tokenizers import Tokenizer, processors

    folder = chat_folder(tmp_path, bos_token="<|endoftext|>")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "generation_config.json", {})
    vocabulary = HFVocabulary(str(folder / "tokenizer.json"))
    written = ChatFormat(vocabulary, choose_template("plain", vocabulary))
    assert written.prompt(TALK.messages[:2]).tokens[:1] == [0]
    assert written.prompt(TALK.messages[:2]).tokens.count(0) == 1
