"""Examples counted by how their prompts were made, across stores with and without labels."""

import collections
import types

import numpy as np

from t5lite.data.tasks.labels import Label, LabelCounter, exemplar_report


def make_store(labels):
    counts = collections.Counter(labels)
    table = tuple(counts)
    return types.SimpleNamespace(
        num_examples=len(labels),
        labels=table,
        label_counts=tuple(counts.values()),
        label_N=np.array([table.index(label) for label in labels], np.uint32),
    )


def unlabelled(num_examples):
    return types.SimpleNamespace(
        num_examples=num_examples, labels=(), label_counts=(), label_N=np.zeros(0, np.uint32)
    )


STORES = (
    make_store([Label("nli/0", 2, "some fit"), Label("nli/1", 10, "all fit")] * 3),
    make_store([Label("nli/1", 0, "none fits"), Label("qa/0"), Label("qa/0"), Label("qa/1")]),
    unlabelled(5),
)


def test_examples_are_counted_by_template_and_by_shots():
    counter = LabelCounter(STORES)
    assert counter.cells == {
        "template": ("nli/0", "nli/1", "not said", "qa/0", "qa/1"),
        "shots": ("0", "2", "10", "not said"),
    }
    task_N, example_N = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 5, 0, 2, 4])
    counts = counter.count(task_N, example_N)
    assert counts["template"].tolist() == [1, 3, 1, 1, 0]
    assert counts["shots"].tolist() == [2, 1, 2, 1]


def test_shares_are_what_draws_at_the_rates_come_to():
    counter = LabelCounter(STORES)
    rates = np.array([0.5, 0.3, 0.2])
    expected = {kind: np.zeros(len(cells)) for kind, cells in counter.cells.items()}
    for task, store in enumerate(STORES):
        for example in range(store.num_examples):
            counts = counter.count(np.array([task]), np.array([example]))
            for kind, counts_C in counts.items():
                expected[kind] += counts_C * rates[task] / store.num_examples
    shares = counter.shares(rates)
    for kind, shares_C in shares.items():
        np.testing.assert_allclose(shares_C, expected[kind])
        np.testing.assert_allclose(shares_C.sum(), 1)


def test_without_labels_nothing_is_counted():
    counter = LabelCounter([unlabelled(3)])
    assert counter.cells == counter.shares(np.ones(1)) == {}
    assert counter.count(np.zeros(1, int), np.zeros(1, int)) == {}


def test_exemplars_are_reported_together():
    report = exemplar_report(STORES)
    assert report.startswith("few-shot examples: 7, which show 36 exemplars.")
    assert report.endswith("all fit: 3; none fits: 1; some fit: 3")
    assert exemplar_report([unlabelled(2), make_store([Label("qa/0")])]) == ""
