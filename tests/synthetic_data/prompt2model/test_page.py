"""The page in a real browser: what it shows and answers, and that nothing comes from elsewhere."""

import contextlib
import json
import socket
import sys
import threading
import urllib.error
import urllib.request

import pytest

from t5lite.infer import infer
from t5lite.synthetic_data.prompt2model import page
from t5lite.synthetic_data.prompt2model.page_model import PageModel
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from tests.browsers import open_browser
from tests.decoding import model_dirs

pytest.importorskip("gradio", reason="gradio is not installed (pip install t5lite[synthetic])")

EVIL = '<img src="http://192.0.2.1/x.png" onerror="document.title=1"><b>&amp;</b>'
SPEC = PromptSpec(
    instruction=f"Answer.\n  Shortly. {EVIL}",
    demonstrations=(Demonstration(f"first {EVIL}", f"one {EVIL}"), Demonstration("second", "two")),
)
TYPED = "what is it?"


def template(text):
    return f"Q: {text}"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "my <b>model&lt;"
    model_dirs.save(folder)
    return folder


@pytest.fixture(scope="module")
def model(model_dir):
    return PageModel(str(model_dir), template=template)


@pytest.fixture(scope="module")
def reached():
    """Addresses that this process has asked for or connected to, of other machines."""
    found = []

    def hook(event, arguments):
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            found.append(arguments[1][0])
        if event == "socket.getaddrinfo":
            found.append(arguments[0])

    sys.addaudithook(hook)  # which cannot be taken back
    return lambda: {host for host in found if host not in ("127.0.0.1", "localhost", "::1")}


@contextlib.contextmanager
def serving(model, *, title):
    """Serves the page in a thread; gives its URL."""
    with page._listening(0) as listener:
        server = page.make_server(page.page_app(model, SPEC, title=title))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def url(model, model_dir, reached, tmp_path_factory):
    """Where the page is served; what Gradio writes lies in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("started_here"))
        # What must not count: a user may have all of this set for something else.
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
        patch.setenv("GRADIO_SHARE", "True")
        patch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
        with serving(model, title=model_dir.name) as url:
            yield url


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


class Page:
    """The page as a person sees and uses it."""

    def __init__(self, browser, url):
        self.browser = browser
        browser.get(url)
        self.wait(lambda: self.all("#ask"))

    def wait(self, condition):
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        ignored = [StaleElementReferenceException]
        WebDriverWait(self.browser, 30, 0.05, ignored).until(lambda _: condition())

    def all(self, css):
        return self.browser.find_elements("css selector", css)

    def one(self, css):
        return self.browser.find_element("css selector", css)

    def type(self, text):
        self.one("#input textarea").send_keys(text)

    def ask(self, *, says):
        self.one("#ask").click()
        self.wait(lambda: says in self.one("#status").text)

    def value(self, css):
        return self.one(f"{css} textarea").get_attribute("value")


def test_it_answers_as_infer_does_and_shows_texts_as_texts(browser, url, model_dir, tmp_path):
    lines = tmp_path / "in.jsonl"
    lines.write_text(json.dumps({"inputs": template(TYPED)}))
    infer(model_dir=str(model_dir), input=str(lines), output=str(tmp_path / "out.jsonl"))
    expected = json.loads((tmp_path / "out.jsonl").read_text())["prediction"]

    shown = Page(browser, url)
    title = browser.title
    assert shown.one("h1.model").text == model_dir.name == title
    assert shown.one(".instruction").text == SPEC.instruction
    shown.ask(says="Write an input first.")
    shown.type(TYPED)
    shown.ask(says="tokens in")
    # A text area has no carriage returns.
    assert shown.value("#answer") == expected.replace("\r\n", "\n").replace("\r", "\n")
    assert "out," in shown.one("#status").text and " s" in shown.one("#status").text

    cells = [cell for cell in shown.all("td") if "first" in cell.text]
    assert cells[0].text.startswith("first <img src=")
    cells[0].click()
    shown.wait(lambda: shown.value("#input") == SPEC.demonstrations[0].input)
    assert browser.title == title, "no script of a text was run"


def test_what_is_too_long_is_said(browser, url):
    shown = Page(browser, url)
    browser.execute_script(
        "const area = document.querySelector('#input textarea');"
        "area.value = 'many words '.repeat(400);"
        "area.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    shown.ask(says="The input is too long: with the instruction it has more than the")
    assert "was cut at its end" in shown.one("#status").text


def test_two_tabs_have_each_their_own_answer(browser, url, model):
    first = Page(browser, url)
    first.type("one")
    first_tab = browser.current_window_handle
    browser.switch_to.new_window("tab")
    second = Page(browser, url)
    second.type("another one")
    second.one("#ask").click()
    browser.switch_to.window(first_tab)
    first.ask(says="tokens in")
    assert first.value("#answer") == model.answer("one").text
    assert f"{model.answer('one').num_prompt_tokens} tokens in" in first.one("#status").text
    browser.switch_to.window(next(h for h in browser.window_handles if h != first_tab))
    second.wait(lambda: "tokens in" in second.one("#status").text)
    assert second.value("#answer") == model.answer("another one").text
    browser.close()
    browser.switch_to.window(first_tab)


def test_nothing_comes_from_elsewhere_and_nobody_is_called(browser, url, reached, tmp_path):
    """Of all tests above, which share a browser: every request, and every word of the console."""
    Page(browser, url)
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert len(asked) > 20
    assert [one for one in asked if not one.startswith((url, "data:", "chrome:"))] == []
    complaints = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert complaints == []
    assert reached() == set()
    with urllib.request.urlopen(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "[x"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_other_pages_are_refused(url, headers):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(url, headers=headers))
    port = url.rstrip("/").rpartition(":")[2]
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=own)) as answer:
        assert answer.status == 200


def test_it_listens_on_this_machine_alone(url):
    port = int(url.rstrip("/").rpartition(":")[2])
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None)}
    for address in others - {"127.0.0.1", "::1"}:
        with contextlib.closing(socket.socket()) as client, pytest.raises(OSError):
            client.connect((address, port))


def test_it_ends_without_a_word_though_a_tab_is_open(model, capsys):
    with serving(model, title="model") as url:
        tab = urllib.request.urlopen(f"{url}gradio_api/heartbeat/a_tab")
    tab.close()
    assert capsys.readouterr().err == ""


def test_it_is_served_until_ctrl_c(model, model_dir, monkeypatch, capsys):
    """With a model that is loaded, and a server that is interrupted at once."""
    loaded, served = [], []

    class Server:
        def __init__(self, app):
            self.app = app

        def run(self, sockets):
            served.append(sockets[0].getsockname())
            raise KeyboardInterrupt

    def load(folder, **settings):
        loaded.append((folder, settings["step"]))
        return model

    monkeypatch.setattr(page, "PageModel", load)
    monkeypatch.setattr(page, "make_server", Server)
    page.serve_page(str(model_dir), SPEC, template=template, port=0, step=model_dirs.STEP)
    ((address, port),) = served
    assert address == "127.0.0.1" and f"http://127.0.0.1:{port}/" in capsys.readouterr().out
    assert loaded == [(str(model_dir), model_dirs.STEP)]


def test_a_port_in_use_is_said_before_the_model_is_loaded(tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=rf"--port {port} cannot be listened on: Address alr"):
            page.serve_page(str(tmp_path / "none"), SPEC, template=template, port=port)
    with pytest.raises(ValueError, match="port"):
        page.serve_page(str(tmp_path), SPEC, template=template, port=70_000)


def test_without_gradio_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"needs gradio, .*: pip install 't5lite\[synthetic\]'"):
        page.serve_page(str(tmp_path), SPEC, template=template, port=0)
