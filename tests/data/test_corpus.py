"""Random access to the examples of several stores."""

import numpy as np
import pytest

from tests.data.fakes import MemoryStore, make_corpus, random_examples

LENGTHS = {"inputs": 12, "targets": 5}


def test_tokens_and_lengths_are_those_of_the_examples_without_ends_cut():
    examples = [random_examples(size, seed=size) for size in (3, 1, 40)]
    stores = [MemoryStore(e, dtype=d) for e, d in zip(examples, ("<u2", "<i4", "<u2"), strict=True)]
    corpus = make_corpus(stores, LENGTHS)
    everything = np.arange(44)
    task, example = corpus.locate(everything)
    assert task.tolist() == [0] * 3 + [1] + [2] * 40
    np.testing.assert_array_equal(corpus.index(task, example), everything)

    asked = np.random.default_rng(0).permutation(everything)
    wanted = [[examples[t][i] for t, i in zip(task, example, strict=True)][k] for k in asked]
    for column, (name, length) in enumerate(LENGTHS.items()):
        cut = [e[name][:-1][:length] for e in wanted]
        np.testing.assert_array_equal(corpus.lengths(asked)[:, column], [len(c) for c in cut])
        tokens = corpus.tokens(asked)[column]
        assert tokens.dtype == np.int32
        np.testing.assert_array_equal(tokens, np.concatenate(cut))
    assert corpus.has_tokens
    assert [part.shape for part in corpus.tokens(asked[:0])] == [(0,), (0,)]


def test_stores_may_hold_more_features_in_another_order():
    store = MemoryStore(
        [{"a": [7], "targets": [3, 4], "inputs": [5]}] * 2, features=("a", "targets", "inputs")
    )
    corpus = make_corpus([store], LENGTHS)
    assert [part.tolist() for part in corpus.tokens(np.array([1]))] == [[5], [3, 4]]


def test_an_end_is_taken_off_once_and_only_where_it_stands():
    examples = [
        {"inputs": [1, 7, 1, 1], "targets": []},
        {"inputs": [], "targets": [1]},
        {"inputs": [5, 6], "targets": [2] * 4 + [1, 3]},
    ]
    corpus = make_corpus([MemoryStore(examples)], LENGTHS)
    inputs, targets = corpus.tokens(np.arange(3))
    assert inputs.tolist() == [1, 7, 1, 5, 6]
    # The end token that a cut lays bare is no end.
    assert targets.tolist() == [2, 2, 2, 2, 1]
    assert corpus.lengths(np.arange(3)).tolist() == [[3, 0], [0, 0], [2, 5]]


def test_tasks_are_asked_for_their_ends():
    texts = [[{"inputs": [], "targets": [1]}, {"inputs": [5, 1], "targets": [4, 1]}]]
    texts += [[{"inputs": [5], "targets": [4, 1]}], [{"inputs": [], "targets": [4]}], []]
    corpus = make_corpus([MemoryStore(examples) for examples in texts], LENGTHS)
    assert corpus.ended_tasks("inputs") == {"task0": True, "task1": False}
    assert corpus.ended_tasks("targets") == {"task0": True, "task1": True, "task2": False}


def test_lengths_beyond_two_bytes():
    store = MemoryStore([{"inputs": np.ones(70_000), "targets": [1]}])
    corpus = make_corpus([store], {"inputs": 100_000, "targets": 5})
    assert corpus.lengths(np.array([0])).tolist() == [[69_999, 0]]


def test_a_missing_feature_is_named():
    store = MemoryStore([{"targets": [1]}], features=("targets",))
    with pytest.raises(ValueError, match=r"task0.*targets.*inputs"):
        make_corpus([store], LENGTHS)


def test_tasks_without_any_token_are_reported():
    store = MemoryStore([{"inputs": [], "targets": []}] * 3)
    assert not make_corpus([store, store], LENGTHS).has_tokens


def test_damaged_offsets_are_found_when_they_are_read():
    good, damaged = MemoryStore(random_examples(9)), MemoryStore(random_examples(9))
    damaged.offsets[7] = 0
    corpus = make_corpus([good, damaged], LENGTHS)
    assert len(corpus.lengths(np.arange(9))) == 9
    with pytest.raises(ValueError, match=r"'task1' is damaged"):
        corpus.lengths(np.arange(18))


def test_shares_of_lengths_are_those_of_all_examples_cut():
    stores = [MemoryStore(random_examples(size, seed=size)) for size in (7, 50)]
    corpus = make_corpus(stores, {"inputs": 20, "targets": 40})
    found = corpus.mean_length_shares(np.array([0.25, 0.75]))
    counts = [corpus.count_lengths(i) for i in (np.arange(7), np.arange(7, 57))]
    np.testing.assert_allclose(found, counts[0] * 0.25 / 7 + counts[1] * 0.75 / 50)
