"""What a model's output answers: one explicit rule for each kind of answer.

Each rule takes the text that a model wrote and returns the answer in one form ("(B)", "1234.5",
"Yes"), or None where the text holds no answer by the rule. All rules are alike in this:

1. What follows the beginning of another question (`next_question` at the start of a line) is
   dropped: a model that was shown demonstrations often goes on with one more.
2. Where the text has a clause that states the answer ("the answer is", "Die Antwort lautet"), the
   last such clause decides. Without one, the text as a whole does, as each rule says.

docs/suites.md shows which Task has which rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .numerals import numbers

# What stands before the answer in MGSM's own exemplars, and near forms of it; not what begins a
# step-by-step answer.
_CLAUSES = {
    "bn": r"(?<!ধাপে )উত্তর\s*(?:হল|হলো|:)",
    "de": r"(?<!-)antwort\s*(?:ist|lautet|:)",
    "en": r"(?<!step )\banswer(?:\s+is|\s*:)",
    "es": r"respuesta\s*(?:es|:)",
    "fr": r"réponse\s*(?:est|:)",
    "ja": r"(?<!ごとの)答え(?:は|\s*[:：])",
    "ru": r"ответ\s*[—–:-]",
    "sw": r"jibu\s*(?:ni|:)",
    "te": r"(?<!దశలవారీగా )సమాధానం",
    "th": r"คำตอบ\s*(?:คือ|:)",
    "zh": r"答案\s*(?:是|为|:|：)",
}
_DECIMAL_COMMA = frozenset(("de", "es", "fr", "ru"))
# GSM8K's own mark of the answer.
_GSM8K_MARK = "####"

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。।！？]")
# What may stand before an answer without being part of it.
_OPENING = r"(?:[\s:：*_`\"'“‘$]|\\(?:boxed|text)\{)*"


def own_answer(text: str, *, next_question: str) -> str:
    """The text up to where another question begins, stripped."""
    beginning = re.compile(f"^{re.escape(next_question)}", re.M)
    return beginning.split(text.strip(), maxsplit=1)[0].strip()


def conclusion(text: str, *, language: str = "en") -> str | None:
    """The line behind the last clause that states the answer; None without such a clause.

    Args:
      text: what a model wrote.
      language: an MGSM language, whose clauses count beside the English ones.
    """
    clauses = {_CLAUSES[language], _CLAUSES["en"], re.escape(_GSM8K_MARK)}
    *_, last = (None, *re.finditer("|".join(sorted(clauses)), text, re.IGNORECASE))
    rest = text[last.end() :].strip() if last else ""
    return rest.splitlines()[0] if rest else None


def _sentence(text: str) -> str:
    """Up to the end of the first sentence."""
    return _SENTENCE_END.split(text, maxsplit=1)[0]


def option_letter(text: str, *, next_question: str) -> str | None:
    """The letter of an option, as "(B)".

    Behind the clause, or else at the beginning of the text, a letter with or without parentheses:
    "(B)", "B.", "Option B", "**B** because". A bare "A" or "I" that a word follows is no letter.
    Else the one letter in parentheses that the clause's sentence, or else the text, mentions, if
    there is only one.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    stated = conclusion(text)
    letter = _leading_letter(text if stated is None else stated)
    if letter is None:
        part = text if stated is None else _sentence(stated)
        mentioned = set(re.findall(r"\(([A-Z])\)", part))
        letter = mentioned.pop() if len(mentioned) == 1 else None
    return None if letter is None else f"({letter.upper()})"


_LETTER = re.compile(
    rf"{_OPENING}(?:[Oo]ption\s+)?"
    r"(?:\(([A-Za-z])\)|([A-Z])(?=[^\w\s'’-]|\s*$)|([B-HJ-Z])(?=\s))",
    re.ASCII,
)


def _leading_letter(text: str) -> str | None:
    found = _LETTER.match(text)
    return next(filter(None, found.groups())) if found else None


def one_of(text: str, *, choices: Sequence[str], next_question: str) -> str | None:
    """One of a few words, such as "Yes" or "No", in any case.

    Behind the clause, or else at the beginning of the text, the word itself; else the one word of
    them that the clause's sentence, or else the text, mentions, if there is only one. A word behind
    "not" is none.

    Args:
      text: what a model wrote.
      choices: the words, as they are returned.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    stated = conclusion(text)
    part = text if stated is None else _sentence(stated)
    words = "|".join(map(re.escape, choices))
    leading = re.match(rf"{_OPENING}({words})\b", part, re.IGNORECASE)
    if leading:
        found = {leading[1].lower()}
    else:
        mentioned = re.findall(rf"(?<!\bnot )\b({words})\b", part, re.IGNORECASE)
        found = {word.lower() for word in mentioned}
    by_lower = {choice.lower(): choice for choice in choices}
    return by_lower[found.pop()] if len(found) == 1 else None


def number(text: str, *, next_question: str, language: str = "en") -> str | None:
    """A number, in the form that `numerals.numbers` gives.

    In the clause's sentence the first number, or that behind the last "=" ("The answer is 5 + 6 =
    11."). Where there is no clause, or no number behind it, the last number of the text.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
      language: an MGSM language.
    """
    text = own_answer(text, next_question=next_question)
    decimal_comma = language in _DECIMAL_COMMA
    stated = conclusion(text, language=language)
    if stated is not None:
        result = _sentence(stated).rpartition("=")[2]
        found = numbers(result, decimal_comma=decimal_comma)
        if found:
            return found[0]
    found = numbers(text, decimal_comma=decimal_comma)
    return found[-1] if found else None


def brackets(text: str, *, next_question: str) -> str | None:
    """A sequence of brackets with a space between them.

    Those that the line behind the clause begins with; without one, those that make up the last
    line.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    stated = conclusion(text)
    if stated is None:
        *_, last = ("", *text.splitlines())
        found = re.fullmatch(r"[\s\[\](){}<>]+", last)
    else:
        found = re.match(rf"{_OPENING}([\[\](){{}}<>][\s\[\](){{}}<>]*)", stated)
    return " ".join("".join(found[0].strip(" :*_`\"'").split())) if found else None


def word_list(text: str, *, next_question: str) -> str | None:
    """Words with a space between them: the sentence behind the clause, else the first line.

    Commas, and what stands around a word, are dropped.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    stated = conclusion(text)
    line = text.partition("\n")[0] if stated is None else _sentence(stated)
    words = [word.strip(" .:;*_`\"'“”‘’[]") for word in re.split(r"[\s,]+", line)]
    return " ".join(filter(None, words)) or None


def first_line(text: str, *, next_question: str) -> str | None:
    """The first line that holds something.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    return own_answer(text, next_question=next_question).partition("\n")[0].strip() or None


def whole_text(text: str, *, next_question: str) -> str | None:
    """All of the text, runs of blanks and line breaks made one space.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    return " ".join(own_answer(text, next_question=next_question).split()) or None
