"""What a run shows of itself: traces, norms, memory, speed, and Weights & Biases."""

import collections
import dataclasses
import gzip
import json
import logging
import re
import signal
import struct
import sys

import jax
import numpy as np
import pytest

from t5lite.checkpoints.load import load_model_dir
from t5lite.data.pipeline import open_train_data
from t5lite.models.parameters import bind, flatten_names
from t5lite.training.metrics import METRICS_FILE, read_lines
from t5lite.training.optimizers import optax_optimizer
from tests.toy_run import MODEL, data_config, interrupted_at, toy_train


def recorded(folder):
    """What wandb recorded offline: each start's id, project and settings, and all figures."""
    from wandb.proto.wandb_internal_pb2 import Record

    starts, figures = [], []
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda p: p.stat().st_mtime):
        for record in map(Record.FromString, records(path.read_bytes())):
            if record.WhichOneof("record_type") == "run":
                items = {i.key: json.loads(i.value_json) for i in record.run.config.update}
                starts.append((record.run.run_id, record.run.project, items))
            elif record.WhichOneof("record_type") == "history":
                items = record.history.item
                figures.append(
                    {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}
                )
    return starts, figures


def records(content):
    """Those of a file like LevelDB's logs: blocks of 32 KiB, each part with a header."""
    at, whole = 7, b""
    while at + 7 <= len(content):
        if (left := -at % 32768) < 7:
            at += left
        length, kind = struct.unpack_from("<HB", content, at + 4)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


@pytest.mark.slow
def test_a_stopped_run_leaves_its_trace_and_goes_on_in_the_same_wandb_run(
    cache_dir, tmp_path, monkeypatch, caplog
):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    caplog.set_level(logging.INFO)
    arguments = {
        "train_steps": 6,
        "log_period": 2,
        "profile_steps": (3, 6),
        "norm_groups": ("^encoder/", "^(?!encoder/)"),
        "wandb_project": "toys",
        "config_text": "X = 3\n",
    }
    with interrupted_at(4, signal.SIGINT):
        assert toy_train(tmp_path, cache_dir, **arguments).stopped
    assert not toy_train(tmp_path, cache_dir, **arguments).stopped

    # The window ended where the run did, and its rest is another trace.
    traces = sorted(path.name for path in (tmp_path / "tensorboard/plugins/profile").iterdir())
    assert len(traces) == 2 and traces[0].startswith("steps_3_to_") and traces[1].endswith("_to_5")
    for trace in (tmp_path / "tensorboard/plugins/profile").iterdir():
        assert (trace / "process_0.xplane.pb").stat().st_size
        text = gzip.decompress((trace / "process_0.trace.json.gz").read_bytes()).decode()
        first, last = (int(n) for n in trace.name.split("_")[1::2])
        events = map(json.loads, re.findall(r'\{[^{}]*\{[^{}]*"step_num"[^{}]*\}[^{}]*\}', text))
        steps = {e["args"]["step_num"] for e in events if e["name"] == "train"}
        assert steps == {str(n) for n in range(first, last + 1)}

    lines = [x for x in read_lines(tmp_path / METRICS_FILE) if x["kind"] == "train"]
    assert [x["step"] for x in lines] == [2, 4, 6]
    for line in lines:
        for kind in ("grad", "update", "param"):
            parts = [line[f"{kind}_norm/{group}"] for group in arguments["norm_groups"]]
            assert np.hypot(*parts) == pytest.approx(line[f"{kind}_norm"], rel=1e-5)
        assert line["host_memory_bytes"] > 1e6
        assert "mfu" not in line, "nothing is known of a CPU's peak"
    params = flatten_names(load_model_dir(str(tmp_path)).params).values()
    norm = np.sqrt(sum(np.square(np.asarray(x, np.float64)).sum() for x in params))
    assert lines[-1]["param_norm"] == pytest.approx(norm, rel=1e-5)

    (first, second), figures = recorded(tmp_path)
    assert first == second and first[1] == "toys" and first[2]["X"] == 3
    by_step = {x["step"]: x["train/loss"] for x in figures if "train/loss" in x}
    assert by_step == {x["step"]: pytest.approx(x["loss"]) for x in lines}


def test_the_loss_of_each_task_is_that_of_its_examples_since_the_last_line(cache_dir, tmp_path):
    """Of rows that hold several tasks, in microbatches, in a run stopped between two lines."""
    arguments = {
        "model": dataclasses.replace(MODEL, dropout_rate=0.0),
        "optimizer": optax_optimizer("sgd", 0.0),
        "train_steps": 4,
        "log_period": 2,
        "num_microbatches": 2,
        "loss_by_task": True,
    }
    with interrupted_at(3, signal.SIGINT):
        assert toy_train(tmp_path, cache_dir, **arguments).stopped
    toy_train(tmp_path, cache_dir, **arguments)
    saved = load_model_dir(str(tmp_path))
    logits = jax.jit(lambda batch: bind(saved.config, saved.params).logits(batch))
    lines = [x for x in read_lines(tmp_path / METRICS_FILE) if x["kind"] == "train"]
    with open_train_data(data_config(str(cache_dir))) as data:
        batches = [batch.features for batch, _ in zip(data, range(4), strict=False)]
    for line, pair in zip(lines, (batches[:2], batches[2:]), strict=True):
        losses = collections.defaultdict(list)
        for features in pair:
            log_probs = np.asarray(jax.nn.log_softmax(logits(features)))
            for row, segments in enumerate(features["decoder_segment_ids"]):
                for segment in set(segments) - {0}:
                    prompt = features["encoder_input_tokens"][row][
                        features["encoder_segment_ids"][row] == segment
                    ]
                    task = saved.vocabulary.decode(prompt.tolist()).partition(":")[0]
                    at = np.flatnonzero(segments == segment)
                    targets = features["decoder_target_tokens"][row, at]
                    losses[task] += (-log_probs[row, at, targets]).tolist()
        found = {n.partition("/")[2]: x for n, x in line.items() if n.startswith("loss_by_task/")}
        assert found == {f"toy_{n}": pytest.approx(np.mean(x), rel=1e-5) for n, x in losses.items()}
        assert len(found) == 3


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"profile_steps": (5, 5)}, "PROFILE_STEPS=5:5 holds no step"),
        ({"profile_steps": (30, 32)}, "PROFILE_STEPS=30:32 .* step 31, and TRAIN_STEPS is 30"),
        ({"norm_groups": ("encodr",)}, "train.norm_groups: 'encodr' matches no parameter"),
        ({"norm_groups": ("(",)}, "train.norm_groups: '\\(' is no regular expression"),
    ],
)
def test_what_is_asked_wrongly_is_named_before_anything_is_compiled(
    changes, named, cache_dir, tmp_path
):
    with pytest.raises(ValueError, match=named):
        toy_train(tmp_path / "run", cache_dir, **changes)
    assert not (tmp_path / "run").exists()


def test_wandb_that_is_not_installed_is_named(cache_dir, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ValueError, match=r"WANDB_PROJECT=toys: .* pip install \"t5lite\[wandb\]\""):
        toy_train(tmp_path, cache_dir, wandb_project="toys")
