"""Emulators of Google Cloud Storage and S3 on this machine, for as long as a test module runs."""

from __future__ import annotations

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator
from http import HTTPStatus

BUCKET = "bucket"
CLOSED = "closed"  # A bucket of Google's where everything is forbidden.


@contextlib.contextmanager
def emulators() -> Iterator[dict[str, str]]:
    """Starts both with an empty bucket in each; gives the environment that leads clients there."""
    with _gcs() as gcs, _s3() as s3:
        yield {
            "STORAGE_EMULATOR_HOST": gcs,
            "TENSORSTORE_GCS_HTTP_URL": gcs,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # Asks another service of Google's.
            "NO_GCE_CHECK": "true",
            "AWS_ENDPOINT_URL": s3,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextlib.contextmanager
def _s3() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
        client.create_bucket(Bucket=BUCKET)
        yield url
    finally:
        server.stop()


@contextlib.contextmanager
def _gcs() -> Iterator[str]:
    """The emulator with what it lacks: generations, conditions on them, and a forbidden bucket."""
    from gcp_storage_emulator import server
    from gcp_storage_emulator.handlers import buckets
    from gcp_storage_emulator.storage import Storage

    storage, mutex = Storage(use_memory_fs=True), threading.Lock()
    buckets.create_bucket(BUCKET, storage)

    class Router(server.Router):
        def handle(self, method: str) -> None:
            with mutex:
                super().handle(method)

    class Handler(server.RequestHandler):
        protocol_version = "HTTP/1.1"

    for _, methods in server.HANDLERS:
        for name, handle in methods.items():
            methods[name] = handle if hasattr(handle, "__wrapped__") else _with_conditions(handle)
    server.Router = Router
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, storage))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()


def _with_conditions(handle):
    from gcp_storage_emulator.exceptions import NotFound

    @functools.wraps(handle)
    def handle_with_conditions(request, response, storage, *args, **kwargs):
        bucket = (request.params or {}).get("bucket_name")
        name = request.params.get("object_id") or request.query.get("name", [""])[0]
        body = request.data  # Read, or the next request would begin with it.
        if not name and isinstance(body, dict):
            name = body.get("meta", body).get("name", "")
        if bucket == CLOSED:
            response.status = HTTPStatus.FORBIDDEN
            response.json({"error": {"message": "no permission", "code": 403}})
            return
        try:
            generation = storage.get_file_obj(bucket, name)["generation"]
        except NotFound:
            generation = "0"
        wanted = request.query.get("ifGenerationMatch", [generation])[0]
        if wanted != generation and generation + wanted != "00":
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
        if request.query.get("ifGenerationNotMatch") == [generation]:
            response.status = HTTPStatus.NOT_MODIFIED
            return
        response["x-goog-generation"] = generation
        handle(request, response, storage, *args, **kwargs)

    return handle_with_conditions
