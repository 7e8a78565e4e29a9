"""An evaluation: generate, score, and let the Tasks' own metric functions judge.

An `Evaluator` serves both `t5lite train`, which keeps it and runs it on the parameters of the
moment, and `t5lite eval`. Every process of a multi-process run holds all examples and computes all
metrics; process 0 alone shows progress.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from t5lite.checkpoints.load import LoadedModel
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.tasks import task_data
from t5lite.data.tasks.seqio_adapter import EvalTask, import_tasks, load_eval_tasks, resolve
from t5lite.data.vocabularies.load import same_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.ranking import num_bytes
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.files import strict_json
from t5lite.inference.answers import Answered, AnswerJournal
from t5lite.inference.asking import Asked, Asker, scores_targets
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.eval_result import EvalResult
from t5lite.inference.judging import Judge
from t5lite.inference.prompts import decoding_for, known_end_ids
from t5lite.messages.progress import Bar, progress_bar
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)


# A chunk is what a killed evaluation loses, and what is sorted by length into batches.
_BATCHES_PER_CHUNK = 16

_Place = tuple[EvalTask, int]


class Evaluator:
    """Loads an evaluation's examples once, and runs it for any parameters of one model."""

    def __init__(
        self,
        config: EvalConfig,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        chat: ChatFormat | None = None,
        mesh: jax.sharding.Mesh | None = None,
    ) -> None:
        """Imports the task modules and loads the examples.

        Args:
          config: What to evaluate.
          model_config: What `params` given to `run` are of.
          converter: What the model's prompts and targets look like, but for the lengths, which are
            the config's.
          chat: How the model's conversations are written, for `use_chat_template`.
          mesh: Where `params` lie; None for wherever they are.

        Raises:
          NoDataError: There is nothing of it to read.
          ValueError: No such Task or split, some Tasks have no data or no examples, their
            vocabularies differ, they cannot be asked as the config says, or answers cannot be
            generated or scored (see `SequenceGenerator.check` and `check_scoring`).
        """
        self.config = config
        self._warned: set[tuple[str, str, str]] = set()
        import_tasks(config.task_modules, data_dir=config.data_dir, vocabulary=config.vocabulary)
        _, missing = task_data.present_tasks(
            config.mixture_or_task_name,
            resolve(config.mixture_or_task_name).task_names,
            allow_missing=config.allow_missing_tasks,
            split=config.split,
        )
        self._missing = {status.task: f"{status.state}, {status.why}" for status in missing}
        self._warn_of_missing()
        self.tasks: list[EvalTask] = load_eval_tasks(
            config.mixture_or_task_name,
            split=config.split,
            task_feature_lengths=config.task_feature_lengths,
            max_examples=config.max_examples_per_task,
            leave_out=self._missing,
        )
        self._require_examples()
        self.vocabulary = self._one_vocabulary()
        converter = dataclasses.replace(
            converter, task_feature_lengths=dict(config.task_feature_lengths)
        )
        asker = Asker(
            *(config, model_config),
            converter=converter,
            vocabulary=self.vocabulary,
            chat=chat,
        )
        self._asked = {task.name: asker.ask(task) for task in self.tasks}
        self._places = [
            (task, index)
            for task in self.tasks
            for index, asked in enumerate(self._asked[task.name])
            if asked.skipped is None
        ]
        self._check_skipped()
        end_ids = [token for task in self.tasks for token in task.end_ids]
        self._eos_ids = known_end_ids(
            model_config, self.vocabulary, [*end_ids, *asker.chat_end_ids]
        )
        self._generator = SequenceGenerator(
            model_config,
            converter=converter,
            eos_ids=self._eos_ids,
            batch_size=config.batch_size,
            decode=self.vocabulary.decode,
            mesh=mesh,
        )
        prompts = [
            self._put(place).tokens
            for place in self._places
            if place[0].judges_answers and config.rank_by is None
        ]
        is_chat = bool(asker.chat_end_ids) or any(
            task.end_ids for task in self.tasks if task.judges_answers
        )
        decoding = decoding_for(config.decoding, model_config, prompts, is_chat=is_chat)
        self._check(decoding)
        # As it is done: lengths are chosen, and some models learn no token that ends an answer.
        self.config = dataclasses.replace(
            config,
            decoding=decoding,
            rank_end_token=all(map(asker.scores_end, self.tasks)),
        )

    def journal(self, path: pathlib.Path, *, settings: Mapping[str, Any]) -> AnswerJournal:
        """Where `run` keeps answers, so that an evaluation that was killed goes on.

        Args:
          path: The file; every process gives it, and process 0 writes.
          settings: What the answers depend on besides the evaluation: whose they are.

        Raises:
          ValueError: The file is of another evaluation, or another run is writing it.
        """
        return AnswerJournal(
            path,
            settings={
                **settings,
                "config": self.config.to_json(),
                "prompts_sha256": self._digest(),
            },
            num_lines=len(self._places),
            chunk_size=self.config.batch_size * _BATCHES_PER_CHUNK,
        )

    def run(
        self, params: Any, *, progress: bool = True, journal: AnswerJournal | None = None
    ) -> EvalResult:
        """Evaluates `params`.

        Args:
          params: The model's parameters.
          progress: Show a progress bar (on process 0).
          journal: Where answers are kept a chunk at a time, and those that are there are taken
            from; None keeps none.

        Returns:
          Metrics and predictions; the same on every process.
        """
        answered = list(journal.done) if journal else []
        chunk_size = journal.chunk_size if journal else max(len(self._places), 1)
        hidden = not progress or jax.process_index() != 0
        params = self._generator.prepare(params)
        with progress_bar(
            total=self._num_steps(self._places),
            initial=self._num_steps(self._places[: len(answered)]),
            desc=f"eval {self.config.name}",
            unit="ex",
            leave=False,
            disable=hidden,
        ) as bar:
            for start in range(len(answered), len(self._places), chunk_size):
                found = self._answer(params, self._places[start : start + chunk_size], bar)
                if journal:
                    journal.append(found)
                answered += found
        if journal:
            journal.finish()
        judge = Judge(vocabulary=self.vocabulary, decoding=self.config.decoding)
        by_task: dict[str, list[Answered]] = {task.name: [] for task in self.tasks}
        for (task, _), one in zip(self._places, answered, strict=True):
            by_task[task.name].append(one)
        results = [
            judge.judge(task, self._asked[task.name], by_task[task.name]) for task in self.tasks
        ]
        self._warn_of({task.name: task.not_run for task in results})
        return EvalResult(self.config, results, self._missing)

    def _put(self, place: _Place) -> Asked:
        task, index = place
        return self._asked[task.name][index]

    def _num_steps(self, places: Sequence[_Place]) -> int:
        """What the progress bar counts: examples answered, and examples whose target is scored."""
        return sum(task.judges_answers + scores_targets(self.config, task) for task, _ in places)

    def _answer(self, params: Any, places: Sequence[_Place], bar: Bar) -> list[Answered]:
        """Answers to some examples, of any Tasks, batched together."""
        answered = [Answered() for _ in places]
        judged = [row for row, (task, _) in enumerate(places) if task.judges_answers]
        asked = [self._put(places[row]) for row in judged]
        prompts = [one.tokens for one in asked]
        if self.config.rank_by is not None and asked:
            rankings = self._generator.rank(
                *(params, prompts, [one.option_tokens for one in asked]),
                by=self.config.rank_by,
                num_bytes=[num_bytes(one.options) for one in asked],
                on_batch=bar.update,
            )
            for row, ranking in zip(judged, rankings, strict=True):
                likelihoods = (ranking.log_likelihoods.tolist(), ranking.is_greedy.tolist())
                answered[row] = dataclasses.replace(
                    answered[row],
                    option_scores=ranking.scores.tolist(),
                    option_likelihoods=[*zip(*likelihoods, strict=True)],
                )
        else:
            generations = self._generator.generate(
                *(params, prompts),
                config=self.config.decoding,
                indices=[places[row][1] for row in judged],
                on_batch=bar.update,
            )
            for row, of_one in zip(judged, generations, strict=True):
                answered[row] = dataclasses.replace(answered[row], generations=of_one)
        scored = [row for row, (task, _) in enumerate(places) if scores_targets(self.config, task)]
        asked = [self._put(places[row]) for row in scored]
        found = self._generator.score(
            *(params, [one.tokens for one in asked], [one.target for one in asked]),
            on_batch=bar.update,
        )
        for row, *target in zip(scored, *(x_N.tolist() for x_N in found), strict=True):
            answered[row] = dataclasses.replace(answered[row], target=(target[0], target[1]))
        return answered

    def _check(self, decoding: DecodingConfig) -> None:
        """Refuses now what `run` would after hours."""
        judged = [self._put(place) for place in self._places if place[0].judges_answers]
        if self.config.rank_by is None:
            self._generator.check([one.tokens for one in judged], config=decoding)
        else:
            self._generator.check_scoring(
                [one.tokens for one in judged],
                [one.option_tokens for one in judged],
                by=self.config.rank_by,
            )
        scored = [
            self._put(place) for place in self._places if scores_targets(self.config, place[0])
        ]
        scored = [one for one in scored if len(one.target)]
        self._generator.check_scoring(
            [one.tokens for one in scored], [[one.target] for one in scored]
        )

    def _digest(self) -> str:
        """A hash of all that is asked, and of what ends an answer."""
        digest = hashlib.sha256(f"{sorted(self._eos_ids)}\n".encode())
        for place in self._places:
            asked = self._put(place)
            for tokens in (asked.tokens, asked.target, *asked.option_tokens):
                digest.update(tokens.tobytes() + b"\n")
            digest.update(strict_json.dumps(asked.options).encode())
        return digest.hexdigest()

    def _check_skipped(self) -> None:
        """Says how many examples are not asked.

        Raises:
          ValueError: It is all of them.
        """
        reasons = [a.skipped for asked in self._asked.values() for a in asked if a.skipped]
        if not reasons or (jax.process_index() != 0 and self._places):
            return
        num_all = len(reasons) + len(self._places)
        number = f"evaluation {self.config.name!r}: {len(reasons)} of {num_all}"
        if not self._places:
            raise ValueError(
                f"{number} examples cannot be asked; of the first, {reasons[0]}. See "
                "EvalConfig.prompt_too_long (--prompt_too_long) and task_feature_lengths."
            )
        log.warning("%s examples are skipped; of the first, %s", number, reasons[0])

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

    def _warn_of_missing(self) -> None:
        if self._missing and jax.process_index() == 0:
            task, why = next(iter(self._missing.items()))
            log.warning(
                "evaluation %s goes on without %d tasks that have no data, such as %s: %s",
                *(self.config.name, len(self._missing), task, why),
            )

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
