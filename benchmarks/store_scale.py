"""Does starting, or memory, grow with the number of examples in the token stores?

    python benchmarks/store_scale.py --sizes 15000 150000 1500000 15000000

Writes stores of short made-up examples, --num_tasks of equal size for each number of --sizes, with
the writer that builds use. Then draws packed batches from each, in a process of its own, and prints
- seconds from opening the stores to the first batch, and to --num_batches more (prefetched, and not
  from seqio's registries: see benchmarks/data_mixing.py for these);
- memory of the process after that: RssAnon of /proc/self/status, which is its own memory, and
  RssFile, pages of files that it has mapped, which the system takes back when it needs them.

15 million examples take about 0.7 GB of disk.
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np
from measuring import run_alone

LENGTHS = {"inputs": 256, "targets": 64}
VOCAB_SIZE = 32_000
# Examples repeat after this many, which no reader notices.
DISTINCT = 1009


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[15_000, 150_000, 1_500_000])
    parser.add_argument("--num_tasks", type=int, default=10)
    parser.add_argument("--num_batches", type=int, default=100)
    parser.add_argument("--batch_size", type=int, default=128, help="packed rows")
    parser.add_argument("--folder", help="keep the stores here; default: a temporary folder")
    return parser.parse_args()


def write_stores(folder, num_examples, num_tasks):
    """Stores `task0`, `task1`, ... of `num_examples` together, those that are not there yet."""
    from t5lite.data.stores.store import TokenStoreWriter, is_finished

    rng = np.random.default_rng(0)
    examples = [
        {"inputs": rng.integers(2, VOCAB_SIZE, inputs), "targets": rng.integers(2, 100, targets)}
        for inputs, targets in zip(
            rng.integers(1, 20, DISTINCT), rng.integers(1, 5, DISTINCT), strict=True
        )
    ]
    for task in range(num_tasks):
        path = folder / f"task{task}"
        if is_finished(path):
            continue
        with TokenStoreWriter(
            path,
            task=path.name,
            split="train",
            fingerprint="made up",
            features=tuple(LENGTHS),
            vocab_size=VOCAB_SIZE,
        ) as writer:
            for number in range(num_examples // num_tasks):
                writer.append(examples[number % DISTINCT])


def measure(folder, *, num_tasks, batch_size, num_batches):
    """What this process takes: seconds, by the wall and of CPU, and memory."""
    from t5lite.data.data_config import DataConfig
    from t5lite.data.pipeline import TrainData
    from t5lite.data.stores.store import TokenStore
    from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary

    names = [f"task{task}" for task in range(num_tasks)]
    config = DataConfig(
        mixture_or_task_name="scale", task_feature_lengths=LENGTHS, batch_size=batch_size
    )
    before = memory_mib()
    clocks = time.perf_counter, time.process_time
    started = [clock() for clock in clocks]
    data = TrainData(
        config,
        [TokenStore.open(folder / name) for name in names],
        task_names=names,
        rates=np.ones(len(names)),
        vocabulary=ByteVocabulary(),
    )
    data.expected()  # what a run writes down at its start
    next(data)
    first = [clock() - start for clock, start in zip(clocks, started, strict=True)]
    for _ in range(num_batches):
        next(data)
    rest = [clock() - start for clock, start in zip(clocks, started, strict=True)]
    data.close()
    return {"first": first, "rest": rest, "before": before, "after": memory_mib()}


def memory_mib():
    """Resident memory of this process by kind, MiB."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    fields = (line.split() for line in lines)
    return {f[0][:-1]: int(f[1]) / 1024 for f in fields if f[0] in ("RssAnon:", "RssFile:")}


def main():
    args = parse_arguments()
    print(f"{'':>12}{'first batch, s':>16}{args.num_batches:>10,} more{'RssAnon, MiB':>18}")
    print(f"{'examples':>12}{'wall':>8}{'CPU':>8}{'wall':>8}{'CPU':>7}{'before':>9}{'after':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(args.folder or temporary)
        for size in args.sizes:
            folder = root / str(size)
            write_stores(folder, size, args.num_tasks)
            found = run_alone(
                *(measure, folder),
                num_tasks=args.num_tasks,
                batch_size=args.batch_size,
                num_batches=args.num_batches,
            )
            columns = f"{size:12,}"
            columns += "".join(f"{seconds:8.2f}" for seconds in (*found["first"], *found["rest"]))
            columns += "".join(f"{found[when]['RssAnon']:9.0f}" for when in ("before", "after"))
            print(f"{columns}   and {found['after']['RssFile']:,.0f} of files", flush=True)


if __name__ == "__main__":
    main()
