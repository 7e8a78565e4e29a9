"""What instructions ask to do with what: the root verb and its direct object, by a simple rule.

The paper parses sentences with a model that has to be downloaded. Here words are tagged by the
lexicon and rules that the library TextBlob brings (those of pattern.en), and then, in the first
sentence that has such a verb:

- The root verb is the first word tagged as a verb's base form, other than be, do, have, let and
  please. The first word counts too where a determiner, a number or a possessive follows it, as in
  "List three ways": taggers take such a word for a noun.
- Its object is the last noun of the first run of determiners, numbers, adjectives, participles and
  nouns behind it; a pronoun may stand between ("Write me a letter"). Where something else stands
  there, such as a preposition, there is none.

This is English, and right in most imperatives; docs/self_instruct.md says how often it agrees with
a parser.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

_SENTENCE = re.compile(r"[^.!?:;\n]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*|\d[\d.,]*|[,()\"“”]")
_NO_ROOT = frozenset(("be", "am", "is", "are", "do", "have", "let", "please"))
_BEFORE_NOUNS = ("DT", "PDT", "PRP$", "CD", "JJ", "JJR", "JJS", "VBN", "VBG", "WP$", "POS")
_BEHIND_A_VERB = ("DT", "PDT", "PRP$", "CD")


@dataclasses.dataclass(frozen=True, order=True)
class VerbAndNoun:
    """A root verb, and the noun that is its direct object."""

    verb: str
    noun: str


def count_verbs_and_nouns(instructions: Iterable[str]) -> dict[VerbAndNoun, int]:
    """How many instructions have each pair, the most frequent first; not all have one."""
    from textblob.en.taggers import PatternTagger

    tagger = PatternTagger()
    found = (_find(instruction, tagger) for instruction in instructions)
    counts = collections.Counter(pair for pair in found if pair is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _find(instruction: str, tagger: Any) -> VerbAndNoun | None:
    for sentence in _SENTENCE.findall(instruction):
        words = _WORD.findall(sentence)
        if not words:
            continue
        words[0] = words[0].lower()
        tagged = tagger.tag(" ".join(words), tokenize=False)
        assert len(tagged) == len(words), (words, tagged)
        tags = [tag for _, tag in tagged]
        root = _root(words, tags)
        if root is not None:
            noun = _object(words, tags, root + 1)
            return None if noun is None else VerbAndNoun(words[root].lower(), noun)
    return None


def _root(words: Sequence[str], tags: Sequence[str]) -> int | None:
    for place, (word, tag) in enumerate(zip(words, tags, strict=True)):
        if word.lower() in _NO_ROOT:
            continue
        if tag in ("VB", "VBP"):
            return place
        is_first = place == 0 or (place == 1 and words[0].lower() == "please")
        is_taken_for_noun = tag.startswith(("NN", "JJ")) and tags[place + 1 : place + 2] != []
        if is_first and is_taken_for_noun and tags[place + 1] in _BEHIND_A_VERB:
            return place
    return None


def _object(words: Sequence[str], tags: Sequence[str], start: int) -> str | None:
    if tags[start : start + 1] == ["PRP"]:
        start += 1
    noun = None
    for word, tag in zip(words[start:], tags[start:], strict=True):
        if tag.startswith("NN"):
            noun = _singular(word) if tag in ("NNS", "NNPS") else word.lower()
        elif tag not in _BEFORE_NOUNS or noun is not None:
            break
    return noun


def _singular(noun: str) -> str:
    from textblob.en.inflect import singularize

    return str(singularize(noun.lower()))
