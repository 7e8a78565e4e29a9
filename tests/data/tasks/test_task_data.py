"""Mixtures of which some tasks lack data: stopped, or left out where allowed, down to the run."""

import json
import textwrap

import pytest

from t5lite.data import pipeline
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.stores import build
from t5lite.data.tasks import data_status, seqio_adapter, task_data
from t5lite.data.tasks.data_status import DataStatus

_MODULE = """
import pathlib

import seqio
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from tasks.python_tasks import Example, add_python_task


class Reader:
    def __init__(self, name):
        self.name = name

    def __call__(self, split):
        text = (environment.data_dir() / self.name).read_text()
        return [Example(str(i), line, line, (line,)) for i, line in enumerate(text.splitlines())]

    def data_status(self):
        path = environment.data_dir() / self.name
        state, why = ("present", "") if path.exists() else ("missing", "no file")
        return DataStatus(f"{prefix}_{{self.name}}", "fruit", state, str(path), why)


def data_status(*, verify=False):
    return [Reader(name).data_status() for name in ("apple", "pear", "plum")]


for name in ("apple", "pear", "plum"):
    add_python_task(f"{prefix}_{{name}}", Reader(name), splits=("train",), metrics=())
seqio.MixtureRegistry.add("{prefix}_round", [("{prefix}_apple", 3.0), ("{prefix}_plum", 1.0)])
seqio.MixtureRegistry.add("{prefix}", [("{prefix}_round", 8.0), ("{prefix}_pear", 2.0)])
"""


@pytest.fixture
def fruit(tmp_path, monkeypatch, request):
    """Registers a mixture whose plum has no data; gives (its name, its module)."""
    prefix = f"fruit{abs(hash(request.node.name)) % 10**8}"
    (tmp_path / f"{prefix}_module.py").write_text(_MODULE.format(prefix=prefix))
    for name in ("apple", "pear"):
        lines = "".join(f"{name} number {i}\n" for i in range(20))
        (tmp_path / name).write_text(lines)
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    seqio_adapter.import_tasks([f"{prefix}_module"])
    return prefix, f"{prefix}_module"


def make_config(fruit, tmp_path, **settings):
    name, module = fruit
    return DataConfig(
        mixture_or_task_name=name,
        task_modules=(module,),
        task_feature_lengths={"inputs": 32, "targets": 32},
        batch_size=2,
        cache_dir=str(tmp_path / "cache"),
        num_build_workers=1,
        prefetch_batches=0,
        **settings,
    )


def rates(data):
    return dict(zip([n.partition("_")[2] for n in data.task_names], data.rates, strict=True))


def test_a_run_with_missing_data_stops_with_the_table(fruit, tmp_path):
    with pytest.raises(ValueError, match="1 of the tasks of") as error:
        open_train_data(make_config(fruit, tmp_path))
    assert "fruit           3        2        1       0" in str(error.value)
    assert "plum: missing, no file" in str(error.value)
    assert "ALLOW_MISSING_TASKS" in str(error.value)


def test_it_goes_on_when_told_and_says_so(fruit, tmp_path):
    data = open_train_data(make_config(fruit, tmp_path, allow_missing_tasks=True))
    # Apple has all of the round ones' share now.
    assert rates(data) == pytest.approx({"apple": 0.8, "pear": 0.2})
    assert [status.task for status in data.missing] == [f"{fruit[0]}_plum"]
    assert "left out for want of data" in data.describe()
    path = tmp_path / "missing_tasks.json"
    task_data.write_missing(path, data.missing)
    record = json.loads(path.read_text())
    assert record["tally"] == {"fruit": {"present": 0, "missing": 1, "broken": 0}}
    assert record["tasks"][f"{fruit[0]}_plum"]["why"] == "no file"


def test_with_all_data_nothing_is_left_out(fruit, tmp_path):
    (tmp_path / "plum").write_text("plum\n")
    data = open_train_data(make_config(fruit, tmp_path))
    assert rates(data) == pytest.approx({"apple": 0.6, "plum": 0.2, "pear": 0.2})
    assert data.missing == ()


def test_sub_mixtures_can_be_given_rates_of_their_own(fruit, tmp_path):
    (tmp_path / "plum").write_text("plum\n")
    given = {f"{fruit[0]}_round": 2.0}
    data = open_train_data(make_config(fruit, tmp_path, mixture_rates=given))
    assert rates(data) == pytest.approx({"apple": 0.375, "plum": 0.125, "pear": 0.5})
    data = open_train_data(make_config(fruit, tmp_path, mixture_rates={f"{fruit[0]}_round": 0.0}))
    assert rates(data) == pytest.approx({"apple": 0, "plum": 0, "pear": 1})
    with pytest.raises(ValueError, match=r"no task or sub-mixture of .*Did you mean"):
        config = make_config(fruit, tmp_path, mixture_rates={f"{fruit[0]}_rond": 1.0})
        open_train_data(config)
    with pytest.raises(ValueError, match="Give one or the other"):
        open_train_data(make_config(fruit, tmp_path, mixture_rates=given, rate_maximum=10.0))


def test_building_ahead_takes_the_same_choice(fruit, tmp_path):
    settings = {"split": "train", "cache_dir": tmp_path / "cache", "progress": False}
    with pytest.raises(ValueError, match="--allow_missing_tasks"):
        build.cache(fruit[0], **settings)
    report = build.cache(fruit[0], **settings, allow_missing=True, num_workers=1)
    assert (report.num_tasks, report.num_built) == (2, 2)
    assert "fruit" in report.notes[0]


def test_modules_are_asked_for_their_data(fruit):
    found = task_data.module_statuses([fruit[1]])
    assert [status.state for status in found] == ["present", "present", "missing"]
    with pytest.raises(ValueError, match=r"no task module says .*found: json"):
        task_data.module_statuses(["json"])


def test_sources_that_cannot_tell_are_taken_to_be_there():
    seqio_adapter.import_tasks(["tasks.mini"])
    names = seqio_adapter.resolve("mini").task_names
    assert task_data.present_tasks("mini", names, allow_missing=False) == (list(names), [])


def test_the_table_counts_by_collection():
    statuses = [
        DataStatus("a", "one", "present", "/a"),
        DataStatus("b", "one", "broken", "/b", "empty"),
        DataStatus("c", "two", "missing", "/", "c.txt"),
    ]
    expected = """\
        collection  tasks  present  missing  broken
        ----------  -----  -------  -------  ------
        one             2        1        0       1
        two             1        0        1       0
        total           3        1        1       1"""
    assert data_status.table(statuses) == textwrap.dedent(expected)
    assert pipeline.table is data_status.table
