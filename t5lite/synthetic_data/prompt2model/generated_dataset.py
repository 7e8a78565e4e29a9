"""How examples are generated, and what came of it."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Annotated

from t5lite.files.json_files import write_lines
from t5lite.messages.ranges import Count, NumExamples, Range, Size
from t5lite.messages.tables import format_table
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration
from t5lite.synthetic_data.provenance import Origin

GENERATED_FILE = "generated.jsonl"

_Temperature = Annotated[float, Range(least=0, most=2, note="no endpoint takes more")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """How a teacher is asked for examples. Defaults are the paper's and its code's.

    Attributes:
      num_examples: Examples that are wanted, after all filters.
      seed: Of everything that is drawn here.
      initial_temperature: Of the first requests.
      max_temperature: Of the last: T = T0 + (Tmax - T0) n / N, at n of N examples.
      answers_per_request: Answers to each request.
      max_batch_size: Requests between two looks at what has come.
      max_calls: Requests at most; None for as many as it takes.
      max_fruitless_calls: Requests in a row without any new example, after which it is given up.
      max_tokens: Of each answer.
      max_prompt_tokens: Of each request; with more, fewer generated examples are shown.
      anneals_temperature: Whether the temperature rises; else it stays at `initial_temperature`.
      shows_generated: Whether 1 to 10 random examples that were generated before are shown.
      varies_template: Whether three templates take turns; else it is the simple one.
      votes: Whether an input has the output that most of its examples have.
      drops_duplicates: Whether of the same input and output only one example is kept.
    """

    num_examples: NumExamples = 5000
    seed: Count = 0
    initial_temperature: _Temperature = 0.5
    max_temperature: _Temperature = 1.7
    answers_per_request: Size = 5
    max_batch_size: Size = 5
    max_calls: Size | None = None
    max_fruitless_calls: Size = 100
    max_tokens: Size = 500
    max_prompt_tokens: Size = 3500
    anneals_temperature: bool = True
    shows_generated: bool = True
    varies_template: bool = True
    votes: bool = True
    drops_duplicates: bool = True

    def __post_init__(self) -> None:
        check_numbers(self, of=GenerationConfig)
        if self.max_temperature < self.initial_temperature:
            raise ValueError(
                f"GenerationConfig.max_temperature {self.max_temperature} is below "
                f"initial_temperature {self.initial_temperature}; the temperature only rises"
            )


@dataclasses.dataclass(frozen=True)
class GeneratedExample(Demonstration):
    """An example that a teacher wrote.

    Attributes:
      id: Its name in the folder, such as "generated_00012".
    """

    id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratedDataset:
    """What a teacher wrote, and what became of it.

    Attributes:
      examples: Those that were kept, in the order in which their inputs came.
      origins: Of every answer, kept or not.
      calls: Requests that were answered.
      stopped: Why there are fewer examples than were wanted; "" where there are enough.
      budget_spent: Whether that was the teacher's budget, so that a larger one goes on.
    """

    examples: tuple[GeneratedExample, ...]
    origins: tuple[Origin, ...]
    calls: int
    stopped: str
    budget_spent: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Answers by the filter that discarded them, and "kept"."""
        ends = collections.Counter(origin.left_out_by or "kept" for origin in self.origins)
        return dict(ends.most_common())

    def summary(self) -> str:
        """A table of `counts`, and of how the generation ended."""
        rows = [["requests", str(self.calls)], ["answers", str(len(self.origins))]]
        discarded = {name: n for name, n in self.counts.items() if name != "kept"}
        rows += [[f"discarded: {_TITLES[name]}", str(n)] for name, n in discarded.items()]
        rows.append(["examples", str(len(self.examples))])
        table = format_table(("generated", "number"), rows, right=(1,))
        return f"{table}\nStopped early: {self.stopped}" if self.stopped else table


_TITLES = {
    "answer": "not the JSON asked for, cut or empty",
    "held out": "input is a demonstration or held out",
    "vote": "outvoted by another output of the same input",
    "duplicate": "duplicate",
    "number": "more than were wanted",
}


def write_examples(file: pathlib.Path, examples: Iterable[GeneratedExample]) -> None:
    """Writes {"id", "input", "output"} a line, the whole file or nothing."""
    write_lines(file, ({"id": x.id, "input": x.input, "output": x.output} for x in examples))
