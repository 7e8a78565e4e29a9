import os
import pathlib
import subprocess
import sys

import pytest

from t5lite.data.stores import build
from t5lite.data.stores.store import TokenStore
from t5lite.data.tasks import environment, seqio_adapter
from tests.conftest import REPOSITORY
from tests.data.fakes import KillsItsReader

pytest.importorskip("seqio")

MODULES = ("tests.data.sample_tasks",)
SUMS = tuple(f"sample_sum_{index}" for index in range(6))


@pytest.fixture(autouse=True, scope="module")
def sample_tasks():
    os.environ.pop(environment.VOCABULARY_VARIABLE, None)
    seqio_adapter.import_tasks(MODULES)


def open_stores(names, cache_dir, **kwargs):
    arguments = {"split": "train", "task_modules": MODULES, "progress": False}
    return build.open_stores(names, cache_dir=cache_dir, **{**arguments, **kwargs})


def contents(folder):
    """Every file under a folder but the locks."""
    files = (path for path in pathlib.Path(folder).rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in files if path.suffix != ".lock"
    }


def test_stores_hold_the_examples_in_the_order_asked_for(tmp_path):
    names = [SUMS[2], SUMS[0], SUMS[2]]
    stores = open_stores(names, tmp_path)
    assert [store.task for store in stores] == names
    assert [store.num_examples for store in stores] == [40, 20, 40]
    expected = seqio_adapter.iterate_examples(SUMS[0], "train", task_feature_lengths=None)
    for index, example in enumerate(expected):
        found = stores[1].example(index)
        assert {k: v.tolist() for k, v in found.items()} == {
            k: v.tolist() for k, v in example.items()
        }


def test_finished_stores_are_reused_and_missing_ones_built(tmp_path):
    open_stores(SUMS[:2], tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("tokens.bin")}
    assert len(times) == 2
    open_stores(SUMS[:3], tmp_path)
    assert len(list(tmp_path.rglob("tokens.bin"))) == 3
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_parallel_is_serial_and_an_error_in_a_worker_names_its_task(tmp_path):
    names = [*SUMS[:3], "sample_long"]
    open_stores(names, tmp_path / "serial", num_workers=1)
    with pytest.raises(ValueError, match=r"'sample_empty'.*gave no example in split 'train'"):
        open_stores([*names, "sample_empty"], tmp_path / "parallel", num_workers=2)
    # What workers had finished by then is kept; whatever is missing is built now.
    assert len(list((tmp_path / "parallel").rglob("meta.json"))) >= 3
    open_stores(names, tmp_path / "parallel", num_workers=1)
    assert contents(tmp_path / "serial") == contents(tmp_path / "parallel")


def test_shards_together_are_the_whole(tmp_path):
    def cache(folder, shard=(0, 1)):
        return build.cache(
            "sample_sums",
            split="train",
            task_modules=MODULES,
            cache_dir=tmp_path / folder,
            shard=shard,
            num_workers=1,
            progress=False,
        )

    assert cache("whole") == build.CacheReport(6, 6, 20 + 30 + 40 + 50 + 60 + 70)
    reports = [cache("shards", shard=(k, 4)) for k in range(4)]
    assert [report.num_built for report in reports] == [2, 2, 1, 1]
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    assert cache("shards").num_built == 0
    with pytest.raises(ValueError, match="--shard 4/4"):
        cache("shards", shard=(4, 4))


def test_a_killed_build_goes_on_without_repeating_what_is_finished(tmp_path):
    names, killed, whole = [*SUMS[:2], "sample_long"], tmp_path / "killed", tmp_path / "whole"
    code = (
        "from t5lite.data.stores import build\n"
        f"build.open_stores({names!r}, split='train', task_modules={MODULES!r},\n"
        f"                  cache_dir={str(killed)!r}, num_workers=1)\n"
    )
    environment_ = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SAMPLE_TASKS_KILL": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment_, check=False, cwd=tmp_path)
    assert done.returncode == -9
    assert [path for path in killed.rglob(".*.tmp-*/tokens.bin") if path.stat().st_size]
    finished = {path: path.stat() for path in killed.rglob("meta.json")}
    assert len(finished) == 2, "the store that was being written must not look whole"

    assert open_stores(names, killed)[2].num_examples == 3000
    assert not list(killed.rglob(".*.tmp-*"))
    for path, before in finished.items():
        now = path.stat()
        assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    open_stores(names, whole)
    assert contents(killed) == contents(whole)


def test_errors_name_the_task_and_keep_what_is_finished(tmp_path):
    with pytest.raises(ValueError, match=r"'sample_empty'.*gave no example in split 'train'"):
        open_stores([SUMS[0], "sample_empty"], tmp_path)
    assert len(list(tmp_path.rglob("meta.json"))) == 1


def test_a_worker_that_dies_is_explained(tmp_path):
    modules = tuple(map(KillsItsReader, MODULES))
    with pytest.raises(ValueError, match=r"worker process died.*--num_workers"):
        open_stores([SUMS[0], "sample_long"], tmp_path, num_workers=2, task_modules=modules)


def test_a_missing_split_lists_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"'sample_long' has no split 'test'; it has train"):
        open_stores(["sample_long"], tmp_path, split="test")


def test_a_damaged_store_says_what_to_do(tmp_path):
    open_stores(SUMS[:1], tmp_path)
    (file,) = tmp_path.rglob("tokens.bin")
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=f"{file}.*Delete {file.parent}"):
        open_stores(SUMS[:1], tmp_path)


def test_tasks_with_other_vocabularies_do_not_mix(own_tasks, tmp_path):
    import seqio

    other = seqio.Feature(seqio.ByteVocabulary(5))
    task = seqio.TaskRegistry.get(SUMS[0])
    changed = task.replace(name="test_other", output_features={"inputs": other, "targets": other})
    seqio.TaskRegistry.add_provider("test_other", changed)
    with pytest.raises(ValueError, match=r"'sample_sum_1' and 'test_other' cannot be mixed"):
        open_stores([SUMS[1], "test_other"], tmp_path)


def test_lengths_matter_only_to_preprocessors_that_ask(own_tasks, tmp_path):
    import seqio

    task = seqio.TaskRegistry.get(SUMS[0])
    preprocessors = [seqio.preprocessors.tokenize, seqio.preprocessors.append_eos_after_trim]
    seqio.TaskRegistry.add_provider(
        "test_trim", task.replace(name="test_trim", preprocessors=preprocessors)
    )
    names = [SUMS[0], "test_trim"]
    plain, trimmed = open_stores(names, tmp_path, task_feature_lengths={"inputs": 10, "targets": 9})
    assert not plain.length_counts("inputs")[:11].any()
    assert trimmed.meta["max_lengths"]["inputs"] == 10
    assert trimmed.example(0)["inputs"][-1] == 1
    open_stores(names, tmp_path, task_feature_lengths={"inputs": 11, "targets": 9})
    assert len(list((tmp_path / SUMS[0]).glob("train-*"))) == 1
    assert len(list((tmp_path / "test_trim").glob("train-*"))) == 2
    report = build.truncation_report([plain, trimmed], {"inputs": 10, "targets": 9})
    assert "sample_sum_0: 100% of examples, inputs up to" in report
    assert "test_trim: 100% of examples, inputs up to 10 tokens, cut to 10" in report


def test_truncation_is_reported_from_a_share_on(tmp_path):
    (store,) = open_stores(["sample_long"], tmp_path)
    # Lengths of targets are i % 7 and the end of sequence: 3 in 7 are over 4.
    lengths = {"inputs": 100, "targets": 4}
    report = build.truncation_report([store], lengths, threshold=0.4)
    assert "sample_long: 43% of examples, targets up to 7 tokens, cut to 4" in report
    assert "1 of 1 tasks" in report and "40%" in report
    assert build.truncation_report([store] * 25, lengths, threshold=0.4).count("\n") == 21
    assert build.truncation_report([store] * 25, lengths, threshold=0.4).endswith("  and 5 more")
    assert build.truncation_report([store], lengths, threshold=0.5) == ""
    assert build.truncation_report([store], {"inputs": 100, "targets": 7}) == ""
    with pytest.raises(ValueError, match=r"TASK_FEATURE_LENGTHS.*'targets'.*it has inputs"):
        build.truncation_report([store], {"inputs": 100})


def test_progress_is_shown_on_stderr(tmp_path, capfd):
    open_stores(SUMS[:2], tmp_path, progress=True)
    shown = capfd.readouterr()
    assert "2 of 2" in shown.err and "examples/s" in shown.err and shown.out == ""


def test_stores_say_what_they_were_made_of(tmp_path):
    (store,) = open_stores(SUMS[:1], tmp_path)
    meta = TokenStore.open(store.path).meta
    assert meta["split"] == "train" and meta["task"] == SUMS[0]
    vocabulary = {"kind": "bytes", "extra_ids": 0}
    assert meta["vocabularies"] == {"inputs": vocabulary, "targets": vocabulary}
    assert len(meta["fingerprint"]) == 64 and store.path.name.endswith(meta["fingerprint"][:16])


@pytest.fixture
def drawing_task(own_tasks):
    """A Task of ten examples whose preprocessor draws random numbers, and one that does not."""
    seqio = pytest.importorskip("seqio")
    import tensorflow as tf

    def numbers(split, shuffle_files):
        texts = tf.data.Dataset.range(10).map(tf.strings.as_string)
        return texts.map(lambda text: {"inputs": text, "targets": text})

    @seqio.map_over_dataset(num_seeds=1)
    def draw(example, seed):
        drawn = tf.random.stateless_uniform([], seed, maxval=10**9, dtype=tf.int32)
        return {**example, "targets": tf.strings.as_string(drawn)}

    for name, steps in (("test_draws", [draw]), ("test_repeats", [])):
        seqio.TaskRegistry.add(
            name,
            source=seqio.FunctionDataSource(numbers, splits=["train"]),
            preprocessors=[*steps, seqio.preprocessors.tokenize],
            output_features=seqio_adapter.output_features(),
        )
    seqio.MixtureRegistry.add("test_both", ["test_draws", "test_repeats"], default_rate=1)
    return "test_both"


def test_passes_of_what_draws_random_numbers_are_stored_beside_the_first(drawing_task, tmp_path):
    settings = {"split": "train", "cache_dir": tmp_path, "num_workers": 1, "progress": False}
    once = build.cache(drawing_task, **settings)
    assert (once.num_tasks, once.num_built, once.num_examples_built) == (2, 2, 20)
    (note,) = once.notes
    assert "1 task(s) give other examples each time" in note and "--store_epochs=N" in note
    assert "test_draws: its preprocessors draw random numbers" in note
    first = contents(tmp_path)
    thrice = build.cache(drawing_task, store_epochs=3, **settings)
    assert (thrice.num_built, thrice.num_examples_built) == (2, 20)
    assert "3 passes with other seeds are stored" in thrice.notes[0]
    assert first.items() < contents(tmp_path).items()  # Nothing of the first pass has changed.

    stores = build.open_stores(["test_draws", "test_repeats"], **settings)
    later = build.open_later_passes(stores, store_epochs=3, **settings)
    assert [len(passes) for passes in later] == [2, 0]
    assert [store.varying_parts for store in stores] == [("preprocessors",), ()]
    passes = [
        [store.example(index)["targets"].tolist() for index in range(10)]
        for store in (stores[0], *later[0])
    ]
    assert passes[0] != passes[1] != passes[2] != passes[0]


def test_a_store_takes_the_first_examples_where_it_is_limited(tmp_path):
    everything, some = open_stores(SUMS[:2], tmp_path), {SUMS[1]: 3}
    limited = open_stores(SUMS[:2], tmp_path, max_store_examples=some)
    assert [store.num_examples for store in limited] == [everything[0].num_examples, 3]
    assert limited[0].path == everything[0].path and limited[1].path != everything[1].path
    for index in range(3):
        assert limited[1].example(index)["inputs"].tolist() == (
            everything[1].example(index)["inputs"].tolist()
        )
    for wrong, message in (
        ({"store_epochs": 0}, "store_epochs must be an integer from 1 to 10000, got 0"),
        ({"max_store_examples": 0}, "--max_store_examples.* of 1 or more .*got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            build.cache(SUMS[1], split="train", task_modules=MODULES, **wrong)
    with pytest.raises(ValueError, match=r"names 'sample_smu_1'.*Did you mean 'sample_sum_1'"):
        build.cache(
            SUMS[1],
            split="train",
            cache_dir=tmp_path,
            task_modules=MODULES,
            max_store_examples={"sample_smu_1": 3},
        )
