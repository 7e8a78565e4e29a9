"""Transforms between store and rows: the same on any hosts, resumed to the bit, new every epoch."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from t5lite.data.drawn_examples import DrawnExamples
from t5lite.data.mixing import philox
from t5lite.data.mixing.mixing import MixtureReader
from t5lite.data.transforms.span_corruption import SpanCorruption
from t5lite.data.transforms.transform import ExampleTransform, describe
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from tests.data import test_pipeline
from tests.data.fakes import make_corpus, random_examples, random_stores
from tests.feature_converters import converter as make_converter

VOCABULARY = ByteVocabulary(extra_ids=20)


@dataclasses.dataclass(frozen=True)
class Swapped(ExampleTransform):
    """Inversion: asks for the inputs."""

    def lengths(self, examples, example_N, keys_N2):
        return examples.lengths(example_N)[:, ::-1]

    def __call__(self, examples, example_N, keys_N2):
        return [example[::-1] for example in examples.tokens(example_N)]


@dataclasses.dataclass(frozen=True)
class WithExemplars(ExampleTransform):
    """Few-shot: up to `most` other examples of the Task before the inputs, each behind a token."""

    most: int = 2
    separator: int = 7

    def _shown(self, examples, keys_N2):
        """Which examples each draw shows, and how many of them."""
        words_N4 = philox.philox((keys_N2[:, 0], keys_N2[:, 1]), np.zeros((len(keys_N2), 4)))
        return words_N4[:, 1:] % examples.num_examples, words_N4[:, 0] % (self.most + 1)

    def lengths(self, examples, example_N, keys_N2):
        shown_N3, num_N = self._shown(examples, keys_N2)
        lengths_NF = examples.lengths(example_N)
        for place in range(self.most):
            lengths_N = examples.lengths(shown_N3[:, place].astype(np.int64)).sum(axis=1) + 1
            lengths_NF[:, 0] += np.where(place < num_N, lengths_N, 0)
        return lengths_NF

    def __call__(self, examples, example_N, keys_N2):
        shown_N3, num_N = self._shown(examples, keys_N2)
        made = []
        for (inputs, targets), shown, num in zip(
            examples.tokens(example_N), shown_N3, num_N, strict=True
        ):
            parts = [
                np.concatenate([*exemplar, [self.separator]])
                for exemplar in examples.tokens(shown[:num].astype(np.int64))
            ]
            made.append((np.concatenate([*parts, inputs]).astype(np.int32), targets))
        return made


TEXTS = [
    {"inputs": [], "targets": example["targets"]}
    for example in random_examples(60, seed=9, targets=90)
]
EXAMPLES = [*test_pipeline.EXAMPLES[:2], TEXTS, test_pipeline.EXAMPLES[3]]
TRANSFORMS = [WithExemplars(), None, SpanCorruption(mean_noise_span_length=2.0), Swapped()]


def make_data(**options):
    defaults = {
        "examples": EXAMPLES,
        "transforms": TRANSFORMS,
        "vocabulary": VOCABULARY,
        "batch_size": 6,
    }
    return test_pipeline.make_data(**defaults | options)


@pytest.mark.parametrize("mode", test_pipeline.MODES)
def test_batches_are_those_of_one_host_and_of_a_straight_run(mode):
    finite = {**mode, **test_pipeline.FINITE}
    whole = test_pipeline.take(make_data(**finite))
    assert len(whole) > 6
    for host_count in (2, 3):
        parts = [
            test_pipeline.take(make_data(host=(host, host_count), **finite))
            for host in range(host_count)
        ]
        for batch, *rows in zip(whole, *parts, strict=True):
            for name, values in batch.features.items():
                together = np.concatenate([part.features[name] for part in rows])
                np.testing.assert_array_equal(together, values, err_msg=name)
    # Places early and late, with examples that wait and without, and every one of some window.
    for number in {*range(0, len(whole), 5), 1, 2, len(whole) - 2, len(whole) - 1}:
        state = json.loads(json.dumps(whole[number].state))
        rest = test_pipeline.take(make_data(state=state, **finite))
        test_pipeline.assert_same(rest, whole[number + 1 :])


def drawn(transforms=TRANSFORMS, name="encoder_decoder", seed=0):
    corpus = make_corpus(random_stores([40, 3, 60, 11]), {"inputs": 48, "targets": 20})
    if transforms is TRANSFORMS:
        stores = [test_pipeline.MemoryStore(e) for e in EXAMPLES]
        corpus = make_corpus(stores, {"inputs": 48, "targets": 20})
    return DrawnExamples(
        corpus,
        transforms=transforms,
        converter=make_converter(name, task_feature_lengths={"inputs": 48, "targets": 20}),
        vocabulary=VOCABULARY,
        seed=seed,
    )


def made_by(examples, index_N, draw_N):
    lengths_NF = examples.lengths(index_N, draw_N)
    tokens_F = examples.tokens(index_N, draw_N, lengths_NF=lengths_NF)
    ends_NF = np.cumsum(lengths_NF, axis=0)
    assert [len(tokens) for tokens in tokens_F] == ends_NF[-1].tolist()
    parts = [np.split(tokens, ends)[:-1] for tokens, ends in zip(tokens_F, ends_NF.T, strict=True)]
    return [tuple(tuple(part.tolist()) for part in example) for example in zip(*parts, strict=True)]


def test_two_epochs_of_rows_hold_exactly_what_the_draws_become():
    """Nothing is cut, added or mixed up between a transform and the rows that it is packed in."""
    mode = {**test_pipeline.FINITE, "task_feature_lengths": {"inputs": 200, "targets": 90}}
    data = make_data(**mode)
    sizes = [len(task) for task in EXAMPLES]
    examples = DrawnExamples(
        data._corpus,
        transforms=TRANSFORMS,
        converter=data.converter,
        vocabulary=VOCABULARY,
        seed=0,
    )
    found = sorted(
        pair for batch in test_pipeline.take(data) for pair in test_pipeline.unpack(batch.features)
    )
    mixture = MixtureReader(sizes, test_pipeline.RATES, seed=0, stop="drop_exhausted", num_epochs=2)
    wanted = []
    for _, draws in mixture.walk():
        if len(draws):
            index_N = data._corpus.index(draws.task_D, draws.example_D)
            wanted += made_by(examples, index_N, draws.draw_D)
    assert found == sorted(((*inputs, 1), (*targets, 1)) for inputs, targets in wanted)
    assert len(wanted) == 2 * sum(sizes)


def test_every_epoch_and_seed_sees_other_noise_and_what_is_not_transformed_stays():
    examples = drawn()
    index_N = np.arange(114)
    first = made_by(examples, index_N, index_N)
    assert first == made_by(examples, index_N, index_N)
    later, other = (
        made_by(examples, index_N, index_N + 1000),
        made_by(drawn(seed=1), index_N, index_N),
    )
    for again in (later, other):
        same = [a == b for a, b in zip(first, again, strict=True)]
        assert np.mean(same[:40]) < 0.6 and np.mean(same[43:103]) < 0.4
        assert all(same[40:43]) and all(same[103:])
    plain = made_by(drawn([None] * 4), np.arange(40, 43), np.zeros(3, np.int64))
    assert first[40:43] == plain


def test_the_stored_order_of_asking_changes_nothing():
    examples = drawn()
    index_N, draw_N = np.arange(114), 3 * np.arange(114)
    order = np.random.default_rng(0).permutation(114)
    whole = made_by(examples, index_N, draw_N)
    assert made_by(examples, index_N[order], draw_N[order]) == [whole[i] for i in order]


@dataclasses.dataclass(frozen=True)
class Bad(ExampleTransform):
    announced: int = 3
    token: int = 9
    made: int = 3

    def lengths(self, examples, example_N, keys_N2):
        return np.full((len(example_N), 2), self.announced)

    def __call__(self, examples, example_N, keys_N2):
        return [(np.full(self.made, self.token, np.int32),) * 2] * len(example_N)


class NoDataclass(Swapped.__base__):
    lengths = Swapped.lengths
    __call__ = Swapped.__call__


@pytest.mark.parametrize(
    "transform, message",
    [
        (
            Bad(announced=4),
            r"task 'ant': its transform Bad\(announced=4.* other lengths than it announced",
        ),
        (Bad(announced=-1), "announces lengths of shape .*negative"),
        (Bad(announced=0), "without any token of one that has some"),
        (Bad(token=VOCABULARY.vocab_size), "ids from 279 to 279, and the vocabulary has 279"),
        (Bad(token=-3), "makes inputs with ids from -3"),
        (Bad(announced=np.float32(3)), "field of type float32"),
        (NoDataclass(), "NoDataclass is no dataclass"),
        (SpanCorruption(), "task 'ant': SpanCorruption corrupts the targets"),
    ],
)
def test_transforms_that_break_their_promises_are_named(transform, message):
    with pytest.raises(ValueError, match=message):
        make_data(transforms=[transform, None, None, None])


def test_masked_targets_reach_language_models_only():
    complement = dataclasses.replace(Bad(), token=~9)
    with pytest.raises(ValueError, match="makes inputs with ids"):
        make_data(transforms=[complement, None, None, None], converter="decoder_only")

    class Masked(Bad):
        def __call__(self, examples, example_N, keys_N2):
            return [(np.full(3, 9, np.int32), np.array([~8, 8, ~8]))] * len(example_N)

    with make_data(
        transforms=[Masked()] * 4, converter="decoder_only", add_eos={"targets": False}
    ) as data:
        features = next(data).features
    learned = features["decoder_loss_weights"] > 0
    assert 3 * learned.sum() == (features["decoder_target_tokens"] == 8).sum()


@dataclasses.dataclass(frozen=True)
class Both(ExampleTransform):
    """One of several transforms, as its key says."""

    of: tuple[ExampleTransform, ...]

    lengths = __call__ = None


def test_a_transform_is_reported_by_its_fields():
    assert describe(Both((Swapped(), WithExemplars(most=1)))) == (
        "Both(of=[Swapped(), WithExemplars(most=1, separator=7)])"
    )


def changed(**options):
    return [*TRANSFORMS[:2], SpanCorruption(**options), TRANSFORMS[3]]


def test_a_state_of_other_transforms_is_refused_and_named_by_task(monkeypatch):
    with make_data() as data:
        asked, batch = json.loads(json.dumps(data.expected())), next(data)

    def resume(**options):
        with make_data(**{"state": batch.state, "expected_before": asked} | options) as data:
            return next(data)

    resume()
    with pytest.raises(ValueError, match=r"cat: its transform SpanC.*=2.0.* -> SpanC.*=3.0, "):
        resume(transforms=changed())
    with pytest.raises(ValueError, match=r"ant: its transform WithEx.* -> None\n.*cat: .*\n.*dog"):
        resume(transforms=())
    with pytest.raises(ValueError, match=r"transforms: 4 tasks.* -> none"):
        resume(transforms=(), expected_before=None)
    with make_data(transforms=()) as data:
        before = next(data).state
    with pytest.raises(ValueError, match="transforms: none -> 4 tasks"):
        resume(state=before, expected_before=None)
    monkeypatch.setattr(
        Swapped,
        "__call__",
        lambda self, examples, example_N, keys_N2: [
            (targets, inputs[::-1]) for inputs, targets in examples.tokens(example_N)
        ],
    )
    with pytest.raises(
        ValueError, match=r"resumed:\n  task dog: its transform Swapped.. makes other"
    ):
        resume()


def test_states_of_before_transforms_resume():
    with test_pipeline.make_data() as data:
        asked = data.expected()
        batches = list(itertools.islice(data, 3))
    state = json.loads(json.dumps(batches[0].state))
    assert state["position"]["waiting"] and all(len(w) == 3 for w in state["position"]["waiting"])
    state["position"]["waiting"] = [draw[:2] for draw in state["position"]["waiting"]]
    del state["fingerprint"]["transforms"], asked["transforms"]
    with test_pipeline.make_data(state=state, expected_before=asked) as data:
        for batch in batches[1:]:
            for name, values in next(data).features.items():
                np.testing.assert_array_equal(values, batch.features[name])
    with pytest.raises(ValueError, match="ant: its transform None -> Swapped"):
        test_pipeline.make_data(state=state, expected_before=asked, transforms=[Swapped()] * 4)
