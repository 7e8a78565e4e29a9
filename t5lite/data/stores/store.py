"""Token stores: the tokenised examples of one (task, split, fingerprint), memory-mapped.

A store is a folder of three files. `tokens.bin` holds the token ids of all features of all
examples, one after the other, then, from the next multiple of 8 bytes on, little-endian int64
offsets:
feature f of example i is `tokens[offsets[i * F + f] : offsets[i * F + f + 1]]`, F features each;
then, int64 too, for each feature how many examples have 0, 1, ... tokens of it, up to the most;
and, where examples are labelled (labels.py), uint32 places of their labels in `meta.json`.
So nothing has to go through a store before it is read. `meta.json` says what all these are, and
`hashes.json` holds the hashes of both. A folder appears under its own name only when it is whole.
"""

import array
import contextlib
import hashlib
import mmap
import os
import pathlib
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import filelock
import numpy as np
import numpy.typing as npt

from t5lite.data.stores.store_meta import FORMAT_VERSION, META_FILE, damaged, read_meta
from t5lite.data.tasks.labels import Label
from t5lite.files import strict_json
from t5lite.files.hashes import HASHES_FILE, FileHashes, verify_is_on

_TOKENS = "tokens.bin"
_FLUSH_EXAMPLES = 1024
_SPARE_DESCRIPTORS = 128
_DIGITS = 16


class TokenStore:
    """Read access to one store; see the module for the layout.

    Attributes:
      path: the folder.
      meta: `meta.json`, parsed.
      features: feature names, in the order they lie in the file.
      num_examples: n.
      offsets: int64 `[n * F + 1]`, mapped from the file.
      tokens: uint16 or int32, flat, mapped from the file.
      labels: the different labels of its examples; none where they have none.
      label_counts: how many examples have each of them.
      label_N: uint32 `[n]`, the place of each example's label, mapped from the file; else empty.
    """

    def __init__(self, path: pathlib.Path, meta: Mapping[str, Any], data: mmap.mmap):
        self.path = path
        self.meta = meta
        self.features: tuple[str, ...] = tuple(meta["features"])
        self.num_examples: int = meta["num_examples"]
        dtype = np.dtype(meta["dtype"])
        num_offsets = self.num_examples * len(self.features) + 1
        self.tokens = np.frombuffer(data, dtype, count=meta["num_tokens"])
        start = _offsets_start(meta["num_tokens"], dtype)
        self.offsets = np.frombuffer(data, "<i8", count=num_offsets, offset=start)
        start += 8 * num_offsets
        num_lengths = sum(meta["max_lengths"][name] + 1 for name in self.features)
        self._length_counts = np.frombuffer(data, "<i8", count=num_lengths, offset=start)
        table = meta["labels"]
        self.labels = tuple(Label(*label) for label, _ in table)
        self.label_counts: tuple[int, ...] = tuple(count for _, count in table)
        self.label_N: npt.NDArray[np.uint32] = np.frombuffer(
            data,
            "<u4",
            count=self.num_examples if table else 0,
            offset=start + 8 * num_lengths if table else 0,
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "TokenStore":
        """Opens a finished store; holds one file descriptor.

        Raises:
          ValueError: if it is absent, truncated, damaged or of another format version.
        """
        folder = pathlib.Path(path)
        meta = read_meta(folder)
        file = folder / _TOKENS
        try:
            dtype = np.dtype(meta["dtype"])
            num_integers = meta["num_examples"] * len(meta["features"]) + 1
            num_integers += sum(meta["max_lengths"][name] + 1 for name in meta["features"])
            expected = _offsets_start(meta["num_tokens"], dtype) + 8 * num_integers
            expected += 4 * meta["num_examples"] * bool(meta["labels"])
            with file.open("rb") as opened:
                found = os.fstat(opened.fileno()).st_size
                if found != expected:
                    raise ValueError(damaged(file, f"{found} bytes, expected {expected}"))
                data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            store = cls(folder, meta, data)
        except OSError as error:
            raise ValueError(damaged(file, error.strerror or str(error))) from error
        if store.offsets[0] != 0 or store.offsets[-1] != meta["num_tokens"]:
            raise ValueError(damaged(file, "its offsets do not span its tokens"))
        store._check(META_FILE)
        return store

    def check_tokens(self) -> None:
        """Compares the whole of `tokens.bin` with its hash; stores of before have none.

        Raises:
          ValueError: they differ.
        """
        self._check(_TOKENS)

    def _check(self, name: str) -> None:
        if not verify_is_on():
            return
        try:
            hashes = FileHashes.read(self.path)
        except ValueError as error:
            raise ValueError(damaged(self.path / HASHES_FILE, str(error))) from error
        found = {} if hashes is None else hashes.differences([name])
        if found:
            raise ValueError(damaged(self.path / name, f"it {found[name]}"))

    @property
    def is_chat(self) -> bool:
        """Whether its examples are conversations, which their template begins and ends."""
        return bool(self.meta.get("is_chat"))

    @property
    def made_of(self) -> dict[str, str]:
        """Hashes of the tokens, and of the parts of the Task and the files that they come from.

        Stores of before these were kept have none.
        """
        return dict(self.meta.get("made_of", {}))

    @property
    def knows_what_varies(self) -> bool:
        """Whether `varying_parts` were looked for; not in stores of before there were any."""
        return "varying_parts" in self.meta

    @property
    def varying_parts(self) -> tuple[str, ...]:
        """Which parts of the Task give other examples each time: "source", "preprocessors"."""
        return tuple(self.meta.get("varying_parts", ()))

    @property
    def task(self) -> str:
        """Name of the Task."""
        return self.meta["task"]

    def length_counts(self, feature: str) -> np.ndarray:
        """How many examples have 0, 1, 2, ... tokens of a feature, int64 `[longest + 1]`.

        Raises:
          ValueError: if these counts are damaged.
        """
        longest = self.meta["max_lengths"]
        before = self.features[: self.features.index(feature)]
        start = sum(longest[name] + 1 for name in before)
        counts = self._length_counts[start : start + longest[feature] + 1]
        if counts.sum() != self.num_examples:
            raise ValueError(damaged(self.path / _TOKENS, f"wrong lengths of {feature!r}"))
        return counts

    def example(self, index: int) -> dict[str, np.ndarray]:
        """Token ids of one example by feature, views of the mapped file.

        Raises:
          IndexError: if there is no such example.
        """
        if not 0 <= index < self.num_examples:
            raise IndexError(f"{self.path} has {self.num_examples} examples, asked for {index}")
        first = index * len(self.features)
        bounds = self.offsets[first : first + len(self.features) + 1]
        return {
            name: self.tokens[start:end]
            for name, start, end in zip(self.features, bounds[:-1], bounds[1:], strict=True)
        }


class TokenStoreWriter:
    """Writes a store under a temporary name beside `path`, and renames it there when whole.

    A context manager: leaving it by an exception removes what was written. Only one process may
    write a path at a time: hold `store_lock(path)` around it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        task: str,
        split: str,
        fingerprint: str,
        features: Sequence[str],
        vocab_size: int,
        extra_meta: Mapping[str, Any] | None = None,
        has_complements: bool = False,
    ):
        """Prepares to write; `extra_meta` is put into `meta.json` as it is.

        Args:
          path: the store's final folder.
          task: name of the Task, for messages and `meta.json`.
          split: its split.
          fingerprint: hash of everything the tokens depend on.
          features: feature names, in the order to store them.
          vocab_size: every id is below it; up to 65,536 ids are stored as uint16.
          extra_meta: further plain JSON to keep.
          has_complements: whether some ids are stored as `~id`, of tokens that bear no loss.
        """
        self.path = pathlib.Path(path)
        self._features = tuple(features)
        self._vocab_size = vocab_size
        self._has_complements = has_complements
        is_small = vocab_size <= 1 << 16 and not has_complements
        self._dtype = np.dtype("<u2" if is_small else "<i4")
        self._meta = {
            **(extra_meta or {}),
            "format_version": FORMAT_VERSION,
            "task": task,
            "split": split,
            "fingerprint": fingerprint,
            "features": list(self._features),
            "dtype": self._dtype.str,
        }
        self._made_of: dict[str, str] = {}
        self._digest = hashlib.sha256()
        self._pending: list[np.ndarray] = []
        self._lengths = array.array("q")
        self._labels: dict[Label, int] = {}
        self._label_places = array.array("I")

    def __enter__(self) -> "TokenStoreWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = pathlib.Path(
            tempfile.mkdtemp(prefix=_temporary_prefix(self.path), dir=self.path.parent)
        )
        self._file = (self._folder / _TOKENS).open("wb")
        return self

    def note_origin(self, made_of: Mapping[str, str], files: Mapping[str, Any]) -> None:
        """Keeps what the tokens come from.

        Args:
          made_of: hashes by name, for `TokenStore.made_of`.
          files: the state of each file that was read (files_read.py).
        """
        self._made_of.update(made_of)
        self._meta["files_read"] = dict(files)

    def note_varying(self, parts: Sequence[str]) -> None:
        """Keeps which parts of the Task give other examples in another pass (seqio_passes.py)."""
        self._meta["varying_parts"] = list(parts)

    def append(self, example: Mapping[str, np.ndarray], label: Label | None = None) -> None:
        """Adds one example.

        Args:
          example: token ids `[length]` by feature name.
          label: how its prompt was made; for all examples or for none.

        Raises:
          ValueError: if an id is outside the vocabulary.
        """
        if label is not None:
            self._label_places.append(self._labels.setdefault(label, len(self._labels)))
        for name in self._features:
            ids = np.asarray(example[name])
            self._pending.append(ids)
            self._lengths.append(ids.shape[0])
        if len(self._pending) >= _FLUSH_EXAMPLES * len(self._features):
            self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with self._file:
                if error is None:
                    self._finish()
            if error is None:
                _sync_folder(self._folder)
                self._folder.chmod(0o755)
                self._folder.rename(self.path)
                _sync_folder(self.path.parent)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _flush(self) -> None:
        if not self._pending:
            return
        stored = ids = np.concatenate(self._pending)
        if self._has_complements:
            ids = np.maximum(stored, ~stored)
        if ids.size and (ids.min() < 0 or ids.max() >= self._vocab_size):
            raise ValueError(
                f"Task {self._meta['task']!r}, split {self._meta['split']!r}: token ids from "
                f"{ids.min()} to {ids.max()} do not fit its vocabulary of {self._vocab_size}. "
                "Is the Task tokenised with another vocabulary than its output features name?"
            )
        data = stored.astype(self._dtype).tobytes()
        self._digest.update(data)
        self._file.write(data)
        self._pending.clear()

    def _finish(self) -> None:
        self._flush()
        lengths = np.array(self._lengths, np.int64)
        if not lengths.size:
            raise ValueError(
                f"Task {self._meta['task']!r} gave no example in split {self._meta['split']!r}. "
                "Check its source and its filters, or leave it out of the mixture."
            )
        num_tokens = int(lengths.sum())
        self._file.write(b"\0" * (_offsets_start(num_tokens, self._dtype) - self._file.tell()))
        self._file.write(np.concatenate([[0], np.cumsum(lengths)]).astype("<i8").tobytes())
        self._digest.update(lengths.tobytes())
        by_feature = lengths.reshape(-1, len(self._features))
        for column in by_feature.T:
            self._file.write(np.bincount(column).astype("<i8").tobytes())
        place_N = np.array(self._label_places, "<u4")
        assert len(place_N) in (0, len(by_feature)), "only some examples are labelled"
        self._file.write(place_N.tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        label_counts = np.bincount(place_N).tolist()
        meta = {
            **self._meta,
            "made_of": {"tokens": self._digest.hexdigest()[:_DIGITS], **self._made_of},
            "num_examples": by_feature.shape[0],
            "num_tokens": num_tokens,
            "total_lengths": dict(
                zip(self._features, by_feature.sum(axis=0).tolist(), strict=True)
            ),
            "max_lengths": dict(zip(self._features, by_feature.max(axis=0).tolist(), strict=True)),
            "labels": list(zip(self._labels, label_counts, strict=True)),
        }
        with (self._folder / META_FILE).open("w", encoding="utf-8") as file:
            file.write(strict_json.dumps(meta, indent=1))
            file.flush()
            os.fsync(file.fileno())
        FileHashes.of(self._folder).save()


@contextlib.contextmanager
def store_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Holds the right to write a store, and clears away what killed writers of it left."""
    folder = pathlib.Path(path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f".{folder.name}.lock"):
        for leftover in folder.parent.glob(_temporary_prefix(folder) + "*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def is_finished(path: str | os.PathLike[str]) -> bool:
    """Whether a store was written to its end."""
    return os.path.isfile(os.path.join(path, META_FILE))  # mixtures ask it of 100,000 Tasks


def files_read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state of each file when a finished store was built of it; see `note_origin`.

    Raises:
      ValueError: as `TokenStore.open`, where `meta.json` is damaged.
    """
    return dict(read_meta(pathlib.Path(path)).get("files_read", {}))


def reserve_file_descriptors(count: int) -> None:
    """Raises the soft limit on open files, so that `count` more stores can be open together.

    Raises:
      ValueError: if the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + len(os.listdir("/dev/fd")) + _SPARE_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ValueError(
            f"{count} token stores need {needed} open files, and this system allows {hard} "
            f"(`ulimit -Hn`). Raise the hard limit to at least {needed}, or mix fewer tasks."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _temporary_prefix(path: pathlib.Path) -> str:
    return f".{path.name}.tmp-"


def _offsets_start(num_tokens: int, dtype: np.dtype) -> int:
    """Byte at which the offsets start: after the tokens, at a multiple of 8."""
    return -(-num_tokens * dtype.itemsize // 8) * 8


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
