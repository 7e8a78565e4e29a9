import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from t5lite.data.tasks import environment, seqio_adapter, seqio_vocabularies
from t5lite.data.tasks.task_metrics import Answers
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import (
    load_tokenizer,
    parse_vocabulary,
    same_vocabulary,
    vocabulary_from_spec,
)
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import REPOSITORY, shared_path
from tests.data.tokenizer_folders import chat_folder

seqio = pytest.importorskip("seqio")

LENGTHS = {"inputs": 64, "targets": 16}


@pytest.fixture(autouse=True, scope="module")
def sample_tasks():
    os.environ.pop(environment.VOCABULARY_VARIABLE, None)
    seqio_adapter.import_tasks(["tests.data.sample_tasks"])


@pytest.fixture
def add_mixture(own_tasks):
    return seqio.MixtureRegistry.add


@pytest.fixture
def add_task(own_tasks):
    def add(name, rows, **kwargs):
        import tensorflow as tf

        def dataset_fn(split, shuffle_files):
            return tf.data.Dataset.from_tensor_slices(rows)

        defaults = {
            "source": seqio.FunctionDataSource(dataset_fn, splits=["train", "test"]),
            "preprocessors": [seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            "output_features": seqio_adapter.output_features(),
        }
        return seqio.TaskRegistry.add(name, **{**defaults, **kwargs})

    return add


# ------------------------------------------------------------------------------------ importing


def run_python(code, *, cwd, flags=(), **env):
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_rooms_of_data_imports_no_tensorflow(tmp_path):
    code = (
        "import sys, pkgutil, importlib\n"
        "for name in ('tensorflow', 'seqio', 'tensorflow_text', 'tensorflow_datasets', 'jax'):\n"
        "    sys.modules[name] = None\n"
        "import t5lite.data\n"
        "names = [m.name for m in pkgutil.walk_packages(t5lite.data.__path__, 't5lite.data.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names))\n"
        "t5lite.data.vocabularies.byte_vocabulary.ByteVocabulary().encode('x')\n"
        "try: t5lite.data.tasks.seqio_adapter.resolve('x')\n"
        "except ValueError as error: print(error)\n"
    )
    done = run_python(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 40
    assert "pip install 't5lite[data]'" in done.stdout


def test_modules_of_the_current_folder_are_found_and_what_is_missing_is_named(tmp_path):
    (tmp_path / "mine.py").write_text("import os; os.environ['FOUND'] = 'yes'")
    (tmp_path / "needy.py").write_text("import no_such_library")
    code = (
        "import os\n"
        "from t5lite.data.tasks.task_modules import import_modules, imported_modules\n"
        "import_modules(['mine'])\n"
        "print(os.environ['FOUND'], imported_modules())\n"
        "for name in ('no_such_module', 'needy'):\n"
        "    try: import_modules([name])\n"
        "    except ValueError as error: print(error)\n"
    )
    done = run_python(code, cwd=tmp_path, flags=["-S", "-P"])
    assert done.returncode == 0, done.stderr
    found, missing, needy = done.stdout.splitlines()
    assert found == "yes ('mine',)"
    assert "no no_such_module.py" in missing and f"current folder {tmp_path}" in missing
    assert "site-packages" not in missing
    assert "needs 'no_such_library', which is not installed" in needy


def test_a_submodule_that_is_missing_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"has no 'tasks\.miny'.*Did you mean 'tasks\.mini'"):
        seqio_adapter.import_tasks(["tasks.miny"])


def test_other_settings_for_imported_modules_are_refused(monkeypatch):
    monkeypatch.setenv(environment.VOCABULARY_VARIABLE, "bytes")
    with pytest.raises(ValueError, match=r"vocabulary 'bytes'.*'bytes:5'.*start another"):
        seqio_adapter.import_tasks(["tests.data.sample_tasks"], vocabulary="bytes:5")


def test_settings_are_checked_where_they_are_given(monkeypatch, tmp_path):
    monkeypatch.setenv(environment.DATA_DIR_VARIABLE, "")
    with pytest.raises(ValueError, match=r"--data_dir.*DATA_DIR.*T5LITE_DATA_DIR"):
        environment.data_dir()
    with pytest.raises(ValueError, match=r"nowhere.*--data_dir"):
        seqio_adapter.import_tasks([], data_dir=str(tmp_path / "nowhere"))
    seqio_adapter.import_tasks([], data_dir=str(tmp_path))
    assert environment.data_dir() == tmp_path
    monkeypatch.setenv(environment.VOCABULARY_VARIABLE, "bytes")
    with pytest.raises(ValueError, match="--vocabulary"):
        seqio_adapter.import_tasks([], vocabulary="nonsense")
    assert environment.vocabulary_name() == "bytes"
    monkeypatch.setenv(environment.CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    assert environment.cache_dir() == tmp_path / "cache"


def test_unknown_names_get_suggestions():
    with pytest.raises(ValueError) as caught:
        seqio_adapter.resolve("sample_sum")
    message = str(caught.value)
    assert "Did you mean" in message and "'sample_sums'" in message
    assert "tests.data.sample_tasks" in message and "MIXTURE_OR_TASK_NAME" in message
    with pytest.raises(ValueError, match="is a Mixture"):
        seqio_adapter.task_source("sample_sums")


# -------------------------------------------------------------------------------------- mixtures


def test_numbers_resolve_to_shares():
    mixture = seqio_adapter.resolve("sample_sums")
    assert mixture.task_names == tuple(f"sample_sum_{i}" for i in range(6))
    np.testing.assert_allclose([t.rate for t in mixture.tasks], np.arange(1, 7) / 21)
    assert seqio_adapter.resolve("sample_long").tasks == (
        seqio_adapter.MixedTask("sample_long", 1.0),
    )


def test_nested_rates_are_those_of_seqio(add_mixture):
    inner = [("sample_sum_0", 2.0), ("sample_sum_1", 5.0), ("sample_sum_2", 1)]
    add_mixture("test_inner", inner)
    add_mixture("test_middle", [("test_inner", 3.0), ("sample_sum_1", 0.5), ("sample_sum_3", 0)])
    outer = [("test_middle", 1.5), ("test_inner", 1), ("sample_sum_4", 7)]
    theirs = add_mixture("test_outer", outer)
    expected = {task.name: theirs.get_rate(task) for task in theirs.tasks}
    total = sum(expected.values())
    ours = seqio_adapter.rates("test_outer", {})
    assert ours == pytest.approx({name: rate / total for name, rate in expected.items()})
    assert list(ours) == sorted(ours) and sum(ours.values()) == pytest.approx(1)
    assert {t.name: t.rate for t in seqio_adapter.resolve("test_outer").tasks} == ours


def test_rate_functions_get_the_counts_of_the_stores(add_mixture):
    rate = functools.partial(seqio.mixing_rate_num_examples, maximum=300, temperature=2.0)
    names = ["sample_sum_0", "sample_sum_1", "sample_sum_2"]
    add_mixture(
        "test_counted",
        [*names[:2], (names[2], lambda t: t.num_input_examples("any"))],
        default_rate=rate,
    )
    assert all(task.rate is None for task in seqio_adapter.resolve("test_counted").tasks)
    counts = dict(zip(names, [100, 1000, 7], strict=True))
    weights = np.array([10.0, 300**0.5, 7.0])
    found = seqio_adapter.rates("test_counted", counts)
    np.testing.assert_allclose([found[name] for name in names], weights / weights.sum())


def test_unusable_rates(add_mixture):
    add_mixture("test_zero", [("sample_sum_0", 0.0)])
    with pytest.raises(ValueError, match=r"'test_zero'.*all its rates are 0"):
        seqio_adapter.resolve("test_zero")
    add_mixture("test_negative", [("sample_sum_0", -1.0)])
    with pytest.raises(
        ValueError, match=r"'test_negative'.*'sample_sum_0' must be .* 0 or more, got -1"
    ):
        seqio_adapter.resolve("test_negative")
    add_mixture("test_characters", [("sample_sum_0", seqio.mixing_rate_num_characters)])
    with pytest.raises(ValueError, match="character count stats"):
        seqio_adapter.rates("test_characters", {"sample_sum_0": 3})
    add_mixture("test_function", [("test_negative", lambda mixture: 1.0)])
    with pytest.raises(ValueError, match="sub-mixture 'test_negative' is a function"):
        seqio_adapter.rates("test_function", {"sample_sum_0": 3})


# ---------------------------------------------------------------------------------- vocabularies


def test_vocabularies_convert_both_ways():
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    for ours in (ByteVocabulary(3), SentencePieceVocabulary(path, 100)):
        theirs = seqio_adapter.to_seqio(ours)
        assert seqio_adapter.from_seqio(theirs) == ours
        assert theirs.encode("some text") == ours.encode("some text")

    class Plain(seqio.SentencePieceVocabulary):
        """Adds nothing to ids."""

    assert seqio_adapter.from_seqio(Plain(path, 100)) == SentencePieceVocabulary(path, 100)


class Letters(seqio.Vocabulary):
    """A vocabulary as users write them, without texts in TensorFlow and without a beginning."""

    def __init__(self, letters):
        self._letters = letters
        super().__init__(extra_ids=2)

    eos_id = 1
    unk_id = 2

    @property
    def _base_vocab_size(self):
        return 3 + len(self._letters)

    def _encode(self, text):
        return [3 + self._letters.index(letter) for letter in text]

    def _decode(self, ids):
        return "".join(self._letters[i - 3] for i in ids if i > 2)

    def _encode_tf(self, text):
        raise NotImplementedError("no operation")

    _decode_tf = _encode_tf


def test_vocabularies_that_only_tasks_know():
    theirs = Letters("abc")
    ours = seqio_adapter.from_seqio(theirs)
    assert (ours.vocab_size, ours.eos_ids, ours.unk_id, ours.extra_ids) == (8, (1,), 2, 2)
    assert ours.encode("cab") == [5, 3, 4] and ours.decode([5, 3, 1, 4]) == "ca"
    assert (
        ours == seqio_adapter.from_seqio(Letters("abc")) != seqio_adapter.from_seqio(Letters("acb"))
    )
    # A module may be moved; other ids are another vocabulary, whatever the class is called.
    assert same_vocabulary(ours.spec(), {**ours.spec(), "class": "moved.Letters"})
    assert not same_vocabulary(ours.spec(), seqio_adapter.from_seqio(Letters("acb")).spec())
    # As a model folder has it, it still knows its ids.
    alone = vocabulary_from_spec(ours.spec())
    assert alone == ours and alone.eos_ids == (1,) and alone.shown([5, 3]) == "5 3"
    for ask in (lambda: alone.encode("a"), lambda: alone.decode([3])):
        with pytest.raises(ValueError, match=r"Letters does not give .*Task that brings it"):
            ask()
    # What seqio offers beside, and what a user changes, is described too.
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    ascending = seqio.SentencePieceVocabulary(path, 100, reverse_extra_ids=False)
    ours = seqio_adapter.from_seqio(ascending)
    assert ours.encode("a <extra_id_0>") == ascending.encode("a <extra_id_0>")
    assert ours != seqio_adapter.from_seqio(seqio.SentencePieceVocabulary(path, 100))
    words = seqio_adapter.from_seqio(seqio.vocabularies.UnigramVocabulary(["the", "cat"]))
    assert words.eos_ids == () and words.decode([2]) == "cat"


def test_ids_that_pass_through():
    for eos_id, ends in ((1, (1,)), (None, ())):
        ours = seqio_adapter.from_seqio(seqio.PassThroughVocabulary(10, eos_id))
        assert (ours.vocab_size, ours.eos_ids, ours.unk_id) == (10, ends, None)
        assert vocabulary_from_spec(ours.spec()) == ours
        assert ours.decode(ours.encode("3 9 0")) == "3 9 0"
        for text in ("3 10", "three"):
            with pytest.raises(ValueError, match=r"PassThroughVocabulary has no texts.*0 to 9"):
                ours.encode(text)


def test_a_vocabulary_at_an_address_is_copied(tmp_path, monkeypatch):
    import tensorflow as tf

    monkeypatch.setenv(environment.CACHE_DIR_VARIABLE, str(tmp_path))
    model = shared_path("data", "vocab", "t5_spiece.model").read_bytes()
    with tf.io.gfile.GFile("ram://vocabs/cc_all/sentencepiece.model", "wb") as file:
        file.write(model)
    ours = seqio_adapter.from_seqio(
        seqio.SentencePieceVocabulary("ram://vocabs/cc_all/sentencepiece.model", extra_ids=5)
    )
    assert ours.vocab_size == 32005 and str(tmp_path) in ours.spec()["path"]
    with pytest.raises(ValueError, match=r"Cannot read ram://gone.*Copy the file"):
        seqio_adapter.from_seqio(seqio.SentencePieceVocabulary("ram://gone/sentencepiece.model"))


def test_a_tokenizer_json_in_tasks(tmp_path, add_task, monkeypatch):
    ours = parse_vocabulary(str(chat_folder(tmp_path)))
    monkeypatch.setenv(environment.VOCABULARY_VARIABLE, str(tmp_path))
    theirs = seqio_adapter.output_features()["inputs"].vocabulary
    assert seqio_adapter.from_seqio(theirs) == ours
    assert isinstance(theirs, seqio.Vocabulary)
    assert theirs == seqio_adapter.to_seqio(ours) != seqio_adapter.to_seqio(ByteVocabulary())
    assert (theirs.vocab_size, theirs.eos_id, theirs.pad_id) == (ours.vocab_size, 2, 0)
    texts = ["the cat, naïve 東京", "", "a<|im_end|>"]
    for text in texts:
        ids = ours.encode(text)
        assert theirs.encode(text) == theirs.encode_tf(text).numpy().tolist() == ids
        assert theirs.decode_tf(np.array([*ids, 2, 7], np.int32)).numpy().decode() == (
            ours.decode(ids)
        )
    add_task("test_tokenizer", {"inputs": texts, "targets": ["x"] * 3})
    examples = list(
        seqio_adapter.iterate_examples("test_tokenizer", "train", task_feature_lengths={})
    )
    assert [e["inputs"].tolist() for e in examples] == [[*ours.encode(t), 2] for t in texts]
    (task,) = seqio_adapter.load_eval_tasks(
        "test_tokenizer", split="test", task_feature_lengths={"inputs": 2, "targets": 2}
    )
    assert task.vocabulary == ours
    assert [e.inputs_text for e in task.examples] == texts
    fingerprint = seqio_adapter.task_source("test_tokenizer").fingerprint
    # The ids that the files beside tokenizer.json name are part of a Task.
    chat_folder(tmp_path, eos_token="<|endoftext|>")
    load_tokenizer.cache_clear()
    seqio_vocabularies._current_seqio_vocabulary.cache_clear()
    add_task("test_other_end", {"inputs": texts, "targets": ["x"] * 3})
    assert seqio_adapter.task_source("test_other_end").fingerprint != fingerprint


def test_one_tensorflow_tokenizer_serves_all(monkeypatch):
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    monkeypatch.setenv(environment.VOCABULARY_VARIABLE, f"{path}:100")
    features = seqio_adapter.output_features(add_eos=False)
    vocabulary = features["inputs"].vocabulary
    assert vocabulary is seqio_adapter.output_features()["targets"].vocabulary
    assert not features["targets"].add_eos
    assert vocabulary.encode_tf("a b").numpy().tolist() == vocabulary.encode("a b")
    assert vocabulary.tf_tokenizer is vocabulary.tf_tokenizer
    assert vocabulary == seqio.SentencePieceVocabulary(path, 100)


# ------------------------------------------------------------------------------- what a Task is


def test_a_task_says_where_it_comes_from():
    source = seqio_adapter.task_source("sample_sum_0")
    assert source.provenance.startswith(str(REPOSITORY / "tests" / "data" / "sample_tasks.py:"))
    assert source.splits == ("train", "validation")
    assert source.features == {"inputs": ByteVocabulary(), "targets": ByteVocabulary()}
    assert source.preprocessors == ("tokenize", "append_eos") and not source.uses_lengths
    assert seqio_adapter.metric_names("sample_sum_0") == ("accuracy", "mean_score")


def test_a_task_registered_elsewhere_still_says_where(add_task):
    add_task("test_here", {"inputs": ["a"], "targets": ["b"]})
    assert seqio_adapter.task_source("test_here").provenance.startswith(__file__)


def test_fingerprints_follow_what_tokens_depend_on(add_task):
    rows = {"inputs": ["a"], "targets": ["b"]}
    tokenize, append_eos = seqio.preprocessors.tokenize, seqio.preprocessors.append_eos
    after_trim = seqio.preprocessors.append_eos_after_trim
    bytes_5 = seqio.Feature(seqio.ByteVocabulary(5))
    no_eos = seqio_adapter.output_features(add_eos=False)
    variants = [
        {},
        {"preprocessors": [tokenize]},
        {"preprocessors": [functools.partial(tokenize, copy_pretokenized=False), append_eos]},
        {"preprocessors": [functools.partial(tokenize, copy_pretokenized=True), append_eos]},
        {"preprocessors": [tokenize, after_trim]},
        {"output_features": {"inputs": bytes_5, "targets": bytes_5}},
        {"output_features": no_eos},
    ]
    for index, variant in enumerate(variants):
        add_task(f"test_variant_{index}", rows, **variant)
    add_task("test_other_rows", {"inputs": ["a"], "targets": ["c"]})
    add_task("test_metrics", rows, metric_fns=[lambda targets, predictions: {}])
    names = [f"test_variant_{index}" for index in range(len(variants))]
    prints = [source.fingerprint for source in seqio_adapter.task_sources(names)]
    assert len(set(prints)) == len(prints)
    assert seqio_adapter.task_source("test_other_rows").fingerprint not in prints
    assert seqio_adapter.task_source("test_metrics").fingerprint == prints[0]
    assert [seqio_adapter.task_source(name).fingerprint for name in names] == prints
    assert seqio_adapter.task_source("test_variant_4").uses_lengths


def test_features_that_are_not_tokens_are_refused(add_task):
    import tensorflow as tf

    feature = seqio.ContinuousFeature(dtype=tf.float32, rank=2)
    features = {**seqio_adapter.output_features(), "inputs": feature}
    add_task("test_continuous", {"inputs": ["a"], "targets": ["b"]}, output_features=features)
    with pytest.raises(ValueError, match=r"'test_continuous'.*'inputs' has rank 2 .*float32"):
        seqio_adapter.check_features(["test_continuous"], LENGTHS)
    # A language model reads the targets alone.
    seqio_adapter.check_features(["test_continuous"], {"targets": 4})
    assert list(seqio_adapter.token_features("test_continuous")) == ["targets"]
    other = {**features, "targets": feature, "inputs": features["targets"]}
    add_task("test_continuous_targets", {"inputs": ["a"], "targets": ["b"]}, output_features=other)
    with pytest.raises(ValueError, match=r"'targets' has rank 2"):
        seqio_adapter.task_source("test_continuous_targets")


# -------------------------------------------------------------------------------------- examples


def test_examples_are_those_of_seqio_whole_and_in_order():
    ours = list(
        seqio_adapter.iterate_examples(
            "sample_long", "train", task_feature_lengths={"inputs": 4, "targets": 2}
        )
    )
    theirs = seqio.get_mixture_or_task("sample_long").get_dataset(None, "train", shuffle=False)
    assert len(ours) == 3000
    for mine, other in zip(ours, theirs.as_numpy_iterator(), strict=True):
        assert list(mine) == ["inputs", "targets"]
        for name, ids in mine.items():
            assert ids.dtype == np.int32
            np.testing.assert_array_equal(ids, other[name])


def test_random_preprocessors_draw_the_same_each_time(add_task):
    import tensorflow as tf

    @seqio.map_over_dataset(num_seeds=1)
    def shuffle_text(example, seed):
        number = tf.random.stateless_uniform([], seed, 0, 10**6, tf.int32)
        return {**example, "inputs": tf.strings.as_string(number)}

    add_task(
        "test_random",
        {"inputs": ["a"] * 9, "targets": ["b"] * 9},
        preprocessors=[shuffle_text, seqio.preprocessors.tokenize],
    )
    runs = [
        [
            example["inputs"].tolist()
            for example in seqio_adapter.iterate_examples(
                "test_random", "train", task_feature_lengths=None
            )
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1] and len({tuple(ids) for ids in runs[0]}) > 1


def test_optional_features_may_be_missing_and_fixed_lengths_are_read(add_task):
    vocabulary = seqio.ByteVocabulary()
    features = {
        "inputs": seqio.Feature(vocabulary, required=False),
        "targets": seqio.Feature(vocabulary),
    }
    rows = {"targets": np.arange(6, dtype=np.int32).reshape(2, 3)}
    add_task("test_fixed", rows, output_features=features, preprocessors=[])
    examples = list(seqio_adapter.iterate_examples("test_fixed", "test", task_feature_lengths=None))
    assert [e["targets"].tolist() for e in examples] == [[0, 1, 2], [3, 4, 5]]
    assert all(e["inputs"].shape == (0,) for e in examples)


def test_inputs_that_preprocessors_make_need_no_feature(add_task):
    """Span corruption and the like: seqio's converter takes `inputs` wherever they come from."""

    def halve(dataset, output_features):
        def halves(example):
            ids = example["targets"]
            middle = tf.size(ids) // 2
            assert list(output_features) == ["targets"]
            return {**example, "inputs": ids[:middle][:4], "targets": ids[middle:]}

        return dataset.map(halves)

    import tensorflow as tf

    add_task(
        "test_made_inputs",
        {"targets": ["0123456789", "abcdef", "x"]},
        output_features={"targets": seqio.Feature(seqio.ByteVocabulary())},
        preprocessors=[seqio.preprocessors.tokenize, halve, seqio.preprocessors.append_eos],
    )
    lengths = {"inputs": 4, "targets": 4}
    theirs = seqio.EncDecFeatureConverter(pack=False)(
        seqio.get_mixture_or_task("test_made_inputs").get_dataset(lengths, "train", shuffle=False),
        lengths,
    )
    ours = list(
        seqio_adapter.iterate_examples("test_made_inputs", "train", task_feature_lengths=lengths)
    )
    for mine, other in zip(ours, theirs.as_numpy_iterator(), strict=True):
        for name, theirs_name in (
            ("inputs", "encoder_input_tokens"),
            ("targets", "decoder_target_tokens"),
        ):
            kept = mine[name][:4].tolist()
            assert kept == other[theirs_name][: len(kept)].tolist()
            assert not other[theirs_name][len(kept) :].any()
    stored = seqio_adapter.stored_features(
        "test_made_inputs", "train", task_feature_lengths=lengths
    )
    assert stored == {"inputs": ByteVocabulary(), "targets": ByteVocabulary()}
    (task,) = seqio_adapter.load_eval_tasks(
        "test_made_inputs", split="test", task_feature_lengths=lengths
    )
    assert [e.inputs_text for e in task.examples] == ["0123", "abc", ""]
    texts = list(seqio_adapter.iterate_texts("test_made_inputs", "test"))
    assert texts[1] == {"inputs": "abc", "targets": "abcdef"}


def test_preprocessors_that_ask_for_lengths_are_told_some_where_nobody_asks(add_task, caplog):
    """Span corruption and the like, looked at by `tasks show`, `describe` and contamination."""

    def cut(dataset, sequence_length):
        return dataset.map(lambda e: {**e, "inputs": e["inputs"][: sequence_length["inputs"]]})

    add_task(
        "test_asks",
        {"inputs": ["x" * 600], "targets": ["b"]},
        preprocessors=[seqio.preprocessors.tokenize, cut],
    )
    for lengths, found in ((None, 512), ({}, 512), ({"inputs": 7, "targets": 7}, 7)):
        (example,) = seqio_adapter.iterate_examples(
            "test_asks", "train", task_feature_lengths=lengths
        )
        assert len(example["inputs"]) == found
    assert caplog.text.count("test_asks: its preprocessors ask") == 2


def test_what_no_model_reads_refuses_nothing(add_task):
    """Untokenised inputs of a language model's Task, and features for metrics alone."""
    import tensorflow as tf

    features = {
        "targets": seqio.Feature(seqio.ByteVocabulary()),
        "task_names": seqio.Feature(seqio.PassThroughVocabulary(1), add_eos=False),
        "patches": seqio.ContinuousFeature(dtype=tf.float32, rank=3),
        "absent": seqio.Feature(seqio.ByteVocabulary()),
    }
    rows = {
        "inputs": ["not tokens", "at all"],
        "targets": ["ab", "cde"],
        "task_names": [[900], [901]],
        "patches": np.zeros((2, 1, 2, 2), np.float32),
    }
    add_task("test_odd", rows, output_features=features)
    ours = list(seqio_adapter.iterate_examples("test_odd", "train", task_feature_lengths={}))
    assert [{name: ids.tolist() for name, ids in e.items()} for e in ours] == [
        {"targets": [100, 101, 1]},
        {"targets": [102, 103, 104, 1]},
    ]
    assert list(seqio_adapter.task_source("test_odd").features) == ["targets"]
    (task,) = seqio_adapter.load_eval_tasks(
        "test_odd", split="test", task_feature_lengths={"targets": 2}
    )
    assert task.examples[0].inputs_text == "" and not len(task.examples[0].inputs)
    assert task.examples[1].raw["inputs"] == b"at all"
    assert task.examples[1].raw["task_names"].tolist() == [901]
    assert task.examples[1].raw["patches"].shape == (1, 2, 2)
    only_other = {"text": seqio.Feature(seqio.ByteVocabulary())}
    add_task("test_no_targets", {"text": ["a"]}, output_features=only_other)
    with pytest.raises(ValueError, match=r"'test_no_targets' has no output feature 'targets'"):
        seqio_adapter.task_source("test_no_targets")


def test_wrong_preprocessing_is_explained(add_task):
    rows = {"inputs": ["a"], "targets": ["b"]}
    add_task("test_text", rows, preprocessors=[])
    add_task("test_lacking", {"inputs": ["a"]})
    add_task("test_split", rows)
    for name, split, message in (
        ("test_text", "train", r"'test_text'.*'inputs' as string of rank 0.*tokenize"),
        ("test_lacking", "train", r"'test_lacking'.*no feature 'targets', only inputs"),
        ("test_split", "dev", r"'test_split' has no split 'dev'; it has test, train"),
    ):
        with pytest.raises(ValueError, match=message):
            next(seqio_adapter.iterate_examples(name, split, task_feature_lengths=None))


# ------------------------------------------------------------------------------------ evaluation


def test_evaluation_is_that_of_the_evaluator(add_mixture):
    add_mixture("test_pair", ["sample_sum_0", "sample_sum_1"], default_rate=1.0)
    lengths = {"inputs": 20, "targets": 16}
    evaluator = seqio.Evaluator(
        "test_pair",
        seqio.EncDecFeatureConverter(pack=False),
        eval_split="validation",
        sequence_length=lengths,
        num_examples=12,
        seed=None,
    )
    ours = seqio_adapter.load_eval_tasks(
        "test_pair", split="validation", task_feature_lengths=lengths, max_examples=12
    )
    assert [task.name for task in ours] == [task.name for task in evaluator.eval_tasks]
    # Answers that are right, wrong, and no number; ragged ends after the end of sequence.
    texts = [str(1000 + 3 * i + 7 * i % 11) if i % 3 else "wrong" for i in range(12)]
    scores = [-float(i) for i in range(12)]
    ids = np.zeros((12, 16), np.int32)
    for row, text in zip(ids, texts, strict=True):
        tokens = [*ByteVocabulary().encode(text), 1, 77]
        row[: len(tokens)] = tokens

    theirs, _ = evaluator.evaluate(
        compute_metrics=True,
        predict_fn=lambda dataset, *_: list(enumerate(ids)),
        score_fn=lambda dataset, *_: list(enumerate(scores)),
    )
    for task in ours:
        assert task.judges_answers
        found = task.measure(Answers(tokens=ids.tolist(), target_scores=scores)).values
        expected = theirs.result()[task.name]
        assert found["accuracy"] == pytest.approx(expected["accuracy"].value)
        assert found["accuracy"] == pytest.approx(8 / 12)
        assert found["nested/n"] == 12
        assert found["mean_score"] == pytest.approx(expected["mean_score"])
        cut = evaluator.cached_task_datasets[task.name].as_numpy_iterator()
        for example, raw in zip(task.examples, cut, strict=True):
            # Tokens are whole, for a feature converter to cut; what metrics get is cut.
            np.testing.assert_array_equal(example.inputs[:20], raw["inputs"])
            np.testing.assert_array_equal(example.targets[:16], raw["targets"])
            np.testing.assert_array_equal(example.raw["inputs"], raw["inputs"])
            assert set(example.raw) == set(raw) and len(example.inputs) >= 20
            assert example.inputs_text.encode() == raw["inputs_pretokenized"]


def test_evaluation_without_inputs_or_metrics(add_task):
    features = {"targets": seqio.Feature(seqio.ByteVocabulary())}
    add_task(
        "test_lm",
        {"targets": ["abc", "de"]},
        output_features=features,
        preprocessors=[functools.partial(seqio.preprocessors.tokenize, copy_pretokenized=False)],
    )
    (task,) = seqio_adapter.load_eval_tasks(
        "test_lm", split="test", task_feature_lengths={"targets": 2}
    )
    assert not task.judges_answers
    assert [e.targets_text for e in task.examples] == ["ab", "de"]
    assert [e.inputs.tolist() for e in task.examples] == [[], []]
    assert task.measure(Answers(texts=["x", "y"])).values == {}
    assert task.examples[0].inputs_text == ""
    with pytest.raises(ValueError, match=r"'test_lm' has 2 examples and got 1"):
        task.measure(Answers(texts=["x"]))


def test_evaluation_needs_the_split():
    with pytest.raises(ValueError, match=r"'sample_long' has no split 'test'; it has train"):
        seqio_adapter.load_eval_tasks("sample_long", split="test", task_feature_lengths=LENGTHS)
