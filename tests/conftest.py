"""Shared fixtures: where real data lies, and a path to this repository."""

import os
import pathlib

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def shared_path(*parts: str) -> pathlib.Path:
    """Path under the real test data; skips the calling test where it is absent.

    Looked for in `T5LITE_TEST_DATA`, then in `../shared` beside the repository.
    """
    root = pathlib.Path(os.environ.get("T5LITE_TEST_DATA", REPOSITORY.parent / "shared"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real test data not found: {path} (set T5LITE_TEST_DATA)")
    return path
