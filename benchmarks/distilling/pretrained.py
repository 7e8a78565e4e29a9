"""Do rationales make up for data on e-SNLI? A pretrained student, shares of the data, both ways.

    python -m benchmarks.distilling.pretrained --student=MODEL_FOLDER --data_dir=DATA \\
        --folder=runs/distilling_esnli

DATA/distilling/esnli holds e-SNLI as docs/distilling.md lays it out, with the explanations that
people wrote. Every arm is trained by pretrained.gin; one that is finished is not trained again.
Each method's learning rate is that of the best validation accuracy with the smallest share and a
seed that is not reported. Then prints the table, and writes results.json into the folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from t5lite.files.json_files import write_object

_HERE = pathlib.Path(__file__).parent
_SET, _CHOOSING_SEED = "distilling_esnli_human", 9


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to learn.

    Attributes:
      mixture: what it trains on.
      rows: of a batch, in which some 16 labels are packed.
      settings: further gin bindings.
    """

    mixture: str
    rows: int
    settings: tuple[str, ...] = ()


METHODS = {
    "labels alone": Method(f"{_SET}_label", 6),
    "step by step": Method(_SET, 14, ("train.objective=@InterpolatedRationaleLoss()",)),
}


def run(
    name: str, count: int, rate: float, seed: int, *, folder: pathlib.Path, flags: Sequence[str]
) -> dict[str, Any]:
    """Trains and evaluates, unless that is done, and gives what came out.

    Raises:
      RuntimeError: it fails.
    """
    from t5lite import cli
    from t5lite.training.metrics import read_lines

    method = METHODS[name]
    model_dir = folder / f"{name.replace(' ', '_')}_{count}_{rate:g}_{seed}"
    done = model_dir / "report.html"  # written when a training ends
    if not done.exists():
        shutil.rmtree(model_dir, ignore_errors=True)  # of a run that was stopped
        words = [
            "train",
            f"--gin_file={_HERE / 'pretrained.gin'}",
            f"--model_dir={model_dir}",
            f"--cache_dir={folder / 'cache'}",
            f"--mixture={method.mixture}",
            f"--max_store_examples={count}",
            f"--batch_size={method.rows}",
            f"--seed={seed}",
            f"--gin.LEARNING_RATE={rate}",
            *(f"--gin.{binding}" for binding in method.settings),
            *flags,
        ]
        if cli.main(words) or not done.exists():
            raise RuntimeError(f"`t5lite train` did not come to its end in {model_dir}")
        shutil.rmtree(model_dir / "checkpoints")  # of a model each, and asked already
    lines = [line for line in read_lines(model_dir / "metrics.jsonl") if line["kind"] == "eval"]
    return {
        "method": name,
        "count": count,
        "rate": rate,
        "seed": seed,
        **{split: lines[-1][f"{split}/{_SET}_label/accuracy"] for split in ("validation", "test")},
    }


def table(arms: Sequence[dict[str, Any]], counts: Sequence[int]) -> str:
    """Test accuracies of all seeds and their mean, a line a method."""
    lines = [
        "| trained on | " + " | ".join(f"{count:,} examples" for count in counts) + " |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for name in METHODS:
        cells = []
        for count in counts:
            values = [a["test"] for a in arms if (a["method"], a["count"]) == (name, count)]
            seeds = ", ".join(f"{value:.3f}" for value in values)
            cells.append(f"{statistics.mean(values):.3f} ({seeds})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Trains what is not trained, and shows what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--student", required=True, help="a model folder of any format t5lite reads"
    )
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--folder", type=pathlib.Path, default="runs/distilling_esnli")
    parser.add_argument("--counts", type=int, nargs="+", default=[250, 1000], help="of examples")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[5e-5, 2e-4], help="to choose from"
    )
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    args = parser.parse_args()
    folder = args.folder.resolve()
    # Before JAX is imported, which reads it then.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compiled"))
    flags = (f"--initial_checkpoint_path={args.student}", f"--data_dir={args.data_dir}")
    rates, arms = {}, []
    for name in METHODS:
        tried = [
            run(name, min(args.counts), rate, _CHOOSING_SEED, folder=folder, flags=flags)
            for rate in args.rates
            if len(args.rates) > 1
        ]
        best = max(tried, key=lambda one: one["validation"], default={"rate": args.rates[0]})
        rates[name] = best["rate"]
        print(f"{name}: {tried}", flush=True)
    for seed in range(args.seeds):
        for count in args.counts:
            for name, rate in rates.items():
                arms.append(run(name, count, rate, seed, folder=folder, flags=flags))
                print(f"{arms[-1]}", flush=True)
    write_object(folder / "results.json", {"rates": rates, "arms": arms})
    print(table(arms, args.counts))


if __name__ == "__main__":
    main()
