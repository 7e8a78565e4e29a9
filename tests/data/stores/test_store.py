import collections
import json
import resource
import subprocess
import sys

import numpy as np
import pytest

from t5lite.data.stores.store import (
    TokenStore,
    TokenStoreWriter,
    is_finished,
    reserve_file_descriptors,
    store_lock,
)
from t5lite.data.tasks.labels import Label


def writer(path, **kwargs):
    arguments = {
        "task": "a_task",
        "split": "train",
        "fingerprint": "f" * 64,
        "features": ("inputs", "targets"),
        "vocab_size": 1000,
    }
    return TokenStoreWriter(path, **{**arguments, **kwargs})


def random_examples(count=2500, vocab_size=1000):
    rng = np.random.default_rng(0)
    return [
        {name: rng.integers(0, vocab_size, rng.integers(0, 9)) for name in ("inputs", "targets")}
        for _ in range(count)
    ]


def write(path, examples, **kwargs):
    with writer(path, **kwargs) as opened:
        for example in examples:
            opened.append(example)


@pytest.mark.parametrize(("vocab_size", "dtype"), [(1 << 16, np.uint16), (1 << 17, np.int32)])
def test_what_is_written_is_read(tmp_path, vocab_size, dtype):
    examples = random_examples(vocab_size=vocab_size)
    write(tmp_path / "s", examples, vocab_size=vocab_size, extra_meta={"more": 1})
    store = TokenStore.open(tmp_path / "s")
    assert store.features == ("inputs", "targets") and store.num_examples == len(examples)
    assert store.tokens.dtype == dtype and store.offsets.dtype == np.int64
    assert len(store.offsets) == 2 * len(examples) + 1 and store.meta["more"] == 1
    for i, example in enumerate(examples):
        read = store.example(i)
        assert all(np.array_equal(read[name], example[name]) for name in store.features)
    for name in store.features:
        expected = [len(example[name]) for example in examples]
        np.testing.assert_array_equal(store.length_counts(name), np.bincount(expected))
        assert store.meta["total_lengths"][name] == sum(expected)
        assert store.meta["max_lengths"][name] == max(expected)
    for index in (-1, len(examples)):
        with pytest.raises(IndexError):
            store.example(index)


def test_labels_are_kept_as_a_table_and_a_place_an_example(tmp_path):
    labels = [Label("a/1"), Label("b/2", 3, "all fit"), Label("a/1", 2)]
    chosen = [labels[i % 3 % 2 + i % 2] for i in range(2500)]
    with writer(tmp_path / "s") as opened:
        for example, label in zip(random_examples(), chosen, strict=True):
            opened.append(example, label)
    store = TokenStore.open(tmp_path / "s")
    assert [store.labels[place] for place in store.label_N] == chosen
    assert dict(zip(store.labels, store.label_counts, strict=True)) == collections.Counter(chosen)
    assert store.length_counts("targets").sum() == 2500
    write(tmp_path / "plain", random_examples(3))
    plain = TokenStore.open(tmp_path / "plain")
    assert plain.labels == plain.label_counts == () and len(plain.label_N) == 0


def test_one_example_without_tokens(tmp_path):
    write(tmp_path / "s", [{"inputs": [], "targets": []}])
    assert TokenStore.open(tmp_path / "s").length_counts("targets").tolist() == [1]


def test_no_examples_name_the_task(tmp_path):
    with pytest.raises(ValueError, match=r"'a_task' gave no example in split 'train'"):
        write(tmp_path / "s", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("token", [-1, 1000, 70000])
def test_ids_outside_the_vocabulary_name_the_task(tmp_path, token):
    with pytest.raises(ValueError, match=r"'a_task'.*vocabulary of 1000"):
        write(tmp_path / "s", [{"inputs": [1, token], "targets": [1]}])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), writer(tmp_path / "s") as opened:
        opened.append({"inputs": [1], "targets": [2]})
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.data.stores.test_store import writer, random_examples
from t5lite.data.stores.store import store_lock
with store_lock({path!r}), writer({path!r}) as opened:
    for example in random_examples():
        opened.append(example)
    {last}
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("last", ["opened._file.flush()", "opened._finish()"])
def test_a_killed_writer_leaves_nothing_that_looks_whole(tmp_path, request, last):
    path = tmp_path / "s"
    code = KILLED.format(root=str(request.config.rootpath), path=str(path), last=last)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert list(tmp_path.glob(".s.tmp-*")), "it died before it wrote anything"
    assert not is_finished(path)
    with pytest.raises(ValueError, match="No token store"):
        TokenStore.open(path)
    with store_lock(path):
        write(path, random_examples())
    assert TokenStore.open(path).num_examples == 2500
    assert not list(tmp_path.glob(".s.tmp-*"))


RACING = """
import sys, pathlib
sys.path.insert(0, {root!r})
from tests.data.stores.test_store import write, random_examples
from t5lite.data.stores.store import TokenStore, is_finished, store_lock
for i in range(20):
    path = {path!r} + str(i)
    with store_lock(path):
        if not is_finished(path):
            write(path, random_examples(20))
            print(i)
    assert TokenStore.open(path).num_examples == 20
"""


def test_concurrent_builders_build_each_store_once(tmp_path, request):
    code = RACING.format(root=str(request.config.rootpath), path=str(tmp_path / "s"))
    racers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    built = "".join(racer.communicate()[0] for racer in racers).split()
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert sorted(map(int, built)) == list(range(20))


def test_truncated_tokens(tmp_path):
    write(tmp_path / "s", random_examples(50))
    file = tmp_path / "s" / "tokens.bin"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"tokens\.bin: \d+ bytes, expected \d+\. Delete"):
        TokenStore.open(tmp_path / "s")
    file.unlink()
    with pytest.raises(ValueError, match=r"tokens\.bin: No such file.*Delete"):
        TokenStore.open(tmp_path / "s")


def test_overwritten_offsets(tmp_path):
    write(tmp_path / "s", random_examples(50))
    file = tmp_path / "s" / "tokens.bin"
    whole = file.read_bytes()
    store = TokenStore.open(tmp_path / "s")
    num_counts = sum(len(store.length_counts(name)) for name in store.features)
    last_offset = len(whole) - 8 * num_counts - 8
    file.write_bytes(whole[:last_offset] + b"\1" * 8 + whole[last_offset + 8 :])
    with pytest.raises(ValueError, match="do not span"):
        TokenStore.open(tmp_path / "s")
    file.write_bytes(whole[:-8] + b"\1" * 8)
    store = TokenStore.open(tmp_path / "s")
    with pytest.raises(ValueError, match=r"wrong lengths of 'targets'.*Delete"):
        store.length_counts("targets")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda meta: {**meta, "format_version": 99}, "format version 99"),
        (lambda meta: {k: v for k, v in meta.items() if k != "num_tokens"}, "num_tokens"),
        (lambda meta: {**meta, "dtype": "no such type"}, "no such type"),
        (lambda meta: [meta], "expected a JSON object"),
    ],
)
def test_damaged_meta(tmp_path, change, message):
    write(tmp_path / "s", random_examples(5))
    file = tmp_path / "s" / "meta.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ValueError, match=rf"meta\.json.*{message}.*Delete"):
        TokenStore.open(tmp_path / "s")
    file.write_text('{"format_version": 1')
    with pytest.raises(ValueError, match=r"meta\.json.*Delete"):
        TokenStore.open(tmp_path / "s")


def test_many_stores_open_together(tmp_path):
    for i in range(300):
        write(tmp_path / str(i), random_examples(2))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        reserve_file_descriptors(300)
        stores = [TokenStore.open(tmp_path / str(i)) for i in range(300)]
        assert sum(store.num_examples for store in stores) == 600
        if hard != resource.RLIM_INFINITY:
            with pytest.raises(ValueError, match="ulimit -Hn"):
                reserve_file_descriptors(hard)
    finally:
        del stores
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_any_bit_that_flips_is_found(tmp_path):
    path = tmp_path / "s"
    write(path, random_examples(50))
    rng = np.random.default_rng(0)
    for name in ("tokens.bin", "meta.json", "hashes.json"):
        content = (path / name).read_bytes()
        for place in rng.integers(0, 8 * len(content), 20):
            flipped = bytearray(content)
            flipped[place // 8] ^= 1 << int(place % 8)
            (path / name).write_bytes(flipped)
            with pytest.raises(ValueError, match=f"Delete .*{path}|No token store"):
                TokenStore.open(path).check_tokens()
        (path / name).write_bytes(content)
    TokenStore.open(path).check_tokens()
    (path / "hashes.json").unlink()  # A store of before there were any.
    TokenStore.open(path).check_tokens()
