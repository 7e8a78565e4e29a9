"""How many exemplars a prompt has room for, found by tokenising as little as possible.

By definition the most exemplars, those nearest to the question, with which the prompt has at most
so many tokens. A prompt has about as many characters a token as those before it, which tells where
to look first. Then two counts are enough: of the prompt, which fits, and of the next exemplar by
itself, which would not.
"""

from __future__ import annotations

from collections.abc import Callable

from .render import ComposedPrompt

# Where texts meet, their tokens may be others than by themselves: by a few, in any vocabulary.
# Where so many would matter, the longer prompt is counted too.
_MOST_SAVED_BY_MEETING = 16
_FIRST_GUESS = 4.0


class TokenBudget:
    """The longest few-shot prompt, in tokens."""

    def __init__(self, max_tokens: int, count_tokens: Callable[[str], int]):
        """A budget for prompts of one task, or of any that are alike.

        Args:
          max_tokens: of a prompt that shows exemplars.
          count_tokens: the number of tokens of a text.

        Raises:
          ValueError: if no token is allowed.
        """
        if max_tokens < 1:
            raise ValueError(f"TokenBudget: max_tokens {max_tokens}; give at least 1")
        self._max_tokens = max_tokens
        self._count_tokens = count_tokens
        self._characters_a_token = _FIRST_GUESS

    def num_fitting(self, prompt: ComposedPrompt) -> int:
        """The most exemplars with which the prompt fits; 0 where it does not fit with one."""
        # With `fitting` exemplars it is known to fit, with `too_many` not to.
        fitting, too_many = 0, len(prompt.shots) + 1
        while too_many - fitting > 1:
            tried = min(max(self._guess(prompt), fitting + 1), too_many - 1)
            text = prompt.text(tried)
            num_tokens = self._count_tokens(text)
            self._characters_a_token = len(text) / max(num_tokens, 1)
            if num_tokens > self._max_tokens:
                too_many = tried
                continue
            fitting = tried
            if too_many - fitting > 1 and self._overflows(num_tokens, prompt.shots[-fitting - 1]):
                too_many = fitting + 1
        return fitting

    def _guess(self, prompt: ComposedPrompt) -> int:
        """The most exemplars with which the prompt probably fits."""
        room = self._max_tokens * self._characters_a_token - len(prompt.text(0))
        for number, shot in enumerate(reversed(prompt.shots)):
            room -= len(prompt.separator) + len(shot)
            if room < 0:
                return number
        return len(prompt.shots)

    def _overflows(self, num_tokens: int, shot: str) -> bool:
        """Whether one more exemplar is surely too much for a prompt of so many tokens."""
        room = self._max_tokens - num_tokens + _MOST_SAVED_BY_MEETING
        is_long = len(shot) / self._characters_a_token > room
        return is_long and self._count_tokens(shot) > room
