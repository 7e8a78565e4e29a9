"""Orbax in buckets.

Orbax writes a checkpoint in Google's buckets under its own name and says with a file, which comes
last, that it is whole. It knows no other buckets, but for s3:// it needs nothing else: tensorstore,
which writes the arrays, has a driver, and etils, which writes the rest, has fsspec's.
"""

from __future__ import annotations

import functools
import os
from typing import Any

from orbax.checkpoint._src.path import gcs_utils
from orbax.checkpoint._src.serialization import tensorstore_utils

# Written last; Orbax gives it no public name.
COMMIT_FILE = "commit_success.txt"
_SCHEMES = ("gs://", "s3://")


@functools.cache
def teach_orbax_s3() -> None:
    """Makes orbax treat s3:// as it treats gs://, but for the driver of its arrays.

    It has no setting for it. The range of orbax in setup.py is that of versions with these names.
    """
    google = gcs_utils.get_kvstore_for_gcs

    def kvstore(path: str) -> dict[str, Any]:
        return _s3_kvstore(path) if path.startswith("s3://") else google(path)

    def normalize(path: str) -> str:
        scheme, separator, rest = path.partition("://")
        return f"{scheme}://{os.path.normpath(rest)}" if separator else os.path.normpath(path)

    gcs_utils._GCS_PATH_PREFIX = _SCHEMES
    gcs_utils.get_kvstore_for_gcs = kvstore
    tensorstore_utils._use_gcs_driver = lambda path: path.startswith(_SCHEMES)
    tensorstore_utils._normalize_path = normalize


def _s3_kvstore(path: str) -> dict[str, Any]:
    """Tensorstore's spec of a place in an S3 bucket, from the variables that s3fs reads too."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    spec: dict[str, Any] = {"driver": "s3", "bucket": bucket, "path": key}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if endpoint:
        spec |= {"endpoint": endpoint, "aws_region": region or "us-east-1"}
    if os.environ.get("AWS_ACCESS_KEY_ID"):  # Else it looks into the files of a profile first.
        spec["aws_credentials"] = {"type": "environment"}
    return spec
