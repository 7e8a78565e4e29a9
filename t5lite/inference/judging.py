"""What a Task's own postprocessor and metrics say of a model's answers."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from t5lite.data.tasks.eval_tasks import EvalTask
from t5lite.data.tasks.task_metrics import Answers
from t5lite.data.vocabularies.load import format_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import Generation
from t5lite.decoding.stopping import cut
from t5lite.inference.answers import Answered
from t5lite.inference.asking import Asked
from t5lite.inference.eval_result import BASELINES, TaskResult
from t5lite.inference.records import Record, Sample, plain, unit_scores
from t5lite.inference.voting import vote


class _Candidate(NamedTuple):
    """An answer that may be an example's.

    Attributes:
      text: As it was generated, or the option.
      ids: Its tokens, with the one that ended it.
      score: What ranks it among others.
      log_likelihood: In nats.
      is_greedy: Of an option, whether greedy decoding gives it; of what is generated None.
      was_cut: Whether it has the most tokens that there may be, and did not end by itself.
    """

    text: str
    ids: Sequence[int]
    score: float
    log_likelihood: float
    is_greedy: bool | None = None
    was_cut: bool = False


class Judge:
    """Makes results of the answers of one evaluation."""

    def __init__(self, *, vocabulary: Vocabulary, decoding: DecodingConfig) -> None:
        """Prepares.

        Args:
          vocabulary: The Tasks'.
          decoding: How answers were generated.
        """
        self._vocabulary, self._decoding = vocabulary, decoding
        # What only a Task's vocabulary decodes need not be a text.
        self._gives_texts = format_vocabulary(vocabulary) is not None

    def judge(
        self, task: EvalTask, asked: Sequence[Asked], answered: Sequence[Answered]
    ) -> TaskResult:
        """Measures the answers to a Task's examples.

        Args:
          task: The Task.
          asked: How each example was put.
          answered: What the model made of those that were not skipped, in order.

        Raises:
          ValueError: The Task's postprocessor fails on one of several answers, which are to vote,
            or makes something of it that cannot be compared with the others.
        """
        places = [place for place, one in enumerate(asked) if one.skipped is None]
        records = [_record(task, place, one) for place, one in enumerate(asked)]
        result = TaskResult(
            name=task.name,
            split=task.split,
            num_examples=len(asked),
            num_skipped=len(asked) - len(places),
            records=records if task.judges_answers else [],
            metrics={},
            not_run={metric.name: "every example was skipped" for metric in task.metrics},
        )
        if not places:
            return result
        part = task if len(places) == len(asked) else task.part(places)
        candidates = [
            self._candidates(asked[place], one) for place, one in zip(places, answered, strict=True)
        ]
        samples = self._samples(part, candidates)
        chosen = [vote([sample.answer for sample in drawn]) for drawn in samples]
        measured = part.measure(self._answers(candidates, chosen, answered))
        unit = {name: unit_scores(values) for name, values in measured.by_example.items()}
        scores = (name for name, values in unit.items() if values is not None)
        score_metric = next((name for name in scores if name not in BASELINES), None)
        if task.judges_answers:
            for row, place in enumerate(places):
                records[place] = dataclasses.replace(
                    records[place],
                    prediction=candidates[row][chosen[row]].text,
                    answer=plain(measured.predictions[row]) if measured.predictions else None,
                    score=(unit[score_metric] or [])[row] if score_metric else None,
                    metrics={name: values[row] for name, values in measured.by_example.items()},
                    option_scores=answered[row].option_scores,
                    samples=samples[row],
                )
        return dataclasses.replace(
            result,
            metrics=_own_metrics(part, answered) | measured.values,
            by_example=measured.by_example,
            score_metric=score_metric,
            by_num_samples=self._by_num_samples(part, candidates, samples, answered),
            num_unparsed=sum(found is None for found in measured.predictions or ()),
            num_cut=sum(candidate.was_cut for row in candidates for candidate in row),
            not_run=measured.not_run,
        )

    def _candidates(self, asked: Asked, answered: Answered) -> list[_Candidate]:
        """What a vote chooses among; of a ranking the best option alone."""
        if answered.option_scores:
            best = int(np.argmax(answered.option_scores))
            score = answered.option_scores[best]
            ids = asked.option_tokens[best].tolist()
            return [_Candidate(asked.options[best], ids, score, *answered.option_likelihoods[best])]
        return [self._candidate(generation) for generation in answered.generations]

    def _candidate(self, generation: Generation) -> _Candidate:
        ids = generation.tokens.tolist()
        whole = self._vocabulary.shown(ids)
        text = cut(whole, self._decoding.stop_strings)
        is_short = len(ids) < self._decoding.decode_length
        return _Candidate(
            text,
            [*ids, *(self._vocabulary.eos_ids[:1] if is_short else ())],
            generation.score,
            generation.log_likelihood,
            was_cut=not is_short and text == whole,
        )

    def _samples(
        self, task: EvalTask, candidates: Sequence[Sequence[_Candidate]]
    ) -> list[tuple[Sample, ...]]:
        """Each example's draws with their answers; none where there is one answer only."""
        return [
            tuple(
                Sample(
                    text=one.text,
                    answer=self._parsed(task, place, one),
                    log_likelihood=one.log_likelihood,
                )
                for one in row
            )
            if len(row) > 1
            else ()
            for place, row in enumerate(candidates)
        ]

    def _parsed(self, task: EvalTask, place: int, candidate: _Candidate) -> Any:
        """What the Task's postprocessor makes of one of several answers."""
        output: Any = candidate.text
        if not self._gives_texts:
            output = self._vocabulary.decoded(candidate.ids)
        try:
            answer = task.postprocess(output, task.examples[place], is_target=False)
        except Exception as error:
            raise ValueError(
                f"Task {task.name!r}: its postprocessor fails on {output!r}, so that answers "
                f"cannot vote: {type(error).__name__}: {error}"
            ) from error

        def refuse(found: Any) -> None:
            raise ValueError(
                f"Task {task.name!r}: its postprocessor makes {found!r} of {output!r}, and only "
                "answers that JSON can hold can vote (texts, numbers, and lists, sets and dicts of "
                "them): give one of these, or set num_return_sequences=1"
            )

        return plain(answer, other=refuse)

    def _answers(
        self,
        candidates: Sequence[Sequence[_Candidate]],
        chosen: Sequence[int],
        answered: Sequence[Answered],
    ) -> Answers:
        """What the metrics of a Task are given."""
        targets = [one.target[0] for one in answered if one.target is not None]
        target_scores = targets if len(targets) == len(answered) else None
        if not candidates[0]:
            return Answers(target_scores=target_scores)
        best = [row[place] for row, place in zip(candidates, chosen, strict=True)]
        has_texts = self._gives_texts or bool(answered[0].option_scores)
        return Answers(
            tokens=[candidate.ids for candidate in best],
            texts=[candidate.text for candidate in best] if has_texts else None,
            scores=[candidate.score for candidate in best],
            option_likelihoods=[(one.log_likelihood, one.is_greedy) for one in best]
            if answered[0].option_scores
            else None,
            target_scores=target_scores,
        )

    def _by_num_samples(
        self,
        task: EvalTask,
        candidates: Sequence[Sequence[_Candidate]],
        samples: Sequence[Sequence[Sample]],
        answered: Sequence[Answered],
    ) -> dict[str, list[float]]:
        """The metrics where the first 1, 2, ... draws vote, by name; none where there is one."""
        values: dict[str, list[float]] = collections.defaultdict(list)
        for number in range(1, len(samples[0]) + 1):
            chosen = [vote([sample.answer for sample in drawn[:number]]) for drawn in samples]
            answers = self._answers(candidates, chosen, answered)
            for name, value in task.measure(answers, by_example=False).values.items():
                values[name].append(value)
        return dict(values)


def _record(task: EvalTask, place: int, asked: Asked) -> Record:
    """What is known of an example before it is answered."""
    example = task.examples[place]
    return Record(
        task=task.name,
        index=place,
        id=example.id,
        inputs=asked.text,
        targets=example.targets_text,
        references=example.references,
        prediction=None,
        num_shots=asked.num_shots,
        num_dropped=asked.num_dropped,
        skipped=asked.skipped,
        options=asked.options,
    )


def _own_metrics(task: EvalTask, answered: Sequence[Answered]) -> dict[str, float]:
    """The loss of a Task's targets, if they were scored, and the best constant of its answers."""
    targets = [one.target for one in answered if one.target is not None]
    own = {}
    if targets:
        num_tokens = sum(number for _, number in targets)
        own["loss"] = -sum(log_likelihood for log_likelihood, _ in targets) / max(1.0, num_tokens)
    if task.judges_answers:
        counts = collections.Counter(example.targets_text for example in task.examples)
        own["best_constant"] = counts.most_common(1)[0][1] / len(task.examples)
    return own
