"""Evaluation against its definitions, one example at a time."""

import collections
import dataclasses
import json
import re

import numpy as np
import pytest

from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.seqio_adapter import from_seqio
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import format_vocabulary, parse_vocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import Generation
from t5lite.evaluate import evaluate
from t5lite.evaluation.eval_report import EvalReport
from t5lite.inference.answers import Answered
from t5lite.inference.eval_config import EvalConfig, check_evals
from t5lite.inference.evaluator import Evaluator
from tests.conftest import shared_path
from tests.decoding import model_dirs, tiny
from tests.feature_converters import converter

CONFIG = EvalConfig(
    name="toys",
    mixture_or_task_name="toy",
    task_feature_lengths=model_dirs.LENGTHS,
    batch_size=5,
    max_examples_per_task=7,
    decoding=DecodingConfig(max_decode_length=3),
    task_modules=("tests.toy_tasks",),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model folder, its config and its parameters."""
    folder = tmp_path_factory.mktemp("model")
    return folder, *model_dirs.save(folder)


@pytest.fixture(scope="module")
def evaluated(model):
    _, config, params = model
    evaluator = Evaluator(CONFIG, config, converter=converter())
    return evaluator, evaluator.run(params, progress=False)


def _metric(result, task, metric):
    return result.metrics[f"toys/{task}/{metric}"]


def test_predictions_are_in_the_order_of_the_examples(evaluated):
    evaluator, result = evaluated
    expected = [
        (task.name, index, example.inputs_text, example.targets_text)
        for task in evaluator.tasks
        for index, example in enumerate(task.examples)
    ]
    found = [(p.task, p.index, p.inputs, p.targets) for p in result.predictions]
    assert found == expected
    assert result.num_examples == {"toy_copy": 7, "toy_first": 7, "toy_longer": 7}


def test_predictions_are_those_of_single_examples(evaluated, model):
    _, result = evaluated
    _, config, params = model
    alone = Evaluator(
        dataclasses.replace(CONFIG, batch_size=1, max_examples_per_task=2),
        config,
        converter=converter(),
    ).run(params, progress=False)
    by_place = {(p.task, p.index): p for p in result.predictions}
    assert alone.predictions == [by_place[p.task, p.index] for p in alone.predictions]


def test_metrics_are_what_their_names_say(evaluated, model):
    evaluator, result = evaluated
    _, config, params = model
    losses = []
    for task in evaluator.tasks:
        own = [p for p in result.predictions if p.task == task.name]
        accuracy = np.mean([p.prediction == p.targets for p in own])
        assert _metric(result, task.name, "accuracy") == accuracy
        most = max(collections.Counter(p.targets for p in own).values())
        assert _metric(result, task.name, "best_constant") == most / 7

        log_probs = []
        for example in task.examples:
            batch = tiny.scoring_batch([example.inputs], [example.targets])
            logits_TV = np.asarray(tiny.logits(config, params, batch)[0], np.float64)
            logits_TV -= np.log(np.exp(logits_TV).sum(-1, keepdims=True))
            log_probs += [logits_TV[t, token] for t, token in enumerate(example.targets)]
        losses.append(-np.mean(log_probs))
        np.testing.assert_allclose(_metric(result, task.name, "loss"), losses[-1], rtol=1e-4)
    np.testing.assert_allclose(_metric(result, "mean", "loss"), np.mean(losses), rtol=1e-4)


def test_a_right_model_is_right(evaluated, model, monkeypatch):
    evaluator, _ = evaluated
    _, _, params = model
    encode = evaluator.vocabulary.encode

    def right(params, places, bar):
        texts = [task.examples[index].targets_text for task, index in places]
        return [
            Answered(generations=[Generation(np.array(encode(text)), 0.0, 0.0)], target=(0.0, 1.0))
            for text in texts
        ]

    monkeypatch.setattr(evaluator, "_answer", right)
    result = evaluator.run(params, progress=False)
    assert _metric(result, "mean", "accuracy") == 1.0
    assert 0 < _metric(result, "toy_first", "best_constant") < 1


class Means(EvalReport):
    """A report that a user could write."""

    def write(self, folder, *, names, model):
        records = [json.loads((folder / name / "metrics.json").read_text()) for name in names]
        means = [r["metrics"][f"{n}/mean/accuracy"] for n, r in zip(names, records, strict=True)]
        (folder / "means.json").write_text(json.dumps({"model": model, "means": means}))


def test_a_report_is_made_of_what_was_evaluated_now(model, tmp_path):
    folder, _, _ = model
    evals = [
        dataclasses.replace(CONFIG, mixture_or_task_name="toy_first", name=name)
        for name in ("one", "two")
    ]
    results = evaluate(model_dir=str(folder), evals=evals, output_dir=str(tmp_path), report=Means())
    found = json.loads((tmp_path / "means.json").read_text())
    accuracies = [results[name].metrics[f"{name}/mean/accuracy"] for name in ("one", "two")]
    assert found == {"model": folder.resolve().name, "means": accuracies}


def test_evaluate_writes_what_it_prints(model, tmp_path, capsys):
    folder, _, _ = model
    results = evaluate(model_dir=str(folder), evals=[CONFIG], output_dir=str(tmp_path))
    record = json.loads((tmp_path / "toys" / "metrics.json").read_text())
    assert record["step"] == model_dirs.STEP
    assert record["metrics"] == results["toys"].metrics
    lines = (tmp_path / "toys" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        json.loads(json.dumps(p.to_json())) for p in results["toys"].predictions
    ]
    printed = capsys.readouterr().out
    first, header, _, *rows, last = printed.splitlines()
    assert last == f"In {tmp_path / 'toys'}: metrics.json, predictions.jsonl"
    assert first == "toys: toy, validation, step 3"
    columns = ["task", "examples", "num_cut", "loss", "best_constant", "accuracy"]
    assert re.split("  +", header) == columns
    assert [row.split()[:2] for row in rows] == [
        ["toy_copy", "7"],
        ["toy_first", "7"],
        ["toy_longer", "7"],
        ["mean", "21"],
    ]


def test_another_vocabulary_is_refused_with_both(tmp_path, evaluated):
    model_dirs.save(tmp_path, vocabulary=ByteVocabulary(extra_ids=4))
    config = dataclasses.replace(CONFIG, vocabulary="bytes")
    with pytest.raises(ValueError) as refused:
        evaluate(model_dir=str(tmp_path), evals=[config])
    assert "'extra_ids': 0" in str(refused.value)
    assert "'extra_ids': 4" in str(refused.value)
    assert not (tmp_path / "eval").exists()


def test_a_vocabulary_is_named_by_the_shortest_text():
    for text in ("bytes", "bytes:5"):
        assert format_vocabulary(parse_vocabulary(text)) == text


@pytest.mark.parametrize("kind", ["bytes", "100extra"])
def test_a_task_may_bring_its_vocabulary_where_others_were_imported(
    kind, tmp_path, evaluated, own_tasks
):
    """A notebook that trains and evaluates: the modules are imported, as bytes, once."""
    seqio = pytest.importorskip("seqio")
    vocabulary = seqio.ByteVocabulary(4)
    if kind == "100extra":  # A SentencePiece model that holds its sentinels, as T5's.
        plain = str(shared_path("data", "vocab", "seqio_test_sentencepiece.model"))
        held = tmp_path / "100extra.model"
        held.write_bytes(seqio.SentencePieceVocabulary(plain, extra_ids=100).sp_model)
        vocabulary = seqio.SentencePieceVocabulary(str(held))
    toy = seqio.TaskRegistry.get("toy_copy")
    features = {n: seqio.Feature(vocabulary) for n in ("inputs", "targets")}
    task = toy.replace(name=f"toy_of_its_own_{kind}", output_features=features)
    seqio.TaskRegistry.add_provider(task.name, task)
    model_dirs.save(tmp_path, vocabulary=from_seqio(vocabulary))
    config = dataclasses.replace(CONFIG, mixture_or_task_name=task.name)
    (result,) = evaluate(model_dir=str(tmp_path), evals=[config]).values()
    assert result.num_examples == {task.name: 7}
    with pytest.raises(ValueError, match=r"vocabulary of 'toy_first' is not the one"):
        evaluate(
            model_dir=str(tmp_path),
            evals=[dataclasses.replace(CONFIG, mixture_or_task_name="toy_first")],
        )


@pytest.mark.parametrize(
    ("evals", "message"),
    [([], "is empty"), ([CONFIG, CONFIG], "2 evaluations called 'toys'")],
)
def test_evaluations_need_names_of_their_own(model, evals, message):
    with pytest.raises(ValueError, match=message):
        evaluate(model_dir=str(model[0]), evals=evals)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rank_by": "sum", "decoding": DecodingConfig(stop_strings=("Q:",))},
            r"'one' has EvalConfig\.decoding\.stop_strings = .* beside rank_by='sum'",
        ),
        ({"fewshot_split": "test"}, r"fewshot_split = 'test', .* without num_shots \(--num_sh"),
        ({"fewshot_seed": 5}, "fewshot_seed = 5, which does nothing without num_shots"),
        ({"rank_end_token": False}, "rank_end_token = False, which does nothing without rank_by"),
    ],
)
def test_a_setting_that_no_evaluation_has_a_use_for_is_refused(changes, message):
    one = dataclasses.replace(CONFIG, name="one", **changes)
    with pytest.raises(ValueError, match=message):
        check_evals([one])
    decoding = dataclasses.replace(CONFIG.decoding, max_decode_length=4)
    with pytest.raises(ValueError, match=message):
        check_evals([one, dataclasses.replace(one, name="too", decoding=decoding)])
    uses = {"decoding": DecodingConfig(), "rank_by": "sum", "num_shots": 2}
    if "rank_by" in changes:
        uses = {"rank_by": None}
    check_evals([one, dataclasses.replace(one, name="other", **uses)])


def test_what_generates_so_many_tokens_may_be_ranked_instead():
    check_evals([dataclasses.replace(CONFIG, rank_by="sum")])
    assert CONFIG.decoding.max_decode_length == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a/b"}, "EvalConfig.name"),
        ({"name": ""}, "EvalConfig.name"),
        ({"num_shots": -1}, "EvalConfig.num_shots must be"),
        ({"rank_by": "sums"}, r"rank_by must be one of sum, mean.*got 'sums'\. Did you mean 'sum'"),
        ({"prompt_too_long": "drop"}, "prompt_too_long must be one of drop_ex.*; got 'drop'"),
        ({"system_prompt": "Be short."}, "begins a conversation; set use_chat_template"),
        ({"rank_by": "sum", "decoding": DecodingConfig(strategy="sample")}, "Leave one out"),
        (
            {"decoding": DecodingConfig(strategy="beam", num_beams=2, num_return_sequences=2)},
            "several answers to an example vote, so they must be drawn",
        ),
        ({"batch_size": 0}, "EvalConfig.batch_size must be"),
        ({"max_examples_per_task": 0}, "EvalConfig.max_examples_per_task must be"),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


@pytest.fixture
def absent_task(own_tasks):
    """A Task whose source says that it has no data, and a Mixture with one that has some."""
    seqio = pytest.importorskip("seqio")
    toy = seqio.TaskRegistry.get("toy_copy")
    status = DataStatus("toy_absent", "toys", "missing", where="/nowhere", why="no file")
    source = seqio.FunctionDataSource(lambda split, shuffle_files: None, splits=["validation"])
    source.data_status = lambda: status
    absent = toy.replace(name="toy_absent", source=source)
    seqio.TaskRegistry.add_provider("toy_absent", absent)
    seqio.MixtureRegistry.add("toy_partial", ["toy_copy", "toy_absent"], default_rate=1.0)


def test_what_has_no_data_is_left_out_where_that_is_allowed(
    model, evaluated, absent_task, tmp_path, caplog
):
    folder, _, _ = model
    partial = dataclasses.replace(CONFIG, mixture_or_task_name="toy_partial")
    none = dataclasses.replace(CONFIG, name="none", mixture_or_task_name="toy_absent")
    with pytest.raises(ValueError, match=r"(?s)toy_absent: missing, .*--allow_missing_tasks"):
        evaluate(model_dir=str(folder), evals=[partial], output_dir=str(tmp_path))
    partial, none = (dataclasses.replace(c, allow_missing_tasks=True) for c in (partial, none))
    results = evaluate(model_dir=str(folder), evals=[none, partial], output_dir=str(tmp_path))
    assert list(results) == ["toys"] and list(results["toys"].num_examples) == ["toy_copy"]
    assert "evaluation none is left out" in caplog.text
    record = json.loads((tmp_path / "toys" / "metrics.json").read_text())
    assert record["missing_tasks"] == {"toy_absent": "missing, no file"}
    with pytest.raises(ValueError, match="no data that can be read"):
        evaluate(model_dir=str(folder), evals=[none], output_dir=str(tmp_path))
