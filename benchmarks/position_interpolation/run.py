"""Position Interpolation in miniature: a small LLaMA, trained to 256 bytes and extended.

    python -m benchmarks.position_interpolation.run --data_dir=DATA --folder=runs/interpolation

DATA holds `text/`. Trains the model with pretraining.gin, and every arm from there with
extension.gin, one after another; what is finished is not run again, and a run that was stopped goes
on. Then prints the tables, and writes results.json and position_interpolation.png into the folder.
docs/long_context.md tells the design and the outcome.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

from benchmarks.position_interpolation import tables
from benchmarks.position_interpolation.texts import EXTENDED, TRAINED, write_documents, write_keys
from t5lite.files.json_files import write_object
from t5lite.training.metrics import read_lines

_HERE = pathlib.Path(__file__).parent
_ENVIRONMENT = {
    # One core, so that a run's cost is that of any machine.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to extend the model of a seed.

    Attributes:
      method: `interpolated`, or `direct`, which leaves positions as they are.
      window: bytes of the rows that it is trained on.
      seed: of the model, and of the order of the texts.
      steps: of training.
      period: steps between two evaluations.
      tokens: of a batch.
      learning_rate: of its training.
      split: of the documents that it is read on.
    """

    method: str
    window: int
    seed: int
    steps: int = 1000
    period: int = 200
    tokens: int = 4096
    learning_rate: float = 1e-3
    split: str = "test"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.method}_{self.window}_{self.seed}"

    @property
    def factor(self) -> float:
        """What positions are divided by."""
        return self.window / TRAINED if self.method == "interpolated" else 1.0


def arms(seeds: int, windows: list[int], **fields: Any) -> list[Arm]:
    """All arms, those of one seed first."""
    return [
        Arm(method, window, seed, **fields)
        for seed in range(seeds)
        for window in windows
        for method in ("interpolated", "direct")
    ]


def pretrain(folder: pathlib.Path, seed: int) -> pathlib.Path:
    """Trains the model of a seed, unless that is done; returns its folder."""
    model_dir = folder / f"pretrained_{seed}"
    _train("pretraining.gin", model_dir, folder, f"--gin.SEED={seed}")
    return model_dir


def extend(arm: Arm, folder: pathlib.Path) -> dict[str, object]:
    """Trains and evaluates one arm, unless that is done; returns its figures by step."""
    _train(
        "extension.gin",
        folder / arm.name,
        folder,
        f"--initial_checkpoint_path={pretrain(folder, arm.seed)}",
        f"--gin.MIXTURE_OR_TASK_NAME='text_{arm.window}'",
        f"--gin.PERPLEXITY='perplexity_{arm.window}'",
        f"--gin.PASSKEY='keys_{arm.window}'",
        f"--gin.WINDOW={arm.window}",
        f"--gin.SCALING_FACTOR={arm.factor}",
        f"--gin.BATCH_SIZE={max(arm.tokens // arm.window, 1)}",
        f"--gin.TRAIN_STEPS={arm.steps}",
        f"--gin.EVAL_PERIOD={arm.period}",
        f"--gin.LEARNING_RATE={arm.learning_rate}",
        f"--gin.SPLIT='{arm.split}'",
        f"--gin.SEED={arm.seed}",
    )
    lines = read_lines(folder / arm.name / "metrics.jsonl")
    by_step = {line["step"]: line for line in lines if line["kind"] == "eval"}
    return dataclasses.asdict(arm) | {"by_step": {s: _figures(by_step[s], arm) for s in by_step}}


def _figures(line: dict[str, float], arm: Arm) -> dict[str, float]:
    """What the tables show of an evaluation."""
    old, new = f"perplexity/test_{TRAINED}_{TRAINED}", f"perplexity/test_{arm.window}_{arm.window}"
    return {
        "perplexity": line[f"{new}/perplexity"],
        "bits_per_byte": line[f"{new}/bits_per_byte"],
        "perplexity_256": line[f"{old}/perplexity"],
        "k_max": line[f"passkey/keys_{arm.window}/k_max"],
        "accuracy": line[f"passkey/keys_{arm.window}/accuracy"],
        "short_accuracy": line["short/keys_256/accuracy"],
    }


def extend_stories(weights: pathlib.Path, method: str, folder: pathlib.Path) -> dict[str, object]:
    """Trains and evaluates stories260K; its figures by window and step."""
    model_dir = folder / f"stories_{method}"
    _train(
        "stories.gin",
        model_dir,
        folder,
        f"--initial_checkpoint_path={weights / 'stories260K.bin'}",
        f"--vocabulary={weights / 'tok512.model'}:0",
        f"--gin.SCALING_FACTOR={4.0 if method == 'interpolated' else 1.0}",
    )
    lines = read_lines(model_dir / "metrics.jsonl")
    by_window = {
        window: {
            line["step"]: line[f"perplexity/test_{window}_{window}/perplexity"]
            for line in lines
            if line["kind"] == "eval"
        }
        for window in (256, 512, 1024, 2048)
    }
    return {"method": method, "perplexity": by_window}


def _train(gin: str, model_dir: pathlib.Path, folder: pathlib.Path, *flags: str) -> None:
    """Runs `t5lite train` in a process of its own, its output in a file; nothing where it is done.

    With more steps than before it goes on where it stopped.

    Raises:
      RuntimeError: it fails.
    """
    done, wanted = model_dir / "done", " ".join(flags)
    if done.exists() and done.read_text() == wanted:
        return
    command = [
        *(sys.executable, "-m", "t5lite", "train"),
        f"--gin_file={_HERE / gin}",
        f"--model_dir={model_dir}",
        f"--data_dir={folder}",
        f"--cache_dir={folder / 'cache'}",
        *flags,
    ]
    environment = {
        **_ENVIRONMENT,
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        **os.environ,
    }
    log = folder / f"{model_dir.name}.log"
    with log.open("a") as file:
        process = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    if process.returncode:
        raise RuntimeError(f"`t5lite train` failed; {log} says why")
    done.write_text(wanted)


def _windows(text: str) -> list[int]:
    """The numbers of `--windows`; argparse says which there are."""
    windows = [int(window) for window in text.split(",")]
    if not {*windows} <= {*EXTENDED}:
        raise argparse.ArgumentTypeError(f"{text} is not of {', '.join(map(str, EXTENDED))}")
    return windows


def main() -> None:
    """Runs what is not done, and shows what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=pathlib.Path, required=True, help="holds text/")
    parser.add_argument("--folder", type=pathlib.Path, default="runs/interpolation")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--windows", type=_windows, default="2048,4096")
    parser.add_argument("--steps", type=int, default=Arm.steps, help="of each arm")
    parser.add_argument("--period", type=int, default=Arm.period, help="steps between evaluations")
    parser.add_argument(
        "--learning_rate", type=float, default=Arm.learning_rate, help="of each arm"
    )
    parser.add_argument("--split", default=Arm.split, help="validation to choose settings by")
    parser.add_argument("--stories", type=pathlib.Path, help="folder of stories260K's files")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "keys.jsonl").exists():
        write_documents(args.data_dir / "text", folder)
        write_keys(folder)
    stories, results = [], []
    for method in ("interpolated", "direct") if args.stories else ():
        stories.append(extend_stories(args.stories, method, folder))
        print(stories[-1], flush=True)
    fields = {name: getattr(args, name) for name in ("steps", "period", "learning_rate", "split")}
    for arm in arms(args.seeds, args.windows, **fields):
        results.append(extend(arm, folder))
        write_object(folder / "results.json", {"arms": results, "stories": stories})
        print(f"{arm.name} is done", flush=True)
    print(tables.text(results))
    tables.draw(results, folder / "position_interpolation.png")


if __name__ == "__main__":
    main()
