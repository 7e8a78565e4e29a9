"""An evaluation: generate, score, and let the Tasks' own metric functions judge.

An `Evaluator` serves both `t5lite train`, which keeps it and runs it on the parameters of the
moment, and `t5lite eval`. Every process of a multi-process run holds all examples and computes all
metrics; process 0 alone shows progress.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from t5lite.checkpoints.load import LoadedModel
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.tasks.seqio_adapter import EvalTask, import_tasks, load_eval_tasks
from t5lite.data.tasks.task_metrics import Answers
from t5lite.data.vocabularies.load import format_vocabulary, same_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import Generation, SequenceGenerator
from t5lite.decoding.stopping import cut
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.eval_result import EvalResult, TaskResult
from t5lite.inference.prompts import decoding_for, known_end_ids
from t5lite.inference.records import Record, plain, unit_scores
from t5lite.messages.progress import Bar, progress_bar
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)


class Evaluator:
    """Loads an evaluation's examples once, and runs it for any parameters of one model."""

    def __init__(
        self,
        config: EvalConfig,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        mesh: jax.sharding.Mesh | None = None,
    ) -> None:
        """Imports the task modules and loads the examples.

        Args:
          config: What to evaluate.
          model_config: What `params` given to `run` are of.
          converter: What the model's prompts and targets look like, but for the lengths, which are
            the config's.
          mesh: Where `params` lie; None for wherever they are.

        Raises:
          ValueError: No such Task or split, it has no examples, its Tasks' vocabularies differ, or
            answers cannot be generated; see `SequenceGenerator.check`.
        """
        self.config = config
        self._warned: set[tuple[str, str, str]] = set()
        import_tasks(config.task_modules, data_dir=config.data_dir, vocabulary=config.vocabulary)
        self.tasks: list[EvalTask] = load_eval_tasks(
            config.mixture_or_task_name,
            split=config.split,
            task_feature_lengths=config.task_feature_lengths,
            max_examples=config.max_examples_per_task,
        )
        self._require_examples()
        self.vocabulary = self._one_vocabulary()
        self._converter = dataclasses.replace(
            converter, task_feature_lengths=dict(config.task_feature_lengths)
        )
        end_ids = [token for task in self.tasks for token in task.end_ids]
        self._generator = SequenceGenerator(
            model_config,
            converter=self._converter,
            eos_ids=known_end_ids(model_config, self.vocabulary, end_ids),
            batch_size=config.batch_size,
            decode=self.vocabulary.decode,
            mesh=mesh,
        )
        judged = [task for task in self.tasks if task.judges_answers]
        prompts = [e.prompt(self._converter) for task in judged for e in task.examples]
        self._decoding: DecodingConfig = decoding_for(
            config.decoding,
            model_config,
            prompts,
            is_chat=any(task.end_ids for task in judged),
        )
        self._generator.check(prompts, config=self._decoding)

    def run(self, params: Any, *, progress: bool = True) -> EvalResult:
        """Evaluates `params`.

        Args:
          params: The model's parameters.
          progress: Show a progress bar (on process 0).

        Returns:
          Metrics and predictions; the same on every process.
        """
        judged = [task for task in self.tasks if task.judges_answers]
        total = sum(len(task.examples) for task in [*judged, *self.tasks])
        hidden = not progress or jax.process_index() != 0
        params = self._generator.prepare(params)
        with progress_bar(
            total=total, desc=f"eval {self.config.name}", unit="ex", leave=False, disable=hidden
        ) as bar:
            generations = self._generate(params, judged, bar)
            log_likelihoods, num_tokens = self._score(params, bar)
        texts = {name: list(map(self._text, found)) for name, found in generations.items()}
        results = []
        for task in self.tasks:
            scores = log_likelihoods[task.name]
            answers = self._answers(
                generations.get(task.name), texts.get(task.name), target_scores=scores
            )
            loss = -sum(scores) / max(1.0, sum(num_tokens[task.name]))
            results.append(self._result(task, answers, texts.get(task.name, ()), loss=loss))
        self._warn_of({task.name: task.not_run for task in results})
        # As it was done: lengths that the config leaves open are chosen by then.
        return EvalResult(dataclasses.replace(self.config, decoding=self._decoding), results)

    def _result(
        self, task: EvalTask, answers: Answers, texts: Sequence[str], *, loss: float
    ) -> TaskResult:
        """What the Task's own metrics say of a model's answers."""
        measured = task.measure(answers)
        targets = collections.Counter(example.targets_text for example in task.examples)
        found = {
            "loss": loss,
            "best_constant": targets.most_common(1)[0][1] / len(task.examples),
        }
        unit = {name: unit_scores(values) for name, values in measured.by_example.items()}
        score_metric = next((name for name, values in unit.items() if values is not None), None)
        scores = unit.get(score_metric) if score_metric else None
        predictions = measured.predictions
        return TaskResult(
            name=task.name,
            split=task.split,
            num_examples=len(task.examples),
            metrics=found | measured.values,
            by_example=measured.by_example,
            score_metric=score_metric,
            records=[
                Record(
                    task=task.name,
                    index=index,
                    id=example.id,
                    inputs=example.inputs_text,
                    targets=example.targets_text,
                    references=example.references,
                    prediction=text,
                    answer=None if predictions is None else plain(predictions[index]),
                    score=None if scores is None else scores[index],
                    metrics={n: values[index] for n, values in measured.by_example.items()},
                )
                for index, (example, text) in enumerate(zip(task.examples, texts, strict=False))
            ],
            not_run=measured.not_run,
        )

    def _text(self, generation: Generation) -> str:
        text = self.vocabulary.shown(generation.tokens.tolist())
        return cut(text, self.config.decoding.stop_strings)

    def _answers(
        self,
        generations: Sequence[Generation] | None,
        texts: Sequence[str] | None,
        *,
        target_scores: Sequence[float],
    ) -> Answers:
        """What the metrics of a Task are given."""
        if generations is None:
            return Answers(target_scores=target_scores)
        ends = self.vocabulary.eos_ids[:1]
        longest = self._decoding.decode_length
        tokens = [generation.tokens.tolist() for generation in generations]
        return Answers(
            tokens=[[*ids, *(ends if len(ids) < longest else ())] for ids in tokens],
            # What only a Task's vocabulary decodes need not be a text.
            texts=texts if format_vocabulary(self.vocabulary) is not None else None,
            scores=[generation.score for generation in generations],
            target_scores=target_scores,
        )

    def _warn_of(self, not_run: Mapping[str, Mapping[str, str]]) -> None:
        """Names the metrics that do not run, each once."""
        for task, reasons in not_run.items():
            for metric, reason in reasons.items():
                if (task, metric, reason) not in self._warned and jax.process_index() == 0:
                    log.warning(
                        "evaluation %s: metric %s of task %s does not run: %s",
                        *(self.config.name, metric, task, reason),
                    )
                self._warned.add((task, metric, reason))

    def _generate(
        self, params: Any, tasks: Sequence[EvalTask], bar: Bar
    ) -> dict[str, list[Generation]]:
        """Answers of each Task; the examples of all Tasks are batched together."""
        places = [(task, index) for task in tasks for index in range(len(task.examples))]
        generations = self._generator.generate(
            params,
            [task.examples[index].prompt(self._converter) for task, index in places],
            config=self._decoding,
            indices=[index for _, index in places],
            on_batch=bar.update,
        )
        answers: dict[str, list[Generation]] = {task.name: [] for task in tasks}
        for (task, _), (generation,) in zip(places, generations, strict=True):
            answers[task.name].append(generation)
        return answers

    def _score(
        self, params: Any, bar: Bar
    ) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """Log-likelihood and number of tokens of the targets of each Task's examples."""
        examples = [example for task in self.tasks for example in task.examples]
        log_likelihoods, num_tokens = self._generator.score(
            params,
            [example.prompt(self._converter) for example in examples],
            [example.answer(self._converter) for example in examples],
            on_batch=bar.update,
        )
        return self._by_task(log_likelihoods), self._by_task(num_tokens)

    def _by_task(self, values: np.ndarray) -> dict[str, list[float]]:
        """Values of all Tasks' examples, one Task after the other, taken apart."""
        ends = np.cumsum([len(task.examples) for task in self.tasks])[:-1]
        parts = np.split(values, ends)
        return {task.name: part.tolist() for task, part in zip(self.tasks, parts, strict=True)}

    def _require_examples(self) -> None:
        empty = [task.name for task in self.tasks if not task.examples]
        if empty or not self.tasks:
            raise ValueError(
                f"evaluation {self.config.name!r}: split {self.config.split!r} of "
                f"{self.config.mixture_or_task_name!r} holds no examples"
                + (f" of {', '.join(empty)}" if empty else "")
                + "; choose another EvalConfig.split or mixture_or_task_name."
            )

    def _one_vocabulary(self) -> Vocabulary:
        first = self.tasks[0]
        for task in self.tasks:
            if not same_vocabulary(task.vocabulary.spec(), first.vocabulary.spec()):
                raise ValueError(
                    f"evaluation {self.config.name!r}: Tasks of "
                    f"{self.config.mixture_or_task_name!r} differ in vocabulary: "
                    f"{first.name} has {first.vocabulary.spec()}, "
                    f"{task.name} has {task.vocabulary.spec()}. Evaluate them apart."
                )
        return first.vocabulary


def check_vocabulary(
    vocabulary: Vocabulary, model: LoadedModel, *, of: str, model_dir: str
) -> None:
    """Refuses Tasks whose token ids mean something else to the model.

    Args:
      vocabulary: The Tasks'.
      model: The model.
      of: The Task's or Mixture's name, for the error.
      model_dir: The model's folder, for the error.

    Raises:
      ValueError: The vocabularies differ; shows both.
    """
    if not same_vocabulary(vocabulary.spec(), model.vocabulary.spec()):
        raise ValueError(
            f"the vocabulary of {of!r} is not the one {model_dir} was trained with:\n"
            f"  the Tasks: {vocabulary.spec()}\n  the model: {model.vocabulary.spec()}\n"
            "Register the Tasks with the model's vocabulary (flag --vocabulary)."
        )
