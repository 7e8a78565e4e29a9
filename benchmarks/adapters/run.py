"""The same instructions learned by all parameters, by LoRA, and by both LLaMA-Adapters.

    python -m benchmarks.adapters.run --model=WEIGHTS/stories260K.bin --data_dir=INSTRUCTIONS \
        --folder=runs/adapters

INSTRUCTIONS holds a file `alpaca*.json`. Each method trains with several learning rates, on one
core; what is finished is not run again. The rate is that of the least loss of the validation split
at the end, and trains with further seeds. Then the methods' steps run in turns. What is printed is
of the test split, and stands in results.json; docs/adapters.md shows it.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.measuring import compiled_step
from t5lite import cli
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.files.json_files import write_object
from t5lite.training.metrics import read_lines

_HERE = pathlib.Path(__file__).parent
_ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_TASK = "instructions"
_BATCH_SIZE = 8
_MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to tune a model.

    Attributes:
      adapters: as gin names them; "" trains all parameters.
      rates: learning rates to choose from.
      settings: further gin bindings.
    """

    adapters: str
    rates: tuple[float, ...]
    settings: tuple[str, ...] = ()


METHODS = {
    "all parameters": Method("", (1e-4, 3e-4, 1e-3)),
    "LoRA, rank 8 on all maps": Method(
        "@Lora()", (3e-4, 1e-3, 3e-3, 1e-2), ("Lora.targets=('/layers/',)",)
    ),
    "LLaMA-Adapter": Method("@AdaptionPrompt()", (1e-2, 3e-2, 1e-1, 3e-1)),
    "LLaMA-Adapter V2": Method("@ScaleBias()", (3e-3, 1e-2, 3e-2)),
}


def run(
    name: str, rate: float, seed: int, *, folder: pathlib.Path, flags: Sequence[str]
) -> pathlib.Path:
    """Trains and evaluates, unless that is done, and gives the run's folder.

    Raises:
      RuntimeError: it fails.
    """
    method = METHODS[name]
    model_dir = folder / f"{name.split(',')[0].replace(' ', '_')}_{rate:g}_{seed}"
    done = model_dir / "report.html"  # written when a training ends
    if done.exists():
        return model_dir
    shutil.rmtree(model_dir, ignore_errors=True)  # of a run that was stopped
    adapters = f"({method.adapters},)" if method.adapters else "()"
    bindings = (
        f"ModelOfCheckpoint.adapters={adapters}",
        f"LEARNING_RATE={rate}",
        f"BATCH_SIZE={_BATCH_SIZE}",
        f"train.eval_first={not method.adapters and seed == 0}",  # what the model is untuned
        *method.settings,
    )
    words = [
        "train",
        f"--gin_file={_HERE / 'study.gin'}",
        f"--model_dir={model_dir}",
        f"--cache_dir={folder / 'cache'}",
        f"--seed={seed}",
        *(f"--gin.{binding}" for binding in bindings),
        *flags,
    ]
    if cli.main(words) or not done.exists():
        raise RuntimeError(f"`t5lite train` did not come to its end in {model_dir}; it said why")
    return model_dir


def figures(model_dir: pathlib.Path) -> dict[str, float]:
    """What a run that is done is reported with."""
    lines = read_lines(model_dir / "metrics.jsonl")
    evals = [line for line in lines if line["kind"] == "eval"]
    saved = model_dir / "checkpoints"
    return {
        "validation_loss": evals[-1][f"chosen_by/{_TASK}/loss"],
        "loss": evals[-1][f"reported/{_TASK}/loss"],
        "rouge_l": evals[-1][f"reported/{_TASK}/rouge_l"],
        "first_loss": evals[0][f"reported/{_TASK}/loss"],
        "first_rouge_l": evals[0][f"reported/{_TASK}/rouge_l"],
        "bytes_on_disk": sum(path.stat().st_size for path in saved.rglob("*") if path.is_file()),
    }


def steps_in_turns(model_dirs: Mapping[str, str], *, turns: int = 15) -> dict[str, dict[str, Any]]:
    """What a training step of each run's model takes.

    Args:
      model_dirs: the runs, by name.
      turns: how often each step is run, after one that is not counted.

    Returns:
      For each: `trained`, how many parameters; `memory`, bytes of the step's arguments and
      temporaries, as compiled; `seconds` of CPU, the median of the turns.
    """
    import jax
    import jax.numpy as jnp

    steps: dict[str, Callable[[Any], Any]] = {}
    states, found, seconds = {}, {}, {name: [] for name in model_dirs}
    for name, folder in model_dirs.items():
        of_run = ModelDescription.load(folder)
        program, step, compiled = compiled_step(
            of_run.model, of_run.converter, batch_size=_BATCH_SIZE
        )
        batch = {feature: jnp.ones(x.shape, x.dtype) for feature, x in step.shapes[1].items()}
        steps[name] = lambda state, compiled=compiled, batch=batch: compiled(state, batch, {})[0]
        states[name] = jax.jit(program.init_fn)()
        held = compiled.memory_analysis()
        found[name] = {
            "trained": sum(leaf.size for leaf in jax.tree.leaves(program.trainable)),
            "memory": held.argument_size_in_bytes + held.temp_size_in_bytes,
        }
    for turn in range(turns + 1):
        for name, step in steps.items():
            start = time.process_time()
            states[name] = jax.block_until_ready(step(states[name]))
            if turn:
                seconds[name].append(time.process_time() - start)
    return {
        name: one | {"seconds": statistics.median(seconds[name])} for name, one in found.items()
    }


def mean_and_range(values: Sequence[float]) -> str:
    """The mean, and behind it the least and the most where there are several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def print_table(results: Mapping[str, Mapping[str, Any]]) -> None:
    """What docs/adapters.md shows."""
    print(
        "| | trained | rate | loss | ROUGE-L | CPU s a step | ratio | memory of a step | on disk |"
    )
    print("|" + "---|" * 9)
    whole = results["all parameters"]
    before = whole["runs"][0]
    print(f"| untuned | | | {before['first_loss']:.3f} | {before['first_rouge_l']:.3f} | | | | |")
    for name, one in results.items():
        runs, step = one["runs"], one["step"]
        loss, rouge = (mean_and_range([run[of] for run in runs]) for of in ("loss", "rouge_l"))
        print(
            f"| {name} | {step['trained']:,} | {one['rate']:g} | {loss} | {rouge} | "
            f"{step['seconds']:.3f} | {step['seconds'] / whole['step']['seconds']:.2f} | "
            f"{step['memory'] / _MIB:.0f} MiB | {runs[0]['bytes_on_disk'] / 1024:,.0f} KiB |"
        )


def main() -> None:
    """Runs what is not done, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default="runs/adapters")
    parser.add_argument("--seeds", type=int, default=3, help="the first chooses the rate")
    args = parser.parse_args()
    flags = (f"--initial_checkpoint_path={args.model}", f"--data_dir={args.data_dir}")
    os.environ.setdefault("XLA_FLAGS", _ONE_CORE)
    folder = args.folder.resolve()
    results: dict[str, dict[str, Any]] = {}
    for name, method in METHODS.items():
        tried = {
            rate: figures(run(name, rate, 0, folder=folder, flags=flags)) for rate in method.rates
        }
        rate = min(tried, key=lambda rate: tried[rate]["validation_loss"])
        runs = [run(name, rate, seed, folder=folder, flags=flags) for seed in range(args.seeds)]
        results[name] = {
            "rate": rate,
            "validation_losses": {f"{r:g}": one["validation_loss"] for r, one in tried.items()},
            "runs": [figures(model_dir) for model_dir in runs],
            "model_dir": str(runs[0]),
        }
    of_methods = {name: one["model_dir"] for name, one in results.items()}
    for name, step in steps_in_turns(of_methods).items():
        results[name]["step"] = step
    write_object(folder / "results.json", results)
    print_table(results)


if __name__ == "__main__":
    main()
