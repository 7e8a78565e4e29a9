"""`t5lite plan`: the real step, compiled for devices that are not here."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest

from t5lite import cli
from t5lite.models.parameters import count_params
from tests.conftest import REPOSITORY, on_devices
from tests.planning.on_devices import BATCH_SIZE, LENGTHS, MODEL

RUN = "--gin_file=models/mini/small.gin --gin_file=runs/train.gin --train_steps=10"
LENGTHS_FLAG = "--task_feature_lengths=inputs=32,targets=16"


@pytest.fixture(scope="module")
def plans():
    done = subprocess.run(
        [sys.executable, "-m", "tests.planning.on_devices"],
        cwd=REPOSITORY,
        env=on_devices(1),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sent(plan, *, kind=None, axes=None):
    return sum(
        collective["bytes_sent"]
        for collective in plan["collectives"]
        if kind in (None, collective["kind"]) and axes in (None, collective["axes"])
    )


def test_copies_of_a_model_add_up_all_gradients_and_little_else(plans):
    plan = plans["copies"]
    # A ring of n devices sends an array 2 (n - 1) / n times.
    gradients = 4 * count_params(MODEL) * 1.5
    # A little more: both stacks' gradients of the embedding, each layer's of the relative bias.
    assert gradients <= sent(plan, kind="all-reduce", axes=["data"]) < 1.25 * gradients
    assert {tuple(collective["axes"]) for collective in plan["collectives"]} == {("data",)}


def test_each_device_holds_its_part_of_the_state(plans):
    # Parameters and AdamW's two moments; tokens, targets and weights of the rows, packed.
    whole = 12 * count_params(MODEL)
    batch = BATCH_SIZE * (3 * LENGTHS["inputs"] + 5 * LENGTHS["targets"]) * 4
    copies, split = plans["copies"]["memory"], plans["unrolled"]["memory"]
    assert copies["arguments"] == pytest.approx(whole + batch / 4, rel=0.01)
    assert whole / 4 < split["arguments"] < whole / 2
    assert copies["peak"] == sum(
        copies[name] for name in ("arguments", "outputs", "temporaries", "program")
    )


def test_a_scanned_stack_adds_up_as_much_as_an_unrolled_one(plans):
    unrolled, scanned = plans["unrolled"], plans["scanned"]
    assert max(collective["times"] for collective in scanned["collectives"]) >= 3
    for axes in (["fsdp"], ["tensor"]):
        assert sent(scanned, kind="all-reduce", axes=axes) == sent(
            unrolled, kind="all-reduce", axes=axes
        )
    assert scanned["flops"] == unrolled["flops"]


def test_tokens_become_the_least_number_of_steps(plans):
    steps = 64_000 // (BATCH_SIZE * sum(LENGTHS.values()))
    run = plans["copies"]["run"]
    assert (run["steps"], run["is_least"]) == (steps, True)
    assert run["flops"] == steps * plans["copies"]["flops"]["model"]


def test_a_plan_imports_neither_seqio_nor_tensorflow(plans):
    assert plans["imported"] == []


def test_a_plan_needs_no_mixture_and_no_folder(capsys):
    line = f"plan --topology=cpu:1 --batch_size=2 {RUN} {LENGTHS_FLAG}"
    assert cli.main(line.split()) == 0
    text = capsys.readouterr().out
    assert "parameters        1,017,600, trained 1,017,600" in text
    assert "it fits" in text


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--topology=v5x:4x4", r"--topology=v5x:4x4: v5x is no chip.*Did you mean 'v5"),
        ("--topology=v5e:4x4x4", "slices of v5e have 2 dimensions and at most 256 chips"),
        ("--topology=many", "--topology=many is no topology"),
        (
            "--topology=cpu:1 --mesh_fsdp=3",
            r"fsdp=3, .*tensor=1\) does not fit 1 devices",
        ),
    ],
)
def test_mistakes(flags, message, capsys):
    assert cli.main(f"plan {flags} {RUN} {LENGTHS_FLAG}".split()) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error


def test_without_the_compiler_for_tpus_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "libtpu", None)
    assert cli.main(f"plan --topology=v5e:2x2 {RUN} {LENGTHS_FLAG}".split()) == 2
    assert 'pip install "t5lite[tpu]"' in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_a_slice_of_tpus():
    def planned(*flags):
        line = f"plan --json --topology=v5e:2x2 {RUN} --task_feature_lengths=inputs=64,targets=64"
        return subprocess.run(
            [sys.executable, "-m", "t5lite", *line.split(), *flags],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )

    small = planned("--batch_size=8", "--mesh_fsdp=2")
    assert small.returncode == 0, small.stderr
    assert small.stderr == "compiling the step for v5e:2x2\n"
    plan = json.loads(small.stdout)
    assert plan["memory"]["fits"] and 0 < plan["roofline"]["utilisation"] <= 1
    assert {"data", "fsdp"} <= {axis for found in plan["collectives"] for axis in found["axes"]}
    large = planned("--batch_size=2097152")
    assert large.returncode == 1, large.stderr
    plan = json.loads(large.stdout)
    assert plan["memory"]["refused"] and plan["memory"]["peak"] > 16 << 30
    assert any(advice.startswith("--num_microbatches=") for advice in plan["advice"])
