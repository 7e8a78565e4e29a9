"""How an example came to be: what it was asked with, what was answered, what each filter said.

Whatever makes data writes one line an example, kept or not, into `FOLDER/trace.jsonl`, and
`t5lite trace ID` shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

TRACE_FILE = "trace.jsonl"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What one filter said of an example.

    Attributes:
      filter: Its name, such as "rouge".
      kept: Whether the example passed.
      why: What was found, such as "ROUGE-L 0.81 with seed_17".
    """

    filter: str
    kept: bool
    why: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Where one example comes from.

    Attributes:
      id: Its name in the folder, such as "instruction_00012".
      example: Its fields, as far as the answer could be read.
      request: The digest of the request, which `Answers` finds the reply by; None of one that
        nobody was asked for, such as a seed.
      choice: Which of the answers to the request.
      demonstrations: Ids of the examples that the request showed.
      verdicts: What the filters said, in their order; the first that is not `kept` is the last.
    """

    id: str
    example: Mapping[str, Any]
    request: str | None = None
    choice: int = 0
    demonstrations: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every filter let it pass."""
        return all(verdict.kept for verdict in self.verdicts)
