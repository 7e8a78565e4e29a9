"""Searching texts by their meaning: the two sides of a sentence-transformers model on disk.

Nothing is downloaded, no code of the model's folder runs, and weights are safetensors only.
"""

from __future__ import annotations

import hashlib
import io
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from t5lite.files.hashes import FileHashes
from t5lite.files.json_files import read_object
from t5lite.files.local_paths import local_path
from t5lite.files.whole_file import write_whole
from t5lite.synthetic_data.extras import check_installed

_BATCH_SIZE = 32
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class DualEncoder:
    """A model that puts queries and texts into one space.

    A folder of sentence-transformers says itself how token vectors become one (mean, CLS, ...), how
    two vectors are compared, and what is put before queries and texts. Of a plain folder of
    transformers, such as DataFinder's, the mean of the token vectors is taken and the cosine.

    Attributes:
      name: The folder.
    """

    def __init__(self, folder: str, *, cache_dir: pathlib.Path | None = None) -> None:
        """Loads the model.

        Args:
          folder: A folder of sentence-transformers or of transformers.
          cache_dir: Where vectors of texts are kept, by the contents of model and text; None for
            nowhere.

        Raises:
          ValueError: The extra `scorers` is not installed, or there is no such model.
        """
        check_installed(
            "sentence_transformers", extra="scorers", purpose="searching with --dual_encoder"
        )
        path = local_path(folder, name="--dual_encoder")
        _check_folder(path)
        self.name = str(path)
        self._model = _load(path)
        self._cache: pathlib.Path | None = None
        if cache_dir is not None:
            digest = FileHashes.of(path).combined()
            self._cache = cache_dir / f"vectors_{path.name}_{digest}.npz"

    def scores(self, query: str, texts: Sequence[str]) -> np.ndarray:
        """How near each text is to a query, float32 `[number of texts]`; a cosine goes to 1."""
        if not texts:
            return np.zeros(0, np.float32)
        query_1D = self._model.encode_query([query], show_progress_bar=False)
        texts_ND = self._vectors(texts)
        similar_1N = self._model.similarity(query_1D, texts_ND)
        return np.asarray(similar_1N, np.float32)[0]

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of texts, float32 `[number of texts, D]`, those kept from before as they are."""
        digests = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        kept = _read_vectors(self._cache)
        new = {d: text for d, text in zip(digests, texts, strict=True) if d not in kept}
        if new:
            encoded_ND = self._model.encode_document(
                [*new.values()], batch_size=_BATCH_SIZE, show_progress_bar=False
            )
            kept |= dict(zip(new, np.asarray(encoded_ND, np.float32), strict=True))
            _write_vectors(self._cache, kept)
        return np.stack([kept[digest] for digest in digests])


def _load(folder: pathlib.Path) -> Any:
    import transformers
    from sentence_transformers import SentenceTransformer

    transformers.utils.logging.disable_progress_bar()
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:  # Whatever a library finds wrong with a folder of somebody's.
        reason = str(error).split("\n")[0] or type(error).__name__
        raise ValueError(
            f"--dual_encoder {folder}: sentence-transformers cannot load it: {reason}"
        ) from error


def _check_folder(folder: pathlib.Path) -> None:
    """Refuses what is no model's folder, or holds pickled weights.

    Raises:
      ValueError: It is so; with the remedy.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "is not there"
        raise ValueError(
            f"--dual_encoder {folder} {found}; give a folder that sentence-transformers or "
            "transformers saved (nothing is downloaded)"
        )
    if not (folder / "modules.json").is_file():
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"--dual_encoder {folder} holds neither modules.json, as folders of "
                "sentence-transformers do, nor config.json, as those of transformers do"
            )
        read_object(folder / "config.json")
    pickled = [path for path in sorted(folder.rglob("*")) if path.suffix in _PICKLED]
    pickled = [path for path in pickled if path.stem != "training_args"]
    if pickled:
        raise ValueError(
            f"--dual_encoder {folder}: {pickled[0].relative_to(folder)} may be pickled, and "
            "unpickling runs what is in it. Save the model again as safetensors, or remove the "
            "file where its .safetensors lies beside it"
        )


def _read_vectors(file: pathlib.Path | None) -> dict[str, np.ndarray]:
    """Vectors by the digests of their texts; none where the file is not whole."""
    if file is None or not file.is_file():
        return {}
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(zip(arrays["digests"].tolist(), arrays["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # They are made again.
        return {}


def _write_vectors(file: pathlib.Path | None, vectors: dict[str, np.ndarray]) -> None:
    if file is None:
        return
    content = io.BytesIO()
    np.savez(content, digests=np.array([*vectors]), vectors=np.stack([*vectors.values()]))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, content.getvalue())
