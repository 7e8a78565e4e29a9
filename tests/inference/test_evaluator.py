"""Ranking, votes and interruption of an evaluation, on models of every family."""

import contextlib
import dataclasses
import json
import re
import shutil

import jax
import numpy as np
import pytest

from t5lite.data.tasks.eval_tasks import EvalTask
from t5lite.decoding import checks
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.journal import Journal
from t5lite.evaluate import evaluate
from t5lite.files.json_files import write_lines
from t5lite.infer import infer
from t5lite.inference import evaluator as evaluator_module
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.evaluator import Evaluator
from t5lite.models.position_config import Learned
from tests import parts_tasks
from tests.conftest import on_processes
from tests.decoding import model_dirs, tiny
from tests.feature_converters import converter

CONFIG = EvalConfig(
    name="e",
    mixture_or_task_name="parts_plus",
    task_feature_lengths={"inputs": 64, "targets": 16},
    num_shots=1,
    batch_size=4,
    decoding=DecodingConfig(max_decode_length=6),
    task_modules=("tests.parts_tasks",),
    vocabulary="bytes",
)
RANKED = dataclasses.replace(CONFIG, rank_by="sum", decoding=DecodingConfig())
INTERRUPTED = dataclasses.replace(CONFIG, batch_size=1)
SAMPLE = DecodingConfig(strategy="sample", num_return_sequences=5, max_decode_length=6, seed=3)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder, config and parameters of each family."""
    found = {}
    for family in tiny.CONVERTERS:
        folder = tmp_path_factory.mktemp(family)
        rows = converter(family, task_feature_lengths=CONFIG.task_feature_lengths)
        found[family] = folder, *model_dirs.save(folder, rows)
    return found


def run(models, family="decoder_only", **changes):
    _, config, params = models[family]
    rows = converter(family, task_feature_lengths=CONFIG.task_feature_lengths)
    evaluator = Evaluator(dataclasses.replace(CONFIG, **changes), config, converter=rows)
    return evaluator, evaluator.run(params, progress=False)


@pytest.mark.parametrize("family", tiny.CONVERTERS)
def test_the_likeliest_option_is_the_answer(models, family):
    evaluator, result = run(models, family, rank_by="sum")
    _, _, params = models[family]
    assert len(result.predictions) == 7
    for record in result.predictions:
        asked = evaluator._asked["parts_plus"][record.index]
        expected, _ = evaluator._generator.score(params, [asked.tokens] * 4, asked.option_tokens)
        np.testing.assert_allclose(record.option_scores, expected, rtol=1e-4, atol=1e-4)
        assert record.options == parts_tasks.OPTIONS
        assert record.prediction == record.answer == record.options[np.argmax(expected)]
        assert record.score == (record.prediction == record.targets)
    assert "e/parts_plus/loss" not in result.metrics
    assert result.config.rank_end_token
    share = np.mean([record.score for record in result.predictions])
    assert result.metrics["e/parts_plus/exact_match"] == pytest.approx(share)


def test_a_model_without_an_end_scores_none_and_says_so(models):
    _, config, _ = models["decoder_only"]
    rows = converter("decoder_only", task_feature_lengths=CONFIG.task_feature_lengths)
    endless = dataclasses.replace(rows, targets_suffix=())
    ranked = dataclasses.replace(CONFIG, rank_by="sum")
    evaluator = Evaluator(ranked, config, converter=endless)
    assert not evaluator.config.rank_end_token
    assert evaluator._asked["parts_plus"][0].option_tokens[0].tolist() == [35, 114, 113, 104]


@pytest.mark.parametrize("rank_by", ["sum", "mean", "mean_byte", "unconditional"])
def test_infer_ranks_as_an_evaluation_does(models, rank_by, tmp_path):
    folder, _, _ = models["decoder_only"]
    config = dataclasses.replace(RANKED, rank_by=rank_by, name=rank_by, max_examples_per_task=3)
    (result,) = evaluate(model_dir=str(folder), evals=[config]).values()
    # The delimiter is a blank that ends the prompt: options are the same texts.
    lines = [{"inputs": f"{r.inputs} ", "options": r.options} for r in result.predictions]
    write_lines(tmp_path / "in.jsonl", lines)
    output = infer(
        model_dir=str(folder),
        input=str(tmp_path / "in.jsonl"),
        output=str(tmp_path / "out.jsonl"),
        options_field="options",
        rank_by=rank_by,
        batch_size=4,
        progress=False,
    )
    found = [json.loads(line) for line in output.read_text().splitlines()]
    for record, line in zip(result.predictions, found, strict=True):
        np.testing.assert_allclose(record.option_scores, line["scores"], rtol=1e-4, atol=1e-4)
        assert record.prediction == line["prediction"]


def test_scores_do_not_depend_on_the_batch_size(models):
    for changes in ({"rank_by": "sum"}, {"decoding": SAMPLE}):
        first, *others = (run(models, batch_size=size, **changes)[1] for size in (1, 8, 32))
        for other in others:
            for a, b in zip(first.predictions, other.predictions, strict=True):
                assert (a.prediction, a.answer, a.score) == (b.prediction, b.answer, b.score)
                np.testing.assert_allclose(a.option_scores, b.option_scores, rtol=1e-4, atol=1e-4)
            assert first.metrics == pytest.approx(other.metrics, rel=1e-5)


@pytest.mark.parametrize("rank_by", [None, "sum"])
def test_a_table_of_positions_that_just_holds_each_example_suffices(rank_by):
    rows = converter("decoder_only", task_feature_lengths=CONFIG.task_feature_lengths)
    config = dataclasses.replace(
        CONFIG, num_shots=0, rank_by=rank_by, decoding=DecodingConfig(max_decode_length=1)
    )

    def evaluator(positions):
        model = tiny.config("decoder_only", vocab_size=264, positions=positions)
        return Evaluator(config, model, converter=rows), model

    asked = evaluator(None)[0]._asked["parts_plus"]
    answers = [max(map(len, one.option_tokens or [one.target])) for one in asked]
    needed = [len(one.tokens) + answer - 1 for one, answer in zip(asked, answers, strict=True)]
    found, model = evaluator(Learned(max_positions=max(needed)))
    result = found.run(tiny.params(model), progress=False)
    assert not any(record.skipped for record in result.predictions)
    assert len(evaluator(Learned(max_positions=max(needed) - 1))[0]._places) < 7


@pytest.mark.parametrize("changes", [{}, {"rank_by": "sum"}])
def test_what_cannot_be_scored_is_refused_before_anything_is_asked(changes, models, monkeypatch):
    def no_room(*_, **__):
        raise ValueError("no room to score")

    _, config, _ = models["decoder_only"]
    rows = converter("decoder_only", task_feature_lengths=CONFIG.task_feature_lengths)
    monkeypatch.setattr(checks, "room_to_score", no_room)
    with pytest.raises(ValueError, match="no room to score"):
        Evaluator(dataclasses.replace(CONFIG, **changes), config, converter=rows)
    if not changes:
        Evaluator(dataclasses.replace(CONFIG, score_targets=False), config, converter=rows)


@pytest.fixture
def wordy(monkeypatch):
    """Chains that name options, which those of a random model never do."""
    texts = ["one", "two!", "?", "so two", "three", "two or one", "four"]

    def spoken(self, tokens):
        return texts[int(np.sum(tokens)) % len(texts)]

    monkeypatch.setattr("t5lite.data.vocabularies.byte_vocabulary.ByteVocabulary.shown", spoken)


def test_draws_vote_on_their_parsed_answers(models, wordy):
    _, result = run(models, decoding=SAMPLE)
    (task,) = result.tasks
    for record in task.records:
        answers = [sample.answer for sample in record.samples]
        assert len(answers) == 5
        assert answers == [parts_tasks.answer(sample.text) for sample in record.samples]
        said = [answer for answer in answers if answer is not None]
        most = max(said, key=lambda a: (said.count(a), -said.index(a)), default=None)
        assert record.answer == most
        if most is not None:
            assert record.prediction == record.samples[answers.index(most)].text
    assert task.num_unparsed == sum(record.answer is None for record in task.records)
    shares = task.by_num_samples["exact_match"]
    firsts = [parts_tasks.answer(r.samples[0].text) == r.targets for r in task.records]
    assert shares[0] == np.mean(firsts)
    assert shares[-1] == task.metrics["exact_match"] and len(shares) == 5
    # Fewer draws are the first of more: k is no part of what an example's draws depend on.
    decoding = dataclasses.replace(SAMPLE, num_return_sequences=2)
    _, fewer = run(models, decoding=decoding)
    assert fewer.metrics["e/parts_plus/exact_match"] == shares[1]


def test_what_ends_an_answer_and_what_an_option_says_are_part_of_what_was_asked(models):
    evaluator, _ = run(models, rank_by="mean_byte", max_examples_per_task=1)
    before = evaluator._digest()
    (asked,) = evaluator._asked["parts_plus"]
    evaluator._asked["parts_plus"] = [dataclasses.replace(asked, options=("1", "2", "3", "4"))]
    other = evaluator._digest()
    evaluator._eos_ids += (7,)
    assert len({before, other, evaluator._digest()}) == 3


def test_answers_that_cannot_be_compared_do_not_vote(models, monkeypatch):
    monkeypatch.setattr(EvalTask, "postprocess", lambda *_, **__: [object()])
    with pytest.raises(ValueError, match=r"Task 'parts_plus': its postprocessor makes <object .*J"):
        run(models, decoding=SAMPLE)


def test_what_a_postprocessor_fails_on_is_not_counted_as_unparsed(models, monkeypatch):
    _, result = run(models, max_examples_per_task=2)
    assert result.tasks[0].num_unparsed == 2, "a random model names no option"

    def fails(*_, is_target, **__):
        if not is_target:
            raise KeyError("answer")

    monkeypatch.setattr(EvalTask, "postprocess", fails)
    _, result = run(models, max_examples_per_task=2)
    (task,) = result.tasks
    assert task.num_unparsed == 0 and "KeyError" in task.not_run["exact_match"]


class Dies:
    """A journal's `append`, which counts lines, and is killed in one of its chunks."""

    def __init__(self, monkeypatch):
        self.appended, self.dies_at = [], None
        append = Journal.append

        def counted(journal, records):
            if len(self.appended) == self.dies_at:
                journal._file.append(b'{"generations": [[[3')  # What a kill leaves.
                raise KeyboardInterrupt
            self.appended.append(len(records))
            append(journal, records)

        monkeypatch.setattr(Journal, "append", counted)
        monkeypatch.setattr(evaluator_module, "_BATCHES_PER_CHUNK", 1)


def files(output):
    return {path.name: path.read_bytes() for path in (output / "e").iterdir()}


def test_a_killed_evaluation_goes_on_and_ends_with_the_same_bytes(models, monkeypatch, tmp_path):
    killed = Dies(monkeypatch)
    saved, _, params = models["encoder_decoder"]
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    evals = [dataclasses.replace(CONFIG, batch_size=2)]
    evaluate(model_dir=str(folder), evals=evals, output_dir=str(tmp_path / "whole"))
    whole = files(tmp_path / "whole")
    assert sorted(whole) == ["metrics.json", "predictions.jsonl"]

    output = tmp_path / "killed"
    killed.appended, killed.dies_at = [], 2
    with pytest.raises(KeyboardInterrupt):
        evaluate(model_dir=str(folder), evals=evals, output_dir=str(output))
    killed.dies_at = None
    changed = [dataclasses.replace(evals[0], num_shots=0)]
    with pytest.raises(ValueError, match=r"config\.num_shots: 1 then, 0 now"):
        evaluate(model_dir=str(folder), evals=changed, output_dir=str(output))
    shutil.move(folder / "checkpoints", tmp_path / "as_it_was")
    model_dirs.save_params(folder, jax.tree.map(lambda x: 2 * x, params))
    with pytest.raises(ValueError, match=r"state_hash: '.*' then, '.*' now"):
        evaluate(model_dir=str(folder), evals=evals, output_dir=str(output))
    shutil.rmtree(folder / "checkpoints")
    shutil.move(tmp_path / "as_it_was", folder / "checkpoints")
    evaluate(model_dir=str(folder), evals=evals, output_dir=str(output))
    assert files(output) == whole
    assert killed.appended == [2, 2, 2, 1]
    # One that is finished is evaluated anew, for its parameters may be others.
    evaluate(model_dir=str(folder), evals=changed, output_dir=str(output))
    assert killed.appended[4:] == [2, 2, 2, 1] and files(output) != whole


@pytest.mark.parametrize("rank_by", [None, "sum"])
def test_answers_of_a_version_that_kept_less_are_refused_if_it_matters(rank_by, models, tmp_path):
    evaluator, _ = run(models, rank_by=rank_by, max_examples_per_task=2)
    _, _, params = models["decoder_only"]
    path = tmp_path / "answers.jsonl"
    with evaluator.journal(path, settings={}) as journal:
        evaluator.run(params, progress=False, journal=journal)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        del record["option_likelihoods"]
    write_lines(path, records)
    expected = contextlib.nullcontext()
    if rank_by:
        expected = pytest.raises(ValueError, match=r"jsonl\*: .* lack 'option_likelihoods'.*Delete")
    with expected, evaluator.journal(path, settings={}) as journal:
        assert len(journal.done) == 2
    assert not path.with_name("answers.jsonl.lock").exists()


def test_an_evaluation_goes_on_on_two_processes_with_eight_devices(models, monkeypatch, tmp_path):
    folder, _, _ = models["encoder_decoder"]
    evals = {"model_dir": str(folder), "evals": [INTERRUPTED]}
    evaluate(**evals, output_dir=str(tmp_path / "whole"))
    with monkeypatch.context() as patch:
        killed = Dies(patch)
        killed.dies_at = 1
        with pytest.raises(KeyboardInterrupt):
            evaluate(**evals, output_dir=str(tmp_path / "killed"))
    outputs = on_processes(
        *("tests.inference.on_devices", folder, tmp_path / "killed"), num_processes=2, num_devices=8
    )
    assert sum("e: parts_plus, validation" in output for output in outputs) == 1
    whole, resumed = files(tmp_path / "whole"), files(tmp_path / "killed")
    assert resumed["predictions.jsonl"] == whole["predictions.jsonl"]
    metrics = [json.loads(found["metrics.json"])["metrics"] for found in (whole, resumed)]
    assert metrics[1] == pytest.approx(metrics[0])


def test_of_several_evaluations_those_before_the_last_are_kept_until_it_ends(
    models, monkeypatch, tmp_path
):
    killed = Dies(monkeypatch)
    folder, _, _ = models["encoder_decoder"]
    first = dataclasses.replace(CONFIG, batch_size=3)
    evals = [first, dataclasses.replace(first, name="f", mixture_or_task_name="parts_bare")]
    killed.dies_at = 4  # after 3 + 3 + 1 and 3 of 5
    with pytest.raises(KeyboardInterrupt):
        evaluate(model_dir=str(folder), evals=evals, output_dir=str(tmp_path))
    before = files(tmp_path)
    killed.dies_at = None
    # What the second was asked is compared before the first answers anything.
    changed = [dataclasses.replace(first, name="g"), dataclasses.replace(evals[1], num_shots=0)]
    with pytest.raises(ValueError, match=r"config\.num_shots: 1 then, 0 now"):
        evaluate(model_dir=str(folder), evals=changed, output_dir=str(tmp_path))
    assert len(killed.appended) == 4
    evaluate(model_dir=str(folder), evals=evals, output_dir=str(tmp_path))
    assert killed.appended == [3, 3, 1, 3, 2]
    after = files(tmp_path)
    assert sorted(after) == ["metrics.json", "predictions.jsonl"]
    assert all(before[name] == after[name] for name in after)


def test_what_is_skipped_is_counted_printed_and_recorded(models, caplog, tmp_path):
    folder, _, _ = models["encoder_decoder"]
    config = dataclasses.replace(RANKED, mixture_or_task_name="parts_odd")
    (result,) = evaluate(model_dir=str(folder), evals=[config], output_dir=str(tmp_path)).values()
    assert "evaluation 'e': 3 of 4 examples are skipped; of the first, options 1" in caplog.text
    written = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert written["num_skipped"] == {"parts_odd": 3}
    assert written["num_examples"] == {"parts_odd": 4}
    assert written["config"]["rank_by"] == "sum"
    lines = (tmp_path / "e" / "predictions.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["skipped"] is None for record in records] == [True, False, False, False]
    assert [record["prediction"] is None for record in records] == [False, True, True, True]
    assert len(result.tasks[0].by_example["exact_match"]) == 1
    assert re.search(r"task +examples +num_skipped", result.summary())


def test_an_evaluation_that_asks_nothing_is_refused(models):
    with pytest.raises(ValueError, match="7 of 7 examples cannot be asked; of the first, the pro"):
        run(models, task_feature_lengths={"inputs": 5, "targets": 16})
