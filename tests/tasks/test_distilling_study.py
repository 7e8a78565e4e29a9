"""The study of Distilling Step-by-Step: true records, nested shares, and tests held out."""

import itertools

import pytest

seqio = pytest.importorskip("seqio")

from benchmarks.distilling import design, registry, run  # noqa: E402
from benchmarks.study.list_tasks import KINDS  # noqa: E402

COUNTS = [round(share * design.EXAMPLES) for share in design.SHARES]


def inputs(records):
    return {record.input for record in records}


def test_a_rationale_names_the_words_of_the_kind():
    for record in registry.ListRecords(0, 120)("train"):
        kind, _, words = record.rationale.partition(": ")
        named = [] if words == "none" else words.split(", ")
        assert set(named) <= set(KINDS[kind]) and all(word in record.input for word in named)
        if record.label in ("yes", "no"):
            assert (record.label == "yes") == bool(named)
        else:
            assert len(named) == 2 and record.label not in KINDS[kind]


def test_shares_are_nested_and_what_is_evaluated_is_never_trained_on():
    sets = [inputs(registry.ListRecords(0, count)("train")) for count in COUNTS]
    assert all(a < b for a, b in itertools.pairwise(sets))
    other = inputs(registry.ListRecords(design.CHOOSING_SEED, COUNTS[-1])("train"))
    validation, test = (inputs(registry.ListRecords(0, 120)(s)) for s in ("validation", "test"))
    assert not (validation & test) and len(test) > len(validation) > 100
    assert not (validation | test) & (sets[-1] | other)


def test_every_arm_has_its_mixture_and_its_own_folder():
    arms = [
        design.Arm(method, share, seed, 1e-3)
        for method in design.METHODS
        for share in design.SHARES
        for seed in design.SEEDS
    ]
    assert len({arm.name for arm in arms}) == len(arms)
    for arm in arms:
        method = design.METHODS[arm.method]
        for suffix in (method.suffix, method.asked):
            seqio.get_mixture_or_task(f"{arm.records}{suffix}")


def test_the_table_has_means_over_seeds():
    arms = [
        {"method": method, "share": share, "seed": seed, "test": share / 2 + seed / 10}
        for method in design.METHODS
        for share in design.SHARES
        for seed in design.SEEDS
    ]
    rows = run.table(arms).split("\n")
    assert len(rows) == 2 + len(design.METHODS)
    assert "| 0.600 ± 0.100 |" in rows[2]
