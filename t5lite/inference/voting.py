"""Self-consistency: several chains of thought an example, and a majority vote on their answers.

Wang et al., https://arxiv.org/abs/2203.11171: chains are drawn, the answer is taken from each, and
the most frequent answer wins. A chain that no answer can be taken from does not vote. Where several
answers have as many votes, that wins whose first chain was drawn first, so that one more draw
changes an answer only by outvoting it, and nothing depends on how a likelihood was rounded.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from t5lite.files import strict_json


def vote(answers: Sequence[Any]) -> int:
    """Which chain speaks for the majority.

    Args:
      answers: What the Task's postprocessor made of each chain, in JSON's types, in the order of
        the draws; None of one that it found no answer in.

    Returns:
      The place of the first chain with the answer that won; 0 where there is no answer.
    """
    ballots = [
        None if answer is None else strict_json.dumps(answer, sort_keys=True) for answer in answers
    ]
    # A Counter keeps the order in which answers came, and so does most_common among equals.
    counts = collections.Counter(ballot for ballot in ballots if ballot is not None)
    return ballots.index(counts.most_common(1)[0][0]) if counts else 0
