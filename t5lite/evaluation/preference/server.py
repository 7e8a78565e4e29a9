"""The page on which a person compares answers: a server for this machine's own browser.

It listens on the loopback address only. A page of somebody else's, open in the same browser, can
neither read from it (a name that leads to 127.0.0.1 is no host of ours) nor write to it (what is
sent must come from our own page, and be JSON). Texts of models are shown as texts; the page loads
nothing from anywhere else, and its policy forbids it to.
"""

from __future__ import annotations

import http.server
import importlib.resources
import json
import logging
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, get_args

from t5lite.evaluation.preference.blind_session import BlindSession, Choice
from t5lite.evaluation.preference.pairs import read_pairs
from t5lite.files import strict_json
from t5lite.files.appended_lines import AppendedLines

log = logging.getLogger(__name__)

_ADDRESS = "127.0.0.1"
_HOSTS = (_ADDRESS, "localhost")
_MOST_BODY_BYTES = 4096
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_JSON = "application/json"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered; the status and why are the arguments."""


class Server(http.server.ThreadingHTTPServer):
    """Serves one session.

    Attributes:
      session: What is judged.
      url: Where the page is.
    """

    daemon_threads = True

    def __init__(self, session: BlindSession, *, port: int) -> None:
        """Listens on the loopback address.

        Args:
          session: What is judged.
          port: The port; 0 for any that is free.

        Raises:
          ValueError: The port is taken, or none that this user may take.
        """
        self.session = session
        try:
            super().__init__((_ADDRESS, port), _Handler)
        except OSError as error:
            raise ValueError(
                f"--port {port} cannot be listened on: {error.strerror}. Give another one, or 0 "
                "for any that is free."
            ) from error
        self.url = f"http://{_ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says of what went wrong in a request, but not of browsers that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    server_version = "t5lite"
    sys_version = ""
    # Seconds for a request that does not come to its end.
    timeout = 20

    def do_GET(self) -> None:
        """Sends the page, its parts, and the state."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Takes a judgment, or what takes the last one back."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Says of every request what it was, to who debugs."""
        log.debug("%s %s", self.address_string(), format % args)

    def _answer(self, handle: Callable[[], tuple[bytes, str]]) -> None:
        status = HTTPStatus.OK
        try:
            self._check_host()
            content, kind = handle()
        except Refused as refusal:
            status, reason = refusal.args
            content, kind = _json({"error": reason}), _JSON
        except (ConnectionError, TimeoutError):  # the browser, not the disk
            raise
        except OSError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            reason = f"This could not be saved: {error.filename}: {error.strerror}"
            log.error("%s", reason)
            content, kind = _json({"error": reason}), _JSON
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _check_host(self) -> None:
        """Refuses names that somebody else made lead to this machine (DNS rebinding)."""
        try:
            host = urllib.parse.urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:  # brackets around what is no address
            host = None
        if host not in _HOSTS:
            raise Refused(HTTPStatus.FORBIDDEN, f"open {self.server.url}; this is no host of ours")

    def _get(self) -> tuple[bytes, str]:
        try:
            path = urllib.parse.urlsplit(self.path).path
        except ValueError:  # brackets around what is no address
            raise Refused(HTTPStatus.BAD_REQUEST, "that is no address") from None
        if path == "/state":
            return _json(self.server.session.state()), _JSON
        if path not in _FILES:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        name, kind = _FILES[path]
        return importlib.resources.files(__package__).joinpath(name).read_bytes(), kind

    def _post(self) -> tuple[bytes, str]:
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            raise Refused(HTTPStatus.FORBIDDEN, "only our own page may say what is better")
        if self.headers.get_content_type() != _JSON:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {_JSON}")
        sent = self._body()
        if self.path == "/judgment":
            state = self.server.session.judge(_pair(sent), _choice(sent))
        elif self.path == "/undo":
            state = self.server.session.undo(_num_done(sent))
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        # Where the page was behind, by a second window or a second click, it is shown what is next.
        return _json(self.server.session.state() if state is None else state), _JSON

    def _body(self) -> Mapping[str, Any]:
        length = self.headers.get("Content-Length", "")
        # Python reads no number of thousands of digits.
        is_short = length.isdecimal() and len(length) <= len(str(_MOST_BODY_BYTES))
        if not is_short or int(length) > _MOST_BODY_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send at most {_MOST_BODY_BYTES} bytes"
            )
        try:
            sent = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "that is no JSON") from None
        if not isinstance(sent, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "send a JSON object")
        return sent


def _pair(sent: Mapping[str, Any]) -> str:
    if not isinstance(sent.get("pair"), str):
        raise Refused(HTTPStatus.BAD_REQUEST, "`pair` must be a text")
    return sent["pair"]


def _choice(sent: Mapping[str, Any]) -> Choice:
    if sent.get("choice") not in get_args(Choice):
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"`choice` must be one of {', '.join(get_args(Choice))}"
        )
    return sent["choice"]


def _num_done(sent: Mapping[str, Any]) -> int:
    if type(sent.get("num_done")) is not int:
        raise Refused(HTTPStatus.BAD_REQUEST, "`num_done` must be a whole number")
    return sent["num_done"]


def _json(value: Mapping[str, Any]) -> bytes:
    return strict_json.dumps(value).encode()


def serve(
    answers_a: str,
    answers_b: str,
    *,
    output: str,
    inputs_field: str = "inputs",
    seed: int = 0,
    port: int = 8000,
) -> None:
    """Serves the page until Ctrl-C; behind `t5lite preference serve`.

    Args:
      answers_a: A model's answers, as `pairs.read_pairs` reads them.
      answers_b: Another's to the same prompts.
      output: JSONL file of judgments, which an earlier session may have begun.
      inputs_field: The field that holds the prompt.
      seed: Of the order of pairs, and of who stands on the left.
      port: On 127.0.0.1; 0 for any that is free.

    Raises:
      ValueError: As `pairs.read_pairs`, or the output is about other answers, or cannot be written,
        or the port cannot be listened on.
    """
    compared = read_pairs(answers_a, answers_b, inputs_field=inputs_field)
    with (
        AppendedLines(output, name="--output") as lines,
        Server(BlindSession(compared, lines, seed=seed), port=port) as server,
    ):
        print(
            f"{server.session.num_done} of {server.session.num_pairs} pairs are judged; the page: "
            f"{server.url} Ctrl-C ends this, and the same command goes on.",
            flush=True,
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
        print(
            f"{server.session.num_done} of {server.session.num_pairs} pairs are judged: {output}. "
            f"`t5lite preference report {output}` shows the result."
        )
