"""Records of Tasks whose sources say nothing of them."""

import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.seqio_records import task_description, task_records


def test_prompts_and_targets_stand_for_records_that_a_source_does_not_tell():
    seqio_adapter.import_tasks(["tests.toy_tasks"])
    assert task_description("toy_first") == ""
    records = list(task_records("toy_first", "validation", max_records=3))
    assert len(records) == 3
    for record in records:
        assert record["inputs"] == f"first: {record['inputs'][7:]}"
        assert record["targets"] == record["inputs"][7]
    with pytest.raises(ValueError, match="no split 'test'"):
        next(task_records("toy_first", "test"))
