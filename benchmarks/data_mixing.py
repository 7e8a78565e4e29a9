"""Mixing and packing many small tasks: t5lite beside stock seqio.

    python benchmarks/data_mixing.py --num_tasks 1800 --peers all

Writes small JSON Lines files, registers each as a seqio Task, and feeds packed encoder-decoder
batches from
- t5lite: token stores (built first, not counted), pinned to one core;
- one seqio Task that reads all files and mixes them by itself;
- stock `seqio.Mixture` over the Tasks, stopped after --peer_seconds or above --peer_gib.

Each runs in a process of its own. Wall time suffers from whatever else the machine does; CPU time
much less, so both are given. Memory is the peak of the process, TensorFlow's import included.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

MIXTURE, SINGLE = "bench_mixture", "bench_single"
FOLDER_VARIABLE, COUNT_VARIABLE = "T5LITE_BENCH_FOLDER", "T5LITE_BENCH_TASKS"
LENGTHS = {"inputs": 512, "targets": 128}
# Task modules are found by name and imported by worker processes too.
TASK_MODULE = """import sys

sys.path.append({here!r})
import data_mixing

data_mixing.register()
"""
PEERS = {"none": (), "single": (SINGLE,), "all": (SINGLE, MIXTURE)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num_tasks", type=int, default=1800)
    parser.add_argument("--examples_per_task", type=int, default=100)
    parser.add_argument("--input_tokens", type=int, default=80, help="bytes, on average")
    parser.add_argument("--target_tokens", type=int, default=20, help="bytes, on average")
    parser.add_argument("--batch_size", type=int, default=128, help="packed rows")
    parser.add_argument("--seconds", type=float, default=20, help="of steady state")
    parser.add_argument("--peers", choices=list(PEERS), default="all")
    parser.add_argument("--peer_seconds", type=float, default=150, help="stop a peer after this")
    parser.add_argument("--peer_gib", type=float, default=8, help="stop a peer above this memory")
    parser.add_argument("--folder", help="keep files and stores here; default: a temporary one")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    return parser.parse_args()


# ------------------------------------------------------------------------------ the tasks' files


def write_files(folder, args):
    """One file a task, written once: {"inputs": ..., "targets": ...} a line."""
    rng = random.Random(0)
    alphabet = "abcdefghijklmnopqrstuvwxyz    "

    def text(mean):
        return "".join(rng.choices(alphabet, k=rng.randint(mean // 2, mean + mean // 2)))

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(args.num_tasks):
        path = folder / f"task{number:04d}.jsonl"
        if not path.exists():
            examples = (
                {"inputs": text(args.input_tokens), "targets": text(args.target_tokens)}
                for _ in range(args.examples_per_task)
            )
            path.write_text("".join(json.dumps(example) + "\n" for example in examples))


def read(path):
    from t5lite.files.json_files import read_lines

    return [line for _, line in read_lines(path)]


def register():
    """The Tasks, a Mixture of them, and one Task that mixes; when imported as a module of tasks."""
    import seqio
    import tensorflow as tf

    from t5lite.data.tasks import seqio_adapter

    folder = pathlib.Path(os.environ[FOLDER_VARIABLE])
    paths = [folder / f"task{i:04d}.jsonl" for i in range(int(os.environ[COUNT_VARIABLE]))]
    signature = {name: tf.TensorSpec([], tf.string) for name in LENGTHS}

    def one_file(split, shuffle_files, seed=None, path=""):
        del split, shuffle_files, seed
        examples = read(pathlib.Path(path))
        return tf.data.Dataset.from_tensor_slices(
            {name: [example[name] for example in examples] for name in LENGTHS}
        )

    def mixed(split, shuffle_files, seed=None):
        del split, shuffle_files, seed

        def draw():
            everything = [read(path) for path in paths]
            rng = random.Random(0)
            while True:
                yield rng.choice(rng.choice(everything))

        return tf.data.Dataset.from_generator(draw, output_signature=signature)

    def add(name, dataset_fn):
        seqio.TaskRegistry.add(
            name,
            source=seqio.FunctionDataSource(dataset_fn, splits=["train"]),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features=features,
        )

    features = seqio_adapter.output_features()
    for path in paths:
        add(f"bench_{path.stem}", functools.partial(one_file, path=str(path)))
    add(SINGLE, mixed)
    seqio.MixtureRegistry.add(MIXTURE, [f"bench_{path.stem}" for path in paths], default_rate=1.0)


# -------------------------------------------------------------------------------- what is measured


class Clock:
    """Wall and CPU seconds since it was made."""

    def __init__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self):
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


def measure_t5lite(args):
    """Prints its measurements as they come, a JSON object a line."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clock = Clock()
    from t5lite.data.data_config import DataConfig
    from t5lite.data.pipeline import open_train_data
    from t5lite.data.tasks import seqio_adapter

    seqio_adapter.registered_names()
    report("import", clock)

    clock = Clock()
    config = DataConfig(
        mixture_or_task_name=MIXTURE,
        task_feature_lengths=LENGTHS,
        batch_size=args.batch_size,
        task_modules=("data_mixing_tasks",),
        cache_dir=str(pathlib.Path(args.folder) / "stores"),
    )
    data = open_train_data(config)
    batch = next(data)
    report("first_batch", clock)

    clock, num_examples, num_padding, num_batches = Clock(), 0, 0, 0
    while clock.read()[0] < args.seconds:
        batch = next(data)
        num_examples += batch.stats.num_examples
        num_padding += batch.stats.num_padding_tokens
        num_batches += 1
    report("steady", clock, num_examples=num_examples)
    positions = num_batches * args.batch_size * sum(LENGTHS.values())
    report("end", clock, filled=1 - num_padding / positions)
    data.close()


def measure_seqio(args, name):
    """The same of a seqio Task or Mixture, through seqio's own `get_dataset`."""
    clock = Clock()
    import seqio

    report("import", clock)
    clock = Clock()
    import data_mixing_tasks  # noqa: F401  registers

    dataset = seqio.get_dataset(
        name,
        LENGTHS,
        dataset_split="train",
        num_epochs=None,
        shuffle=True,
        seed=0,
        feature_converter=seqio.EncDecFeatureConverter(pack=True),
    )
    batches = dataset.batch(args.batch_size, drop_remainder=True).as_numpy_iterator()
    next(batches)
    report("first_batch", clock)
    clock, num_examples = Clock(), 0
    while clock.read()[0] < args.seconds:
        num_examples += int(next(batches)["decoder_segment_ids"].max(axis=1).sum())
    report("steady", clock, num_examples=num_examples)


def report(what, clock, **more):
    wall, cpu = clock.read()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"what": what, "wall": wall, "cpu": cpu, "peak_mib": peak_mib, **more}
    print(json.dumps(line), flush=True)


# ------------------------------------------------------------------------------------- the parent


@dataclasses.dataclass
class Result:
    """What one process reported, and why it was stopped, if it was."""

    reports: dict
    stopped: str = ""


def run_role(role, args, *, limited):
    """Runs one measurement in a process, which is killed beyond its limits."""
    command = [sys.executable, __file__, *sys.argv[1:], "--folder", args.folder, "--role", role]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        started, stopped = time.monotonic(), ""
        while process.poll() is None:
            time.sleep(0.2)
            gib, seconds = resident_gib(process.pid), time.monotonic() - started
            if limited and gib > args.peer_gib:
                stopped = f"stopped at {gib:.1f} GiB after {seconds:.0f} s"
            elif limited and seconds > args.peer_seconds + args.seconds:
                stopped = f"stopped after {seconds:.0f} s at {gib:.1f} GiB"
            if stopped:
                process.kill()
                process.wait()
        if process.returncode and not stopped:
            raise SystemExit(f"{role} failed with exit status {process.returncode}")
        output.seek(0)
        reports = [json.loads(line) for line in output if line.startswith("{")]
    return Result({entry["what"]: entry for entry in reports}, stopped)


def resident_gib(pid):
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().split("\n"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 2**20
    return 0.0


def print_table(results):
    print(f"{'':24}{'first batch, s':>18}{'examples/s':>20}{'ratio':>8}{'peak MiB':>10}")
    print(f"{'':24}{'wall':>9}{'CPU':>9}{'wall':>10}{'CPU':>10}{'of CPU':>8}")
    ours = rate(results["t5lite"].reports["steady"], "cpu")
    for name, result in results.items():
        first, steady = (result.reports.get(what) for what in ("first_batch", "steady"))
        columns = f"{name:24}"
        columns += f"{first['wall']:9.2f}{first['cpu']:9.2f}" if first else f"{'none':>18}"
        if steady:
            wall, cpu = rate(steady, "wall"), rate(steady, "cpu")
            columns += f"{wall:10,.0f}{cpu:10,.0f}{cpu / ours:8.3f}{steady['peak_mib']:10,.0f}"
        print(f"{columns}  {result.stopped}")
    end, imports = results["t5lite"].reports["end"], results["t5lite"].reports["import"]
    print(
        f"t5lite fills {end['filled']:.1%} of all positions; its first batch comes after "
        f"{imports['wall']:.1f} s ({imports['cpu']:.1f} s CPU) of importing seqio"
    )


def rate(steady, kind):
    return steady["num_examples"] / steady[kind]


def main():
    args = parse_arguments()
    if args.role:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        sys.path.insert(0, args.folder)
        if args.role == "t5lite":
            measure_t5lite(args)
        elif args.role == "build":
            from t5lite.data.stores import build

            build.cache(
                MIXTURE,
                split="train",
                task_modules=("data_mixing_tasks",),
                cache_dir=pathlib.Path(args.folder) / "stores",
                task_feature_lengths=LENGTHS,
            )
        else:
            measure_seqio(args, args.role)
        return
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = str(pathlib.Path(args.folder or temporary).absolute())
        folder = pathlib.Path(args.folder)
        write_files(folder, args)
        here = str(pathlib.Path(__file__).resolve().parent)
        (folder / "data_mixing_tasks.py").write_text(TASK_MODULE.format(here=here))
        os.environ[FOLDER_VARIABLE] = args.folder
        os.environ[COUNT_VARIABLE] = str(args.num_tasks)
        paths = [str(pathlib.Path(here).parent), args.folder, os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        run_role("build", args, limited=False)
        results = {"t5lite": run_role("t5lite", args, limited=False)}
        labels = {SINGLE: "one seqio Task", MIXTURE: "seqio.Mixture"}
        for peer in PEERS[args.peers]:
            results[labels[peer]] = run_role(peer, args, limited=True)
        print_table(results)


if __name__ == "__main__":
    main()
