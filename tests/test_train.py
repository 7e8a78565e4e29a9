"""The train loop: what it leaves in its folder, and every way a user can get it wrong."""

import dataclasses
import json
import logging
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import lock
from t5lite.decoding.config import DecodingConfig
from t5lite.inference.eval_config import EvalConfig
from t5lite.initialization.restore import RestoreConfig
from t5lite.mesh import MeshConfig
from t5lite.models.parameters import flatten_names
from t5lite.models.position_config import RelativeBias
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.draws import read_expected
from t5lite.training.optimizers import adafactor, adamw
from tests.toy_run import LENGTHS, MODEL, data_config, toy_train

EVAL = EvalConfig(
    name="toys",
    mixture_or_task_name="toy",
    task_feature_lengths=LENGTHS,
    batch_size=8,
    max_examples_per_task=4,
    task_modules=("tests.toy_tasks",),
)

# So slow that parameters stay as they were read.
STANDS_STILL = adafactor(learning_rate=1e-30)


@pytest.fixture(scope="module")
def trained(cache_dir, tmp_path_factory):
    """A finished run with evaluations, and its result."""
    model_dir = tmp_path_factory.mktemp("trained")
    result = toy_train(
        model_dir,
        cache_dir,
        train_steps=12,
        evals=[EVAL],
        eval_first=True,
        eval_period=6,
        checkpoint=CheckpointConfig(
            period=4, keep=1, best_metric="toys/mean/loss", best_mode="min"
        ),
        config_text="# the run's gin\n",
    )
    return model_dir, result


def read(model_dir):
    return [json.loads(x) for x in (model_dir / "metrics.jsonl").read_text().splitlines()]


def test_folder_holds_metrics_events_checkpoints_and_a_report(trained):
    model_dir, result = trained
    lines = read(model_dir)
    assert [x["step"] for x in lines if x["kind"] == "train"] == list(range(1, 13))
    assert [x["step"] for x in lines if x["kind"] == "eval"] == [0, 6, 12]
    assert all(x["tokens_per_second"] > 0 for x in lines if x["kind"] == "train")
    assert (model_dir / "config.gin").read_text() == "# the run's gin\n"
    assert json.loads((model_dir / "starts.jsonl").read_text()) == {"step": 0, "changed": {}}
    assert list((model_dir / "tensorboard").iterdir())
    assert (model_dir / "report.png").read_bytes().startswith(b"\x89PNG")
    page = (model_dir / "report.html").read_text()
    assert "toy_copy" in page and "best constant" in page
    assert (model_dir / "eval" / "toys" / "predictions.jsonl").read_text().count("\n") == 12
    assert result.metrics["toys/mean/accuracy"] >= 0.0
    assert not result.stopped


LONG_ANSWERS = DecodingConfig(max_decode_length=10**9)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train_data": {"batch_size": 2 * 10**9}}, "BATCH_SIZE, 2000000000, or"),
        ({"train_data": {"task_feature_lengths": {"inputs": 2 * 10**9, "targets": 8}}}, "inputs"),
        ({"model": dataclasses.replace(MODEL, vocab_size=10**9, d_model=10**6)}, "smaller model"),
        (
            {"evals": [dataclasses.replace(EVAL, decoding=LONG_ANSWERS)]},
            r"--max_decode_length\), 1000000000",
        ),
    ],
)
def test_sizes_are_counted_before_anything_is_allocated(changes, named, cache_dir, tmp_path):
    if "train_data" in changes:
        changes = {"train_data": data_config(cache_dir, **changes["train_data"])}
    with pytest.raises(ValueError, match=rf" at the least \(.* left\. .*{named}"):
        toy_train(tmp_path / "run", cache_dir, **changes)
    assert not (tmp_path / "run").exists()


def test_loss_falls_and_evaluation_sees_it(trained):
    evals = [x for x in read(trained[0]) if x["kind"] == "eval"]
    assert evals[-1]["toys/mean/loss"] < evals[0]["toys/mean/loss"] - 0.5


def test_best_checkpoint_is_kept_beside_the_latest(trained):
    model_dir, result = trained
    steps = Checkpointer(model_dir, read_only=True).all_steps()
    assert 12 in steps and result.best_step in steps and len(steps) <= 2
    losses = {x["step"]: x["toys/mean/loss"] for x in read(model_dir) if x["kind"] == "eval"}
    # Those of steps 4, 8 and 12 were saved, each with the latest evaluation before it.
    assert result.best_step == min((losses[0], -4), (losses[6], -8), (losses[12], -12))[1] * -1


def test_a_run_of_epochs_ends_after_them_and_counts_in_every_unit(cache_dir, tmp_path):
    progress = toy_train(tmp_path, cache_dir, train_steps="1.5 epochs").progress
    lines = [x for x in read(tmp_path) if x["kind"] == "train"]
    assert progress.steps == lines[-1]["step"]
    assert lines[-2]["epochs"] < 1.5 <= progress.epochs == progress.examples / 180
    assert progress.examples == lines[-1]["examples"] == sum(x["batch_examples"] for x in lines)
    assert progress.tokens == lines[-1]["tokens"] > lines[-2]["tokens"]
    (ended,) = [x for x in read(tmp_path) if x["kind"] == "epoch"]
    assert ended["epoch"] == 1
    assert ended["step"] == next(x["step"] for x in lines if x["epochs"] >= 1)
    sizes = read_expected(tmp_path)
    by_task = dict(zip(sizes["tasks"], sizes["num_examples"], strict=True))
    drawn = sum(ended[f"epochs/{name}"] * size for name, size in by_task.items())
    assert drawn == pytest.approx(ended["examples"])


class CallsHost(CrossEntropy):
    def sums(self, model, batch, *, dropout_key, frozen):
        sums = super().sums(model, batch, dropout_key=dropout_key, frozen=frozen)
        seen = jax.pure_callback(lambda x: x, sums.weight, sums.weight)
        return dataclasses.replace(sums, metrics={"seen": seen})


def test_an_objective_that_calls_the_host_is_refused(cache_dir, tmp_path):
    with pytest.raises(ValueError, match=r"calls back to the host \(pure_callback of .*CallsHost"):
        toy_train(tmp_path, cache_dir, objective=CallsHost())


def test_microbatches_give_the_same_curve(cache_dir, tmp_path):
    model = dataclasses.replace(MODEL, dropout_rate=0.0)
    curves = []
    for parts in (1, 4):
        folder = tmp_path / str(parts)
        toy_train(folder, cache_dir, model=model, num_microbatches=parts, train_steps=6)
        curves.append([x["loss"] for x in read(folder)])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)  # float32 sums in another order


def test_scanned_and_unrolled_train_alike(cache_dir, tmp_path):
    curves = []
    for scan in (True, False):
        folder = tmp_path / str(scan)
        model = dataclasses.replace(MODEL, scan_layers=scan)
        toy_train(folder, cache_dir, model=model, train_steps=6)
        curves.append([x["loss"] for x in read(folder)])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


@pytest.mark.parametrize("converter", ["decoder_only", "prefix_lm"])
def test_language_models_train_and_are_evaluated(cache_dir, tmp_path, converter):
    model = dataclasses.replace(MODEL, architecture="decoder_only", num_encoder_layers=0)
    result = toy_train(
        tmp_path,
        cache_dir,
        model=model,
        train_data=data_config(str(cache_dir), converter=converter),
        evals=[EVAL],
        eval_first=True,
    )
    before, after = (x["toys/mean/loss"] for x in read(tmp_path) if x["kind"] == "eval")
    assert after < before - 0.5
    assert result.metrics["toys/mean/loss"] == after


def test_frozen_groups_do_not_move_and_go_on(cache_dir, tmp_path):
    """Held in float32, saved, and gone on with in bfloat16."""
    settings = {
        "parameter_groups": [("encoder/.*", 0.0)],
        "checkpoint": CheckpointConfig(keep=4),
    }
    toy_train(tmp_path, cache_dir, train_steps=2, **settings)
    toy_train(tmp_path, cache_dir, train_steps=4, frozen_dtype="bfloat16", **settings)
    early, late = (flatten_names(load_model_dir(tmp_path, step).params) for step in (2, 4))
    for name in early:
        is_frozen = name.startswith("encoder/")
        before = early[name].astype(jnp.bfloat16).astype(jnp.float32) if is_frozen else early[name]
        assert late[name].dtype == jnp.float32
        assert np.array_equal(before, late[name]) == is_frozen, name


def test_a_finite_mixture_ends_before_train_steps(cache_dir, tmp_path, caplog):
    arguments = {
        "train_data": data_config(str(cache_dir), stop="drop_exhausted", num_epochs=1),
        "train_steps": 1000,
    }
    result = toy_train(tmp_path, cache_dir, **arguments)
    assert result.progress.examples == 180
    assert Checkpointer(tmp_path, read_only=True).latest_step() == result.progress.steps
    caplog.set_level(logging.INFO)
    again = toy_train(tmp_path, cache_dir, **arguments)
    assert again.already_finished and again.progress == result.progress
    assert "its mixture ended after 180 examples, before TRAIN_STEPS" in caplog.text


def test_non_finite_loss_names_step_and_tasks_and_saves_nothing(cache_dir, tmp_path):
    with pytest.raises(FloatingPointError, match=r"at step \d+\. Tasks in its batch.*toy_"):
        toy_train(tmp_path, cache_dir, optimizer=adamw(learning_rate=lambda step: math.inf))
    assert Checkpointer(tmp_path, read_only=True).all_steps() == []


def test_two_runs_in_one_folder(cache_dir, tmp_path):
    held = lock(tmp_path)
    with pytest.raises(ValueError, match="another run is training in MODEL_DIR"):
        toy_train(tmp_path, cache_dir)
    held.release()


def test_another_model_in_the_folder(cache_dir, trained, tmp_path):
    model_dir, _ = trained
    with pytest.raises(ValueError, match="d_ff: 64 in the folder, 128 in this run"):
        toy_train(model_dir, cache_dir, model=dataclasses.replace(MODEL, d_ff=128), train_steps=12)
    other = dataclasses.replace(MODEL, positions=RelativeBias(max_distance=64))
    with pytest.raises(ValueError, match=r"positions\.max_distance: 128 in the folder"):
        toy_train(model_dir, cache_dir, model=other)


def test_a_finished_run_says_so_and_is_left_as_it_is(cache_dir, trained, caplog):
    model_dir, result = trained
    caplog.set_level(logging.INFO)
    before = {path: path.read_bytes() for path in model_dir.glob("*.json*")}
    again = toy_train(model_dir, cache_dir, train_steps=12, config_text="train.seed = 5\n")
    assert again.already_finished and again.progress == result.progress
    assert "12 steps are done, and TRAIN_STEPS is 12 steps. Nothing is trained" in caplog.text
    assert "have no effect; another MODEL_DIR trains with them:\n  train.seed: no" in caplog.text
    assert {path: path.read_bytes() for path in model_dir.glob("*.json*")} == before
    assert (model_dir / "config.gin").read_text() == "# the run's gin\n"


def test_bytes_that_nobody_asked_for(cache_dir, tmp_path, monkeypatch):
    monkeypatch.delenv("T5LITE_VOCABULARY", raising=False)
    with pytest.raises(ValueError, match="no VOCABULARY is given"):
        toy_train(
            tmp_path,
            tmp_path / "cache",
            model=dataclasses.replace(MODEL, vocab_size=32128),
            train_data=data_config(str(tmp_path / "cache"), vocabulary=None),
        )
    assert not (tmp_path / "cache").exists(), "nothing was built"


def test_vocabulary_larger_than_the_model(cache_dir, tmp_path):
    with pytest.raises(ValueError, match="vocab_size is 100"):
        toy_train(tmp_path, cache_dir, model=dataclasses.replace(MODEL, vocab_size=100))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": dataclasses.replace(MODEL, vocab_size=100)},
        {"evals": (dataclasses.replace(EVAL, mixture_or_task_name="nothing"),)},
        {"initial_checkpoint": RestoreConfig(path="/no/such/folder")},
    ],
)
def test_a_refused_run_leaves_nothing_that_it_made(cache_dir, tmp_path, changes):
    (tmp_path / "there").mkdir()
    for folder in ("runs/fresh", "there"):
        with pytest.raises(ValueError) as refusal:
            toy_train(tmp_path / folder, cache_dir, **changes)
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
    lock(tmp_path / "there").release(), f"free while somebody keeps {refusal}"


def test_mesh_larger_than_the_machine(cache_dir, tmp_path):
    with pytest.raises(ValueError, match="device"):
        toy_train(tmp_path, cache_dir, mesh=MeshConfig(data=3, fsdp=5, tensor=7))


def test_initial_checkpoint_is_where_a_fresh_run_starts(cache_dir, trained, tmp_path):
    source, _ = trained
    toy_train(
        tmp_path,
        cache_dir,
        train_steps=1,
        optimizer=STANDS_STILL,
        initial_checkpoint=RestoreConfig(path=str(source)),
    )
    mine, theirs = (flatten_names(load_model_dir(p).params) for p in (tmp_path, source))
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name])


def test_remap_keeps_fresh_and_renames(cache_dir, trained, tmp_path):
    source, _ = trained
    toy_train(
        tmp_path,
        cache_dir,
        train_steps=1,
        optimizer=STANDS_STILL,
        initial_checkpoint=RestoreConfig(
            path=str(source),
            remap=[
                ("decoder/.*norm/scale", None),
                (
                    r"decoder/layers/self_attention/(\w+)/kernel",
                    r"encoder/layers/attention/\1/kernel",
                ),
            ],
        ),
    )
    mine, theirs = (flatten_names(load_model_dir(p).params) for p in (tmp_path, source))
    np.testing.assert_array_equal(
        mine["decoder/layers/self_attention/query/kernel"],
        theirs["encoder/layers/attention/query/kernel"],
    )
    np.testing.assert_array_equal(mine["decoder/decoder_norm/scale"], np.ones(32, np.float32))
    assert not np.array_equal(theirs["decoder/decoder_norm/scale"], np.ones(32, np.float32))


def test_train_steps_above_the_checkpoints_are_asked_about(cache_dir, trained, tmp_path):
    """T5X's count those of the checkpoint; a run that goes on is not asked again."""
    start = RestoreConfig(path=str(trained[0]))
    with pytest.raises(ValueError, match="is at step 12"):
        toy_train(tmp_path, cache_dir, train_steps=13, initial_checkpoint=start)
    assert not list(tmp_path.iterdir())
    toy_train(tmp_path, cache_dir, train_steps=1, initial_checkpoint=start)
    resumed = toy_train(tmp_path, cache_dir, train_steps=13, initial_checkpoint=start)
    assert resumed.progress.steps == 13


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"remap": [("no/such/.*", None)]}, "rule 1 .* matches no parameter"),
        ({"step": 5}, "no checkpoint of step 5"),
        ({"remap": [("encoder/encoder_norm/scale", "no_such")]}, "missing in the checkpoint"),
    ],
)
def test_wrong_restores(cache_dir, trained, tmp_path, config, message):
    with pytest.raises(ValueError, match=message):
        toy_train(
            tmp_path,
            cache_dir,
            train_steps=5,
            initial_checkpoint=RestoreConfig(path=str(trained[0]), **config),
        )


def test_initial_checkpoint_that_does_not_exist(cache_dir, tmp_path):
    with pytest.raises(ValueError, match=r"INITIAL_CHECKPOINT_PATH .* does not exist"):
        toy_train(tmp_path, cache_dir, initial_checkpoint=RestoreConfig(path="/no/such/folder"))
