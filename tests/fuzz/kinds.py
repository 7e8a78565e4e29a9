"""Kinds of what comes from outside, each with a way to make one at random and to read it.

Where something else can say what is in a damaged thing, it is asked: what is read without a word
and is not that is wrong.
"""

from __future__ import annotations

import bz2
import csv
import dataclasses
import functools
import gzip
import io
import json
import lzma
import pathlib
import shutil
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.configuration.folder_config import last_start, model_folder_defaults
from t5lite.convert.load import open_external
from t5lite.convert.model_folder import open_model_folder, write_model_folder
from t5lite.convert.names import stack
from t5lite.data.downloads.archives import unpack
from t5lite.data.sources.record_files import open_records
from t5lite.data.stores.store import TokenStore, TokenStoreWriter
from t5lite.data.tasks.level_split import LevelSplit, TaskRole
from t5lite.data.templates.process import TemplateFailure, TemplateProcess
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.models.parameters import flatten_names
from tests.convert.foreign_models import MODELS, read_all
from tests.data.downloads.test_download import files, make_tar, make_zip
from tests.fuzz.command_lines import random_line, run_line
from tests.fuzz.json_values import damaged, mutated
from tests.fuzz.outcomes import RefusedError, WrongError
from tests.fuzz.templates import random_template

MOST_TEMPLATE_SECONDS = 0.2
_JSON = (".json", "_METADATA", ".zarray")
_TOKENIZERS = ("tokenizer.json", "spiece.model", "tokenizer.model", "merges.txt", "vocab.json")


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to try.

    Attributes:
      what: in words, for who looks into it.
      run: tries it; raises what t5lite raises, or `WrongError`.
      undo: puts back what was changed.
    """

    what: str
    run: Callable[[], object]
    undo: Callable[[], object] = lambda: None


class Bench:
    """Whole things to damage, each made once in a folder of its own."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def model(self, name: str) -> pathlib.Path:
        """What `t5lite convert` is given for a model of a format."""
        return _once(self.folder / name, MODELS[name])

    def ours(self) -> pathlib.Path:
        """A model folder of t5lite's, with a config.gin of a run."""
        return _once(self.folder / "ours", self._write_ours)

    def store(self) -> pathlib.Path:
        """A token store."""
        return _once(self.folder / "stores", _write_store)

    def _write_ours(self, folder: pathlib.Path) -> pathlib.Path:
        source = dataclasses.replace(
            open_external(self.model("hf_t5")), vocabulary={"kind": "bytes", "extra_ids": 5}
        )
        source = dataclasses.replace(source, prompt_prefix=(), prompt_suffix=(1,))
        write_model_folder(folder, source)
        (folder / "config.gin").write_text(
            "import tasks.mini\nTASK_MODULES = ('tasks.mini',)\nDATA_DIR = 'x'\n"
            "A = (%B, {'c': 1})\nB = 2\nDataConfig.batch_size = 8\n"
        )
        return folder


_made: dict[pathlib.Path, pathlib.Path] = {}


def _once(folder: pathlib.Path, write: Callable[[pathlib.Path], pathlib.Path]) -> pathlib.Path:
    if folder not in _made:
        folder.mkdir(parents=True)
        _made[folder] = write(folder)
    return _made[folder]


def _in_file(path: pathlib.Path, content: bytes, what: str, run: Callable[[], object]) -> Case:
    """Reading with another content of a file."""
    whole = path.read_bytes()
    path.write_bytes(content)
    name = "/".join(path.parts[-3:])
    return Case(f"{name}: {what}", run, lambda: path.write_bytes(whole))


# ------------------------------------------------------------------------------ models of others


def json_of_models(bench: Bench, chosen: Random) -> Case:
    """A JSON file of a model of any format, with any value in any field."""
    name = chosen.choice([name for name in MODELS if name not in ("gguf", "llama2_c", "t5x_file")])
    model = bench.model(name)
    paths = [p for p in sorted(model.rglob("*")) if p.name.endswith(_JSON) and not _is_index(p)]
    # One of many arrays' descriptions is as good as another.
    path = chosen.choice([p for p in paths if p.name != ".zarray"] + paths[-1:])
    content, what = mutated(path.read_text(), chosen)
    return _in_file(path, content, what, functools.partial(read_all, model))


def weight_indices(bench: Bench, chosen: Random) -> Case:
    """The file that says in which others the weights lie."""
    model = bench.model("hf_older")
    path = next(p for p in model.iterdir() if _is_index(p))
    content, what = mutated(path.read_text(), chosen)
    return _in_file(path, content, what, functools.partial(read_all, model))


def weights(bench: Bench, chosen: Random) -> Case:
    """Files of numbers in other programs' formats, most of which keep no hashes."""
    name = chosen.choice(list(MODELS))
    model = bench.model(name)
    all_files = sorted(model.rglob("*")) if model.is_dir() else [model]
    others = (*_TOKENIZERS, ".gin", ".jinja", ".txt")
    path = chosen.choice(
        [p for p in all_files if p.is_file() and not p.name.endswith((*_JSON, *others))]
    )
    content = path.read_bytes()
    # What says where the numbers are is in the beginning.
    start = min(len(content), 4096) if chosen.random() < 0.7 else len(content)
    head, what = damaged(content[:start], chosen)
    return _in_file(path, head + content[start:], what, functools.partial(read_all, model))


def tokenizers(bench: Bench, chosen: Random) -> Case:
    """A tokenizer's file; what is left of it reads texts."""
    name = chosen.choice([name for name in MODELS if name.startswith(("hf_", "llama2_c"))])
    model = bench.model(name)
    folder = model if model.is_dir() else model.parent
    names = (*_TOKENIZERS, "tokenizer.bin")
    path = chosen.choice([p for p in sorted(folder.iterdir()) if p.name in names])
    content, what = (
        mutated(path.read_text(), chosen)
        if path.suffix == ".json"
        else damaged(path.read_bytes(), chosen)
    )
    text = chosen.choice(["a cat", "", "</s><s>", "é \u2028 \0", "x" * 999])

    def read() -> None:
        read_all(model)
        if path.name in ("tokenizer.json", "tokenizer.model", "spiece.model"):
            vocabulary = parse_vocabulary(str(path))
            vocabulary.decode(vocabulary.encode(text))

    return _in_file(path, content, what, read)


def _is_index(path: pathlib.Path) -> bool:
    return path.name.endswith(".index.json")


# ------------------------------------------------------------------------------ folders of ours


def checkpoints(bench: Bench, chosen: Random) -> Case:
    """A file of a model folder of t5lite's: an error, or the parameters are those written."""
    folder = bench.ours()
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size]
    weights = [p.stat().st_size if chosen.random() < 0.5 else 1000 for p in paths]
    path = chosen.choices(paths, weights)[0]
    content, what = damaged(path.read_bytes(), chosen)
    whole = _numbers(folder)

    def read() -> None:
        if _numbers(folder) != whole:
            raise WrongError(f"{path}: other parameters than were written, without a word")

    return _in_file(path, content, what, read)


def splits_by_levels(bench: Bench, chosen: Random) -> Case:
    """The file of a split by levels, with any value in any field."""
    path = _once(bench.folder / "levels", _write_split) / "levels.json"
    content, what = mutated(path.read_text(), chosen)
    return _in_file(path, content, what, functools.partial(LevelSplit.read, path))


def _write_split(folder: pathlib.Path) -> pathlib.Path:
    levels = ("fully_supervised", "partially_supervised", "dropped")
    LevelSplit(
        name="levels",
        collection=("all",),
        task_modules=("tasks.mini",),
        seed=0,
        held_out_share=0.1,
        held_out_instances={"one": ("a", "b")},
        roles={
            f"{level}_{form}": TaskRole(category="c", task=level, level=level)
            for level in levels
            for form in range(2)
        },
    ).write(folder / "levels.json")
    return folder


def _numbers(folder: pathlib.Path) -> dict[str, bytes]:
    params = flatten_names(load_model_dir(folder).params)
    return {name: np.asarray(value).tobytes() for name, value in params.items()}


def settings_of_folders(bench: Bench, chosen: Random) -> Case:
    """JSON and gin of a model folder of t5lite's, which have no hashes: it may be anybody's."""
    folder = bench.ours()
    path = chosen.choice([folder / "t5lite.json", folder / "config.gin"])
    hashes = folder / "hashes.json"
    kept = hashes.read_bytes()
    content, what = (
        mutated(path.read_text(), chosen)
        if path.suffix == ".json"
        else damaged(path.read_bytes(), chosen)
    )

    def read() -> None:
        ModelDescription.load(folder)
        model_folder_defaults(str(folder))
        last_start(str(folder))
        stack(open_model_folder(folder).arrays)

    case = _in_file(path, content, what, read)
    hashes.unlink()
    return Case(case.what, case.run, lambda: (case.undo(), hashes.write_bytes(kept)))


def token_stores(bench: Bench, chosen: Random) -> Case:
    """A file of a token store: an error, or the tokens are those written."""
    folder = bench.store()
    path = chosen.choice(sorted(p for p in folder.iterdir() if p.is_file()))
    content, what = (
        mutated(path.read_text(), chosen)
        if path.suffix == ".json" and chosen.random() < 0.5
        else damaged(path.read_bytes(), chosen)
    )
    whole = _tokens(folder)

    def read() -> None:
        if _tokens(folder) != whole:
            raise WrongError(f"{path}: other tokens than were written, without a word")

    return _in_file(path, content, what, read)


def _write_store(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "store"
    with TokenStoreWriter(
        path,
        features=("inputs", "targets"),
        vocab_size=300,
        fingerprint="0" * 64,
        task="a",
        split="train",
    ) as writer:
        for length in range(1, 40):
            ids = np.arange(length) % 300
            writer.append({"inputs": ids, "targets": ids[::-1]})
    return path


def _tokens(folder: pathlib.Path) -> list[Any]:
    store = TokenStore.open(folder)
    store.check_tokens()
    return [
        {name: ids.tolist() for name, ids in store.example(index).items()}
        for index in range(store.num_examples)
    ]


# ------------------------------------------------------------------------------ task data

_ROWS = [{"q": f"what is {n}?", "a": str(n), "b": 'é \u2028 ," x'} for n in range(20)]


def task_files(bench: Bench, chosen: Random) -> Case:
    """Rows of tasks: an error, or they are what Python's own readers give."""
    suffix = chosen.choice([".jsonl", ".jsonl", ".json", ".csv", ".tsv", ".jsonl.gz", ".parquet"])
    path = bench.folder / f"rows{suffix}"
    whole = _rows_file(suffix)
    if suffix == ".jsonl" and chosen.random() < 0.6:
        lines = whole.decode().split("\n")
        place = chosen.randrange(len(lines) - 1)
        line, what = mutated(lines[place], chosen)
        before, behind = ("\n".join(part) for part in (lines[:place], lines[place + 1 :]))
        content, what = b"%s\n%s\n%s" % (before.encode(), line, behind.encode()), what
    else:
        content, what = damaged(whole, chosen)

    def read() -> None:
        rows = [row for _, _, row in open_records(path).read()]
        expected = _plain_rows(path, suffix)
        if expected is not None and repr(rows) != repr(expected):
            raise WrongError(f"{what}: read {rows!r:.300}, not {expected!r:.300}")

    path.write_bytes(content)
    return Case(f"{suffix}: {what}", read)


@functools.cache
def _rows_file(suffix: str) -> bytes:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _ROWS).encode()
    if suffix in (".csv", ".tsv"):
        text = io.StringIO()
        writer = csv.DictWriter(text, list(_ROWS[0]), delimiter="," if suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows(_ROWS)
        return text.getvalue().encode()
    if suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        sink = io.BytesIO()
        table = pyarrow.Table.from_pylist(_ROWS)
        pyarrow.parquet.write_table(table, sink, write_page_checksum=True)
        return sink.getvalue()
    if suffix == ".json":
        return json.dumps(_ROWS).encode()
    return gzip.compress(lines, mtime=0) if suffix.endswith(".gz") else lines


def _plain_rows(path: pathlib.Path, suffix: str) -> list[Any] | None:
    """The rows by Python's own readers; None where there is none, or they take it otherwise."""
    content = path.read_bytes()
    if suffix == ".jsonl.gz":
        return list(_ROWS)
    if suffix not in (".jsonl", ".json"):
        return None
    text = content.decode("utf-8-sig")
    if suffix == ".json" and text.lstrip().startswith("["):
        return list(json.loads(text))
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def archives(bench: Bench, chosen: Random) -> Case:
    """Archives: an error, or the files are those packed; a plain tar keeps no hashes of them."""
    packers: dict[str, Callable[[Any], bytes]] = {
        "a.zip": make_zip,
        "a.tar.gz": make_tar,
        "a.tar.bz2": lambda members: bz2.compress(make_tar(members, "w")),
        "a.tar.xz": lambda members: lzma.compress(make_tar(members, "w")),
        "a.tar": lambda members: make_tar(members, "w"),
    }
    name = chosen.choice(list(packers))
    members = [(f"top/{n}/{n}.json", b"%d" % n * 200) for n in range(chosen.randrange(1, 6))]
    content, what = damaged(packers[name](members), chosen)
    archive, folder = bench.folder / name, bench.folder / "unpacked"
    archive.write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    def read() -> None:
        unpack(archive, folder, name=name, strip=1)
        found = files(folder)
        if name != "a.tar" and found != {path[4:]: text for path, text in members}:
            raise WrongError(f"{what}: other files than were packed: {sorted(found)}")

    return Case(f"{name}: {what}", read)


# ------------------------------------------------------------------------------ templates, flags


def templates(bench: Bench, chosen: Random) -> Case:
    """Chat templates and prompts made at random, with a limit of time and memory."""
    source = random_template(chosen)
    variables = {"messages": [{"role": "user", "content": "hi"}], "s": "text", "n": 999}

    def render() -> None:
        try:
            (text,) = _template_process().render(
                "chat", [{"source": source, "variables": variables}]
            )
        except TemplateFailure as failure:
            raise RefusedError(f"{failure.kind}: {failure.message}") from failure
        if not isinstance(text, str):
            raise WrongError(f"{source!r:.300} gives {text!r:.100}")

    return Case(repr(source), render)


@functools.cache
def _template_process() -> TemplateProcess:
    return TemplateProcess(cpu_seconds=MOST_TEMPLATE_SECONDS)


def flags(bench: Bench, chosen: Random) -> Case:
    """A flag of any command, up to where the command would begin its work."""
    words = random_line(bench.ours(), chosen)
    return Case(" ".join(words), functools.partial(run_line, words))


KINDS: dict[str, Callable[[Bench, Random], Case]] = {
    "JSON of models": json_of_models,
    "weight indices": weight_indices,
    "weights": weights,
    "tokenizers": tokenizers,
    "checkpoints": checkpoints,
    "settings of folders": settings_of_folders,
    "splits by levels": splits_by_levels,
    "token stores": token_stores,
    "task files": task_files,
    "archives": archives,
    "templates": templates,
    "flags": flags,
}
