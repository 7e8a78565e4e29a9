"""Kills, full disks, damage, folders that go: all to one run, and does it end bit-equal?

    python benchmarks/accidents.py --events=300 --seed=0

Run it in the repository's folder. It trains the toy model of tests/toy_run.py straight through, and
again with an accident after or during a start. Each must end in one of two ways: the run goes on,
or it says in one sentence which file is damaged; then the file is put back, as from a copy. At the
end, losses and gradient norms must be those of the straight run, to the bit, and no unfinished
folder may be left. A start takes some 10 s, most of them imports and compiling.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import math
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from tests import damage  # noqa: E402

KINDS = ("SIGKILL", "SIGTERM", "SIGINT", "full disk", "second process", "half a line", "leftover")
KINDS += ("clock set back", "removed cache", "removed checkpoint", "moved run", "killed build")
KINDS += tuple(happens.__name__ for happens in damage.DAMAGES)
STEPS_A_START, TIMEOUT_S = 4, 1200


# The toy run by a clock that is a day behind what its files say.
EARLIER = (
    "import runpy, time; now = time.time; time.time = lambda: now() - 86_400; "
    "time.time_ns = lambda: int(1e9 * time.time()); "
    "runpy.run_module('tests.toy_run', run_name='__main__')"
)


def start(
    run: pathlib.Path, cache: pathlib.Path, steps: int, *, how=("-m", "tests.toy_run"), **options
) -> subprocess.Popen[str]:
    """Begins or resumes the toy run, up to a step."""
    return subprocess.Popen(
        [sys.executable, *how, run, f"--cache_dir={cache}", f"--train_steps={steps}"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The status and the last line, or the whole error; a process that hangs is an error."""
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    lines = output.strip().split("\n")
    errors = [number for number, line in enumerate(lines) if re.match(r"[\w.]*Error: ", line)]
    return process.returncode, "\n".join(lines[errors[-1] if errors else -1 :])


def small_files() -> None:
    """Lets a process write no file of more than 64 KiB, as on a disk that is nearly full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, resource.RLIM_INFINITY))


def losses(run: pathlib.Path) -> list[tuple[float, ...]]:
    """Step, loss and gradient norm of each step."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().split("\n")[:-1]]
    return [(x["step"], x["loss"], x["grad_norm"]) for x in lines if x["kind"] == "train"]


def accident(
    kind: str, run: pathlib.Path, cache: pathlib.Path, steps: int, chosen: random.Random
) -> str:
    """Lets one happen; returns what came of it: "went on" or "refused"."""
    if kind.startswith("SIG") or kind == "killed build":
        if kind == "killed build":
            shutil.rmtree(cache, ignore_errors=True)
        process = start(run, cache, steps)
        time.sleep(chosen.uniform(0, 20))
        number = signal.SIGKILL if kind == "killed build" else signal.Signals[kind]
        process.send_signal(number)
        status, said = finish(process)
        assert status in (0, -number, 128 + number), (status, said)
    elif kind == "full disk":
        status, said = finish(start(run, cache, steps, preexec_fn=small_files))
        assert status == 0 or "no space left" in said or "too large" in said, said
    elif kind == "second process":
        both = [start(run, cache, steps), start(run, cache, steps)]
        ends = [finish(process) for process in both]
        assert any(status == 0 for status, _ in ends), ends
    elif kind == "half a line":
        with (run / "metrics.jsonl").open("a") as file:
            file.write('{"step": 1, "lo')
    elif kind == "leftover":
        (run / "checkpoints/7.orbax-checkpoint-tmp/state").mkdir(parents=True, exist_ok=True)
    elif kind == "clock set back":
        status, said = finish(start(run, cache, steps, how=("-c", EARLIER)))
        assert status == 0, said
    elif kind == "removed checkpoint":
        saved = [p for p in (run / "checkpoints").iterdir() if p.name.isdecimal()]
        if len(saved) > 1:
            shutil.rmtree(max(saved, key=lambda path: int(path.name)))
    elif kind in ("removed cache", "moved run"):
        return gone(run, cache, steps, chosen, folder=cache if kind == "removed cache" else run)
    else:
        return refused(kind, run, cache, steps, chosen)
    return "went on"


def gone(
    run: pathlib.Path,
    cache: pathlib.Path,
    steps: int,
    chosen: random.Random,
    *,
    folder: pathlib.Path,
) -> str:
    """Takes a folder away from under a run, and puts it back, or at least does not miss it."""
    folder.mkdir(exist_ok=True)  # A build that was killed may not have made one.
    process = start(run, cache, steps + STEPS_A_START)
    time.sleep(chosen.uniform(0, 20))
    kept = folder.with_name(f"{folder.name}.kept")
    folder.rename(kept)
    status, said = finish(process)
    # What was written after that is in a folder that nobody asked for.
    shutil.rmtree(folder, ignore_errors=True)
    kept.rename(folder)
    assert status == 0 or (re.match(r"[\w.]*Error: ", said) and str(folder) in said), said
    return "went on" if status == 0 else "refused"


def refused(
    kind: str, run: pathlib.Path, cache: pathlib.Path, steps: int, chosen: random.Random
) -> str:
    """Damages a file, sees that this is said, and puts back what was there."""
    path = damage.choose(run, chosen)
    if kind == "remove" and path.name in ("hashes.json", "t5lite.json"):
        return "went on"  # Without those it is another folder, or one of before there were hashes.
    content = path.read_bytes()
    getattr(damage, kind)(path, chosen)
    # Beyond what is done: of a finished run little is read.
    status, said = finish(start(run, cache, steps + STEPS_A_START))
    assert status != 0 and path.name in said and "learning rate" not in said, (path, said)
    path.write_bytes(content)
    return "refused"


def main() -> None:
    """Prints how many events of each kind came to what, and whether the numbers are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin none after that")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    until = time.monotonic() + 60 * options.minutes
    came_of: collections.Counter[tuple[str, str]] = collections.Counter()
    with tempfile.TemporaryDirectory() as scratch:
        run, cache = pathlib.Path(scratch, "run"), pathlib.Path(scratch, "cache")
        steps = STEPS_A_START
        assert finish(start(run, cache, steps))[0] == 0
        for event in itertools.takewhile(lambda _: time.monotonic() < until, range(options.events)):
            kind = KINDS[event % len(KINDS)] if event < len(KINDS) else chosen.choice(KINDS)
            steps += STEPS_A_START if chosen.random() < 0.3 else 0
            came_of[kind, accident(kind, run, cache, steps, chosen)] += 1
            print(f"{event + 1} {kind}", flush=True)
        # One that a folder was taken from may have gone on beyond.
        steps = max(steps, losses(run)[-1][0])
        assert finish(start(run, cache, steps))[0] == 0
        straight = pathlib.Path(scratch, "straight")
        assert finish(start(straight, cache, steps))[0] == 0
        same = losses(run) == losses(straight)
        left = [p.name for p in (run / "checkpoints").iterdir() if not p.name.isdecimal()]
        shutil.rmtree(run)
    for (kind, end), count in sorted(came_of.items()):
        print(f"{count:4} {kind}: {end}")
    print(f"{steps} steps, {'bit-equal' if same else 'NOT EQUAL'}; unfinished folders left: {left}")
    sys.exit(0 if same and not left else 1)


if __name__ == "__main__":
    main()
