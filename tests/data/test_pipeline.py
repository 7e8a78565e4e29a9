"""Batches: the same on any number of hosts, resumed to the bit, counted right."""

import gc
import hashlib
import json
import sys
import textwrap
import threading

import numpy as np
import pytest

from t5lite.data import pipeline
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import TrainData, open_train_data
from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from tests.data.fakes import MemoryStore, random_examples
from tests.feature_converters import converter as make_converter

SIZES = [40, 3, 150, 11]
NAMES = ["ant", "bee", "cat", "dog"]
RATES = [1.0, 0.1, 2.0, 0.5]
EXAMPLES = [random_examples(size, seed=seed) for seed, size in enumerate(SIZES)]


def make_config(**options):
    defaults = {
        "mixture_or_task_name": "animals",
        "task_feature_lengths": {"inputs": 48, "targets": 20},
        "batch_size": 8,
    }
    return DataConfig(**{**defaults, **options})


def make_data(*, rates=RATES, names=NAMES, examples=EXAMPLES, host=(0, 1), state=None, **options):
    names_of_more = ("expected_before", "transforms", "later_passes")
    more = {k: options.pop(k) for k in names_of_more if k in options}
    vocabulary = options.pop("vocabulary", ByteVocabulary())
    return TrainData(
        make_config(**options),
        [MemoryStore(e) for e in examples],
        task_names=names,
        rates=rates,
        vocabulary=vocabulary,
        host_index=host[0],
        host_count=host[1],
        state=state,
        **more,
    )


def take(data, count=None):
    """The first batches; all of them by default."""
    with data:
        return [batch for batch, _ in zip(data, range(count or 10**6), strict=False)]


def assert_same(batches, others):
    assert len(batches) == len(others)
    for mine, theirs in zip(batches, others, strict=True):
        assert mine.features.keys() == theirs.features.keys()
        for name, values in mine.features.items():
            np.testing.assert_array_equal(values, theirs.features[name], err_msg=name)
        assert mine.state == theirs.state
        assert mine.stats.num_examples == theirs.stats.num_examples
        np.testing.assert_array_equal(mine.stats.draws_by_task, theirs.stats.draws_by_task)


MODES = [
    {"converter": "encoder_decoder"},
    {"converter": "decoder_only", "pack": False, "shuffle": False},
    {"converter": "prefix_lm"},
]
DIGESTS = ["c944643cd3096645", "fa247156f5b61f3b", "ba774b696da8b27d"]
FINITE = {"stop": "drop_exhausted", "num_epochs": 2}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("finite", [{}, FINITE])
def test_resuming_after_any_batch_gives_the_very_same_rest(mode, finite):
    straight = take(make_data(**mode, **finite), None if finite else 12)
    for number, batch in enumerate(straight):
        state = json.loads(json.dumps(batch.state))
        rest = straight[number + 1 :]
        resumed = make_data(state=state, **mode, **finite)
        assert_same(take(resumed, None if finite else len(rest) or 1)[: len(rest)], rest)


LATER_EXAMPLES = [
    [random_examples(37, seed=50), random_examples(41, seed=51)],
    [],
    [random_examples(150, seed=52)],
    [],
]
LATER = [[MemoryStore(examples) for examples in passes] for passes in LATER_EXAMPLES]


@pytest.mark.parametrize("mode", MODES)
def test_with_several_passes_a_run_resumes_to_the_very_same_rest(mode):
    finite = {"stop": "drop_exhausted", "num_epochs": 3}
    straight = take(make_data(later_passes=LATER, **mode, **finite))
    counts = sum(batch.stats.draws_by_task for batch in straight)
    assert counts.tolist() == [40 + 37 + 41, 3 * 3, 150 + 150 + 150, 3 * 11]
    for number in (0, len(straight) // 2):
        state = json.loads(json.dumps(straight[number].state))
        resumed = take(make_data(later_passes=LATER, state=state, **mode, **finite))
        assert_same(resumed, straight[number + 1 :])


def test_epochs_hold_the_examples_of_their_passes():
    data = make_data(later_passes=LATER, stop="drop_exhausted", num_epochs=3)
    found = sorted(pair for batch in take(data) for pair in unpack(batch.features))
    passes = [[first, *later] for first, later in zip(EXAMPLES, LATER_EXAMPLES, strict=True)]
    wanted = [e for each in passes for epoch in range(3) for e in each[epoch % len(each)]]
    pairs = [tuple(tuple(map(int, e[name])) for name in ("inputs", "targets")) for e in wanted]
    assert found == sorted(pairs)


def test_passes_leave_rates_and_epochs_alone_and_other_passes_are_refused():
    with make_data() as plain, make_data(later_passes=LATER) as data:
        assert data.epoch_size == plain.epoch_size == sum(SIZES)
        np.testing.assert_array_equal(data.rates, plain.rates)
        assert data.expected()["num_examples"] == SIZES
        before, batch = plain.expected(), next(plain)
    assert batch.state["fingerprint"]["store_epochs"] == 1
    with pytest.raises(ValueError, match=r"STORE_EPOCHS: 1 -> 3\n.*task ant: other tokens"):
        make_data(later_passes=LATER, state=batch.state, expected_before=before)
    # Before there were passes, states did not name them.
    del batch.state["fingerprint"]["store_epochs"]
    make_data(state=batch.state).close()
    del batch.state["fingerprint"]["packing"]
    with pytest.raises(ValueError, match="t5lite packs rows: 'first fit' -> 'best fit'"):
        make_data(state=batch.state)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host_count", [2, 4])
def test_hosts_together_hold_the_batches_of_one_host(mode, host_count):
    whole = take(make_data(**mode, **FINITE))
    parts = [
        take(make_data(host=(host, host_count), **mode, **FINITE)) for host in range(host_count)
    ]
    assert len(whole) > 3
    for batch, *rows in zip(whole, *parts, strict=True):
        for name, values in batch.features.items():
            together = np.concatenate([part.features[name] for part in rows])
            np.testing.assert_array_equal(together, values, err_msg=name)
        assert all(part.state == batch.state for part in rows)
        assert all(part.stats.num_examples == batch.stats.num_examples for part in rows)


@pytest.mark.parametrize("mode", [*MODES, {"converter": "encoder_decoder", "pack": False}])
def test_target_positions_say_of_which_task_they_are(mode):
    """Each example's first position names its task, the others the same; hosts have their rows."""
    whole = take(make_data(**mode, **FINITE))
    parts = [take(make_data(host=(host, 2), **mode, **FINITE)) for host in range(2)]
    for batch, *rows in zip(whole, *parts, strict=True):
        features, tasks = batch.features, batch.task_ids
        together = np.concatenate([part.task_ids for part in rows])
        bears_loss = features["decoder_loss_weights"] > 0
        np.testing.assert_array_equal(together[bears_loss], tasks[bears_loss])
        columns = np.broadcast_to(np.arange(tasks.shape[1]), tasks.shape)
        positions = features.get("decoder_positions", columns)
        segments = features.get("decoder_segment_ids", bears_loss.any(axis=1, keepdims=True))
        firsts = (positions == 0) & (segments > 0)
        found = np.bincount(tasks[firsts], minlength=len(NAMES))
        np.testing.assert_array_equal(found, batch.stats.draws_by_task)
        goes_on = (positions > 0) & (segments > 0)
        np.testing.assert_array_equal(tasks[goes_on], np.roll(tasks, 1, axis=1)[goes_on])


@pytest.mark.parametrize("mode, digest", zip(MODES, DIGESTS, strict=True))
def test_known_batches_stay_what_they_are(mode, digest):
    """Rows are part of the format of a checkpoint: other ones would break exact resume."""
    hashed = hashlib.sha256()
    for batch in take(make_data(**mode), 6):
        for name in sorted(batch.features):
            hashed.update(name.encode() + batch.features[name].tobytes())
    assert hashed.hexdigest()[:16] == digest


def test_prefetching_changes_nothing():
    plain = take(make_data(prefetch_batches=0, **FINITE))
    assert_same(take(make_data(prefetch_batches=5, **FINITE)), plain)


def unpack(features):
    """(inputs, targets) of every example in packed encoder-decoder rows."""
    for row in range(len(features["encoder_segment_ids"])):
        segments = features["decoder_segment_ids"][row]
        for segment in range(1, segments.max() + 1):
            inputs = features["encoder_segment_ids"][row] == segment
            targets = segments == segment
            yield (
                tuple(features["encoder_input_tokens"][row][inputs].tolist()),
                tuple(features["decoder_target_tokens"][row][targets].tolist()),
            )


def test_an_epoch_of_rows_holds_exactly_the_examples():
    batches = take(make_data(stop="drop_exhausted"))
    found = sorted(pair for batch in batches for pair in unpack(batch.features))
    wanted = sorted((tuple(e["inputs"]), tuple(e["targets"])) for es in EXAMPLES for e in es)
    assert found == [tuple(tuple(int(t) for t in part) for part in pair) for pair in wanted]
    last = batches[-1].features
    assert not last["decoder_loss_weights"][-1].any()  # the short last batch ends in empty rows


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("converter", ["encoder_decoder", "prefix_lm"])
def test_stats_count_what_the_features_hold(converter, pack):
    for batch in take(make_data(converter=converter, pack=pack, **FINITE)):
        features, stats = batch.features, batch.stats
        assert stats.draws_by_task.sum() == stats.num_examples
        assert stats.num_target_tokens == features["decoder_loss_weights"].sum()
        if converter == "encoder_decoder":
            assert stats.num_input_tokens == (features["encoder_input_tokens"] > 0).sum()
            positions = 8 * (48 + 20)
        else:
            tokens = stats.num_input_tokens + stats.num_target_tokens
            assert tokens == (features["decoder_segment_ids"] > 0).sum()
            positions = 8 * 68
        used = stats.num_input_tokens + stats.num_target_tokens
        assert stats.num_padding_tokens == positions - used


OPEN = [[{name: ids[:-1] for name, ids in e.items()} for e in task] for task in EXAMPLES]


def around(data):
    with data:
        converter = data.converter
    return converter.prompt_prefix, converter.prompt_suffix, converter.targets_suffix


def test_what_stands_around_prompts_is_decided_once():
    """Encoder-decoders are as their Tasks have them; language models never end their inputs."""
    assert around(make_data()) == ((), (1,), (1,))
    assert around(make_data(examples=OPEN)) == ((), (), ())
    for name in ("decoder_only", "prefix_lm"):
        assert around(make_data(converter=name)) == ((0,), (), (1,))
        assert around(make_data(converter=name, examples=OPEN)) == ((0,), (), (1,))
        assert around(make_data(converter=name, bos_id=7)) == ((7,), (), (1,))
    lm = {"converter": "decoder_only", "task_feature_lengths": {"targets": 20}}
    assert around(make_data(**lm)) == ((0,), (), (1,))
    assert around(make_data(**lm, examples=OPEN)) == ((0,), (), ())
    assert around(make_data(**lm, add_eos={"targets": False})) == ((0,), (), ())
    mixed = [*EXAMPLES[:2], *OPEN[2:]]
    with pytest.raises(ValueError, match=r"behind the inputs of 2 tasks \(ant, bee\) and not .* 2"):
        make_data(examples=mixed)
    ends = {"inputs": False, "targets": True}
    assert around(make_data(examples=mixed, add_eos=ends)) == ((), (), (1,))


def test_rows_are_those_of_the_converter_whatever_ends_the_tasks_wrote():
    for options in (
        {"converter": "prefix_lm", "bos_id": 9},
        {"add_eos": {"inputs": True, "targets": True}},
    ):
        ended, bare = (make_data(examples=examples, **options) for examples in (EXAMPLES, OPEN))
        for mine, theirs in zip(take(ended, 3), take(bare, 3), strict=True):
            for name, values in mine.features.items():
                np.testing.assert_array_equal(values, theirs.features[name])
    rows = take(make_data(converter="prefix_lm", bos_id=9), 1)[0].features
    begins = (rows["decoder_segment_ids"] > 0) & (rows["decoder_positions"] == 0)
    assert (rows["decoder_input_tokens"][begins] == 9).all()
    # The examples' one end token closes the targets; no input bears a loss, or ends in one.
    ends = rows["decoder_target_tokens"] == 1
    assert ends.sum() == begins.sum() and (rows["decoder_loss_weights"][ends] == 1).all()


def test_a_run_asks_as_the_model_it_starts_from():
    initial = make_converter("decoder_only", prompt_prefix=(3, 4), targets_suffix=(1, 6))

    def started(**options):
        config = make_config(converter="decoder_only", **options)
        made = config.make_converter(eos_id=1, ends_in_eos={}, initial=initial)
        return made.prompt_prefix, made.prompt_suffix, made.targets_suffix

    assert started() == ((3, 4), (), (1, 6))
    assert started(bos_id=5, add_eos={"targets": True}) == ((5,), (), (1,))


def test_draws_follow_the_rates():
    data = make_data(batch_size=64)
    draws = sum(batch.stats.draws_by_task for batch in take(data, 60))
    # Only what waits, and less than one draw a task and window, is missing.
    assert np.abs(draws - draws.sum() * data.rates).max() < 64
    assert data.epoch_size == sum(SIZES) and data.task_names == tuple(NAMES)
    np.testing.assert_allclose(data.rates, np.array(RATES) / sum(RATES))


def test_states_stay_small():
    many = [f"task{i}" for i in range(500)]
    data = make_data(
        names=many, rates=[1.0] * 500, examples=[random_examples(3, seed=i) for i in range(500)]
    )
    assert all(len(json.dumps(batch.state)) < 3000 for batch in take(data, 20))


def others_of(examples):
    """As many examples of the same lengths, of other tokens."""
    return [
        {name: [2] * (len(ids) - 1) + [1] for name, ids in example.items()} for example in examples
    ]


@pytest.mark.parametrize(
    "change, named",
    [
        ({"seed": 1}, r"SEED \(DataConfig.seed\): 0 -> 1\nRestore"),
        ({"batch_size": 16}, r"BATCH_SIZE: 8 -> 16\nRestore"),
        ({"task_feature_lengths": {"inputs": 50, "targets": 20}}, "TASK_FEATURE_LENGTHS: .*50"),
        ({"converter": "prefix_lm"}, "DataConfig.converter: 'encoder_decoder' -> 'prefix_lm'"),
        ({"rates": [1.0, 0.2, 2.0, 0.5]}, r"bee: rate 0.02778 -> 0.05405\n.*cat: rate 0.5556"),
        ({"names": ["ant", "bee", "cat", "emu"]}, "dog is no longer .*\n.*emu is new"),
        (
            {"examples": [EXAMPLES[0][:-1], *EXAMPLES[1:]]},
            r"resumed:\n  task ant: 40 -> 39 ex.*\nRes",
        ),
        ({"examples": [EXAMPLES[0], others_of(EXAMPLES[1]), *EXAMPLES[2:]]}, "bee: other tokens"),
        ({"pack": False}, "DataConfig.pack: True -> False"),
        (FINITE, "DataConfig.num_epochs: None -> 2"),
    ],
)
def test_a_state_of_other_data_is_refused_and_named_by_task(change, named):
    with make_data() as data:
        mixture, batch = json.loads(json.dumps(data.expected())), next(data)
    with pytest.raises(ValueError, match=named):
        make_data(state=batch.state, expected_before=mixture, **change)
    with pytest.raises(ValueError, match="cannot be resumed"):
        make_data(state=batch.state, **change)


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"preprocessors"}, "its preprocessors"),
        ({"source", "files"}, "files that its source reads"),
        ({"source", "features"}, "its source .files, or .*, its output features .vocabulary."),
    ],
)
def test_why_a_task_changed_is_reported_by_its_parts(monkeypatch, changed, named):
    with make_data() as data:
        mixture, batch = data.expected(), next(data)
    parts = dict.fromkeys(("source", "files", "preprocessors", "features"), "1")
    mixture["made_of"][0] |= parts
    now = parts | dict.fromkeys(changed, "2") | {"tokens": "?"}
    monkeypatch.setattr(MemoryStore, "made_of", property(lambda store: now))
    with pytest.raises(ValueError, match=rf"ant: other tokens .*; changed: {named}\n"):
        make_data(state=batch.state, expected_before=mixture)


def test_a_state_of_before_tokens_were_hashed_goes_on():
    with make_data() as data:
        first, second = (batch for batch, _ in zip(data, range(2), strict=False))
    del first.state["fingerprint"]["tokens"]
    with make_data(state=first.state) as data:
        np.testing.assert_array_equal(
            next(data).features["encoder_input_tokens"], second.features["encoder_input_tokens"]
        )


@pytest.mark.parametrize(
    "change, message",
    [
        ({"host": (0, 3)}, "BATCH_SIZE=8 does not divide"),
        ({"batch_size": 0}, "batch_size must be an integer from 1 to"),
        ({"prefetch_batches": -1}, "prefetch_batches"),
        ({"examples": [[], *EXAMPLES[1:]]}, "1 tasks have no examples but a positive rate: ant"),
        ({"examples": [[{"inputs": [], "targets": []}]] * 4}, "any token"),
        ({"converter": "t5"}, "converter must be one of"),
        ({"bos_id": 3}, "bos_id is 3, which must be 0"),
        ({"add_eos": {"input": True}}, "add_eos names input"),
        ({"num_epochs": 3}, "stop = 'restart'"),
    ],
)
def test_bad_settings(change, message):
    with pytest.raises(ValueError, match=message):
        make_data(**change)


def test_errors_in_the_thread_reach_the_consumer(monkeypatch):
    def fail(self, index_N, *, is_cut=True):
        raise OSError("disk gone")

    data = make_data()
    data.close()
    monkeypatch.setattr(pipeline.Corpus, "tokens", fail)
    data = make_data()
    with pytest.raises(OSError, match="disk gone"):
        next(data)
    data.close()


def test_closed_or_forgotten_data_leave_no_thread():
    def alive():
        return [t for t in threading.enumerate() if t.name == "prefetch"]

    data = make_data()
    next(data)
    data.close()
    assert not alive()
    data = make_data()
    next(data)
    [thread] = alive()
    del data
    gc.collect()
    thread.join(timeout=30)
    assert not alive()


MODULE = """
    import functools
    import seqio
    import tensorflow as tf
    from t5lite.data.tasks import seqio_adapter
    from tasks.transformed import add_transformed_task
    from tests.data.transforms.test_transforms import Swapped, WithExemplars

    def examples(split, shuffle_files, word="", count=0):
        del split, shuffle_files
        numbers = tf.data.Dataset.range(count)
        return numbers.map(lambda i: {"inputs": word + tf.strings.as_string(i), "targets": word})

    for word, count in (("ant", 30), ("bee", 10), ("cat", 60)):
        seqio.TaskRegistry.add(
            "pipeline_" + word,
            source=seqio.FunctionDataSource(
                functools.partial(examples, word=word, count=count),
                splits=["train"],
                num_input_examples={"train": count},
            ),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features=seqio_adapter.output_features(),
        )
    seqio.MixtureRegistry.add(
        "pipeline_animals",
        [("pipeline_ant", 1.0), ("pipeline_bee", 3.0), ("pipeline_cat", 4.0)],
    )
    add_transformed_task("pipeline_tac", of="pipeline_cat", transform=Swapped())
    add_transformed_task("pipeline_cats", of="pipeline_cat", transform=WithExemplars())
    seqio.MixtureRegistry.add(
        "pipeline_transformed",
        [("pipeline_ant", 1.0), ("pipeline_cat", 1.0), ("pipeline_tac", 1.0),
         ("pipeline_cats", 1.0)],
    )
    seqio.MixtureRegistry.add(
        "pipeline_both", [("pipeline_transformed", 3.0), ("pipeline_bee", 1.0)]
    )
"""


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    pytest.importorskip("seqio")
    folder = tmp_path_factory.mktemp("registry")
    (folder / "pipeline_animals_registry.py").write_text(textwrap.dedent(MODULE))
    sys.path.insert(0, str(folder))
    yield {
        "mixture_or_task_name": "pipeline_animals",
        "task_modules": ("pipeline_animals_registry",),
        "cache_dir": str(folder / "cache"),
        "num_build_workers": 1,
    }
    sys.path.remove(str(folder))


def test_open_train_data_reads_a_seqio_mixture(registered):
    data = open_train_data(make_config(**registered))
    assert data.task_names == ("pipeline_ant", "pipeline_bee", "pipeline_cat")
    np.testing.assert_allclose(data.rates, [0.125, 0.375, 0.5])
    assert data.epoch_size == 100 and "3 tasks, 100 examples" in data.describe()
    [batch] = take(data, 1)
    texts = {
        data.vocabulary.decode([t for t in inputs if t != 1])
        for inputs, _ in unpack(batch.features)
    }
    assert all(text[:3] in ("ant", "bee", "cat") and text[3:].isdigit() for text in texts)


@pytest.mark.parametrize(
    "options, rates",
    [
        ({"rate_maximum": 20}, [20, 10, 20]),
        ({"rate_temperature": 2.0}, np.sqrt([30, 10, 60])),
        ({"mixture_rates": {"pipeline_bee": 0.0}}, [0.125, 0, 0.5]),
        ({"rate_maximum": 20, "mixture_rates": {"pipeline_cat": 40}}, [20, 10, 40]),
    ],
)
def test_rates_can_be_chosen(registered, options, rates):
    with open_train_data(make_config(**registered, **options)) as data:
        np.testing.assert_allclose(data.rates, np.array(rates) / np.sum(rates))


def test_a_wrong_rate_name_gets_a_suggestion(registered):
    config = make_config(**registered, mixture_rates={"pipeline_ants": 1.0})
    with pytest.raises(ValueError, match=r"'pipeline_ants'.*Did you mean 'pipeline_ant"):
        open_train_data(config)


def test_truncation_is_said_with_figures(registered, caplog):
    config = make_config(**registered, task_feature_lengths={"inputs": 4, "targets": 20})
    with open_train_data(config):
        pass
    assert "truncated" in caplog.text and "pipeline_cat" in caplog.text


def test_rates_of_the_door_cover_every_task(registered):
    seqio_adapter.import_tasks(registered["task_modules"])
    names = seqio_adapter.resolve("pipeline_animals").task_names
    assert list(seqio_adapter.rates("pipeline_animals", dict.fromkeys(names, 1))) == list(names)


def transforms_of(registered, name="pipeline_both", **options):
    config = make_config(**registered | {"mixture_or_task_name": name}, **options)
    with open_train_data(config) as data:
        mixture = data.expected()
        kinds = [transform["is"].partition("(")[0] for transform in mixture["transforms"]]
        return dict(zip(mixture["tasks"], kinds, strict=True)), next(data)


def test_tasks_carry_transforms_and_a_run_may_name_others(registered, tmp_path):
    from tests.data.transforms.test_transforms import Swapped, WithExemplars

    cache = tmp_path / "cache"
    own, batch = transforms_of(registered | {"cache_dir": str(cache)})
    assert own == {
        "pipeline_ant": "",
        "pipeline_bee": "",
        "pipeline_cat": "",
        "pipeline_cats": "WithExemplars",
        "pipeline_tac": "Swapped",
    }
    # Three tasks read one store.
    stores = sorted(folder.name for folder in cache.iterdir() if folder.is_dir())
    assert stores == ["pipeline_ant", "pipeline_bee", "pipeline_cat"]
    pairs = [tuple(map(len, pair)) for pair in unpack(batch.features)]
    assert any(inputs < targets for inputs, targets in pairs)  # "cat", asked for by "cat12"
    assert any(inputs > targets + 4 for inputs, targets in pairs)  # with exemplars

    given = {
        "pipeline_both": Swapped(),
        "pipeline_transformed": WithExemplars(),
        "pipeline_cat": None,
    }
    assert transforms_of(registered, transforms=given)[0] == {
        "pipeline_ant": "WithExemplars",
        "pipeline_bee": "Swapped",
        "pipeline_cat": "",
        "pipeline_cats": "WithExemplars",
        "pipeline_tac": "WithExemplars",
    }
    with pytest.raises(ValueError, match=r"transforms names 'pipeline_cta', .*'pipeline_cat'"):
        transforms_of(registered, transforms={"pipeline_cta": None})
