"""Takes the final answer out of a text that reasons first.

The patterns of `tasks.flan.patterns.reasoning` close with a clause such as "So the answer is 7."
or "Final answer: 7"; models trained on them, and most others, do likewise.
"""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"\banswer(?P<verb> is\b)?(?(verb):?|:)", re.IGNORECASE)


def final_answer(text: str) -> str:
    """What a text concludes.

    Args:
      text: what a model wrote.

    Returns:
      What its line says after the last "answer is" or "answer:", without the full stop that ends
      an "answer is"; where there is no such clause, or nothing after it, the last line.
    """
    clauses = list(_CLAUSE.finditer(text))
    if clauses:
        answer = text[clauses[-1].end() :].strip().partition("\n")[0].strip()
        if answer:
            return answer.removesuffix(".") if clauses[-1]["verb"] else answer
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
