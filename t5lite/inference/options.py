"""Answers to choose among, as the tokens that a model is to find likely behind a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from t5lite.data.chat.chat_format import ChatPrompt
from t5lite.data.features.feature_converters import Tokens
from t5lite.data.vocabularies.vocabulary import Vocabulary


class Choices(NamedTuple):
    """A prompt, and what may follow it.

    Attributes:
      prompt: Ids of the prompt's text, without what the model has around every prompt.
      options: Ids of each option, without an end token.
    """

    prompt: list[int]
    options: list[list[int]]


def text_choices(
    text: str,
    options: Sequence[str],
    *,
    vocabulary: Vocabulary,
    is_continued: bool,
    delimiter: str = "",
) -> Choices:
    """Options behind a text.

    A decoder-only model continues the prompt, so the two are tokenised together and then taken
    apart, as lm-evaluation-harness does: blanks that end the prompt, and the delimiter, belong to
    the options. Where a token reaches over the border the option is tokenised alone. The answers of
    an encoder-decoder begin a text of their own.

    Args:
      text: The prompt.
      options: The answers.
      vocabulary: The model's.
      is_continued: Whether the model is decoder-only.
      delimiter: What stands between prompt and answer.
    """
    if not is_continued:
        return Choices(vocabulary.encode(text), [vocabulary.encode(option) for option in options])
    context = text.rstrip() or text
    between = text[len(context) :] + delimiter
    prompt = vocabulary.encode(context)
    found = []
    for option in options:
        whole = vocabulary.encode(context + between + option)
        follows = whole[: len(prompt)] == prompt
        found.append(whole[len(prompt) :] if follows else vocabulary.encode(between + option))
    return Choices(prompt, found)


def chat_choices(prompt: ChatPrompt, options: Sequence[str], *, vocabulary: Vocabulary) -> Choices:
    """Options as the answer that a conversation's prompt opens."""
    found = []
    for option in options:
        whole = vocabulary.encode_special(prompt.text + option)
        follows = whole[: len(prompt.tokens)] == prompt.tokens
        alone = vocabulary.encode(option)
        found.append(whole[len(prompt.tokens) :] if follows else alone)
    return Choices(prompt.tokens, found)


def why_no_choice(options: Sequence[str], tokens: Sequence[Tokens], *, longest: int) -> str:
    """Why a model cannot choose among these options, or an empty text where it can.

    Args:
      options: Their texts.
      tokens: Their ids, the end token included where it counts.
      longest: Most ids of an answer.
    """
    for number, (option, ids) in enumerate(zip(options, tokens, strict=True), start=1):
        if option in options[: number - 1]:
            return f"options {options.index(option) + 1} and {number} are equal: {option!r}"
        if not option.strip() or not len(ids):
            return f"option {number} is empty: {option!r}"
        if len(ids) > longest:
            return f"option {number} has {len(ids)} tokens, and the model takes {longest}"
    return ""
