"""Days of the week and hours of the clock."""

import random

from .declare import Instance, MiniTask
from .lexicon import DAYS, NAMES, words

_EVENTS = words("race test trip show party game walk talk meal visit class call")


def _plan(rng: random.Random) -> str:
    return f"{rng.choice(NAMES)}'s {rng.choice(_EVENTS)}"


def _day_after(rng: random.Random) -> Instance:
    day = rng.randrange(7)
    return Instance({"plan": _plan(rng), "day": DAYS[day]}, DAYS[(day + 1) % 7])


def _day_before(rng: random.Random) -> Instance:
    day = rng.randrange(7)
    return Instance({"plan": _plan(rng), "day": DAYS[day]}, DAYS[(day - 1) % 7])


def _clock_add(rng: random.Random) -> Instance:
    hour, minute, wait = rng.randint(1, 12), rng.randrange(60), rng.randint(2, 4)
    end = hour + wait
    steps = f"{hour}+{wait}={end}"
    if end > 12:
        steps += f", {end}-12={end - 12}"
        end -= 12
    fields = {"time": f"{hour}:{minute:02d}", "hours": str(wait)}
    return Instance(fields, f"{end}:{minute:02d}", steps)


TASKS = (
    MiniTask(
        name="day_after",
        category="calendar",
        make=_day_after,
        templates=(
            "{plan} is on {day}. What is the next day?",
            "{plan} is on {day}. Which day comes after?",
            "Name the day after {plan} on {day}.",
            "{plan}: {day}. The day after is",
        ),
        new_templates=(
            "{plan} is on {day}. Name the day after.",
            "Which day comes after {plan} on {day}?",
        ),
    ),
    MiniTask(
        name="day_before",
        category="calendar",
        make=_day_before,
        templates=(
            "{plan} is on {day}. What was the day before?",
            "{plan} is on {day}. Which day comes before?",
            "Name the day before {plan} on {day}.",
            "{plan}: {day}. The day before is",
        ),
        new_templates=(
            "{plan} is on {day}. Name the day before.",
            "Which day comes before {plan} on {day}?",
        ),
    ),
    MiniTask(
        name="clock_add",
        category="calendar",
        make=_clock_add,
        templates=(
            "It is {time}. What time is it in {hours} hours?",
            "Time: {time}. Add {hours} hours.",
            "{time} plus {hours} hours is",
            "The clock says {time}. And {hours} hours later?",
        ),
        new_templates=(
            "It is {time}. What time is it {hours} hours later?",
            "Add {hours} hours to {time}.",
        ),
        has_rationale=True,
        weight=0.4,
    ),
)
