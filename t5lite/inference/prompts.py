"""Between texts and a loaded model: prompts as token ids, what answers them, answers as text."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from t5lite.checkpoints.load import LoadedModel
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.vocabularies.chat_template import Message
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.decoding.config import CHAT_DECODE_LENGTH, DecodingConfig
from t5lite.decoding.sequence_generator import Generation, SequenceGenerator
from t5lite.decoding.stopping import cut
from t5lite.inference.options import Choices, chat_choices, text_choices
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)


class Prompt(NamedTuple):
    """What goes into a model.

    Attributes:
      tokens: int32 [length], with what the model has around every prompt.
      was_cut: whether it had more than the model's length.
      end_ids: tokens that end its answer besides the vocabulary's.
      options: int32 [length] each, the answers to choose from, with the token that ends them.
    """

    tokens: np.ndarray
    was_cut: bool
    end_ids: tuple[int, ...] = ()
    options: tuple[np.ndarray, ...] = ()


def text_prompt(text: str, model: LoadedModel, *, options: Sequence[str] = ()) -> Prompt:
    """A text as in training; what is too long is cut at its end.

    Args:
      text: the prompt.
      model: the model.
      options: the answers to choose from; none where one is to be written.
    """
    converter = model.converter
    choices = Choices(model.vocabulary.encode(text), [])
    if options:
        is_continued = converter.architecture == "decoder_only"
        choices = text_choices(
            text, options, vocabulary=model.vocabulary, is_continued=is_continued
        )
    around = len(converter.prompt_prefix) + len(converter.prompt_suffix)
    was_cut = len(choices.prompt) + around > converter.longest_prompt
    ended = _ended(choices.options, converter.targets_suffix)
    return Prompt(converter.prompt(choices.prompt), was_cut, options=ended)


def _ended(options: Sequence[Sequence[int]], end_ids: Sequence[int]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([*ids, *end_ids], np.int32) for ids in options)


def chat_prompt(
    messages: Sequence[Message],
    model: LoadedModel,
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    options: Sequence[str] = (),
) -> Prompt:
    """A conversation, up to what opens the model's answer.

    Of one that is too long the oldest exchanges are left out, system messages at its beginning
    apart; if its last turn alone is too long, that is cut at its beginning. The template writes
    what stands around the text, so nothing else does.

    Args:
      messages: see `ChatTemplate.render`.
      model: the model.
      tools: see `ChatTemplate.render`.
      options: the answers to choose from; none where one is to be written.

    Raises:
      ValueError: the model has no chat template, or it refuses the conversation.
    """
    converter = model.converter
    lengths = converter.task_feature_lengths
    longest = lengths["inputs" if "inputs" in lengths else "targets"]
    written = chat_format(model)
    prompt = written.prompt(messages, longest=longest, tools=tools)
    tokens, end_ids = converter.prompt(prompt.tokens, is_chat=True), written.end_ids()
    choices = chat_choices(prompt, options, vocabulary=model.vocabulary)
    return Prompt(tokens, prompt.was_cut, end_ids, _ended(choices.options, end_ids))


def chat_format(model: LoadedModel) -> ChatFormat:
    """How the model's conversations are written.

    Raises:
      ValueError: it has no chat template.
    """
    if model.chat_template is None:
        raise ValueError(
            "the model's folder holds no chat template, so it cannot read a conversation; give it "
            "texts (without --chat and --use_chat_template, and lines without messages)."
        )
    return ChatFormat(model.vocabulary, model.chat_template)


def room_for(
    config: TransformerConfig, prompts: Sequence[np.ndarray], *, is_given: bool = False
) -> int | None:
    """How many tokens of an answer the model has positions for, behind the longest prompt.

    Args:
      config: the model's.
      prompts: int32 [length] each.
      is_given: whether the answer is there and is scored, not generated.
    """
    most = config.max_positions if is_given else config.max_answered_positions
    if most is None or config.architecture == "encoder_decoder":
        return most
    return most + 1 - max(map(len, prompts), default=1)


def decoding_for(
    decoding: DecodingConfig | None,
    config: TransformerConfig,
    prompts: Sequence[np.ndarray],
    *,
    is_chat: bool,
) -> DecodingConfig:
    """How to decode answers to these prompts, with the length that they have where none is given.

    Answers are at most 64 tokens long, and 512 where some prompts are conversations, or what a
    learned table of positions has room for behind the longest prompt.

    Args:
      decoding: what the user gave; greedy when None.
      config: the model's.
      prompts: int32 [length] each.
      is_chat: whether some of them are conversations.
    """
    decoding = decoding or DecodingConfig()
    if decoding.max_decode_length is not None:
        return decoding
    length = CHAT_DECODE_LENGTH if is_chat else decoding.decode_length
    room = room_for(config, prompts)
    if room is not None and room < length:
        length = max(room, 1)
        log.warning(
            "answers are at most %d tokens long, for the model's %d positions must hold "
            "the longest prompt too; see --max_decode_length",
            *(length, config.max_answered_positions),
        )
    return dataclasses.replace(decoding, max_decode_length=length)


def warn_cut(num_cut: int, total: int, model: LoadedModel) -> None:
    """Says that prompts were too long."""
    log.warning(
        "%d of %d prompts are longer than the %d tokens the model was trained on, and were cut; "
        "a model of another format may be converted for longer ones (t5lite convert "
        "--context_length)",
        num_cut,
        total,
        model.converter.longest_prompt,
    )


def make_generator(
    model: LoadedModel,
    *,
    batch_size: int,
    end_ids: Sequence[int] = (),
    mesh: jax.sharding.Mesh | None = None,
) -> SequenceGenerator:
    """What answers the prompts that are made here.

    Args:
      model: the model.
      batch_size: prompts answered at once.
      end_ids: tokens that end an answer besides the vocabulary's, such as `ChatFormat.end_ids`.
      mesh: where the model's parameters lie; None for one device.
    """
    return SequenceGenerator(
        model.config,
        converter=model.converter,
        eos_ids=known_end_ids(model.config, model.vocabulary, end_ids),
        batch_size=batch_size,
        decode=model.vocabulary.decode,
        mesh=mesh,
    )


def known_end_ids(
    config: TransformerConfig, vocabulary: Vocabulary, more: Iterable[int] = ()
) -> tuple[int, ...]:
    """Tokens that end an answer, without those that a tokenizer's files name beyond the model's."""
    ids = dict.fromkeys([*vocabulary.eos_ids, *more])
    return tuple(token for token in ids if token < config.vocab_size)


def answer_text(answer: Generation, model: LoadedModel, decoding: DecodingConfig) -> str:
    """The text of an answer, up to a stop string."""
    return cut(model.vocabulary.shown(answer.tokens.tolist()), decoding.stop_strings)


def answer_was_cut(tokens: Sequence[int], model: LoadedModel, decoding: DecodingConfig) -> bool:
    """Whether an answer did not come to its end: neither to an end token nor to a stop string."""
    text = model.vocabulary.shown(tokens)
    is_long = len(tokens) >= decoding.decode_length
    return is_long and cut(text, decoding.stop_strings) == text
