"""What a model is asked that judges answers, and what its replies mean.

It is asked twice of each pair, with each of the answers first, and replies by which of the two
letters it finds likelier. Models have a liking for a place (Zheng et al. 2023, arXiv 2306.05685): a
verdict counts where it is the same in both orders, else the pair is a tie.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.data.sources.local_files import require
from t5lite.evaluation.preference.judgments import Verdict
from t5lite.evaluation.preference.pairs import Pair, Side
from t5lite.files import strict_json

LETTERS = ("A", "B")

_QUESTION = """Here are an instruction and two answers to it, A and B.

Instruction:
{prompt}

Answer A:
{first}

Answer B:
{second}

Which answer is better? What matters is whether it does what the instruction asks, whether it is
correct, and whether it is clear and well written. Its length and its place do not matter."""

# How the reply is asked for in a text, which goes on with it, and in a conversation.
_TEXT_END = "\n\nThe better answer is"
_CHAT_END = "\n\nReply with one letter, A or B."


@dataclasses.dataclass(frozen=True)
class Request:
    """One question to a judge.

    Attributes:
      judge: Tells the judge from every other model.
      pair: The pair's digest.
      first: Whose answer is answer A.
      text: The whole question.
    """

    judge: str
    pair: str
    first: Side
    text: str

    @property
    def digest(self) -> str:
        """Tells this request from every other, of other models too."""
        text = strict_json.dumps([self.judge, self.text, LETTERS])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a judge said to one request.

    Attributes:
      log_likelihoods: Of the letters A and B, in nats; None where the request was too long for it.
      num_tokens: Tokens of the request, as far as the judge could read it.
    """

    log_likelihoods: tuple[float, float] | None
    num_tokens: int

    @classmethod
    def read(cls, record: Mapping[str, Any], *, where: str) -> Reply:
        """A reply of its JSON object.

        Raises:
          ValueError: A field is missing or malformed.
        """
        num_tokens = require(record, "num_tokens", int, where=where)
        found = record.get("log_likelihoods")
        if found is None:
            return cls(None, num_tokens)
        scores = require(record, "log_likelihoods", list, where=where)
        if len(scores) != len(LETTERS) or not all(isinstance(s, int | float) for s in scores):
            raise ValueError(
                f"{where}: field 'log_likelihoods' is {scores}; expected two numbers or null"
            )
        return cls((float(scores[0]), float(scores[1])), num_tokens)

    @property
    def chosen(self) -> int | None:
        """0 where answer A is better, 1 where B is; None where both are as good, or it is mute."""
        if self.log_likelihoods is None or self.log_likelihoods[0] == self.log_likelihoods[1]:
            return None
        return 0 if self.log_likelihoods[0] > self.log_likelihoods[1] else 1


def requests_of(pair: Pair, *, judge: str, is_chat: bool) -> tuple[Request, Request]:
    """Both requests about a pair: with A's answer first, and with B's.

    Args:
      pair: The pair.
      judge: Tells the judge from every other model.
      is_chat: Whether it is asked in a conversation.
    """
    end = _CHAT_END if is_chat else _TEXT_END
    first, second = pair.answers
    # As arguments, for a text of a model may hold braces.
    texts = [
        _QUESTION.format(prompt=pair.prompt, first=shown, second=other) + end
        for shown, other in ((first, second), (second, first))
    ]
    return (
        Request(judge, pair.digest, "a", texts[0]),
        Request(judge, pair.digest, "b", texts[1]),
    )


def verdict_of(replies: Sequence[Reply]) -> Verdict | None:
    """What the two replies about a pair say together.

    Args:
      replies: With A's answer first, and with B's.

    Returns:
      None where a request was too long for the judge.
    """
    if any(reply.log_likelihoods is None for reply in replies):
        return None
    if [reply.chosen for reply in replies] == [0, 1]:
        return "a"
    return "b" if [reply.chosen for reply in replies] == [1, 0] else "tie"
