"""The quick search gives what its definition says, with few counts."""

import dataclasses
import functools

import pytest

from t5lite.data.vocabularies.load import parse_vocabulary
from tasks.flan.few_shot import ExemplarPool
from tasks.flan.patterns import PATTERNS
from tasks.flan.render import ComposedPrompt, compose
from tasks.flan.token_budget import TokenBudget
from tests.conftest import shared_path
from tests.tasks.flan.flan_records import make_records

# Words of very different lengths in characters and tokens, and what vocabularies treat apart.
WORDS = (
    "a",
    "Paris",
    "antidisestablishmentarianism",
    "東京は",
    "ﷺ",
    "🙂🙂",
    "12345",
    "<pad>",
    "  ",
)


def make_prompt(number: int, num_shots: int) -> ComposedPrompt:
    """A prompt of parts whose lengths and words are all over the place."""

    def text(part: int) -> str:
        seed = number * 7919 + part * 104_729
        words = (WORDS[(seed >> 3) * (i + 3) % len(WORDS)] for i in range(1 + seed % 97))
        return "Q: " + " ".join(words) + "\nA: yes"

    return ComposedPrompt(
        id="x",
        intro="Look at these." if number % 2 else "",
        shots=tuple(text(part) for part in range(num_shots)),
        question=text(num_shots),
        separator="\n\n",
        target="yes",
        references=("yes",),
        options=(),
        template="t",
    )


def plain_definition(prompt: ComposedPrompt, max_tokens: int, count_tokens) -> int:
    """The most exemplars with which the prompt fits."""
    numbers = range(1, len(prompt.shots) + 1)
    return max((n for n in numbers if count_tokens(prompt.text(n)) <= max_tokens), default=0)


VOCABULARIES = ("bytes", "t5_spiece.model", "seqio_test_sentencepiece.model", "t5_tokenizer.json")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_search_gives_what_the_definition_says(name):
    path = name if name == "bytes" else str(shared_path(f"data/vocab/{name}"))
    vocabulary = parse_vocabulary(path)

    @functools.cache
    def count_tokens(text):
        return len(vocabulary.encode(text))

    found = set()
    for max_tokens in (300, 700, 2000):
        budget = TokenBudget(max_tokens, count_tokens)
        for number in range(18):
            prompt = make_prompt(number, num_shots=number % 9)
            fitting = budget.num_fitting(prompt)
            assert fitting == plain_definition(prompt, max_tokens, count_tokens)
            found.add(fitting)
    assert len(found) >= 5


class Counter:
    """Counts words, and its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, text):
        self.calls += 1
        return len(text.split())


def test_counting_is_rare():
    schema = PATTERNS["reading"].schema
    records = make_records(schema, 200)
    long = [
        dataclasses.replace(r, fields={**r.fields, "passage": f"P{r.id} " * 100}) for r in records
    ]
    pool = ExemplarPool(long)
    prompts = [
        compose(PATTERNS["reading"], record, key=0, shots=pool.draw(record, key=0, count=10))
        for record in long
    ]
    count = Counter()
    budget = TokenBudget(10_000, count)
    assert {budget.num_fitting(prompt) for prompt in prompts} == {10}
    assert count.calls == len(prompts)
    count = Counter()
    budget = TokenBudget(450, count)
    assert {budget.num_fitting(prompt) for prompt in prompts} <= {2, 3}
    # Mostly the prompt and the next exemplar.
    assert count.calls < 2.5 * len(prompts)


def test_no_tokens_are_no_budget():
    with pytest.raises(ValueError, match="max_tokens 0"):
        TokenBudget(0, len)
