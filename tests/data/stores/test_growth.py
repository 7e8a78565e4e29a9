"""Who watches a store being built sees it grow, and reads a warning where it may have no end."""

import types

import pytest

from t5lite.data.stores import growth
from t5lite.data.stores.plan import StoreJob


@pytest.fixture
def reports(monkeypatch):
    """Gives what is reported of a store that gets 100 examples each half second."""

    def watch(*, seconds, declared=None, is_suspect=True, max_examples=None):
        tasks = types.SimpleNamespace(
            declared_examples=lambda task, split: declared, may_be_endless=lambda task: is_suspect
        )
        monkeypatch.setattr(growth, "seqio_adapter", tasks)
        job = StoreJob("stream", "train", "path", "hash", None, (), max_examples=max_examples)
        now, found = 0.0, []
        reporter = growth.GrowthReporter(job, found.append, clock=lambda: now)
        for half_second in range(2 * seconds):
            now = 0.5 * half_second
            reporter.count(100 * half_second)
        return found

    return watch


def test_growth_is_reported_by_name_and_beside_what_is_declared(reports):
    assert [str(found) for found in reports(seconds=3)] == [
        "stream: 200 examples so far",
        "stream: 400 examples so far",
    ]
    (found,) = reports(seconds=2, declared=3000)
    assert str(found) == "stream: 200 examples so far (declared: 3,000)"


def test_what_may_have_no_end_is_warned_of_once_with_the_remedy(reports):
    warnings = [found.warning for found in reports(seconds=20)]
    assert sum(map(bool, warnings)) == 1
    assert "stream: 1,000 examples so far, and it does not declare how many" in warnings[4]
    assert "--max_store_examples=stream=100000" in warnings[4]
    beyond = [found.warning for found in reports(seconds=20, declared=300, is_suspect=False)]
    assert sum(map(bool, beyond)) == 1 and "and it declares 300" in "".join(beyond)


def test_no_warning_of_what_ends(reports):
    assert not any(found.warning for found in reports(seconds=20, is_suspect=False))
    assert not any(found.warning for found in reports(seconds=20, declared=10_000))
    assert not any(found.warning for found in reports(seconds=20, max_examples=10_000))
