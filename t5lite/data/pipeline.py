"""From a mixture's name to batches: the way of the data, assembled.

    data = open_train_data(DataConfig(mixture_or_task_name="mini", ...))
    for batch in data:
        train_step(batch.features)
        save(batch.state)        # open_train_data(config, state=...) resumes after this batch

A global batch is the same whatever the number of hosts; each host materialises its own rows.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from t5lite.data.batches import BatchMaker, TrainBatch
from t5lite.data.corpus import Corpus, Store
from t5lite.data.data_changes import check_unchanged, data_fingerprint
from t5lite.data.data_config import DataConfig
from t5lite.data.drawn_examples import DrawnExamples
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.mixing import mixing
from t5lite.data.mixing.mixing import MixtureReader
from t5lite.data.packing import RowPlanner
from t5lite.data.prefetch import Prefetcher
from t5lite.data.stores import build
from t5lite.data.stores.plan import StoreSettings, check_max_examples
from t5lite.data.stores.store import TokenStore
from t5lite.data.stores.verification import StoreVerification
from t5lite.data.tasks import seqio_adapter, seqio_mixtures, task_data
from t5lite.data.tasks.data_status import DataStatus, table
from t5lite.data.tasks.labels import LabelCounter
from t5lite.data.tasks.task_transforms import choose_transforms
from t5lite.data.transforms.transform import ExampleTransform
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.messages.suggest import did_you_mean

log = logging.getLogger(__name__)

_DESCRIBED_TASKS = 10


class TrainData:
    """Batches of a mixture, to be iterated once.

    Attributes:
      converter: what makes its rows; the run's model is asked as it says ever after.
      task_names: all leaf tasks, in the order of `draws_by_task`.
      rates: float64 `[T]`, summing to one.
      num_examples: int64 `[T]`, the size of each task.
      epoch_size: number of examples in all tasks of a positive rate.
      vocabulary: the one that all tasks share.
      missing: the state of the tasks that were left out for want of data.
      prompt_settings: how each task's examples are put, such as `zs_opt`; "" where its source does
        not say.
      chat_template: what conversations are written with, where there are some.
    """

    def __init__(
        self,
        config: DataConfig,
        stores: Sequence[Store],
        *,
        task_names: Sequence[str],
        rates: npt.ArrayLike,
        vocabulary: Vocabulary,
        host_index: int = 0,
        host_count: int = 1,
        state: Mapping[str, Any] | None = None,
        expected_before: Mapping[str, Any] | None = None,
        missing: Sequence[DataStatus] = (),
        prompt_settings: Sequence[str] = (),
        transforms: Sequence[ExampleTransform | None] = (),
        initial: FeatureConverter | None = None,
        chat_template: ChatTemplate | None = None,
        later_passes: Sequence[Sequence[Store]] = (),
    ):
        """Assembles data from stores; `open_train_data` finds or builds them first.

        Args:
          config: form, order and number of rows.
          stores: one a task.
          task_names: their names.
          rates: `[T]`, of any sum.
          vocabulary: handed on to whoever asks.
          host_index: which rows are this host's.
          host_count: how many hosts share a batch.
          state: of a batch after which to resume.
          expected_before: what `expected` gave when the state was saved, to name what has changed.
          missing: the state of tasks that were left out, handed on to whoever asks.
          prompt_settings: likewise; one a task, or none at all.
          transforms: what makes other examples of each task's; one a task, or none at all.
          initial: the feature converter of the model that the run starts from.
          chat_template: what conversations are written with, handed on to whoever asks.
          later_passes: the stores of further passes over each task, used in turn; or none at all.

        Raises:
          ValueError: the config contradicts itself, the stores or the state.
        """
        rows = _rows_of_host(config.batch_size, host_index, host_count)
        self._config = config
        self.vocabulary = vocabulary
        self.missing = tuple(missing)
        self.chat_template = chat_template
        self.prompt_settings = tuple(prompt_settings) or ("",) * len(task_names)
        lengths = config.task_feature_lengths
        self._corpus = Corpus(
            stores,
            task_names=task_names,
            feature_lengths={n: lengths[n] for n in ("inputs", "targets") if n in lengths},
            eos_id=vocabulary.eos_id,
            later_passes=later_passes,
        )
        self._label_counter = LabelCounter(stores)
        self.task_names = self._corpus.task_names
        _check_not_empty(self._corpus, np.asarray(rates, np.float64))
        self.converter = config.make_converter(
            eos_id=vocabulary.eos_id,
            ends_in_eos={} if initial else _ends_in_eos(config, self._corpus),
            initial=initial,
        )
        reader = MixtureReader(
            self._corpus.num_examples,
            rates,
            seed=config.seed,
            stop=config.stop,
            num_epochs=config.num_epochs,
            shuffle=config.shuffle,
            later_passes=self._corpus.later_passes,
        )
        examples = DrawnExamples(
            self._corpus,
            transforms=transforms,
            converter=self.converter,
            vocabulary=vocabulary,
            seed=config.seed,
        )
        self._transforms = examples.described()
        self.rates = reader.rates
        self.num_examples = self._corpus.num_examples
        self.epoch_size = int(self.num_examples[self.rates > 0].sum())
        self._made_of = [
            _made_of(store, later)
            for store, later in zip(stores, later_passes or [()] * len(stores), strict=True)
        ]
        fingerprint = self._fingerprint(state, expected_before)
        planner = RowPlanner(
            reader,
            examples,
            converter=self.converter,
            position=None if state is None else state["position"],
        )
        maker = BatchMaker(
            planner=planner,
            examples=examples,
            converter=self.converter,
            label_counter=self._label_counter,
            batch_size=config.batch_size,
            rows=rows,
            fingerprint=fingerprint,
        )
        every_store = [*stores, *(store for passes in later_passes for store in passes)]
        by_size = sorted(every_store, key=lambda store: len(store.tokens), reverse=True)
        self._verification = StoreVerification(by_size[host_index::host_count])
        self._prefetcher: Prefetcher[TrainBatch] | None = None
        self._batches: Iterator[TrainBatch] = maker.batches()
        if config.prefetch_batches:
            self._prefetcher = Prefetcher(self._batches, size=config.prefetch_batches)
            self._batches = self._prefetcher

    def _fingerprint(
        self, state: Mapping[str, Any] | None, expected_before: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Digests of all that decides which examples come in which rows.

        Raises:
          ValueError: they are others than those of the state that is resumed.
        """
        fingerprint = data_fingerprint(
            self._config,
            self._corpus,
            rates=self.rates.tolist(),
            tokens=[parts.get("tokens", "") for parts in self._made_of],
            transforms=self._transforms,
        )
        if state is not None:
            check_unchanged(
                state["fingerprint"],
                fingerprint,
                expected_before=expected_before,
                expected_now=self.expected(),
            )
        return fingerprint

    def __iter__(self) -> Iterator[TrainBatch]:
        return self

    def __next__(self) -> TrainBatch:
        self._verification.check()
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except Exception:
            self._verification.check()  # Damage explains it better than what it led to.
            raise

    def verified(self) -> None:
        """Waits until this host's share of the stores is compared with their hashes.

        Raises:
          ValueError: a store is damaged; so does the next batch, as soon as it is known.
        """
        self._verification.finish()

    def close(self) -> None:
        """Ends the thread that makes batches ahead; what it had ready is lost."""
        self._verification.close()
        if self._prefetcher is not None:
            self._prefetcher.close()

    def __enter__(self) -> "TrainData":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def expected(self) -> dict[str, Any]:
        """What ought to be drawn, in JSON's types: rates, sizes, shares of lengths and labels."""
        config = self._config
        shares_FH = self._corpus.mean_length_shares(self.rates)
        return {
            "mixture_or_task_name": config.mixture_or_task_name,
            "split": config.split,
            "stop": config.stop,
            "tasks": list(self.task_names),
            "rates": self.rates.tolist(),
            "num_examples": self._corpus.num_examples.tolist(),
            "made_of": self._made_of,
            "transforms": self._transforms,
            "prompt_settings": list(self.prompt_settings),
            "labels": {
                kind: {"cells": list(self._label_counter.cells[kind]), "shares": shares.tolist()}
                for kind, shares in self._label_counter.shares(self.rates).items()
            },
            "lengths": {
                feature: {"bin_width": width, "shares": shares.tolist()}
                for (feature, width), shares in zip(
                    self._corpus.bin_widths.items(), shares_FH, strict=True
                )
            },
        }

    def describe(self) -> str:
        """A line on the whole and one on each of the tasks drawn most often."""
        config, sizes = self._config, self._corpus.num_examples
        lines = [
            f"{config.mixture_or_task_name}, split {config.split}: {len(sizes):,} tasks, "
            f"{sizes.sum():,} examples; {config.batch_size} "
            f"{'packed ' if config.pack else ''}rows of {dict(config.task_feature_lengths)}"
        ]
        for task in np.argsort(-self.rates, kind="stable")[:_DESCRIBED_TASKS]:
            lines.append(
                f"  {self.rates[task]:7.2%}  {self.task_names[task]}: {sizes[task]:,} examples"
            )
        if len(sizes) > _DESCRIBED_TASKS:
            lines.append(f"  and {len(sizes) - _DESCRIBED_TASKS:,} more")
        if self.missing:
            lines.append(f"left out for want of data (ALLOW_MISSING_TASKS):\n{table(self.missing)}")
        return "\n".join(lines)


def open_train_data(
    config: DataConfig,
    *,
    host_index: int = 0,
    host_count: int = 1,
    state: Mapping[str, Any] | None = None,
    expected_before: Mapping[str, Any] | None = None,
    initial: FeatureConverter | None = None,
) -> TrainData:
    """Opens a mixture for training, and builds what token stores are missing.

    Args:
      config: what to read, and how.
      host_index: this host, in [0, host_count).
      host_count: how many hosts share each global batch; they see the same order.
      state: `TrainBatch.state` of the batch after which to resume; None begins.
      expected_before: what `TrainData.expected` gave when the state was saved, to name what has
        changed.
      initial: the feature converter of the model that the run starts from; None for a fresh one.

    Returns:
      An iterator of batches.

    Raises:
      ValueError: a name, a length, a rate, a file or the state is wrong; says which and what to do.
    """
    seqio_adapter.import_tasks(
        config.task_modules, data_dir=config.data_dir, vocabulary=config.vocabulary
    )
    mixture = config.mixture_or_task_name
    task_names, missing = task_data.present_tasks(
        mixture,
        seqio_adapter.resolve(mixture).task_names,
        allow_missing=config.allow_missing_tasks,
    )
    seqio_adapter.check_features(task_names, config.task_feature_lengths)
    check_max_examples(config.max_store_examples, task_names)
    stores, later_passes = _open_stores(config, task_names)
    transforms = choose_transforms(mixture, task_names, given=config.transforms or {})
    warning = build.truncation_report(
        # How much is cut of what a transform makes is for the transform to say.
        [
            store
            for store, transform in zip(stores, transforms, strict=True)
            if transform is None and not seqio_adapter.gives_windows(store.task)
        ],
        config.task_feature_lengths,
        config.truncation_warning_share,
    )
    for remark in (warning, build.varying_report(stores, store_epochs=config.store_epochs)):
        if remark and host_index == 0:
            log.warning("%s", remark)
    sizes = {name: store.num_examples for name, store in zip(task_names, stores, strict=True)}
    if host_index == 0:
        _tell_declared_sizes(config, sizes)
    data = TrainData(
        config,
        stores,
        task_names=task_names,
        rates=_choose_rates(config, sizes, leave_out={status.task for status in missing}),
        vocabulary=seqio_adapter.token_features(task_names[0])["targets"],
        host_index=host_index,
        host_count=host_count,
        state=state,
        expected_before=expected_before,
        missing=missing,
        prompt_settings=list(map(seqio_adapter.prompt_setting, task_names)),
        transforms=transforms,
        initial=initial,
        chat_template=seqio_adapter.chat_template(task_names),
        later_passes=later_passes,
    )
    if host_index == 0:
        log.info("%s", data.describe())
    return data


def _open_stores(
    config: DataConfig, task_names: Sequence[str]
) -> tuple[list[TokenStore], list[list[TokenStore]]]:
    """The Tasks' token stores, and those of their further passes; builds what is missing."""
    settings: StoreSettings = {
        "split": config.split,
        "task_modules": config.task_modules,
        "data_dir": config.data_dir,
        "vocabulary": config.vocabulary,
        "cache_dir": config.cache_dir,
        "task_feature_lengths": config.task_feature_lengths,
        # Only there do earlier answers and what they answer stand in one sequence, read in one way.
        "whole_conversations": config.converter == "decoder_only",
        "max_store_examples": config.max_store_examples,
    }
    num_workers = config.num_build_workers
    stores = build.open_stores(task_names, num_workers=num_workers, **settings)
    later_passes = build.open_later_passes(
        stores, store_epochs=config.store_epochs, num_workers=num_workers, **settings
    )
    return stores, later_passes


def _rows_of_host(batch_size: int, host_index: int, host_count: int) -> range:
    """Which rows of a global batch are a host's; raises ValueError if hosts cannot share them."""
    if batch_size % host_count:
        raise ValueError(
            f"BATCH_SIZE={batch_size} does not divide by the number of hosts, {host_count}"
        )
    num_rows = batch_size // host_count
    return range(host_index * num_rows, (host_index + 1) * num_rows)


def _made_of(store: Store, later: Sequence[Store]) -> dict[str, str]:
    """What a Task's examples are made of, the tokens being those of all passes."""
    tokens = [each.made_of.get("tokens", "") for each in (store, *later)]
    return dict(store.made_of) | ({"tokens": " ".join(tokens)} if later and all(tokens) else {})


def _ends_in_eos(config: DataConfig, corpus: Corpus) -> dict[str, bool]:
    """Whether the end token stands behind each feature, as `DataConfig.add_eos` describes.

    Raises:
      ValueError: it is for the Tasks to say, and they differ.
    """
    has_inputs = "inputs" in config.task_feature_lengths
    if config.converter != "encoder_decoder" and has_inputs:
        return {"inputs": False, "targets": True}
    ends = {}
    for feature in config.task_feature_lengths:
        if feature in (config.add_eos or {}):
            continue
        ended = corpus.ended_tasks(feature)
        found = {choice: [n for n, e in ended.items() if e == choice] for choice in (True, False)}
        if found[True] and found[False]:
            raise ValueError(
                f"the end token stands behind the {feature} of {len(found[True])} tasks "
                f"({', '.join(found[True][:3])}) and not behind those of {len(found[False])} "
                f"({', '.join(found[False][:3])}), and a model is asked in one way. Say which with "
                f'DataConfig.add_eos = {{"{feature}": True}} or False'
            )
        ends[feature] = not found[False]
    return ends


def _choose_rates(
    config: DataConfig, num_examples: Mapping[str, int], *, leave_out: Collection[str] = ()
) -> list[float]:
    """The rate of each task, as `DataConfig` describes; not normalised."""
    mixture = config.mixture_or_task_name
    given = dict(config.mixture_rates or {})
    inside = seqio_adapter.sub_mixtures(mixture)
    overrides = {name: given.pop(name) for name in inside if name in given}
    if config.rate_maximum is None and config.rate_temperature is None:
        rates = seqio_adapter.rates(mixture, num_examples, overrides=overrides, leave_out=leave_out)
    elif overrides:
        raise ValueError(
            f"DataConfig.mixture_rates names sub-mixtures ({', '.join(overrides)}), whose rates "
            "rate_maximum and rate_temperature replace. Give one or the other"
        )
    else:
        proportional = mixing.mixing_rates(
            list(num_examples.values()),
            maximum=config.rate_maximum,
            temperature=1.0 if config.rate_temperature is None else config.rate_temperature,
        )
        rates = dict(zip(num_examples, proportional.tolist(), strict=True))
    for name, rate in given.items():
        if name not in rates:
            raise ValueError(
                f"DataConfig.mixture_rates names {name!r}, which is no task or sub-mixture of "
                f"{mixture!r}.{did_you_mean(name, [*rates, *inside])}"
            )
        rates[name] = rate
    if not any(rates.values()):
        raise ValueError(
            f"DataConfig.mixture_rates leave all tasks of {mixture!r} the rate 0, so that nothing "
            "is drawn. Give some task a positive one"
        )
    return [rates[name] for name in num_examples]


def _tell_declared_sizes(config: DataConfig, num_examples: Mapping[str, int]) -> None:
    """Says where rates go by what Tasks declare, and that is not what there is."""
    mixture = config.mixture_or_task_name
    is_replaced = config.rate_maximum is not None or config.rate_temperature is not None
    if is_replaced or not seqio_mixtures.has_rate_functions(mixture):
        return
    declared = seqio_adapter.declared_otherwise(num_examples, split=config.split)
    if declared:
        log.info(
            "rates go by the num_input_examples that tasks declare, as in seqio; %d of %d have "
            "another number of examples, which `t5lite tasks describe %s` shows beside it",
            *(len(declared), len(num_examples), mixture),
        )


def _check_not_empty(corpus: Corpus, rates_T: npt.NDArray[np.float64]) -> None:
    empty = [
        name
        for name, size, rate in zip(corpus.task_names, corpus.num_examples, rates_T, strict=True)
        if rate > 0 and size == 0
    ]
    if empty:
        raise ValueError(
            f"{len(empty)} tasks have no examples but a positive rate: {', '.join(empty[:5])}. "
            "Give them the rate 0 in DataConfig.mixture_rates, or check their files"
        )
    if not corpus.has_tokens:
        raise ValueError(f"no example of {', '.join(corpus.task_names[:5])} has any token")
