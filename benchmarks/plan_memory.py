"""The memory that `t5lite plan` says a training step needs on a CPU, beside what a step takes.

`python benchmarks/plan_memory.py` compiles steps of a small T5, runs each in a process of its own
on one CPU device, and prints for each the peak that the plan has from the compiler, and the
measured one: how far the process's resident memory rises above what it was before the state was
made. Linux only.
"""

from __future__ import annotations

import argparse
import dataclasses

from measuring import compiled_step, run_alone

from t5lite.data.data_config import DataConfig
from t5lite.memory import readable
from t5lite.messages.tables import format_table
from t5lite.models.config import TransformerConfig
from t5lite.planning import memory_use
from t5lite.planning.measured import measure_step

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
    model = dataclasses.replace(MODEL, remat=remat)
    program, step, compiled = compiled_step(
        model, rows, batch_size=batch_size, num_microbatches=num_microbatches
    )
    planned = memory_use.of_compiled(compiled, on_tpu=False, available=0, whose="this machine")
    return {"planned": planned.peak, "measured": measure_step(program, step, compiled)}


def main() -> None:
    """Prints a table, a row for each case."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = []
    for batch_size, num_microbatches, remat in CASES:
        found = run_alone(run, batch_size, num_microbatches, remat)
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
