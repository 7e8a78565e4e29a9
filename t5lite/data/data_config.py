"""What a run trains on, and in what form."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated

from t5lite.data.features.feature_converter import (
    FeatureConverter,
    ModelConfig,
    check_architecture,
)
from t5lite.data.features.feature_converters import ConverterName, make_feature_converter
from t5lite.data.mixing import mixing
from t5lite.data.mixing.mixing import Stop
from t5lite.data.stores.plan import MaxExamples
from t5lite.data.transforms.transform import ExampleTransform
from t5lite.messages.ranges import (
    Count,
    NotNegative,
    NumPasses,
    Positive,
    Range,
    Seed,
    Share,
    Size,
)
from t5lite.messages.value_types import check_numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What to train on, and in what form.

    Attributes:
      mixture_or_task_name: a name in seqio's registries.
      task_feature_lengths: longest "inputs" and "targets" in tokens; also a packed row's lengths
        (a decoder-only row holds their sum).
      batch_size: rows of a global batch.
      split: of every task.
      task_modules: modules that register the tasks.
      data_dir: root of the tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      cache_dir: folder of token stores; None is the default one.
      vocabulary: for tasks that leave the choice open; None leaves `T5LITE_VOCABULARY` as it is.
      converter: "encoder_decoder", "decoder_only" or "prefix_lm".
      pack: several examples a row; otherwise one.
      loss_on_targets_only: for decoder-only feature converters, whether inputs bear no loss.
      bos_id: the token that stands before every example of a decoder-only model. Where it is None,
        that is what stands there in the model that the run starts from, or 0, as in T5X. An
        encoder-decoder's decoder begins with 0, as T5's.
      add_eos: by feature, whether the end token stands behind it in this run, whatever the Tasks
        say. A feature it does not name is as in the model that the run starts from; else an
        encoder-decoder's are as its Tasks have them, and a decoder-only model has the token behind
        targets that follow inputs, and never behind inputs.
      seed: of the mixing and the shuffles.
      shuffle: whether each task has a new random order every epoch.
      stop: when the data end; see `MixtureReader`.
      num_epochs: when a task counts as exhausted; not with stop="restart".
      mixture_rates: rates that replace the mixture's own, by task or by sub-mixture; 0 leaves it
        out. A task's is a share of all draws, a sub-mixture's is relative to those beside it.
      rate_maximum: cap of examples-proportional rates, which replace the mixture's own if this or
        `rate_temperature` is given.
      rate_temperature: temperature of examples-proportional rates.
      transforms: what makes other examples of a task's each time that they are drawn, by task, by
        sub-mixture, or by the mixture's own name for all. The nearest to a task counts; None leaves
        its examples as they are. A task that is not named keeps the transform of its registration.
      allow_missing_tasks: whether to continue without the tasks whose data are not there; what is
        inside a sub-mixture then shares that sub-mixture's rate.
      max_store_examples: at most so many examples of every task, the first ones, are stored and
        trained on; or by task, of those named. A task whose source never ends must have a limit.
      store_epochs: how many passes over a task that draws random numbers are stored, each with
        other seeds. Epochs use them in turn; with 1, every epoch has the same examples.
      truncation_warning_share: share of cut examples from which on a warning names the tasks.
      num_build_workers: processes that build missing stores; None is one a core.
      prefetch_batches: batches made ahead by a thread; 0 makes each when it is asked for.
    """

    mixture_or_task_name: str
    task_feature_lengths: Mapping[str, Size]
    batch_size: Size
    split: str = "train"
    task_modules: Sequence[str] = ()
    data_dir: str | None = None
    cache_dir: str | None = None
    vocabulary: str | None = None
    converter: ConverterName = "encoder_decoder"
    pack: bool = True
    loss_on_targets_only: bool = True
    bos_id: Count | None = None
    add_eos: Mapping[str, bool] | None = None
    seed: Seed = 0
    shuffle: bool = True
    stop: Stop = "restart"
    num_epochs: Size | None = None
    mixture_rates: Mapping[str, NotNegative] | None = None
    rate_maximum: Positive | None = None
    rate_temperature: Positive | None = None
    transforms: Mapping[str, ExampleTransform | None] | None = None
    allow_missing_tasks: bool = False
    max_store_examples: MaxExamples | None = None
    store_epochs: NumPasses = 1
    truncation_warning_share: Share = 0.05
    num_build_workers: Size | None = None
    prefetch_batches: Annotated[int, Range(least=0, most=1000)] = 2

    def __post_init__(self) -> None:
        check_numbers(self, of=DataConfig)
        unknown = set(self.add_eos or {}) - {"inputs", "targets"}
        if unknown:
            raise ValueError(
                f"DataConfig.add_eos names {', '.join(sorted(unknown))}; its features are inputs "
                "and targets"
            )
        if self.converter == "encoder_decoder" and self.bos_id not in (None, 0):
            raise ValueError(
                f"DataConfig.bos_id is {self.bos_id}, which must be 0 for "
                'DataConfig.converter = "encoder_decoder" (the default), as in T5. For a language '
                'model set DataConfig.converter = "decoder_only" or "prefix_lm".'
            )
        # Contradictions are found before anything is built.
        mixing.check_stop(self.stop, self.num_epochs)
        self.make_converter(eos_id=0, ends_in_eos={})

    def check_model(self, config: ModelConfig) -> None:
        """Raises ValueError where rows of this feature converter are not what a model reads."""
        check_architecture(self.converter, config.architecture)

    def make_converter(
        self,
        *,
        eos_id: int,
        ends_in_eos: Mapping[str, bool],
        initial: FeatureConverter | None = None,
    ) -> FeatureConverter:
        """The run's feature converter.

        Args:
          eos_id: the vocabulary's end token.
          ends_in_eos: whether Tasks end a feature, as far as that is to decide.
          initial: the feature converter of the model that the run starts from.

        Raises:
          ValueError: the config contradicts itself.
        """
        is_pair = self.converter == "encoder_decoder"
        if initial is not None and (is_pair or self.bos_id is None):
            prefix = initial.prompt_prefix
        else:
            prefix = () if is_pair else (self.bos_id or 0,)
        suffixes: dict[str, tuple[int, ...]] = {}
        if initial is not None:
            suffixes = {"inputs": initial.prompt_suffix, "targets": initial.targets_suffix}
        asked = self.add_eos or {}
        if eos_id < 0 and any(asked.values()):
            raise ValueError(
                f"DataConfig.add_eos is {dict(asked)}, and the Tasks' vocabulary has no end token"
            )
        for feature, ends in {**ends_in_eos, **asked}.items():
            suffixes[feature] = (eos_id,) if ends and eos_id >= 0 else ()
        return make_feature_converter(
            self.converter,
            task_feature_lengths=self.task_feature_lengths,
            eos_id=eos_id,
            prompt_prefix=prefix,
            prompt_suffix=suffixes.get("inputs", ()),
            targets_suffix=suffixes.get("targets", ()),
            soft_prompt=() if initial is None else initial.soft_prompt,
            pack=self.pack,
            loss_on_targets_only=self.loss_on_targets_only,
        )
