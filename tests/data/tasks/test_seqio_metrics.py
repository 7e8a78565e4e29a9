"""Metrics of every kind of seqio's, beside its own Evaluator."""

import functools

import flax
import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.task_metrics import Answers, function_metric
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary

seqio = pytest.importorskip("seqio")
metrics = seqio.metrics

LENGTHS = {"inputs": 8, "targets": 8}
TARGETS = ["abc", "de", "f"]
ANSWERS = ["abc", "d", "ff"]
SCORES = [-1.0, -3.0, -0.5]
TARGET_SCORES = [-2.0, -4.0, -8.0]


def exact_match(targets, predictions):
    return {"exact": sum(t == p for t, p in zip(targets, predictions, strict=True))}


def likelihood(targets, scores):
    return {"likelihood": float(np.sum(scores)), "texts": len("".join(targets))}


def sure_and_right(targets, predictions, aux_values):
    sure = aux_values["scores"] > -2
    return {"sure": float(np.sum(sure & (np.array(targets) == np.array(predictions))))}


def longest(targets, predictions, *, scale=1):
    return {"longest": scale * max(map(len, predictions))}


@flax.struct.dataclass
class FirstTokens(metrics.Metric):
    """Judges ids, and gives what is no dictionary of scalars alone."""

    right: int = 0
    model_output_type: metrics.ModelOutputType = metrics.ModelOutputType.PREDICTION

    @classmethod
    def from_model_output(
        cls, inputs, model_output, features, target_field_name="targets", mask=None, indices_2d=None
    ):
        assert isinstance(features[target_field_name].vocabulary, seqio.ByteVocabulary)
        right = [
            e["targets"][0] == row[0] and e["weight"] > 0
            for e, row in zip(inputs, model_output, strict=True)
        ]
        return cls(right=int(sum(right)))

    def compute(self):
        return {"first_tokens": metrics.Scalar(self.right), "note": metrics.Text("x")}


@flax.struct.dataclass
class TotalScore(FirstTokens):
    model_output_type: metrics.ModelOutputType = metrics.ModelOutputType.SCORE

    @classmethod
    def from_model_output(cls, inputs, model_output, features, *args):
        return cls(right=model_output.sum())

    def compute(self):
        return {"total_score": self.right}


@flax.struct.dataclass
class Inside(TotalScore):
    model_output_type: metrics.ModelOutputType = metrics.ModelOutputType.SCORE_WITH_INTERMEDIATES


def upper(text, example, is_target):
    assert example["weight"] == len(example["targets_pretokenized"].decode())
    return text.upper()


@pytest.fixture
def add_task(own_tasks):
    import tensorflow as tf

    def dataset_fn(split, shuffle_files):
        rows = {"inputs": ["x"] * 3, "targets": TARGETS, "weight": [len(t) for t in TARGETS]}
        return tf.data.Dataset.from_tensor_slices(rows)

    def add(name, splits=("train", "validation"), **kwargs):
        seqio.TaskRegistry.add(
            name,
            source=seqio.FunctionDataSource(dataset_fn, splits=splits),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features={n: seqio.Feature(seqio.ByteVocabulary()) for n in LENGTHS},
            **kwargs,
        )

    return add


def load(name, **kwargs):
    return seqio_adapter.load_eval_tasks(
        name, **{"split": "validation", "task_feature_lengths": LENGTHS, **kwargs}
    )


def answers():
    tokens = [[*ByteVocabulary().encode(text), 1] for text in ANSWERS]
    return Answers(tokens=tokens, scores=SCORES, target_scores=TARGET_SCORES)


def test_every_kind_gives_what_the_evaluator_gives(add_task):
    passing = metrics.PassthroughLegacyMetric.from_metric_fn(
        functools.partial(longest, scale=2), upper
    )
    add_task(
        "test_kinds",
        postprocess_fn=upper,
        metric_fns=[exact_match, likelihood, sure_and_right],
        metric_objs=[FirstTokens, TotalScore(), passing.empty()],
    )
    rows = np.zeros((3, 8), np.int32)
    for row, ids in zip(rows, answers().tokens, strict=True):
        row[: len(ids)] = ids
    evaluator = seqio.Evaluator(
        "test_kinds",
        seqio.EncDecFeatureConverter(pack=False),
        sequence_length=LENGTHS,
        seed=None,
    )
    theirs, _ = evaluator.evaluate(
        compute_metrics=True,
        predict_fn=lambda dataset, *_: list(enumerate(rows)),
        score_fn=lambda dataset, *_: list(enumerate(TARGET_SCORES)),
        predict_with_aux_fn=lambda dataset, *_: (list(enumerate(rows)), {"scores": SCORES}),
    )
    expected = {
        name: getattr(value, "value", value)
        for name, value in theirs.result()["test_kinds"].items()
        if not isinstance(value, metrics.Text)
    }
    (task,) = load("test_kinds")
    ours = task.measure(answers())
    assert ours.not_run == {}
    assert ours.values == pytest.approx(expected)
    assert ours.values == {
        "exact": 1,
        "likelihood": -14,
        "texts": 6,
        "sure": 1,
        "first_tokens": 3,
        "total_score": -14,
        "longest": 6,
    }


def test_what_does_not_run_is_named_and_the_others_run(add_task):
    def failing(targets, predictions):
        raise ModuleNotFoundError("No module named 'sacrebleu'")

    def other_names(references, hypotheses):
        return {}

    def exact_again(targets, predictions):
        return {"exact": 0}

    add_task(
        "test_some",
        metric_fns=[failing, other_names, exact_match, exact_again, likelihood],
        metric_objs=[Inside(), "bleu", TotalScore],
    )
    assert seqio_adapter.metric_names("test_some") == (
        *("failing", "other_names", "exact_match", "exact_again", "likelihood"),
        *("Inside", "str", "TotalScore"),
    )
    (task,) = load("test_some")
    measured = task.measure(answers())
    values, not_run = measured.values, measured.not_run
    assert values == {"exact": 1, "likelihood": -14, "texts": 6, "total_score": -14}
    assert sorted(not_run) == ["Inside", "exact_again", "failing", "other_names", "str"]
    assert "ModuleNotFoundError: No module named 'sacrebleu'" in not_run["failing"]
    assert "arguments are (references, hypotheses)" in not_run["other_names"]
    assert "another metric gives exact" in not_run["exact_again"]
    assert "SCORE_WITH_INTERMEDIATES" in not_run["Inside"]
    # Only what the answers allow is measured.
    assert task.measure(Answers(texts=ANSWERS)).values == {"exact": 1}


def test_answers_that_are_no_texts(own_tasks):
    """PassThroughVocabulary: metrics are given ids, up to the end of sequence."""
    import tensorflow as tf

    seen = []

    def note(targets, predictions):
        seen.append((targets, predictions))
        return {}

    def dataset_fn(split, shuffle_files):
        rows = {"inputs": [[3, 4]], "targets": [[5, 6, 1]]}
        return tf.data.Dataset.from_tensor_slices(rows)

    features = {n: seqio.Feature(seqio.PassThroughVocabulary(9, eos_id=1)) for n in LENGTHS}
    seqio.TaskRegistry.add(
        "test_ids",
        source=seqio.FunctionDataSource(dataset_fn, splits=["validation"]),
        output_features=features,
        metric_fns=[note],
    )
    (task,) = load("test_ids")
    assert task.measure(Answers(tokens=[[5, 7, 1, 8]])).not_run == {}
    assert seen == [([[5, 6, 1]], [[5, 7, 1]])]
    assert (task.examples[0].inputs_text, task.examples[0].targets_text) == ("3 4", "5 6 1")


def test_a_split_of_another_name_is_found(add_task, caplog):
    add_task("test_validate", splits=["train", "validate"])
    (task,) = load("test_validate")
    assert task.split == "validate"
    assert "no split 'validation': its split 'validate' is taken" in caplog.text
    add_task("test_two", splits=("dev", "val"))
    with pytest.raises(ValueError, match=r"no split 'validation'; it has dev, val\. .*--split"):
        load("test_two")
    with pytest.raises(ValueError, match=r"no split 'test'; it has train, validate"):
        load("test_validate", split="test")


def test_tasks_without_the_split_are_left_out_and_named(add_task, caplog):
    add_task("test_has", splits=["test"])
    add_task("test_lacks", splits=["train"])
    seqio.MixtureRegistry.add("test_both", ["test_has", "test_lacks"], default_rate=1.0)
    try:
        assert [task.name for task in load("test_both", split="test")] == ["test_has"]
        assert "'test_lacks' has no split 'test'; it has train. It is left out" in caplog.text
    finally:
        seqio.MixtureRegistry.remove("test_both")


def test_an_example_has_the_value_of_those_metrics_that_are_means(add_task):
    def share(targets, predictions):
        return {"share": np.mean([t == p for t, p in zip(targets, predictions, strict=True)])}

    def mean_score(targets, scores):
        return {"mean_score": np.mean(scores)}

    def correlation(targets, predictions):
        lengths = [[len(text) for text in texts] for texts in (targets, predictions)]
        return {"correlation": np.corrcoef(*lengths)[0, 1]}

    functions = [exact_match, longest, share, mean_score, correlation]
    add_task("test_means", metric_fns=functions, metric_objs=[FirstTokens])
    (task,) = load("test_means")
    measured = task.measure(answers())
    assert measured.by_example == {"share": [1, 0, 0], "mean_score": TARGET_SCORES}
    assert measured.values["exact"] == 1 and "correlation" in measured.values
    assert measured.predictions == ANSWERS
    part = task.part([0, 2]).measure(answers().part([0, 2]))
    assert part.values["share"] == 0.5 and part.values["first_tokens"] == 2


def test_a_metric_is_not_called_for_each_of_many_examples_unless_it_is_a_mean():
    calls = []

    def squared(targets, predictions):
        calls.append(len(targets))
        return {"squared": sum(t == p for t, p in zip(targets, predictions, strict=True)) ** 2}

    none = np.zeros(0, np.int32)
    texts = list(map(str, range(50)))
    task = EvalTask(
        name="t",
        split="validation",
        examples=[EvalExample(none, none, "", t, {"targets_pretokenized": t}) for t in texts],
        vocabulary=ByteVocabulary(),
        metrics=(function_metric("squared", squared),),
    )
    assert task.measure(Answers(texts=texts)).by_example == {}
    assert calls == [50, *([1] * 8), 8]
