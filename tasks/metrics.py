"""Metrics that Tasks hand to seqio: plain functions of target and predicted texts."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


def exact_match(
    targets: Sequence[str | Sequence[str]], predictions: Sequence[str | None]
) -> dict[str, float]:
    """Share of predictions equal to their target once surrounding whitespace is stripped.

    Args:
        targets: N reference texts; a list of texts where several are right.
        predictions: N predicted texts, in the same order; None, for no answer, is wrong.

    Returns:
        `{"accuracy": value}` with the value in [0, 1].

    Raises:
        ValueError: if the two differ in number, or there are none.
    """
    if len(targets) != len(predictions):
        raise ValueError(
            f"exact_match: {len(targets)} targets but {len(predictions)} predictions; "
            "give one prediction for each target"
        )
    if not targets:
        raise ValueError("exact_match: no targets; the split is empty")
    pairs = zip(targets, predictions, strict=True)
    hits = sum(
        prediction is not None
        and prediction.strip() in {text.strip() for text in _references(target)}
        for target, prediction in pairs
    )
    return {"accuracy": hits / len(targets)}


def chrf_plus_plus(
    targets: Sequence[str | Sequence[str]], predictions: Sequence[str | None]
) -> dict[str, float]:
    """chrF++ of all predictions together, sacrebleu's: F2 of n-grams of characters and words.

    Blanks are no characters of an n-gram, and nothing else is made alike: neither case nor the
    forms that Unicode has for one letter.

    Args:
        targets: N reference texts; of a list of texts the one counts that fits best.
        predictions: N predicted texts, in the same order; None, for no answer, is an empty text.

    Returns:
        `{"chrf++": value}` with the value in [0, 100].

    Raises:
        ValueError: if the two differ in number, or there are none.
    """
    if len(targets) != len(predictions) or not targets:
        raise ValueError(f"chrf_plus_plus: {len(targets)} targets, {len(predictions)} predictions")
    from sacrebleu.metrics import CHRF

    references = itertools.zip_longest(*map(_references, targets))
    answers = [prediction or "" for prediction in predictions]
    return {"chrf++": CHRF(word_order=2).corpus_score(answers, [*references]).score}


def _references(target: str | Sequence[str]) -> Sequence[str]:
    return (target,) if isinstance(target, str) else target


class ClosedTarget(NamedTuple):
    """The right answer to a question that allows only so many.

    Attributes:
        text: the right answer.
        num_choices: how many answers are allowed, the right one among them.
    """

    text: str
    num_choices: int


def closed_exact_match(
    targets: Sequence[ClosedTarget], predictions: Sequence[str | None]
) -> dict[str, float]:
    """`exact_match`, and the share that a blind guess among the allowed answers gets right.

    Args:
        targets: N references.
        predictions: N predicted texts, in the same order.

    Returns:
        `{"accuracy": value, "blind_guess": value}`, both in [0, 1].

    Raises:
        ValueError: if the two differ in number, or there are none.
    """
    found = exact_match([target.text for target in targets], predictions)
    guessed = sum(1 / target.num_choices for target in targets) / len(targets)
    return found | {"blind_guess": guessed}


def answer_accuracy(
    targets: Sequence[ClosedTarget | str | Sequence[str]], predictions: Sequence[str | None]
) -> dict[str, float]:
    """`exact_match` of answers taken out of what a model wrote, and how many there were none in.

    Args:
        targets: N references; all of them, or none, say how many answers are allowed.
        predictions: N answers, in the same order; None where the text holds none.

    Returns:
        `{"accuracy": value, "unparsed": value}`, both in [0, 1], and `"blind_guess"` where the
        targets are closed.

    Raises:
        ValueError: if the two differ in number, or there are none.
    """
    closed = [target for target in targets if isinstance(target, ClosedTarget)]
    found = (
        closed_exact_match(closed, predictions)
        if closed
        else exact_match([t for t in targets if not isinstance(t, ClosedTarget)], predictions)
    )
    return found | {"unparsed": sum(answer is None for answer in predictions) / len(predictions)}


def last_word(
    targets: Sequence[ClosedTarget | str],
    predictions: Sequence[str | None],
    aux_values: Mapping[str, Any],
) -> dict[str, float]:
    """LAMBADA's accuracy and perplexity, as lm-evaluation-harness defines them.

    Where the one option, the word, was ranked, accuracy is the share of words that greedy decoding
    gives, and perplexity e to the mean negative log-likelihood of a word. Where words were
    generated they are compared as texts, and there is no perplexity.

    Args:
        targets: N words.
        predictions: N words, in the same order; None where there is none.
        aux_values: where the word was ranked, N each of `is_greedy` and `log_likelihoods`, nats.

    Returns:
        `{"accuracy": value in [0, 1], "perplexity": value of at least 1}`.

    Raises:
        ValueError: the two differ in number, or there are none.
    """
    words = [target.text if isinstance(target, ClosedTarget) else target for target in targets]
    found = exact_match(words, predictions)
    if "is_greedy" not in aux_values:
        return found
    mean = sum(aux_values["log_likelihoods"]) / len(words)
    perplexity = math.exp(-mean) if mean > -700 else math.inf
    return {"accuracy": sum(aux_values["is_greedy"]) / len(words), "perplexity": perplexity}
