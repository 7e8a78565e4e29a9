"""Teachers whose answers a test writes: in this process, and behind an endpoint on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.server
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.synthetic_data.teachers.answers import Answers
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request, about_tokens
from t5lite.synthetic_data.teachers.teacher import TeacherError

Script = Callable[[Request], "str | list[str] | Choice | list[Choice] | TeacherError"]

# Retries that wait for nothing.
AT_ONCE = Limits(max_retry_wait=0.0, max_retries=2)


class ScriptedTeacher:
    """Answers what a function says.

    Attributes:
      asked: The requests that came, in their order.
      calls: When each call came, by the loop's clock, and how many requests were in it.
    """

    def __init__(self, script: Script, *, name: str = "scripted", batch_size: int = 1) -> None:
        self.name, self.batch_size = name, batch_size
        self.asked: list[Request] = []
        self.calls: list[tuple[float, int]] = []
        self._script = script

    async def reply(self, requests: Sequence[Request]) -> list[Reply | TeacherError]:
        assert 0 < len(requests) <= self.batch_size
        self.calls.append((asyncio.get_running_loop().time(), len(requests)))
        await asyncio.sleep(0)
        return [self._reply(request) for request in requests]

    async def close(self) -> None:
        pass

    def _reply(self, request: Request) -> Reply | TeacherError:
        self.asked.append(request)
        said = self._script(request)
        if isinstance(said, TeacherError):
            return said
        choices = [said] if isinstance(said, str | Choice) else said
        made = tuple(Choice(c) if isinstance(c, str) else c for c in choices)
        return Reply(made, request.count_tokens(), sum(about_tokens(c.text) for c in made))


def asking(
    script: Script, folder: pathlib.Path, *, limits: Limits = AT_ONCE, dry_run: bool = False
) -> Asking:
    """A scripted teacher, asked as `TeacherConfig.open` gives it: with answers kept in a folder."""
    answers = Answers(folder, writes=not dry_run, must_exist=False)
    return Asking(ScriptedTeacher(script), answers, limits)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the endpoint sends for one call.

    Attributes:
      texts: Of the choices.
      finish_reason: "length" for one that is cut.
      status: Of HTTP; another than 200 sends an error of OpenAI's shape with `texts[0]`.
      headers: Sent besides the usual ones.
      body: Sent as it is instead of all this.
      closes: Closes the connection without an answer.
      hangs: Sends nothing until the client goes.
    """

    texts: tuple[str, ...] = ("",)
    finish_reason: str = "stop"
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    closes: bool = False
    hangs: bool = False


@dataclasses.dataclass
class LocalEndpoint:
    """An endpoint of OpenAI's API on 127.0.0.1.

    Attributes:
      url: Its base URL.
      bodies: What was asked, in order.
      keys: The Authorization headers that came, "" for none.
    """

    url: str
    bodies: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    keys: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def local_endpoint(script: Callable[[dict[str, Any]], str | Answer]) -> Iterator[LocalEndpoint]:
    """Serves an endpoint whose answers a function writes, of the JSON body of each call."""
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.bodies.append(body)
            endpoint.keys.append(self.headers.get("Authorization", ""))
            said = script(body)
            answer = Answer((said,)) if isinstance(said, str) else said
            if answer.hangs:
                over.wait(20)
            if answer.hangs or answer.closes:
                self.close_connection = True
                return
            content = answer.body
            if content is None:
                content = json.dumps(_record(answer, body, self.path)).encode()
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", **answer.headers}
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Clients that are killed leave their connections; nobody needs to read of it."""

    server = Server(("127.0.0.1", 0), Handler)
    endpoint = LocalEndpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _record(answer: Answer, body: dict[str, Any], path: str) -> dict[str, Any]:
    if answer.status != 200:
        return {"error": {"message": answer.texts[0], "type": "made", "code": None}}
    is_chat = path.endswith("/chat/completions")
    choices = [
        {
            "index": index,
            "finish_reason": answer.finish_reason,
            **({"message": {"role": "assistant", "content": t}} if is_chat else {"text": t}),
        }
        for index, t in enumerate(answer.texts)
    ]
    asked = "".join(m["content"] for m in body["messages"]) if is_chat else body["prompt"]
    return {
        "id": "made",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": choices,
        "usage": {
            "prompt_tokens": about_tokens(asked),
            "completion_tokens": sum(map(about_tokens, answer.texts)),
            "total_tokens": about_tokens(asked) + sum(map(about_tokens, answer.texts)),
        },
    }
