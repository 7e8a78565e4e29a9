"""How time and memory grow with sequence length, batch, depth, and the number of tasks, on a CPU.

    python benchmarks/growth.py --plot=growth.png

Training steps of a small T5 (d_model 256, 4 and 4 layers, AdamW, float32): one of its lengths,
batch and depth grows, the others stay. Each is run in a process of its own. `CPU s` is of all cores
together, the least of three steps; `growth` is how many times as long a step takes as the line
before, and `FLOPs` how many times as many operations it has; `memory` is how far the process's
resident memory rises. Then mixtures of more and more tasks of 100 short examples, built before:
from opening their stores to the first packed batch of 128 rows, 100 batches more, and memory that
is the process's own. `--only=length` asks for one of them. Linux only.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from measuring import measured_step, run_alone
from store_scale import measure, write_stores

from t5lite.data.features.feature_converters import EncoderDecoderFeatureConverter
from t5lite.memory import readable
from t5lite.messages.tables import format_table
from t5lite.models.config import TransformerConfig

MODEL = TransformerConfig(
    vocab_size=8192,
    d_model=256,
    d_ff=512,
    d_kv=64,
    num_heads=4,
    num_encoder_layers=4,
    num_decoder_layers=4,
)
LENGTH, BATCH_SIZE = 256, 4  # of inputs; targets have a quarter
SIZES = {
    "length": (64, 128, 256, 512, 1024, 2048),
    "batch": (1, 2, 4, 8, 16, 32),
    "depth": (2, 4, 8, 16, 32),
    "tasks": (10, 100, 1000, 10_000),
}
LABELS = {
    "length": "input tokens of a row",
    "batch": "rows of a batch",
    "depth": "layers of each stack",
    "tasks": "tasks of a mixture",
}


def step(what: str, size: int) -> dict[str, float]:
    """Measures a step of which one thing has another size."""
    length, batch_size = LENGTH, BATCH_SIZE
    depth = MODEL.num_encoder_layers
    if what == "length":
        length = size
    elif what == "batch":
        batch_size = size
    else:
        depth = size
    model = dataclasses.replace(MODEL, num_encoder_layers=depth, num_decoder_layers=depth)
    rows = EncoderDecoderFeatureConverter(
        task_feature_lengths={"inputs": length, "targets": length // 4}, eos_id=1
    )
    return measured_step(model, rows, batch_size=batch_size)


def tasks(folder: pathlib.Path, size: int) -> dict[str, float]:
    """Measures the data of a mixture."""
    stores = folder / str(size)
    write_stores(stores, 100 * size, size)
    found = run_alone(measure, stores, num_tasks=size, batch_size=128, num_batches=100)
    (_, first), (_, rest) = found["first"], found["rest"]
    return {"first": first, "rest": rest - first, "memory": found["after"]["RssAnon"] * 2**20}


def table(what: str, lines: Sequence[tuple[int, dict[str, float]]]) -> str:
    """One quantity's lines."""
    if what == "tasks":
        titles = [LABELS[what], "first batch, CPU s", "100 more", "memory"]
        rows = [
            (f"{size:,}", f"{x['first']:.2f}", f"{x['rest']:.2f}", readable(int(x["memory"])))
            for size, x in lines
        ]
    else:
        titles = [LABELS[what], "CPU s", "growth", "FLOPs", "GFLOP/s", "memory"]
        rows, before = [], None
        for size, x in lines:
            growths = ["", ""]
            if before is not None:
                growths = [f"{x[name] / before[name]:.2f}" for name in ("seconds", "flops")]
            speed = f"{x['flops'] / x['seconds'] / 1e9:.0f}"
            memory = readable(int(x["memory"]))
            rows.append((f"{size:,}", f"{x['seconds']:.3f}", *growths, speed, memory))
            before = x
    return format_table(titles, rows, right=tuple(range(len(titles))))


def plot(found: dict[str, list[tuple[int, dict[str, float]]]], path: str) -> None:
    """Draws time and memory over size, on logarithmic axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(found), 5.2), layout="constrained")
    axes = figure.subplots(2, len(found), squeeze=False, sharex="col")
    for (above, below), (what, lines) in zip(axes.T, found.items(), strict=True):
        sizes = [size for size, _ in lines]
        names = {"first": "first batch", "rest": "100 more"} if what == "tasks" else {"seconds": ""}
        for name, label in names.items():
            above.plot(sizes, [x[name] for _, x in lines], "o-", label=label)
        if what == "tasks":
            above.legend(fontsize=8)
        else:
            first = lines[0][1]
            scaled = [x["flops"] * first["seconds"] / first["flops"] for _, x in lines]
            above.plot(sizes, scaled, "k:", label="as operations")
            above.legend(fontsize=8)
        below.plot(sizes, [x["memory"] / 2**20 for _, x in lines], "o-", color="tab:green")
        above.set(xscale="log", yscale="log", ylabel="CPU s")
        below.set(xscale="log", yscale="log", xlabel=LABELS[what], ylabel="memory, MiB")
        below.set_xticks(sizes, [f"{size:,}" for size in sizes])
        below.minorticks_off()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Prints a table for each quantity, and draws all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(SIZES))
    parser.add_argument("--plot", help="the picture to write")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for what in SIZES if options.only is None else (options.only,):
            found[what] = []
            for size in SIZES[what]:
                if what == "tasks":
                    line = tasks(pathlib.Path(folder), size)
                else:
                    line = run_alone(step, what, size)
                found[what].append((size, line))
            print(table(what, found[what]) + "\n", flush=True)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
