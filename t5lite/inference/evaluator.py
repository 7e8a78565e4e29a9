"""An evaluation: generate, score, and let the Tasks' own metric functions judge.

An `Evaluator` serves both `t5lite train`, which keeps it and runs it on the parameters of the
moment, and `t5lite eval`. Every process of a multi-process run holds all examples and computes all
metrics; process 0 alone shows progress.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import logging
import math
import pathlib
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
from t5lite.files import strict_json
from t5lite.files.json_files import write_object
from t5lite.inference.prompts import decoding_for, known_end_ids
from t5lite.messages.progress import Bar, progress_bar
from t5lite.messages.tables import format_table
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """One evaluation: which examples, and how they are decoded.

    Attributes:
      name: Its metrics are called `<name>/<task>/<metric>`.
      mixture_or_task_name: A registered Task, or a Mixture whose Tasks are evaluated one by one.
      task_feature_lengths: Longest "inputs" and "targets" in tokens; longer ones are cut.
      split: The Tasks' split. A Task without it is left out, with a warning; for "validation" its
        "validate", "dev" and the like are taken.
      batch_size: Examples decoded at once, over all devices.
      max_examples_per_task: The first so many examples of each Task; all when None.
      decoding: How answers are generated; one an example.
      task_modules: Task modules to import first.
      data_dir: Root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      vocabulary: The Tasks' vocabulary, as `parse_vocabulary` reads it; None leaves
        `T5LITE_VOCABULARY` as it is in training, and is the model's own in `evaluate`.
    """

    name: str
    mixture_or_task_name: str
    task_feature_lengths: Mapping[str, int]
    split: str = "validation"
    batch_size: int = 32
    max_examples_per_task: int | None = None
    decoding: DecodingConfig = dataclasses.field(default_factory=DecodingConfig)
    task_modules: Sequence[str] = ()
    data_dir: str | None = None
    vocabulary: str | None = None

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(
                f"EvalConfig.name is {self.name!r}; it starts the names of metrics and names a "
                "folder, so it must not be empty or hold a '/'."
            )
        for field in ("batch_size", "max_examples_per_task"):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise ValueError(f"EvalConfig.{field} is {value}; it must be 1 or more.")
        if self.decoding.num_return_sequences > 1:
            raise ValueError(
                "DecodingConfig.num_return_sequences is "
                f"{self.decoding.num_return_sequences}; an evaluation judges one answer an "
                "example, so it must be 1."
            )


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One generated answer.

    Attributes:
      task: The Task's name.
      index: The example's place among the Task's examples.
      inputs: The prompt as text.
      targets: The reference as text.
      prediction: The answer as text, before the Task's postprocessor.
    """

    task: str
    index: int
    inputs: str
    targets: str
    prediction: str


@dataclasses.dataclass(frozen=True)
class EvalResult:
    """What one evaluation found.

    Attributes:
      metrics: By name. `<name>/<task>/<metric>` for each metric of the Task; for every Task
        `loss`, the teacher-forced mean loss of a target token in nats, and `best_constant`, the
        share of examples that its most frequent target answers exactly (the baseline to beat);
        and `<name>/mean/<metric>`, the unweighted mean over the Tasks that have the metric.
      predictions: Of the Tasks whose metrics judge generated text, in the Tasks' order.
      num_examples: By Task.
      splits: By Task; of those that call their split otherwise than the config.
      not_run: By Task, why metrics of it did not run, by their names.
      config: What was evaluated.
    """

    metrics: dict[str, float]
    predictions: list[Prediction]
    num_examples: dict[str, int]
    config: EvalConfig
    splits: Mapping[str, str] = dataclasses.field(default_factory=dict)
    not_run: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    def save(self, folder: str | pathlib.Path, *, step: int | None = None) -> None:
        """Writes `metrics.json` and `predictions.jsonl` into `folder`.

        Args:
          folder: Made where it does not exist; files of these names are replaced.
          step: Of the parameters, noted in `metrics.json`.
        """
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "step": step,
            "mixture_or_task_name": self.config.mixture_or_task_name,
            "split": self.config.split,
            "decoding": dataclasses.asdict(self.config.decoding),
            "splits": self.splits,
            "num_examples": self.num_examples,
            "metrics": self.metrics,
            "metrics_not_run": self.not_run,
        }
        write_object(folder / "metrics.json", record)
        path = folder / "predictions.jsonl"
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            for prediction in self.predictions:
                file.write(
                    strict_json.dumps(dataclasses.asdict(prediction), ensure_ascii=False) + "\n"
                )

    def summary(self, *, step: int | None = None) -> str:
        """The metrics as a table for a terminal: a row for each Task, the mean last."""
        rows: dict[str, dict[str, float]] = collections.defaultdict(dict)
        for name, value in self.metrics.items():
            task, metric = name.removeprefix(f"{self.config.name}/").split("/", 1)
            rows[task][metric] = value
        columns = list(dict.fromkeys(metric for row in rows.values() for metric in row))
        cells = [
            [
                task,
                str(self.num_examples.get(task, sum(self.num_examples.values()))),
                *(f"{row[metric]:.4g}" if metric in row else "" for metric in columns),
            ]
            for task, row in rows.items()
        ]
        titles = ["task", "examples", *columns]
        title = f"{self.config.name}: {self.config.mixture_or_task_name}, {self.config.split}"
        title += "" if step is None else f", step {step}"
        return f"{title}\n{format_table(titles, cells, right=range(1, len(titles)))}"


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
          ValueError: No such Task or split, it has no examples, or its Tasks' vocabularies differ.
        """
        self.config, self._model = config, model_config
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

    @functools.cached_property
    def _decoding(self) -> DecodingConfig:
        judged = [task for task in self.tasks if task.judges_answers]
        return decoding_for(
            self.config.decoding,
            self._model,
            [example.prompt(self._converter) for task in judged for example in task.examples],
            is_chat=any(task.end_ids for task in judged),
        )

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
        metrics, not_run = {}, {}
        for task in self.tasks:
            scores = log_likelihoods[task.name]
            measured = task.measure(
                self._answers(
                    generations.get(task.name), texts.get(task.name), target_scores=scores
                )
            )
            found = {
                "loss": -sum(scores) / max(1.0, sum(num_tokens[task.name])),
                "best_constant": _best_constant([e.targets_text for e in task.examples]),
            }
            metrics[task.name] = found | measured.values
            if measured.not_run:
                not_run[task.name] = measured.not_run
        self._warn_of(not_run)
        return EvalResult(
            metrics=_named(self.config.name, metrics),
            predictions=[
                Prediction(task.name, index, example.inputs_text, example.targets_text, answer)
                for task in judged
                for index, (example, answer) in enumerate(
                    zip(task.examples, texts[task.name], strict=True)
                )
            ],
            num_examples={task.name: len(task.examples) for task in self.tasks},
            # As it was done: lengths that the config leaves open are chosen by then.
            config=dataclasses.replace(self.config, decoding=self._decoding),
            splits={t.name: t.split for t in self.tasks if t.split != self.config.split},
            not_run=not_run,
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


def check_names(evals: Sequence[EvalConfig]) -> None:
    """Raises ValueError where two evaluations have one name, under which both would report."""
    counts = collections.Counter(config.name for config in evals)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f"EVALS holds {count} evaluations called {name!r}; give each another "
                "EvalConfig.name."
            )


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


def _best_constant(targets: Sequence[str]) -> float:
    return collections.Counter(targets).most_common(1)[0][1] / len(targets)


def _named(name: str, by_task: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Metrics by full name, with the means over the Tasks that have each metric."""
    named = {}
    values = collections.defaultdict(list)
    for task, metrics in by_task.items():
        for metric, value in metrics.items():
            named[f"{name}/{task}/{metric}"] = value
            values[metric].append(value)
    for metric, of_tasks in values.items():
        named[f"{name}/mean/{metric}"] = math.fsum(of_tasks) / len(of_tasks)
    return named
