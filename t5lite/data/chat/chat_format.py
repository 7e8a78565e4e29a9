"""Conversations as tokens: what a chat model is asked, and what it learns to answer.

A prompt is what the template writes up to where the answer begins, tokenised by itself. Whatever
follows it in a training row is put behind these tokens, so a model is asked exactly what it was
trained on. An answer ends with the token that ends the turn, and nothing behind that is learned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from t5lite.data.chat.conversations import ASSISTANT, Conversation
from t5lite.data.vocabularies.chat_template import ChatTemplate, Message
from t5lite.data.vocabularies.vocabulary import Vocabulary

Tools = Sequence[Mapping[str, Any]] | None


class ChatPrompt(NamedTuple):
    """What opens an answer.

    Attributes:
      tokens: its ids.
      text: as the template writes it.
      messages: those that it holds.
      was_cut: whether something had to be left out.
    """

    tokens: list[int]
    text: str
    messages: list[Message]
    was_cut: bool


class Turn(NamedTuple):
    """An answer of the assistant's, and what it answers.

    Attributes:
      prompt: the conversation so far.
      answer: ids, up to the one that ends the turn.
      answer_text: what was said.
    """

    prompt: ChatPrompt
    answer: list[int]
    answer_text: str


class Exchange(NamedTuple):
    """Turns that follow one another in one sequence of tokens.

    Attributes:
      inputs: ids of the first prompt.
      targets: ids of all that follows; the complement `~id` of one that is not to be learned.
    """

    inputs: list[int]
    targets: list[int]


@dataclasses.dataclass(frozen=True)
class ChatFormat:
    """How a model's conversations are written, and read as tokens.

    Attributes:
      vocabulary: the model's.
      template: its chat template.
    """

    vocabulary: Vocabulary
    template: ChatTemplate

    def prompt(
        self, messages: Sequence[Message], *, longest: int | None = None, tools: Tools = None
    ) -> ChatPrompt:
        """A conversation, up to what opens the assistant's next answer.

        Of one that is too long the oldest exchanges are left out, system messages at its beginning
        apart; if its last turn alone is too long, that is cut at its beginning.

        Args:
          messages: see `ChatTemplate.render`.
          longest: the most tokens; None for any number.
          tools: see `ChatTemplate.render`.

        Raises:
          ValueError: the template refuses the conversation.
        """
        kept, was_cut = list(messages), False
        while True:
            text = self.template.render(kept, tools=tools)
            tokens = self.vocabulary.encode_special(text)
            if longest is None or len(tokens) <= longest:
                return ChatPrompt(tokens, text, kept, was_cut)
            was_cut, oldest = True, _oldest_exchange(kept)
            if oldest is None:
                return ChatPrompt(tokens[-longest:], text, kept, was_cut)
            del kept[oldest]

    def end_ids(self) -> tuple[int, ...]:
        """What ends a turn, as far as a short conversation shows."""
        hello = ({"role": "user", "content": "a"}, {"role": ASSISTANT, "content": "b"})
        try:
            return (self.turn(Conversation(hello), 1).answer[-1],)
        except ValueError:
            return ()

    def turn(
        self, conversation: Conversation, place: int, *, longest_prompt: int | None = None
    ) -> Turn:
        """An answer and its prompt.

        Args:
          conversation: all that was said.
          place: of the answer among its messages.
          longest_prompt: see `prompt`.

        Raises:
          ValueError: the template refuses the conversation, does not write the answer, or writes
            nothing that ends it.
        """
        message = conversation.messages[place]
        prompt = self.prompt(
            conversation.messages[:place], longest=longest_prompt, tools=conversation.tools
        )
        text = self.template.render(
            [*prompt.messages, message], add_generation_prompt=False, tools=conversation.tools
        )
        if text.startswith(prompt.text):
            tokens = self.vocabulary.encode_special(text)
            before = self.vocabulary.encode_special(prompt.text)
            answer = tokens[len(before) :]
            if tokens[: len(before)] != before:
                # Some token reaches over the place where the answer begins.
                answer = self.vocabulary.encode_special(text[len(prompt.text) :])
        else:
            answer = self.vocabulary.encode_special(_from_answer(text, message))
        return Turn(prompt, self._up_to_end(answer), message["content"])

    def turns(
        self, conversation: Conversation, *, longest_prompt: int | None = None
    ) -> Iterator[Turn]:
        """Yields every answer with its prompt; raises as `turn`."""
        for place in conversation.answers():
            yield self.turn(conversation, place, longest_prompt=longest_prompt)

    def exchanges(
        self, conversation: Conversation, *, lengths: Mapping[str, int] | None = None
    ) -> Iterator[Exchange]:
        """Yields the conversation as one sequence, or as few as can be.

        A new one begins where the sequence would be longer than `lengths`, and where the template
        writes earlier turns in another way than when they were said (as those do that drop a
        model's thoughts): then a prompt is not what was learned so far, and something added.

        Args:
          conversation: all that was said.
          lengths: most tokens of `inputs` and `targets`; of `targets` alone, where all of a
            sequence is targets; None for any number.

        Raises:
          ValueError: as `turn`.
        """
        exchange: Exchange | None = None
        for place in conversation.answers():
            turn = self.turn(conversation, place)
            longer = exchange and _continued(exchange, turn)
            if longer is None or (lengths and len(longer.targets) > lengths["targets"]):
                if exchange is not None:
                    yield exchange
                if lengths:
                    room = lengths.get("inputs", lengths["targets"] - len(turn.answer))
                    turn = self.turn(conversation, place, longest_prompt=max(room, 1))
                longer = _begun(turn, has_inputs=not lengths or "inputs" in lengths)
            exchange = longer
        if exchange is not None:
            yield exchange

    def _up_to_end(self, answer: list[int]) -> list[int]:
        """Without what the template writes behind the token that ends the turn."""
        end = None
        for place in reversed(range(len(answer))):
            if answer[place] in self.vocabulary.control_ids:
                end = place
            elif self.vocabulary.decode([answer[place]]).strip():
                break
        if end is None:
            raise ValueError(
                "the chat template writes no token of the vocabulary that ends the assistant's "
                "turn, so a model could not learn to stop. Take one that writes {{ eos_token }} "
                "behind an answer, such as add_chat_task(chat_template='plain')"
            )
        return answer[: end + 1]


def _begun(turn: Turn, *, has_inputs: bool) -> Exchange:
    if has_inputs:
        return Exchange(turn.prompt.tokens, turn.answer)
    return Exchange([], [*(~token for token in turn.prompt.tokens), *turn.answer])


def _continued(exchange: Exchange, turn: Turn) -> Exchange | None:
    """The exchange with one more turn; None where the turn's prompt is not its continuation."""
    so_far = [*exchange.inputs, *(max(token, ~token) for token in exchange.targets)]
    between = turn.prompt.tokens[len(so_far) :]
    if turn.prompt.tokens[: len(so_far)] != so_far:
        return None
    learned = [*exchange.targets, *(~token for token in between), *turn.answer]
    return Exchange(exchange.inputs, learned)


def _from_answer(text: str, message: Message) -> str:
    """The end of a conversation's text from the answer on, which the prompt opens in its own way.

    Raises:
      ValueError: the answer is not there.
    """
    content = message["content"].strip()
    place = text.rfind(content)
    if not content or place < 0:
        raise ValueError(
            "the chat template does not write the assistant's message as it is, behind what "
            "opens it (add_generation_prompt)"
        )
    return text[place:]


def _oldest_exchange(messages: Sequence[Message]) -> slice | None:
    """Where the first turn of the user's lies, with what follows it; None if it is the last."""
    turns = [i for i, message in enumerate(messages) if message["role"] == "user"]
    return slice(turns[0], turns[1]) if len(turns) > 1 else None
