"""The memory that `t5lite plan` says a training step needs on a CPU, beside what a step takes.

`python benchmarks/plan_memory.py` compiles steps of a small T5, runs each in a process of its own
on one CPU device, and prints for each the peak that the plan has from the compiler, and the
measured one: how far the process's resident memory rises above what it was before the state was
made. Linux only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys

import jax

from t5lite.data.data_config import DataConfig
from t5lite.memory import readable
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.messages.tables import format_table
from t5lite.models.config import TransformerConfig
from t5lite.planning import memory_use
from t5lite.planning.measured import measure_step
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adamw
from t5lite.training.program import build_program

MODEL = TransformerConfig(
    vocab_size=8192,
    d_model=256,
    d_ff=512,
    d_kv=64,
    num_heads=4,
    num_encoder_layers=4,
    num_decoder_layers=4,
)
LENGTHS = {"inputs": 256, "targets": 128}
# Rows of a batch, microbatches, what the backward pass recomputes.
CASES = [(8, 1, "none"), (32, 1, "none"), (32, 4, "none"), (32, 1, "full")]


def run(batch_size: int, num_microbatches: int, remat: str) -> dict[str, int]:
    """Compiles a step, says what it needs, runs it, says what it took."""
    rows = DataConfig(
        mixture_or_task_name="none", task_feature_lengths=LENGTHS, batch_size=batch_size
    ).make_converter(eos_id=1, ends_in_eos={})
    program = build_program(
        dataclasses.replace(MODEL, remat=remat),
        CrossEntropy(),
        optimizer=adamw(learning_rate=1e-3),
        parameter_groups=(),
        frozen_dtype="float32",
        max_grad_norm=None,
        seed=0,
        mesh=make_mesh(MeshConfig(), devices=jax.devices()[:1]),
    )
    step = program.step(
        rows, batch_size=batch_size, num_microbatches=num_microbatches, frozen_models={}
    )
    compiled = step.function.lower(*step.shapes).compile()
    planned = memory_use.of_compiled(compiled, available=0, whose="this machine")
    return {"planned": planned.peak, "measured": measure_step(program, step, compiled)}


def main() -> None:
    """Prints a table, a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=int, help="run only this one, and print it as JSON")
    options = parser.parse_args()
    if options.case is not None:
        print(json.dumps(run(*CASES[options.case])))
        return
    rows = []
    for index, (batch_size, num_microbatches, remat) in enumerate(CASES):
        command = [sys.executable, __file__, f"--case={index}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        rows.append(
            (
                f"{batch_size}",
                f"{num_microbatches}",
                remat,
                readable(found["planned"]),
                readable(found["measured"]),
                f"{found['measured'] / found['planned']:.2f}",
            )
        )
    titles = ("rows", "microbatches", "remat", "compiled", "measured", "ratio")
    print(format_table(titles, rows, right=(0, 1, 3, 4, 5)))


if __name__ == "__main__":
    main()
