"""`meta.json` of a token store: read by type, and what is said of one that is damaged."""

import pathlib
from collections.abc import Mapping
from typing import Any, Literal

from t5lite.files.json_files import read_object
from t5lite.messages.value_types import check_fields, check_type

FORMAT_VERSION = 3
META_FILE = "meta.json"

_NEEDED: Mapping[str, Any] = {
    "task": str,
    "features": list[str],
    "dtype": Literal["<u2", "<i4"],
    "num_examples": int,
    "num_tokens": int,
    "max_lengths": Mapping[str, int],
    "labels": list[list[Any]],
}
# Of the Task's plan, or of later versions than the format's first.
_OTHERS: Mapping[str, Any] = {
    "split": str,
    "fingerprint": str,
    "is_chat": bool,
    "made_of": Mapping[str, str],
    "varying_parts": list[str],
    "total_lengths": Mapping[str, int],
    "files_read": Mapping[str, Any],
}
_LABEL = (str, int, str)


def read_meta(folder: pathlib.Path) -> dict[str, Any]:
    """What a finished store says of itself.

    Raises:
      ValueError: there is no store, or what it says is damaged or of another format version.
    """
    file = folder / META_FILE
    if not file.is_file():
        raise ValueError(f"No token store at {folder}: it has no {META_FILE}.")
    try:
        meta = read_object(file)
        version = meta.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(f"format version {version!r}, this t5lite reads {FORMAT_VERSION}")
        if missing := sorted(_NEEDED.keys() - meta.keys()):
            raise ValueError(f"it has no {', '.join(missing)}")
        for name, hint in _NEEDED.items():
            check_type(meta[name], hint, name=name)
        check_fields(meta, _OTHERS, name="it")
        sizes = [meta["num_examples"], meta["num_tokens"], *meta["max_lengths"].values()]
        if min(sizes) < 0 or meta["features"] != list(meta["max_lengths"]):
            raise ValueError("its sizes are not those of its features")
        for label, count in meta["labels"]:
            check_type(count, int, name="labels")
            check_type(label, list[Any], name="labels")
            for value, hint in zip(label, _LABEL, strict=True):
                check_type(value, hint, name="labels")
    except (OSError, ValueError) as error:
        raise ValueError(damaged(file, str(error).removeprefix(f"{file}: "))) from error
    return meta


def damaged(file: pathlib.Path, found: str) -> str:
    """The message about a file of a store."""
    return f"Cannot use the token store file {file}: {found}. Delete {file.parent}; it is rebuilt."
