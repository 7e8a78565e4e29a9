"""What an evaluation asks, of which examples, and how."""

from __future__ import annotations

import collections
import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.ranking import RankBy
from t5lite.messages.ranges import Count, NumExamples, Seed, Size
from t5lite.messages.value_types import check_numbers
from t5lite.models.checks import check_choice

PromptTooLong = Literal["drop_exemplars", "skip", "cut"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """One evaluation: which examples, and how they are decoded.

    Attributes:
      name: Its metrics are called `<name>/<task>/<metric>`.
      mixture_or_task_name: A registered Task, or a Mixture whose Tasks are evaluated one by one.
      task_feature_lengths: Longest "inputs" and "targets" in tokens. Longer targets are cut;
        `prompt_too_long` says what becomes of longer inputs.
      split: The Tasks' split. A Task without it is left out, with a warning; for "validation" its
        "validate", "dev" and the like are taken.
      batch_size: Examples decoded at once, over all devices.
      max_examples_per_task: The first so many examples of each Task; all when None.
      decoding: How answers are generated. Several draws of an example vote on its answer, see
        `inference.voting`.
      rank_by: What the options of an example are compared by (`decoding.ranking.RankBy`), so that
        the likeliest is its answer; None generates an answer.
      rank_end_token: Whether the token that ends an answer, where the model learns one, is part of
        an option that is scored.
      num_shots: How many exemplars a prompt shows: the first so many of the Task's own, or of
        one that has none, drawn from `fewshot_split`. None leaves prompts as the Task gives them.
      fewshot_split: The Task's split whose examples are drawn, the example itself never.
      fewshot_seed: Of the draws, which depend on it, the Task and the example's index only.
      use_chat_template: Put prompts as conversations that the model's chat template writes.
        Exemplars are turns.
      system_prompt: What these conversations begin with; None leaves it to the template.
      prompt_too_long: What becomes of a prompt that is longer than the model takes.
        `"drop_exemplars"` leaves out exemplars from the left, and skips the example if it is too
        long without any; `"skip"` skips the example; `"cut"` asks what is left of the text when its
        end is cut off, as T5X does, or of a conversation its last turns.
      allow_missing_tasks: Go on without Tasks of a Mixture that have no data to read.
      score_targets: Whether references are scored too: for the metric `loss` where answers are
        generated, and for metrics that need it.
      task_modules: Task modules to import first.
      data_dir: Root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      vocabulary: The Tasks' vocabulary, as `parse_vocabulary` reads it; None leaves
        `T5LITE_VOCABULARY` as it is in training, and is the model's own in `evaluate`.
    """

    name: str
    mixture_or_task_name: str
    task_feature_lengths: Mapping[str, Size]
    split: str = "validation"
    batch_size: Size = 32
    max_examples_per_task: NumExamples | None = None
    decoding: DecodingConfig = dataclasses.field(default_factory=DecodingConfig)
    task_modules: Sequence[str] = ()
    data_dir: str | None = None
    vocabulary: str | None = None
    rank_by: RankBy | None = None
    rank_end_token: bool = True
    num_shots: Count | None = None
    fewshot_split: str = "train"
    fewshot_seed: Seed = 0
    use_chat_template: bool = False
    system_prompt: str | None = None
    prompt_too_long: PromptTooLong = "drop_exemplars"
    allow_missing_tasks: bool = False
    score_targets: bool = True

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ValueError(
                f"EvalConfig.name is {self.name!r}; it starts the names of metrics and names a "
                "folder, so it must not be empty or hold a '/'."
            )
        check_numbers(self, of=EvalConfig)
        check_choice("EvalConfig.prompt_too_long", self.prompt_too_long, get_args(PromptTooLong))
        if self.rank_by is not None:
            check_choice("EvalConfig.rank_by", self.rank_by, get_args(RankBy))
        if self.system_prompt is not None and not self.use_chat_template:
            raise ValueError(
                "EvalConfig.system_prompt begins a conversation; set use_chat_template "
                "(--use_chat_template) with it."
            )
        self._check_decoding()

    def to_json(self) -> dict[str, Any]:
        """All fields in JSON's types."""
        lengths = dict(self.task_feature_lengths)
        return dataclasses.asdict(dataclasses.replace(self, task_feature_lengths=lengths))

    def _check_decoding(self) -> None:
        """Refuses what would be ignored."""
        decoding = self.decoding
        if self.rank_by is not None and decoding.strategy != "greedy":
            raise ValueError(
                f"EvalConfig.rank_by is {self.rank_by!r}, and DecodingConfig.strategy "
                f"{decoding.strategy!r}; options are ranked, and nothing is generated. Leave one "
                "out."
            )
        if decoding.num_return_sequences > 1 and decoding.strategy != "sample":
            raise ValueError(
                f"DecodingConfig.num_return_sequences is {decoding.num_return_sequences}, and its "
                f"strategy {decoding.strategy!r}; several answers to an example vote, so they must "
                "be drawn: set strategy='sample', or num_return_sequences=1."
            )

    def unused(self) -> dict[str, Any]:
        """The settings that change nothing in this evaluation, by name."""
        found: dict[str, Any] = {}
        if self.rank_by is not None:
            # The length is a limit, which a file may set for what it generates without --rank_by.
            found |= {
                f"decoding.{name}": value
                for name, value in self.decoding.changes.items()
                if name != "max_decode_length"
            }
        elif not self.rank_end_token:
            found["rank_end_token"] = self.rank_end_token
        if self.num_shots is None:
            usual = {"fewshot_split": "train", "fewshot_seed": 0}
            found |= {n: getattr(self, n) for n in usual if getattr(self, n) != usual[n]}
        return found


def check_evals(evals: Sequence[EvalConfig]) -> None:
    """Checks what evaluations are beside each other.

    One may have a setting that does nothing in it, if it does something in another: recipes give
    all their evaluations the same decoding, and one of them may rank options.

    Raises:
      ValueError: Two have one name, under which both would report; or a setting does nothing in any
        of them.
    """
    _check_names(evals)
    unused = [config.unused() for config in evals]
    for config, own in zip(evals, unused, strict=True):
        for name, value in own.items():
            if not any(
                name not in others and operator.attrgetter(name)(other) == value
                for other, others in zip(evals, unused, strict=True)
            ):
                raise ValueError(f"{_does_nothing(config, name, value)}; leave it out.")


def _does_nothing(config: EvalConfig, name: str, value: Any) -> str:
    setting = f"evaluation {config.name!r} has EvalConfig.{name} = {value!r}"
    if name == "rank_end_token":
        return f"{setting}, which does nothing without rank_by (--rank_by)"
    if name in ("fewshot_split", "fewshot_seed"):
        return f"{setting}, which does nothing without num_shots (--num_shots)"
    return (
        f"{setting}, which does nothing beside rank_by={config.rank_by!r} (--rank_by): options are "
        "ranked, and nothing is generated"
    )


def _check_names(evals: Sequence[EvalConfig]) -> None:
    counts = collections.Counter(config.name for config in evals)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f"EVALS holds {count} evaluations called {name!r}; give each another "
                "EvalConfig.name."
            )
