"""The same instructions learned by all parameters, by LoRA, and by both LLaMA-Adapters.

    python -m benchmarks.adapters.run --model=WEIGHTS/stories260K.bin --data_dir=INSTRUCTIONS \
        --folder=runs/adapters

INSTRUCTIONS holds a file `alpaca*.json`. Each method trains with two learning rates, each run in a
process of its own on one core; what is finished is not run again. The rate is that of the
least loss of the validation split at the end; what is printed is of the test split, and stands in
results.json. docs/adapters.md shows what came out.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.files.json_files import read_object, write_object
from t5lite.models.parameters import adapter_names, flatten_names, param_shapes
from t5lite.training.metrics import read_lines

_HERE = pathlib.Path(__file__).parent
_ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
_TASK = "instructions"


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
    "all parameters": Method("", (3e-4, 1e-3)),
    "LoRA": Method("@Lora()", (3e-3, 1e-2), ("Lora.targets=('/layers/',)",)),
    "LLaMA-Adapter": Method("@AdaptionPrompt()", (1e-2, 3e-2)),
    "LLaMA-Adapter V2": Method("@ScaleBias()", (3e-3, 1e-2)),
}


def run(method: Method, rate: float, model_dir: pathlib.Path, flags: list[str]) -> None:
    """Trains and evaluates in a process of its own, unless that is done.

    Raises:
      RuntimeError: it fails.
    """
    done = model_dir / "memory.json"
    if done.exists():
        return
    model_dir.mkdir(parents=True, exist_ok=True)
    adapters = f"({method.adapters},)" if method.adapters else "()"
    bindings = [
        f"ModelOfCheckpoint.adapters={adapters}",
        f"LEARNING_RATE={rate}",
        *method.settings,
    ]
    command = [
        *(sys.executable, "-m", "t5lite", "train"),
        f"--gin_file={_HERE / 'study.gin'}",
        f"--model_dir={model_dir}",
        f"--cache_dir={model_dir.parent / 'cache'}",
        *(f"--gin.{binding}" for binding in bindings),
        *flags,
    ]
    log = model_dir.parent / f"{model_dir.name}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={"XLA_FLAGS": _ONE_CORE, **os.environ},
        )
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"`t5lite train` failed; {log} says why")
    write_object(done, {"peak_mib": used.ru_maxrss / 1024, "cpu_seconds": used.ru_utime})


def figures(model_dir: pathlib.Path) -> dict[str, float]:
    """What a run that is done is reported with."""
    lines = read_lines(model_dir / "metrics.jsonl")
    evals = [line for line in lines if line["kind"] == "eval"]
    end = evals[-1]
    model = ModelDescription.load(model_dir).model
    sizes = {name: leaf.size for name, leaf in flatten_names(param_shapes(model)).items()}
    step = model_dir / "checkpoints"
    return {
        "validation_loss": end[f"chosen_by/{_TASK}/loss"],
        "loss": end[f"reported/{_TASK}/loss"],
        "rouge_l": end[f"reported/{_TASK}/rouge_l"],
        "loss_before": evals[0][f"reported/{_TASK}/loss"],
        "rouge_l_before": evals[0][f"reported/{_TASK}/rouge_l"],
        "trained": sum(sizes[name] for name in adapter_names(model)) or sum(sizes.values()),
        "bytes_on_disk": sum(path.stat().st_size for path in step.rglob("*") if path.is_file()),
        **read_object(model_dir / "memory.json"),
    }


def main() -> None:
    """Runs what is not done, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default="runs/adapters")
    args = parser.parse_args()
    flags = [
        f"--initial_checkpoint_path={args.model}",
        f"--data_dir={args.data_dir}",
    ]
    results = {}
    for name, method in METHODS.items():
        found = []
        for rate in method.rates:
            model_dir = args.folder.resolve() / f"{name.replace(' ', '_')}_{rate:g}"
            run(method, rate, model_dir, flags)
            found.append({"rate": rate, **figures(model_dir)})
            print(f"{model_dir.name} is done", flush=True)
        results[name] = min(found, key=lambda one: one["validation_loss"])
    write_object(args.folder / "results.json", results)
    before = results["all parameters"]
    print("| | trained | rate | loss | ROUGE-L | CPU time | memory | on disk |")
    print("|" + "---|" * 8)
    print(f"| untuned | | | {before['loss_before']:.3f} | {before['rouge_l_before']:.3f} | | | |")
    for name, one in results.items():
        print(
            f"| {name} | {one['trained']:,} | {one['rate']:g} | {one['loss']:.3f} | "
            f"{one['rouge_l']:.3f} | {one['cpu_seconds']:.0f} s | {one['peak_mib']:.0f} MiB | "
            f"{one['bytes_on_disk'] / 1024:,.0f} KiB |"
        )


if __name__ == "__main__":
    main()
