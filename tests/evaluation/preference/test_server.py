"""What the server of the page answers to our page, and to others."""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys

import pytest

from t5lite.cli import main
from t5lite.evaluation.preference.judgments import read_judgments
from tests.conftest import REPOSITORY
from tests.evaluation.preference.answer_files import pairs, write_both
from tests.evaluation.preference.serving import serving


@pytest.fixture
def path(tmp_path):
    return tmp_path / "judgments.jsonl"


@pytest.fixture
def server(tmp_path, path):
    with serving(pairs(tmp_path), path) as server:
        yield server


def ask(server, method, path, body=None, **headers):
    """One request; the status, the headers, and the body as text."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    answer = response.status, dict(response.headers), response.read().decode()
    connection.close()
    return answer


def post(server, path, body, **changes):
    """What our own page sends; other headers where they are given, without those that are None."""
    headers = {
        "Host": f"127.0.0.1:{server.server_port}",
        "Origin": f"http://127.0.0.1:{server.server_port}",
        "Content-Type": "application/json",
    } | changes
    text = body if isinstance(body, str) else json.dumps(body)
    given = {name: value for name, value in headers.items() if value is not None}
    status, _, answer = ask(server, "POST", path, text, **given)
    return status, json.loads(answer)


def state(server):
    return json.loads(ask(server, "GET", "/state")[2])


def test_it_listens_on_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize("url", ["/", "/page.js", "/page.css", "/state"])
def test_the_policy_forbids_everything_from_elsewhere(server, url):
    status, headers, text = ask(server, "GET", url)
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "http://" not in text and "https://" not in text


def test_a_judgment_is_on_disk_before_the_next_pair_is_shown(server, path):
    before = state(server)
    sent = {"pair": before["pair"]["digest"], "choice": "tie"}
    status, after = post(server, "/judgment", sent)
    assert (status, after["num_done"]) == (200, 1)
    assert read_judgments(path)[0].pair == before["pair"]["digest"]
    assert post(server, "/judgment", sent) == (200, after), "a second click"
    assert post(server, "/undo", {"num_done": 1}) == (200, before)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[", "169.254.0.1"]
)
def test_names_that_lead_here_are_not_ours(server, host):
    """A page of evil.example, whose name suddenly means 127.0.0.1, reads and writes nothing."""
    before = state(server)
    status, _, text = ask(server, "GET", "/state", Host=host)
    assert status == 403 and "pair" not in json.loads(text)
    sent = {"pair": before["pair"]["digest"], "choice": "left"}
    assert post(server, "/judgment", sent, Host=host, Origin=f"http://{host}")[0] == 403
    assert state(server) == before


def test_through_a_tunnel_it_may_have_another_port(server):
    host = "localhost:18000"
    assert ask(server, "GET", "/state", Host=host)[0] == 200
    sent = {"pair": state(server)["pair"]["digest"], "choice": "left"}
    assert post(server, "/judgment", sent, Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        # What a form of another page can send without asking.
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": None}, 415),
    ],
)
def test_other_pages_cannot_judge(server, changes, expected):
    before = state(server)
    sent = {"pair": before["pair"]["digest"], "choice": "left"}
    assert post(server, "/judgment", sent, **changes)[0] == expected
    assert post(server, "/undo", {"num_done": 0}, **changes)[0] == expected
    assert state(server) == before


@pytest.mark.parametrize(
    ("url", "body", "expected"),
    [
        ("/judgment", "{", 400),
        ("/judgment", "[" * 4000, 400),
        ("/judgment", "[]", 400),
        ("/judgment", {"pair": 1, "choice": "left"}, 400),
        ("/judgment", {"pair": "x", "choice": "best"}, 400),
        ("/judgment", {"pair": "x", "choice": ["left"]}, 400),
        ("/judgment", {"pair": "x" * 9999, "choice": "left"}, 413),
        ("/undo", {"num_done": True}, 400),
        ("/undo", {}, 400),
        ("/../../etc/passwd", {}, 404),
    ],
)
def test_what_the_page_never_sends_changes_nothing(server, url, body, expected):
    before = state(server)
    status, answer = post(server, url, body)
    assert status == expected and answer["error"]
    assert state(server) == before


@pytest.mark.parametrize("length", ["9" * 5000, "4097", "-1", "", "1e3"])
def test_a_length_that_is_none_or_too_large_is_refused(server, length):
    status, answer = post(server, "/judgment", "{}", **{"Content-Length": length})
    assert status == 413 and answer["error"] == "send at most 4096 bytes"


def test_an_address_that_is_none_is_refused(server):
    head = f"GET http://[x/ HTTP/1.0\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
    with socket.create_connection(server.server_address, timeout=10) as browser:
        browser.sendall(head.encode())
        answer = browser.makefile("rb").read()
    assert b" 400 " in answer.splitlines()[0] and b"that is no address" in answer


def test_nothing_else_is_there(server):
    for url in ("/page.html", "/server.py", "/../server.py", "/%2e%2e/server.py", "/x"):
        assert ask(server, "GET", url)[0] == 404
    assert ask(server, "PUT", "/state")[0] == 501


def test_a_full_disk_is_said_on_the_page(server, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    before = state(server)
    monkeypatch.setattr(os, "fsync", full)
    status, answer = post(server, "/judgment", {"pair": before["pair"]["digest"], "choice": "left"})
    monkeypatch.undo()
    assert status == 500 and "No space left on device" in answer["error"]
    assert state(server) == before


def test_a_browser_that_goes_away_halfway_is_no_error(server, capfd, caplog):
    before = state(server)
    head = f"POST /judgment HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    head += f"Origin: http://127.0.0.1:{server.server_port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(server.server_address) as browser:
        browser.sendall(f"{head}Content-Length: 90\r\n\r\n{{".encode())
        # No orderly end: what was sent is thrown away, and reading on the other side fails.
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert state(server) == before
    assert caplog.text == "" and capfd.readouterr().err == ""


def test_mistakes_are_found_before_the_page_is_there(tmp_path, server, capsys):
    a, b = write_both(tmp_path)
    command = ["preference", "serve", a, b, f"--output={tmp_path}/o.jsonl"]
    assert main([*command, f"--port={server.server_port}"]) == 2
    assert f"--port {server.server_port} cannot be listened on" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*command, "--port=70000"])
    assert "--port: '70000' is not an integer from 0 to 65535" in capsys.readouterr().err
    assert main(["preference", "serve", a, a, f"--output={tmp_path}/o.jsonl"]) == 2
    assert "both models would be called 'x'" in capsys.readouterr().err


def test_the_command_prints_where_the_page_is_and_ends_with_ctrl_c(tmp_path):
    a, b = write_both(tmp_path)
    output = tmp_path / "judgments.jsonl"
    words = ["preference", "serve", a, b, f"--output={output}", "--port=0"]
    child = subprocess.Popen(
        [sys.executable, "-m", "t5lite", *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = child.stdout.readline()
        port = int(said.partition("http://127.0.0.1:")[2].partition("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert "Which answer is better?" in connection.getresponse().read().decode()
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0
    assert "0 of 5 pairs are judged" in rest and "t5lite preference report" in rest
