"""Accidents that befall the files of a run: for test_damage.py and benchmarks/accidents.py."""

import pathlib
import random
from collections.abc import Callable


def files_that_train_reads(model_dir: pathlib.Path) -> list[pathlib.Path]:
    """The files of the latest checkpoint that a resumed run reads, and those of the model."""
    steps = [p for p in (model_dir / "checkpoints").iterdir() if p.name.isdecimal()]
    step = max(steps, key=lambda p: int(p.name))
    files = [step / "hashes.json", model_dir / "t5lite.json", model_dir / "hashes.json"]
    files += [p for part in ("state", "data") for p in (step / part).rglob("*") if p.is_file()]
    return [path for path in sorted(files) if path.stat().st_size]


def flip(path: pathlib.Path, chosen: random.Random) -> None:
    """One bit of a file is another."""
    content = bytearray(path.read_bytes())
    bit = chosen.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def cut(path: pathlib.Path, chosen: random.Random) -> None:
    """The end of a file is lost."""
    path.write_bytes(path.read_bytes()[: chosen.randrange(path.stat().st_size)])


def blank(path: pathlib.Path, chosen: random.Random) -> None:
    """A block of a file is zeros, as of a disk that lost it; of a file of zeros, a bit flips."""
    content = bytearray(path.read_bytes())
    nonzero = [place for place, byte in enumerate(content) if byte]
    if not nonzero:
        flip(path, chosen)
        return
    start = chosen.choice(nonzero)
    end = min(start + 512, len(content))
    content[start:end] = bytes(end - start)
    path.write_bytes(content)


def append(path: pathlib.Path, chosen: random.Random) -> None:
    """A file has more at its end than was written."""
    with path.open("ab") as file:
        file.write(chosen.randbytes(chosen.randrange(1, 100)))


def remove(path: pathlib.Path, chosen: random.Random) -> None:
    """A file is gone."""
    path.unlink()


DAMAGES: tuple[Callable[[pathlib.Path, random.Random], None], ...] = (
    flip,
    cut,
    blank,
    append,
    remove,
)


def choose(model_dir: pathlib.Path, chosen: random.Random) -> pathlib.Path:
    """A file, large ones more often than small ones, though these too."""
    files = files_that_train_reads(model_dir)
    weights = [p.stat().st_size if chosen.random() < 0.5 else 10_000 for p in files]
    return chosen.choices(files, weights)[0]
