"""What a teacher is asked, and what it answers: values that a digest tells apart."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Annotated, Any, Literal

from t5lite.files import strict_json
from t5lite.messages.ranges import PresencePenalty, Range, Size
from t5lite.messages.value_types import check_numbers

Role = Literal["system", "user", "assistant"]
# A conversation, for models that follow instructions; or a text to go on with, for those that
# were trained on texts alone.
PromptForm = Literal["conversation", "continuation"]

# A token is some four bytes of English, and each turn is wrapped in a few.
_BYTES_OF_TOKEN, _TOKENS_OF_TURN = 4, 4


@dataclasses.dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One question to a teacher. The settings have the names of OpenAI's API.

    Attributes:
      messages: The conversation that it is to answer; empty where there is a `prompt`.
      prompt: A text that it is to go on with, instead of a conversation.
      temperature: 0 takes the likeliest token.
      top_p: Share of the probability that is drawn from.
      max_tokens: Of each answer.
      stop: Texts that end an answer, and are no part of it.
      presence_penalty: What the score of a token loses once it is in the answer.
      frequency_penalty: What it loses each time.
      n: Answers that are wanted.
      json_object: The answer is to be one JSON object.
      attempt: Tells a request from the same one asked before, whose answer was of no use.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    temperature: Annotated[float, Range(least=0, most=2)] = 1.0
    top_p: Annotated[float, Range(above=0, most=1)] = 1.0
    max_tokens: Size = 512
    stop: tuple[str, ...] = ()
    presence_penalty: PresencePenalty = 0.0
    frequency_penalty: Annotated[float, Range(least=-2, most=2)] = 0.0
    n: Size = 1
    json_object: bool = False
    attempt: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, of=type(self))
        assert (self.prompt is None) == bool(self.messages), "a conversation, or a prompt"

    @classmethod
    def of_text(cls, text: str, *, system: str | None = None, **settings: Any) -> Request:
        """A conversation of one question, after what `system` says if anything."""
        first = () if system is None else (Message("system", system),)
        return cls(messages=(*first, Message("user", text)), **settings)

    def count_tokens(self) -> int:
        """Its tokens, about.

        The guess is the same whoever is asked: what is put into a prompt may depend on it, and must
        be the same when recorded answers stand for the teacher.
        """
        texts = [turn.content for turn in self.messages] or [self.prompt or ""]
        return sum(about_tokens(text) + _TOKENS_OF_TURN for text in texts)

    def digest(self, teacher: str) -> str:
        """Tells this request, to the teacher of that name, from every other: 64 hex digits."""
        text = strict_json.dumps([teacher, dataclasses.asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def about_tokens(text: str) -> int:
    """Tokens of a text, guessed from its bytes."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_OF_TOKEN)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of the answers to a request.

    Attributes:
      text: What the teacher wrote.
      was_cut: It ended for its length, not by itself.
    """

    text: str
    was_cut: bool = False


@dataclasses.dataclass(frozen=True)
class Reply:
    """All that a teacher gave for one request.

    Attributes:
      choices: `Request.n` of them, or fewer where a teacher gives fewer.
      prompt_tokens: Tokens of the request, as the teacher counts them.
      completion_tokens: Tokens of all answers.
    """

    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int
