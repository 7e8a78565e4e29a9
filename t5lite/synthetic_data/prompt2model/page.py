"""A page to try a trained model on, in Gradio: for the browser of this machine, and from it alone.

It listens on the loopback address only. Its policy forbids the browser to load anything from
elsewhere or to be put into another page, and what another page sends is refused, as are names that
somebody else made lead to 127.0.0.1. Gradio's analytics and its look for newer versions are off,
and nothing is shared. Prompts and answers are shown as texts, never as markup.
"""

from __future__ import annotations

import contextlib
import html
import logging
import os
import pathlib
import socket
import urllib.parse
from collections.abc import Callable
from typing import Any

from t5lite.decoding.config import DecodingConfig
from t5lite.messages.ranges import Count, Port
from t5lite.messages.value_types import numbers_checked
from t5lite.synthetic_data.extras import check_installed
from t5lite.synthetic_data.prompt2model.page_model import PageModel
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
_HOSTS = (ADDRESS, "localhost")
# Characters; longer ones the model cuts anyway, and a browser becomes slow.
_LONGEST_INPUT = 100_000
# Gradio's page has scripts and styles of its own in it.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_STYLE = """
.gradio-container, .gradio-container > main { width: 100%; max-width: 54rem !important; }
.gradio-container { margin: 0 auto !important; }
h1.model { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
.instruction {
  white-space: pre-wrap;
  overflow: auto;
  overflow-wrap: anywhere;
  max-height: 14rem;
  border-left: 3px solid var(--primary-500);
  padding-left: .8rem;
}
.status { min-height: 1.5rem; font-variant-numeric: tabular-nums; }
.status .warning { color: #b45309; }
.dark .status .warning { color: #fbbf24; }
"""


@numbers_checked
def serve_page(
    model_dir: str,
    spec: PromptSpec,
    *,
    template: Callable[[str], str],
    title: str | None = None,
    port: Port = 7860,
    step: Count | None = None,
    decoding: DecodingConfig | None = None,
) -> None:
    """Serves the page until Ctrl-C.

    Args:
      model_dir: The trained model, as `t5lite infer --model_dir` takes it.
      spec: The prompt that it was made of; its demonstrations are the page's examples.
      template: Makes the text that the model is asked of what is typed, as in training.
      title: What stands above the page; the folder's name when None.
      port: Where to listen; 0 for any port that is free.
      step: Which checkpoint; the latest when None.
      decoding: How to decode; as `t5lite infer` does when None.

    Raises:
      ValueError: The port is taken, or the extra `synthetic` is not installed, or the model cannot
        be loaded.
    """
    with _listening(port) as listener:
        check_installed("gradio", extra="synthetic", purpose="the page")
        model = PageModel(model_dir, template=template, step=step, decoding=decoding)
        # So that the first visitor need not wait for compiling.
        model.answer(spec.demonstrations[0].input if spec.demonstrations else "")
        title = title or pathlib.Path(model_dir).resolve().name
        server = make_server(page_app(model, spec, title=title))
        print(f"http://{ADDRESS}:{listener.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextlib.contextmanager
def _listening(port: int) -> Any:
    """A socket on the port, taken before a model is loaded."""
    try:
        listener = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ValueError(
            f"--port {port} cannot be listened on: {os.strerror(error.errno or 0)}. Give another "
            "one, or 0 for any that is free."
        ) from error
    with listener:
        yield listener


def make_server(app: Any) -> Any:
    """What serves an app to sockets that are given to its `run`: a `uvicorn.Server`."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # A browser keeps a connection open as long as it shows the page. It is cut off, which
            # is no error, though uvicorn shows a traceback of each.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await super().shutdown(sockets)

    return Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))


def page_app(model: PageModel, spec: PromptSpec, *, title: str) -> Any:
    """The page as an ASGI application.

    Args:
      model: What answers.
      spec: The prompt.
      title: What stands above it.
    """
    import fastapi
    import gradio

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # Not Blocks.launch, which calls itself through a proxy where one is set, counts launches at
    # gradio.app, and may be told by variables of the environment to listen elsewhere or to share.
    gradio.mount_gradio_app(
        app,
        _blocks(model, spec, title=title),
        path="/",
        server_name=ADDRESS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,  # bytes; the page takes no files
        theme=_theme(),
        css=_STYLE,
    )
    return _OwnPageOnly(app)


def _blocks(model: PageModel, spec: PromptSpec, *, title: str) -> Any:
    import gradio

    may_be_empty = any(not shown.input.strip() for shown in spec.demonstrations)

    def answer(text: str) -> tuple[str, str]:
        if not text.strip() and not may_be_empty:
            return "", _status("", "Write an input first.")
        try:
            found = model.answer(text)
        except ValueError as error:
            return "", _status("", str(error))
        return found.text, _status(found.numbers, found.warning)

    with gradio.Blocks(title=title, analytics_enabled=False, fill_width=False) as blocks:
        gradio.HTML(f'<h1 class="model">{html.escape(title)}</h1>')
        gradio.HTML(f'<div class="instruction">{html.escape(spec.instruction)}</div>')
        text = gradio.Textbox(
            label="Input",
            lines=4,
            max_lines=16,
            max_length=_LONGEST_INPUT,
            autofocus=True,
            elem_id="input",
            info="Shift and Enter asks, too.",
        )
        button = gradio.Button("Answer", variant="primary", elem_id="ask")
        answered = gradio.Textbox(
            label="Answer",
            lines=2,
            max_lines=16,
            interactive=False,
            buttons=["copy"],
            autoscroll=False,
            elem_id="answer",
        )
        status = gradio.HTML(_status("", ""), elem_id="status")
        if spec.demonstrations:
            expected = gradio.Textbox(label="Right answer", visible=False)
            gradio.Examples(
                [[shown.input, shown.output] for shown in spec.demonstrations],
                inputs=[text, expected],
                label="The prompt's examples",
                examples_per_page=6,
                cache_examples=False,
                api_visibility="private",
            )
        # One at a time: there is one model, and each answer has the whole machine.
        gradio.on(
            [button.click, text.submit],
            answer,
            inputs=text,
            outputs=[answered, status],
            show_progress_on=answered,
            concurrency_limit=1,
            api_visibility="private",
        )
    return blocks


def _theme() -> Any:
    """Gradio's own look in fonts that are on every machine."""
    from gradio import themes

    return themes.Default(
        primary_hue="emerald",
        neutral_hue="slate",
        font=[themes.Font("system-ui"), themes.Font("sans-serif")],
        font_mono=[themes.Font("ui-monospace"), themes.Font("monospace")],
    )


def _status(numbers: str, warning: str) -> str:
    parts = [html.escape(numbers)]
    if warning:
        parts.append(f'<span class="warning">{html.escape(warning)}</span>')
    return f'<div class="status">{" ".join(filter(None, parts))}</div>'


class _OwnPageOnly:
    """Lets no other page read from an app or write to it, and no page load from elsewhere."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not _is_ours(dict(scope["headers"])):
            await send(
                {
                    "type": "http.response.start",
                    "status": 403,
                    "headers": [(b"content-type", b"text/plain")],
                }
            )
            await send({"type": "http.response.body", "body": b"this is no host of ours\n"})
            return

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _is_ours(headers: dict[bytes, bytes]) -> bool:
    """Whether a request names this machine, and is of a page of its own if of any."""
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    try:
        is_own_host = urllib.parse.urlsplit(f"//{host}").hostname in _HOSTS
    except ValueError:  # brackets around what is no address
        return False
    return is_own_host and origin in (None, f"http://{host}".encode("latin-1"))
