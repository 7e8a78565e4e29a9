"""Not, both, either, all, and if."""

import random

from .declare import Instance, MiniTask, yes_no
from .lexicon import ANIMALS, COLOURS, NAMES, STATES, words

_WEATHER = ("rains", "snows", "hails")
_DOINGS = words("reads swims cooks sings draws naps runs bakes digs knits")


def _is(name: str, state: str, value: bool) -> str:
    return f"{name} is {state}." if value else f"{name} is not {state}."


def _negation(rng: random.Random) -> Instance:
    name, state, value = rng.choice(NAMES), rng.choice(STATES), rng.random() < 0.5
    return Instance({"fact": _is(name, state, value), "name": name, "state": state}, yes_no(value))


def _both_or_either(rng: random.Random) -> Instance:
    both, wanted = rng.random() < 0.5, rng.random() < 0.5
    states = [(p, q) for p in (True, False) for q in (True, False)]
    p, q = rng.choice([s for s in states if (all(s) if both else any(s)) == wanted])
    (first, second), state = rng.sample(NAMES, 2), rng.choice(STATES)
    fields = {
        "facts": f"{_is(first, state, p)} {_is(second, state, q)}",
        "who": "both" if both else "any",
        "state": state,
    }
    return Instance(fields, yes_no(wanted))


def _syllogism(rng: random.Random) -> Instance:
    name, kind = rng.choice(NAMES), rng.choice(ANIMALS)
    colour, other = rng.sample(COLOURS, 2)
    same = rng.random() < 0.5
    fields = {
        "rule": f"All {kind}s are {colour}",
        "case": f"{name} is a {kind}",
        "question": f"{name} {colour if same else other}",
    }
    return Instance(fields, yes_no(same), f"a {kind} is {colour}")


def _if_then(rng: random.Random) -> Instance:
    name, weather = rng.choice(NAMES), rng.choice(_WEATHER)
    then, otherwise = rng.sample(_DOINGS, 2)
    holds = rng.random() < 0.5
    fields = {
        "rule": f"If it {weather} {name} {then}, else {name} {otherwise}",
        "fact": f"It {weather}" if holds else "It is dry",
    }
    return Instance(fields, then if holds else otherwise)


TASKS = (
    MiniTask(
        name="negation",
        category="logic",
        make=_negation,
        templates=(
            "{fact} Is {name} {state}?",
            "Is {name} {state}? {fact}",
            "{fact} So is {name} {state}, yes or no?",
            "{fact} Say yes or no: is {name} {state}?",
        ),
        new_templates=(
            "Read: {fact} Is {name} {state}, yes or no?",
            "yes or no, is {name} {state}? {fact}",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="both_or_either",
        category="logic",
        make=_both_or_either,
        templates=(
            "{facts} Are {who} of them {state}?",
            "{facts} Is it true that {who} are {state}?",
            "Are {who} of them {state}? {facts}",
            "{facts} yes or no: {who} are {state}",
        ),
        new_templates=(
            "Read: {facts} Are {who} of them {state}?",
            "{facts} Are {who} {state}, yes or no?",
        ),
        answer_in_prompt=True,
    ),
    MiniTask(
        name="syllogism",
        category="logic",
        make=_syllogism,
        templates=(
            "{rule}. {case}. Is {question}?",
            "{rule} and {case}. Is {question}?",
            "{case}. {rule}. Is {question}?",
            "{rule}. {case}. yes or no: is {question}?",
        ),
        new_templates=(
            "Read: {rule}. {case}. Is {question}?",
            "{case} and {rule}. Is {question}, yes or no?",
        ),
        answer_in_prompt=True,
        has_rationale=True,
    ),
    MiniTask(
        name="if_then",
        category="logic",
        make=_if_then,
        templates=(
            "{rule}. {fact}. What happens?",
            "{rule}. {fact}. So what is done?",
            "{fact}. {rule}. What happens?",
            "{rule}. {fact}. Then what?",
        ),
        new_templates=(
            "Read: {rule}. {fact}. What happens?",
            "{fact}. {rule}. Then what?",
        ),
        answer_in_prompt=True,
        trained=False,
    ),
)
