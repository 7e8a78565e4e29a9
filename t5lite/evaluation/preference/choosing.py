"""Which of several sampled answers stands for a model.

Chung et al. 2022 (arXiv 2210.11416, section 6) sample five answers to a prompt at temperature 0.7,
rank them by log-likelihood without normalising by length, and leave out those that are better than
half of the median: with a median of -20, an answer of -3. Such answers are far likelier than the
model's usual ones because they are degenerate: they repeat themselves, each token being certain
after those before it, or end at once.

What the paper leaves open is decided here so: the log-likelihood is the model's own, before
temperature, with the end token (`score` of `t5lite infer`); the median is of all answers, and of an
even number the mean of the middle two; better means strictly larger; of equals the first drawn is
taken.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from t5lite.data.sources.local_files import require
from t5lite.files import strict_json
from t5lite.files.json_files import read_lines
from t5lite.files.local_paths import storage_path, writable_file
from t5lite.files.whole_file import write_whole

# What a line of several answers has, and a chosen answer has not.
_OF_SEVERAL = ("predictions", "scores", "was_cut")


class Choice(NamedTuple):
    """An answer chosen among several.

    Attributes:
      chosen: Which it is.
      dropped: Those that were left out before.
    """

    chosen: int
    dropped: tuple[int, ...]


def choose(log_likelihoods: Sequence[float]) -> Choice:
    """Chooses the likeliest answer that is not better than half the median.

    There is always one: answers at the median and below it are not better than its half.

    Args:
      log_likelihoods: Of each answer, in nats, one or more.

    Raises:
      ValueError: There is none, or one is not finite.
    """
    if not log_likelihoods or not all(map(math.isfinite, log_likelihoods)):
        raise ValueError(
            f"the answers' log-likelihoods are {list(log_likelihoods)}; they must be one or more "
            "finite numbers"
        )
    # Rounding may leave a certain answer above 0.
    scores = [min(score, 0.0) for score in log_likelihoods]
    threshold = statistics.median(scores) / 2
    dropped = tuple(index for index, score in enumerate(scores) if score > threshold)
    kept = (index for index in range(len(scores)) if index not in dropped)
    return Choice(max(kept, key=scores.__getitem__), dropped)


def choose_answers(answers: str, *, output: str) -> None:
    """Writes a file of one answer a line, chosen among several; `t5lite preference choose`.

    Each line is that of `answers` without `predictions` and `scores`; `prediction` and `score` are
    the chosen answer's, `chosen` is its index, and `num_dropped` says how many were left out.

    Args:
      answers: What `t5lite infer --num_return_sequences=5 --temperature=0.7` wrote.
      output: File to write.

    Raises:
      ValueError: A line does not hold several answers with their scores.
    """
    path, target = storage_path(answers, name="ANSWERS"), writable_file(output, name="--output")
    if target.exists() and target.samefile(path):
        raise ValueError(f"--output {output} is the file of answers itself; give another")
    lines, num_samples, num_dropped = [], 0, 0
    for where, record in read_lines(path, any_text=True):
        predictions, scores = _samples(record, where)
        try:
            choice = choose(scores)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        chosen = {key: value for key, value in record.items() if key not in _OF_SEVERAL}
        chosen |= {
            "prediction": predictions[choice.chosen],
            "score": scores[choice.chosen],
            "chosen": choice.chosen,
            "num_dropped": len(choice.dropped),
        }
        lines.append(strict_json.dumps(chosen, ensure_ascii=False) + "\n")
        num_samples += len(scores)
        num_dropped += len(choice.dropped)
    if not lines:
        raise ValueError(f"{answers} holds no answers")
    write_whole(target, "".join(lines).encode("utf-8", "backslashreplace"))
    print(
        f"{len(lines):,} answers: {output}. Of {num_samples:,} samples {num_dropped:,} were left "
        "out, whose log-likelihood was better than half their prompt's median."
    )


def _samples(record: Mapping[str, Any], where: str) -> tuple[list[Any], list[Any]]:
    remedy = (
        "sample several with `t5lite infer --num_return_sequences=5 --temperature=0.7`; a file of "
        "one answer a line needs no choice"
    )
    predictions = require(record, "predictions", list, where=where, remedy=remedy)
    scores = require(record, "scores", list, where=where, remedy=remedy)
    if len(predictions) != len(scores) or not all(
        isinstance(score, int | float) and not isinstance(score, bool) for score in scores
    ):
        raise ValueError(
            f"{where}: {len(predictions)} predictions and the scores {scores}; expected a number "
            "for each"
        )
    return predictions, scores
