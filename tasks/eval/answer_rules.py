"""What a model's output answers: one explicit rule for each kind of answer.

Each rule takes the text that a model wrote and returns the answer in one form ("(B)", "1234.5",
"Yes"), or None where the text holds no answer by the rule. All rules are alike in this:

1. What follows the beginning of another question (`next_question` at the start of a line) is
   dropped: a model that was shown demonstrations often goes on with one more.
2. Where the text has clauses that state the answer ("the answer is", "Die Antwort lautet"), the
   last of them behind which the rule finds an answer decides: "I hope the answer is helpful" states
   none. Without such a clause the text as a whole decides, as each rule says.

docs/suites.md shows which Task has which rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .numerals import numbers

# What stands before the answer in MGSM's own exemplars, and near forms of it; not what begins a
# step-by-step answer.
_CLAUSES = {
    "bn": r"(?<!ধাপে )উত্তর\s*(?:হল|হলো|:)",
    "de": r"(?<!-)antwort\s*(?:ist|lautet|:)",
    "en": r"(?:(?<!step )(?<!this )\banswer|\b(?:best|correct|right) (?:option|choice))"
    r"(?:\s+is\b(?!\s+not\b)|\s*:)",
    "es": r"respuesta\s*(?:es|:)",
    "fr": r"réponse\s*(?:est|:)",
    "ja": r"(?<!ごとの)答え(?:は|\s*[:：])",
    "ru": r"ответ\s*[—–:-]",
    "sw": r"jibu\s*(?:ni|:)",
    "te": r"(?<!దశలవారీగా )సమాధానం",
    "th": r"คำตอบ\s*(?:คือ|:)",
    "zh": r"答案\s*(?:是|为|:|：)",
}
# How a line begins with which another question does, or a pattern of where it begins.
NextQuestion = str | re.Pattern[str]
_DECIMAL_COMMA = frozenset(("de", "es", "fr", "ru"))
# GSM8K's own mark of the answer; before anything but a number it is a heading's.
_GSM8K_MARK = r"####(?=[^\w\n]*\d)"

# A line with a letter, a digit or a bracket, which neither opens a fence nor LaTeX's display.
_SAYS_SOMETHING = re.compile(r"(?!\s*```)(?!\s*\\\[\s*$).*(?:[^\W_]|[\[\](){}<>])")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[。।！？]")
# What may stand before an answer without being part of it.
_OPENING = r"(?:[\s:：*_`\"'“‘$]|\\(?:boxed|text)\{)*"


# How a turn or a question begins that a model invents, whatever the layout.
_NEXT_TURN = r"(?<=\n)(?:Question|Human|User):"
# What stands before an answer where questions begin so; models echo it.
_CUES = {"Q:": "A:"}


def own_answer(text: str, *, next_question: NextQuestion) -> str:
    """The text up to where another question begins, stripped, without an echo of the cue.

    Args:
      text: what a model wrote.
      next_question: how a line begins with which another question does, or a pattern of it.
    """
    if isinstance(next_question, str):
        beginning = f"^{re.escape(next_question)}"
        cue = _CUES.get(next_question)
    else:
        beginning, cue = next_question.pattern, None
    own = re.split(f"{beginning}|{_NEXT_TURN}", text.strip(), maxsplit=1, flags=re.M)[0].strip()
    return re.sub(rf"\A(?:{re.escape(cue)}\s*)+", "", own) if cue else own


def conclusions(text: str, *, language: str = "en") -> Iterator[str]:
    """The lines behind the clauses that state the answer, the last first.

    Of what stands behind a clause it is the first line that says something: "The answer is:" and
    "**Answer:**" may stand above the answer, and a fence around it.

    Args:
      text: what a model wrote.
      language: an MGSM language, whose clauses count beside the English ones.
    """
    clauses = "|".join(sorted({_CLAUSES[language], _CLAUSES["en"], _GSM8K_MARK}))
    for clause in reversed([*re.finditer(clauses, text, re.IGNORECASE)]):
        lines = text[clause.end() :].splitlines()
        if line := next(filter(_SAYS_SOMETHING.match, lines), None):
            yield line.strip()


def _sentence(text: str) -> str:
    """Up to the end of the first sentence."""
    return _SENTENCE_END.split(text, maxsplit=1)[0]


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Where an answer is looked for, in turn, each with what of it may mention the answer.

    Behind the clauses it is their first sentence, and of the text as a whole all of it.
    """
    for stated in conclusions(text):
        yield stated, _sentence(stated)
    yield text, text


def option_letter(text: str, *, next_question: NextQuestion) -> str | None:
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
    for part, sentence in _parts(text):
        letter = _leading_letter(part)
        if letter is None:
            mentioned = set(re.findall(r"\(([A-Z])\)", sentence))
            letter = mentioned.pop() if len(mentioned) == 1 else None
        if letter is not None:
            return f"({letter.upper()})"
    return None


_LETTER = re.compile(
    rf"{_OPENING}(?:[Oo]ption\s+)?"
    r"(?:\(([A-Za-z])\)|([A-Z])(?=[^\w\s'’-]|\s*$)|([B-HJ-Z])(?=\s))",
    re.ASCII,
)


def _leading_letter(text: str) -> str | None:
    found = _LETTER.match(text)
    return next(filter(None, found.groups())) if found else None


def one_of(text: str, *, choices: Sequence[str], next_question: NextQuestion) -> str | None:
    """One of a few words, such as "Yes" or "No", in any case.

    Behind the clause, or else at the beginning of the text, the word itself; else the one word of
    them that the clause's sentence, or else the text, mentions, if there is only one. A word behind
    a negation in its sentence is none, wherever else it stands: "not deductively valid" does not
    say "valid", and is not taken for "invalid" either. Nor is the "no" of "no evidence".

    Args:
      text: what a model wrote.
      choices: the words, as they are returned.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    by_lower = {choice.lower(): choice for choice in choices}
    words = "|".join(map(re.escape, choices))
    for part, mentioning in _parts(text):
        leading = re.match(rf"{_OPENING}({words})\b", part, re.IGNORECASE)
        found = {leading[1].lower()} if leading else _mentioned(mentioning, words)
        if len(found) == 1:
            return by_lower[found.pop()]
    return None


_NEGATION = re.compile(r"\b(?:not|cannot|neither|nor|never)\b|n['’]t\b", re.IGNORECASE)


def _mentioned(text: str, words: str) -> set[str]:
    """Which of the words, in lower case, a text mentions and nowhere denies."""
    found: set[str] = set()
    denied: set[str] = set()
    for sentence in re.split(rf"[;=]|{_SENTENCE_END.pattern}", text):  # "not True = False"
        negation = _NEGATION.search(sentence)
        for mention in re.finditer(rf"\b({words})\b", sentence, re.IGNORECASE):
            word = mention[1].lower()
            if word == "no" and re.match(r"\s+\w", sentence[mention.end() :]):
                continue
            is_denied = negation is not None and negation.start() < mention.start()
            (denied if is_denied else found).add(word)
    return found - denied


def number(text: str, *, next_question: NextQuestion, language: str = "en") -> str | None:
    """A number, in the form that `numerals.numbers` gives.

    In the clause's sentence the first number, or that behind the last "=" ("The answer is 5 + 6 =
    11.") or behind the sum that "is" it ("5 + 6, which is 11"); what stands in parentheses behind a
    number explains it ("4 (since 2x = 8)"). Where there is no clause, or no number behind it, the
    last number of the text.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
      language: an MGSM language.
    """
    text = own_answer(text, next_question=next_question)
    decimal_comma = language in _DECIMAL_COMMA
    for stated in conclusions(text, language=language):
        result = _EXPLANATION.sub("", _sentence(stated))
        result = _WORKED_OUT.split(result.rpartition("=")[2])[-1]
        if found := numbers(result, decimal_comma=decimal_comma):
            return found[0]
    found = numbers(text, decimal_comma=decimal_comma)
    return found[-1] if found else None


# Parentheses behind a number; the end of a sum and what says that its value follows.
_EXPLANATION = re.compile(r"(?<=\d)\W*?\s\([^()]*\)")
_WORKED_OUT = re.compile(
    r"[-+*/×÷−]\s*[$€£]?\d[\d.,]*\s*(?:which\s+)?(?:is|equals|makes|gives)\b", re.IGNORECASE
)


def brackets(text: str, *, next_question: NextQuestion) -> str | None:
    """A sequence of brackets with a space between them.

    Those that the line behind the clause begins with; without one, those that make up the last
    line.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    *_, last = ("", *text.splitlines())
    following = rf"{_OPENING}([\[\](){{}}<>][\s\[\](){{}}<>]*)"
    found = [re.match(following, stated) for stated in conclusions(text)]
    found.append(re.fullmatch(r"([\s\[\](){}<>]+)", last))
    answer = next(filter(None, found), None)
    return " ".join("".join(answer[1].split())) if answer else None


def word_list(text: str, *, next_question: NextQuestion) -> str | None:
    """Words with a space between them: the sentence behind the clause, else the first line.

    Commas, and what stands around a word, are dropped. A list with an item a line is one line.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    text = re.sub(rf"(?:^{_ITEM}.+\n?)+", _one_line, text, flags=re.M)
    stated = next(conclusions(text), None)
    line = text.partition("\n")[0] if stated is None else _sentence(stated)
    words = [word.strip(" .:;*_`\"'“”‘’[]") for word in re.split(r"[\s,]+", line)]
    return " ".join(filter(None, words)) or None


# What a line of a list begins with.
_ITEM = r"[ \t]*(?:\d+[.)]|[-*•])[ \t]+"


def _one_line(listed: re.Match[str]) -> str:
    return ", ".join(re.findall(rf"^{_ITEM}(.+)", listed[0], re.M)) + "\n"


def first_line(text: str, *, next_question: NextQuestion) -> str | None:
    """The first line that holds something, without a clause that it begins with.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    text = own_answer(text, next_question=next_question)
    clause = rf"\W*(?:so |thus,? )?(?:the )?(?:final |correct )?(?:{_CLAUSES['en']})\W*?(?=\w)"
    text = re.sub(rf"\A{clause}", "", text, flags=re.IGNORECASE)
    return text.strip().partition("\n")[0].strip() or None


def first_word(text: str) -> str | None:
    """The first word, without what stands around it.

    Args:
      text: what a model wrote.
    """
    words = (word.strip(" .,:;!?*_`\"'“”‘’()[]") for word in text.split())
    return next(filter(None, words), None)


def whole_text(text: str, *, next_question: NextQuestion) -> str | None:
    """All of the text, runs of blanks and line breaks made one space.

    Args:
      text: what a model wrote.
      next_question: how another question would begin.
    """
    return " ".join(own_answer(text, next_question=next_question).split()) or None
