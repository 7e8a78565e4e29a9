"""The audit: counts exact, kept through resuming, tested against what is expected."""

import dataclasses
import itertools
import json
import pathlib
import shutil

import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import TrainData, open_train_data
from t5lite.data.tasks.labels import Label
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.reports.audit import Comparison, audit, read_audit
from t5lite.training.draws import SampleCounts, write_expected
from tests.data.fakes import MemoryStore
from tests.toy_run import LENGTHS, data_config

TOKENS = {"inputs": [104], "targets": [5, 1]}
RATES = {"toy_copy": 1 / 3.5, "toy_first": 2 / 3.5, "toy_longer": 0.5 / 3.5}


def draw(folder, config, *, steps=None):
    """What `train` keeps of a run's draws, without the training; goes on where the folder stopped.

    tests/test_resume.py audits runs of `train` itself.
    """
    checkpointer = Checkpointer(folder)
    state, draws, step = None, SampleCounts(), 0
    if (last := checkpointer.latest_step()) is not None:
        saved = checkpointer.restore_data(last)
        state, draws, step = saved["data"], SampleCounts.from_json(saved["draws"]), last
    with open_train_data(config, state=state) as data:
        write_expected(folder, data)
        for batch in itertools.islice(data, steps):
            draws = draws.plus(batch.stats)
            state, step = batch.state, step + 1
    examples = sum(draws.to_json()["by_task"])
    saved = {"data": state, "progress": {"examples": examples}, "draws": draws.to_json()}
    checkpointer.save(step, {"x": np.zeros(2)}, data_state=saved, config="", metrics={})
    checkpointer.close()


@pytest.fixture(scope="module")
def model_dir(cache_dir, tmp_path_factory) -> pathlib.Path:
    """A folder of 14 steps, stopped and resumed at 5."""
    folder = tmp_path_factory.mktemp("model")
    for steps in (5, 9):
        draw(folder, data_config(str(cache_dir)), steps=steps)
    return folder


def counted_by_hand(cache_dir, steps):
    """Draws by task and tokens of each drawn feature, out of the rows themselves."""
    tasks, lengths = np.zeros(3, int), {"inputs": [], "targets": []}
    with open_train_data(data_config(str(cache_dir))) as data:
        for _, batch in zip(range(steps), data, strict=False):
            tasks += batch.stats.draws_by_task
            for feature, name in (("inputs", "encoder"), ("targets", "decoder")):
                for row in batch.features[f"{name}_segment_ids"]:
                    lengths[feature] += [int((row == s).sum()) for s in range(1, row.max() + 1)]
    return tasks, lengths


def test_counts_are_those_of_the_rows_trained_on_though_the_run_was_resumed(model_dir, cache_dir):
    tasks, lengths = counted_by_hand(cache_dir, steps=14)
    result = read_audit(model_dir)
    assert result.step == 14
    assert result.by_task.cells == tuple(RATES)
    assert result.by_task.drawn.tolist() == tasks.tolist()
    assert result.num_examples == tasks.sum() == len(lengths["inputs"])
    np.testing.assert_allclose(result.by_task.expected, np.array([*RATES.values()]) * tasks.sum())
    for comparison, feature in zip(result.by_length, LENGTHS, strict=True):
        width = result.mixture["lengths"][feature]["bin_width"]
        assert width == LENGTHS[feature] // 32 + 1
        expected = np.bincount(np.array(lengths[feature]) // width, minlength=32)
        assert comparison.drawn.tolist() == expected.tolist()


def test_lengths_asked_are_the_stores_lengths_at_their_rates(model_dir, cache_dir):
    with open_train_data(data_config(str(cache_dir))) as data:
        corpus = data._corpus
        shares = np.zeros((2, 32))
        for task, rate in enumerate(RATES.values()):
            for example in range(60):
                index = corpus.index(np.array([task]), np.array([example]))
                shares += corpus.count_lengths(index) * rate / 60
    mixture = json.loads((model_dir / "mixture.json").read_text())["lengths"]
    np.testing.assert_allclose([mixture[feature]["shares"] for feature in LENGTHS], shares)


def test_it_prints_and_plots(model_dir, capsys):
    result = audit(model_dir, num_shown=2)
    printed = capsys.readouterr().out
    assert f"{result.num_examples:,} draws of 3 tasks up to step 14" in printed
    assert "and 1 more, which are off by less" in printed
    assert "note" not in printed
    statistic, degrees, p = result.by_task.chi_square()
    assert degrees == 2 and p > 0.5, "the mixture keeps each task within one draw of its share"
    assert f"{statistic:,.2f}" in printed
    assert (model_dir / "audit.png").read_bytes().startswith(b"\x89PNG")


def test_tasks_are_grouped_by_their_prompt_setting(model_dir, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_dir, copy)
    mixture = json.loads((copy / "mixture.json").read_text())
    mixture["prompt_settings"] = ["zs", "fs", "zs"]
    (copy / "mixture.json").write_text(json.dumps(mixture))
    by_task, grouped = read_audit(copy).by_task, audit(copy).by_prompt_setting
    assert read_audit(model_dir).by_prompt_setting is None
    assert grouped.cells == ("fs", "zs")
    assert grouped.drawn.tolist() == [by_task.drawn[1], by_task.drawn[0] + by_task.drawn[2]]
    assert grouped.expected.sum() == pytest.approx(by_task.expected.sum())


def labelled_store(templates):
    """Examples of one input token, 100 more than the number of their template."""
    store = MemoryStore([{"inputs": [100 + w], "targets": [5, 1]} for w in templates])
    store.labels = tuple(Label(f"w/{w}", shots=w % 2) for w in range(4))
    store.label_counts = tuple(templates.count(w) for w in range(4))
    store.label_N = np.array(templates, np.uint32)
    return store


def test_draws_are_counted_by_template_and_shots(tmp_path):
    stores = [labelled_store([0, 1, 1, 2] * 9), labelled_store([3] * 5), MemoryStore([TOKENS] * 7)]
    config = DataConfig(
        mixture_or_task_name="labelled",
        task_feature_lengths={"inputs": 8, "targets": 8},
        batch_size=16,
    )
    names, drawn, draws = ["one", "two", "three"], np.zeros(5, int), SampleCounts()
    with TrainData(
        config, stores, task_names=names, rates=[2, 1, 1], vocabulary=ByteVocabulary()
    ) as data:
        write_expected(tmp_path, data)
        for batch in itertools.islice(data, 10):
            draws = draws.plus(batch.stats)
            tokens = batch.features["encoder_input_tokens"]
            drawn += [int((tokens == 100 + template).sum()) for template in range(5)]
    draws = SampleCounts.from_json(draws.to_json())  # as a run that is resumed
    saved = {"progress": {"examples": int(drawn.sum())}, "draws": draws.to_json()}
    checkpointer = Checkpointer(tmp_path)
    checkpointer.save(10, {"x": np.zeros(2)}, data_state=saved, config="", metrics={})
    checkpointer.close()

    template, shots = read_audit(tmp_path).by_label
    assert template.cells == ("not said", "w/0", "w/1", "w/2", "w/3") and shots.cells[:2] == (
        "0",
        "1",
    )
    assert template.drawn.tolist() == [drawn[4], *drawn[:4]]
    np.testing.assert_allclose(template.expected / drawn.sum(), [0.25, 0.125, 0.25, 0.125, 0.25])
    assert shots.drawn.tolist() == [drawn[0] + drawn[2], drawn[1] + drawn[3], drawn[4]]
    audit(tmp_path)


def compare(expected, drawn) -> Comparison:
    names = tuple(map(str, range(len(drawn))))
    return Comparison(
        title="cell", cells=names, expected=np.array(expected, float), drawn=np.array(drawn)
    )


@pytest.mark.parametrize(
    ("expected", "drawn", "statistic", "degrees", "p"),
    [
        # Two degrees: p is exp(-statistic / 2).
        ([10, 20, 30], [13, 20, 27], 1.2, 2, np.exp(-0.6)),
        # One degree: p is erfc(sqrt(statistic / 2)).
        ([50, 50], [40, 60], 4.0, 1, 0.04550026389635842),
        # 100 degrees at 124.342: the table's 5%.
        ([100.0] * 101, None, 124.342, 100, 0.05),
        # The last two expect under 5 and count as one.
        ([20, 3, 4], [20, 7, 0], 0.0, 1, 1.0),
        ([10, 0], [9, 1], np.inf, 1, 0.0),
        ([10], [10], 0.0, 0, 1.0),
    ],
)
def test_chi_square(expected, drawn, statistic, degrees, p):
    if drawn is None:  # one cell up, one down by so much as gives the statistic
        step = np.sqrt(statistic * 100 / 2)
        drawn = [100 + step, 100 - step, *[100] * 99]
    found = compare(expected, drawn).chi_square()
    assert found[:2] == (pytest.approx(statistic), degrees)
    assert found[2] == pytest.approx(p, rel=1e-3)


def test_the_p_value_of_random_draws_is_uniform():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(30) * 5)
    values = [
        compare(shares * 3000, rng.multinomial(3000, shares)).chi_square()[2] for _ in range(300)
    ]
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.array(values) < 0.1) == pytest.approx(0.1, abs=0.06)


def test_what_is_missing_is_reported(model_dir, cache_dir, tmp_path):
    with pytest.raises(ValueError, match=r"mixture\.json"):
        audit(tmp_path)
    shutil.copy(model_dir / "mixture.json", tmp_path)
    with pytest.raises(ValueError, match="no finished checkpoint"):
        audit(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(model_dir, other)
    mixture = json.loads((other / "mixture.json").read_text())
    (other / "mixture.json").write_text(json.dumps({**mixture, "tasks": ["a"]}))
    with pytest.raises(ValueError, match="no count of draws that fits"):
        audit(other)


def test_exhausted_tasks_are_noted(cache_dir, tmp_path, capsys):
    data = dataclasses.replace(data_config(str(cache_dir)), stop="drop_exhausted", num_epochs=1)
    draw(tmp_path, data)
    result = audit(tmp_path)
    assert result.by_task.drawn.tolist() == [60, 60, 60]
    assert "note: stop='drop_exhausted'" in capsys.readouterr().out
