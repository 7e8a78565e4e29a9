"""docs/from_t5x.md, "Task modules": the module that is shown, beside seqio's own answers."""

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.task_metrics import Answers
from tests.docs.pages import DOCS, blocks

seqio = pytest.importorskip("seqio")

PAGE = DOCS / "from_t5x.md"
(MODULE,) = blocks(PAGE, "python")
LENGTHS = {"inputs": 12, "targets": 8}


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quiz_module")
    (folder / "quiz").mkdir()
    rows = ["Is a whale a fish?\tNo\tsea", "How many legs has a spider?\tEight\tland"]
    for name in ("train", "dev"):
        (folder / "quiz" / f"{name}.tsv").write_text("\n".join(rows))
    (folder / "quiz" / "corpus.txt").write_text("a line of a corpus\nanother\nx")
    (folder / "quiz_tasks.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        seqio_adapter.import_tasks(["quiz_tasks"])
        yield


@pytest.mark.parametrize("name", ["quiz", "quiz_corpus"])
def test_examples_are_those_of_seqios_converter(name):
    dataset = seqio.get_mixture_or_task(name).get_dataset(LENGTHS, "train", shuffle=False)
    theirs = seqio.EncDecFeatureConverter(pack=False)(dataset, LENGTHS).as_numpy_iterator()
    ours = seqio_adapter.iterate_examples(name, "train", task_feature_lengths=LENGTHS)
    for mine, other in zip(ours, theirs, strict=True):
        for feature, of_theirs in (
            ("inputs", "encoder_input_tokens"),
            ("targets", "decoder_target_tokens"),
        ):
            length = len(mine[feature])
            np.testing.assert_array_equal(mine[feature], other[of_theirs][:length])
            assert not other[of_theirs][length:].any()
        assert (mine["inputs"][-1] == 1) == (name == "quiz")


def test_metrics_and_splits(caplog):
    (task,) = seqio_adapter.load_eval_tasks(
        "quiz", split="validation", task_feature_lengths=LENGTHS
    )
    assert task.split == "validate" and "its split 'validate' is taken" in caplog.text
    encode = task.vocabulary.encode
    measured = task.measure(
        Answers(tokens=[[*encode("no"), 1], encode("six")], scores=[-3, -1], target_scores=[-1, -2])
    )
    assert measured.values == {"sea": 1, "land": 0, "mean_score": -1.5, "highest_score": -1}
    (name,) = measured.not_run
    assert name == "needs_more" and "a_library_that_is_not_here" in measured.not_run[name]
    with pytest.raises(ValueError, match=r"'quiz_corpus' has no split 'test'; it has train"):
        seqio_adapter.load_eval_tasks("quiz_corpus", split="test", task_feature_lengths=LENGTHS)


def test_a_mixture_of_targets_alone_keeps_what_is_made_of_them():
    mixture = seqio.MixtureRegistry.add("quiz_mixture", ["quiz_corpus"], default_rate=1.0)
    try:
        assert list(mixture.get_dataset(LENGTHS, "train").element_spec) == ["targets"]
        (name,) = seqio_adapter.resolve("quiz_mixture").task_names
        stored = seqio_adapter.stored_features(name, "train", task_feature_lengths=LENGTHS)
        assert list(stored) == ["inputs", "targets"]
    finally:
        seqio.MixtureRegistry.remove("quiz_mixture")
