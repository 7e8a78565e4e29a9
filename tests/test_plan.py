"""`t5lite plan`: the real step, compiled for devices that are not here."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest

from t5lite import cli, memory
from t5lite.models.parameters import count_params
from t5lite.planning.sweep import meshes
from tests.conftest import REPOSITORY, on_devices, printed
from tests.planning.on_devices import (
    BATCH_SIZE,
    DECODER,
    DECODING,
    EVAL_ROWS,
    LENGTHS,
    MODEL,
)

RUN = "--gin_file=models/mini/small.gin --gin_file=runs/train.gin --train_steps=10"
LENGTHS_FLAG = "--task_feature_lengths=inputs=32,targets=16"


@pytest.fixture(scope="module")
def plans():
    command = [sys.executable, "-m", "tests.planning.on_devices"]
    return json.loads(printed(command, cwd=REPOSITORY, env=on_devices(1)))


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


def test_a_training_plan_holds_its_evaluations_beside_the_optimizers_state(plans):
    (generated,) = plans["scanned"]["answers"]
    programs = {program["name"]: program for program in generated["programs"]}
    assert {name: x["times"] for name, x in programs.items()} == {
        "prefill": 1,
        "decoding step": DECODING.decode_length - 1,
        "scoring": 1,
    }
    # AdamW's two moments of a quarter of most parameters.
    assert 8 * count_params(MODEL) / 4 < programs["scoring"]["memory"]["held"]
    num_slots = 1 + DECODING.num_beams * (DECODING.decode_length - 1)
    cache = memory.cache_bytes(
        MODEL, batch_size=EVAL_ROWS, num_slots=num_slots, source_length=LENGTHS["inputs"]
    )
    assert generated["cache_bytes"] == cache / 4


def test_a_prefix_is_read_once_and_its_slots_are_shared(plans):
    (generated,) = plans["answers"]["answers"]
    assert [program["name"] for program in generated["programs"]][:2] == ["prefix", "prefill"]
    prefix = memory.cache_bytes(DECODER, batch_size=1, num_slots=generated["prefix_length"])
    assert generated["prefix_bytes"] == prefix / 2  # each of two parts of the batch has it
    assert plans["answers"]["fits"] and plans["answers"]["run"] is None


def test_options_are_scored_and_nothing_is_generated(plans):
    (ranked,) = plans["ranked"]["answers"]
    assert (ranked["num_options"], ranked["decode_length"]) == (3, 0)
    assert [program["name"] for program in ranked["programs"]] == ["scoring"]


def test_a_sweep_ranks_what_fits_within_its_limit(plans):
    sweep = plans["sweep"]
    (fastest,) = sweep["ranked"]
    assert sweep["num_compiled"] == 1 and sweep["num_untried"] == len(list(meshes(4))) - 1
    assert (fastest["mesh"]["fsdp"], fastest["remat"]) == (4, "none")


def test_a_plan_imports_neither_seqio_nor_tensorflow(plans):
    assert plans["imported"] == []


def test_a_plan_needs_no_mixture_and_no_folder(tmp_path, capsys):
    page, recipe = tmp_path / "pages" / "plan.html", tmp_path / "recipe.gin"
    required = ("VOCABULARY", "DATA_DIR", "INITIAL_CHECKPOINT_PATH")
    recipe.write_text("".join(f"{name} = %gin.REQUIRED\n" for name in required))
    flags = f"--topology=cpu:1 --batch_size=2 --measure --html={page} --gin_file={recipe}"
    assert cli.main(f"plan {RUN} {flags} {LENGTHS_FLAG}".split()) == 0
    text = capsys.readouterr().out
    assert "parameters        1,017,600, trained 1,017,600" in text
    assert "it fits" in text
    assert re.search(r"compiled +\S+ MiB\nmeasured here +\S+ MiB", text)
    drawn = page.read_text()
    assert "1,017,600 parameters" in drawn and "temporaries" in drawn
    assert not re.search(r"(src|href)=", drawn)


def test_infer_is_planned_without_a_model_folder(capsys):
    line = (
        "plan --of=infer --topology=cpu:1 --json --gin_file=models/mini/small.gin "
        f"--eval_batch_size=2 --max_decode_length=4 {LENGTHS_FLAG}"
    )
    assert cli.main(line.split()) == 0
    (answers,) = json.loads(capsys.readouterr().out)["answers"]
    assert (answers["num_rows"], answers["prompt_length"], answers["decode_length"]) == (2, 32, 4)
    assert [program["name"] for program in answers["programs"]] == ["prefill", "decoding step"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--topology=v5x:4x4", r"--topology=v5x:4x4: v5x is no chip.*Did you mean 'v5"),
        ("--topology=v5e:4x4x4", "slices of v5e have 2 dimensions and at most 256 chips"),
        ("--topology=many", "--topology=many is no topology"),
        ("--topology=2xcpu:2", "give one number of CPUs"),
        ("--topology=cpu:1 --mesh_fsdp=3", r"fsdp=3, .*tensor=1\) does not fit 1 devices"),
        ("--topology=v5e:2x2 --measure", "--measure runs one training step on CPUs"),
        ("--topology=cpu:1 --sweep_limit=2", "--sweep_limit bounds a sweep"),
        ("--topology=cpu:1 --of=eval --sweep", "--sweep tries ways to lay out a training step"),
        ("--topology=cpu:1 --num_options=3", "nothing here ranks: give --rank_by"),
        ("--topology=cpu:1 --shared_prefix=8", "this run asks none: leave it out"),
        ("--topology=cpu:1 --html=.", r"--html \. is a folder; give a file in it"),
        ("--topology=cpu:1 --html=setup.py/plan.html", r"--html setup\.py: .* is a file"),
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
def test_slices_of_tpus():
    def planned(topology, *flags):
        line = (
            f"plan --json --topology={topology} {RUN} --task_feature_lengths=inputs=64,targets=64"
        )
        return subprocess.run(
            [sys.executable, "-m", "t5lite", *line.split(), *flags],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )

    small = planned("2xv5e:2x2", "--batch_size=16", "--mesh_fsdp=4")
    assert small.returncode == 0, small.stderr
    assert small.stderr == "compiling the training step for 2xv5e:2x2\n"
    plan = json.loads(small.stdout)
    assert plan["memory"]["fits"] and 0 < plan["roofline"]["utilisation"] <= 1
    assert (plan["num_slices"], plan["num_devices"]) == (2, 8)
    between = [found["axes"] for found in plan["collectives"] if found["between_slices"]]
    assert between and all(axes == ["data"] for axes in between)
    assert plan["roofline"]["between_slices"] > 0
    large = planned("v5e:2x2", "--batch_size=2097152")
    assert large.returncode == 1, large.stderr
    plan = json.loads(large.stdout)
    assert plan["memory"]["refused"] and plan["memory"]["peak"] > 16 << 30
    assert any(advice.startswith("--num_microbatches=") for advice in plan["advice"])


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_the_kernel_for_tpus_is_compiled_forward_and_backward():
    assert (
        printed([sys.executable, "-m", "tests.planning.kernels_on_tpus"], cwd=REPOSITORY) == "3\n"
    )
