"""Downloads from a server on this machine, which cuts connections, lies, and counts."""

import hashlib
import http.server
import io
import json
import pathlib
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

import pytest

from t5lite.data.downloads import download
from t5lite.data.downloads.downloads import DOWNLOADS, Download, File
from tests.conftest import REPOSITORY

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `cuts` are how many bytes the next answers send before they end."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.cuts = []
        self.statuses = []
        self.tags = True
        self.pause = 0.0
        self.requests = []
        self.answers = {}

    def url(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers["Range"]
        server.requests.append(wanted)
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        if self.path[1:] in server.answers:
            self.wfile.write(server.answers[self.path[1:]])
            self.close_connection = True
            return
        content = server.files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        tag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        start = 0
        if wanted and self.headers["If-Range"] == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        if server.tags:
            self.send_header("ETag", tag)
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(content)
        for place in range(start, end, 1 << 16):
            self.wfile.write(content[place : min(place + (1 << 16), end)])
            time.sleep(server.pause)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def one(server, name="a.bin", **settings):
    server.files.setdefault(name, CONTENT)
    return Download("a", "set", "about", (File(server.url(name), name, **settings),))


def fetch(item, root):
    return download.fetch(item, root, progress=False, wait_seconds=0)


def lock(root):
    return json.loads((root / "fetched.json").read_text())


# ------------------------------------------------------------------------------------------ files


def test_the_first_download_is_trusted_and_noted(server, tmp_path):
    item = one(server)
    (note,) = fetch(item, tmp_path)
    assert "trusted on first use" in note
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT
    entry = {"path": "set/a.bin", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert lock(tmp_path) == {server.url("a.bin"): entry}
    assert not (tmp_path / ".fetch").exists()
    assert fetch(item, tmp_path) == [f"{tmp_path / 'set' / 'a.bin'}: there already"]
    assert len(server.requests) == 1


def test_cut_connections_are_resumed_where_they_ended(server, tmp_path):
    server.cuts = [300_000, 0, 200_000]
    fetch(one(server), tmp_path)
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=300000-", "bytes=500000-"]


def test_it_starts_over_where_nothing_tells_that_the_content_is_the_same(server, tmp_path):
    server.tags, server.cuts = False, [300_000]
    fetch(one(server), tmp_path)
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT
    assert server.requests == [None, None]


def test_it_starts_over_where_the_content_has_changed_meanwhile(server, tmp_path):
    server.cuts = [300_000, 0, 0, 0, 0]
    item = one(server)
    with pytest.raises(ValueError, match=r"300,000 bytes are kept, the same command resumes"):
        fetch(item, tmp_path)
    server.cuts = []
    server.files["a.bin"] = CONTENT[::-1]
    fetch(item, tmp_path)
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT[::-1]


def test_a_killed_download_goes_on_in_the_next_run(server, tmp_path):
    server.pause = 0.05
    item = one(server)
    program = (
        "import sys, pathlib\n"
        "from t5lite.data.downloads import download\n"
        "from t5lite.data.downloads.downloads import Download, File\n"
        "item = Download('a', 'set', '', (File(sys.argv[1], 'a.bin'),))\n"
        "download.fetch(item, pathlib.Path(sys.argv[2]), progress=False)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, server.url("a.bin"), str(tmp_path)], cwd=REPOSITORY
    )
    while sum(p.stat().st_size for p in tmp_path.glob(".fetch/*.part")) < 200_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert not (tmp_path / "set").exists()
    server.pause = 0.0
    fetch(item, tmp_path)
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT
    assert int(server.requests[-1].removeprefix("bytes=").rstrip("-")) >= 200_000


def test_errors_of_the_server_are_reported_or_outlasted(server, tmp_path):
    server.statuses = [503, 500]
    fetch(one(server), tmp_path)
    assert len(server.requests) == 3
    with pytest.raises(ValueError, match="answers 404"):
        fetch(Download("b", "b", "", (File(server.url("none"), "none"),)), tmp_path)
    with pytest.raises(ValueError, match="only http and https"):
        fetch(Download("c", "c", "", (File("file:///etc/passwd", "x"),)), tmp_path)


def test_wrong_checksums_are_refused_and_nothing_is_kept(server, tmp_path):
    with pytest.raises(ValueError, match="the published SHA-256 is 00, found"):
        fetch(one(server, sha256="00"), tmp_path)
    with pytest.raises(ValueError, match="the id of its git blob is 00, found"):
        fetch(one(server, git_blob="00"), tmp_path)
    assert not (tmp_path / "set").exists()
    assert not list(tmp_path.glob(".fetch/*.part"))


def test_gits_own_id_of_a_file_is_a_checksum(server, tmp_path):
    server.files["a.bin"] = b"hello\n"
    # `echo hello | git hash-object --stdin`
    item = one(server, git_blob="ce013625030ba8dba906f756967f9e9ca394464a")
    assert "checked against the id of its git blob" in fetch(item, tmp_path)[0]


def test_what_differs_from_the_lock_file_is_refused(server, tmp_path):
    item = one(server)
    fetch(item, tmp_path)
    (tmp_path / "set" / "a.bin").unlink()
    server.files["a.bin"] = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match=r"the SHA-256 in fetched\.json is .*It was deleted"):
        fetch(item, tmp_path)
    server.files["a.bin"] = CONTENT
    assert "checked against the SHA-256 in fetched.json" in fetch(item, tmp_path)[0]
    (tmp_path / "set" / "a.bin").write_bytes(b"edited")
    with pytest.raises(ValueError, match="has changed since it was fetched"):
        fetch(item, tmp_path)


def test_what_is_there_already_is_left_alone(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.bin").write_bytes(b"mine")
    assert "left as it is" in fetch(one(server), tmp_path)[0]
    assert (tmp_path / "set" / "a.bin").read_bytes() == b"mine"
    with pytest.raises(ValueError, match="move it away to fetch"):
        fetch(one(server, "a.tar", unpack=True), tmp_path)
    assert server.requests == []


def answer(status, *headers, body=b""):
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


FTP = "ftp://127.0.0.1/a.bin"
ANSWERS = {
    "no content": (answer("204 No Content"), "answers 204 No Content, no file"),
    "a part unasked": (
        answer("206 Partial Content", "Content-Range: bytes 5-7/8", body=b"abc"),
        "asked for the whole file, the server sends a part of it: bytes 5-7/8",
    ),
    "a part of nothing": (answer("206 Partial Content", body=b"abc"), "no range that it names"),
    "less than it says": (
        answer("200 OK", "Content-Length: 10", body=b"abc"),
        "the connection ended early; 3 bytes are kept",
    ),
    "less, with a tag": (
        answer("200 OK", "Content-Length: 10", 'ETag: "x"', body=b"abc"),
        "cannot be fetched: the connection ended early|asked for bytes from 3",
    ),
    "chunks cut": (
        answer("200 OK", "Transfer-Encoding: chunked", body=b"5\r\nabc"),
        "cannot be fetched: IncompleteRead",
    ),
    "more than any": (answer("200 OK", f"Content-Length: {1 << 60}"), "the most is 64 GiB"),
    "no HTTP": (b"SSH-2.0-x\r\n", "cannot be fetched: "),
    "to ftp": (answer("302 Found", f"Location: {FTP}"), f"{FTP}: only http and https"),
    "to a file": (answer("302 Found", "Location: file:///etc/passwd"), "only http and https|302"),
    "to data": (answer("307 Moved", "Location: data:,hello"), "only http and https|307"),
    "to itself": (answer("302 Found", "Location: /a.bin"), "infinite loop"),
    "to no address": (answer("302 Found", "Location: http://["), "cannot be fetched: "),
}


@pytest.mark.parametrize(("sent", "said"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_whole_file_is_one_error(server, tmp_path, sent, said):
    server.answers["a.bin"] = sent
    with pytest.raises(ValueError, match=f"(?s)^{server.url('a.bin')}: .*({said})"):
        fetch(one(server), tmp_path)
    assert not (tmp_path / "set").exists()
    assert not (tmp_path / "fetched.json").exists()


def test_a_redirect_over_http_is_followed(server, tmp_path):
    server.files["b.bin"] = CONTENT
    server.answers["a.bin"] = answer("302 Found", f"Location: {server.url('b.bin')}")
    fetch(one(server), tmp_path)
    assert (tmp_path / "set" / "a.bin").read_bytes() == CONTENT


def test_a_server_that_begins_again_and_again_is_given_up(server, tmp_path):
    """Content that is shorter than its length: the rest is beyond it, so the whole is asked for."""
    server.cuts = [10, 0, 10, 0, 10, 0, 10, 0, 10, 0]
    item = one(server)
    server.tags = False
    with pytest.raises(ValueError, match="the connection ended early; 10 bytes are kept"):
        fetch(item, tmp_path)
    assert len(server.requests) < 10


@pytest.mark.parametrize(
    "entry", ["1", "{}", '{"sha256": 3}', '{"sha256": "x"}', '{"path": "../x", "sha256": null}']
)
def test_a_lock_file_of_another_shape_is_refused(server, tmp_path, entry):
    (tmp_path / "fetched.json").write_text(f'{{"http://a/b": {entry}}}')
    with pytest.raises(ValueError, match=r"fetched.json: the entry of 'http://a/b' .*remove it"):
        fetch(one(server), tmp_path)


# --------------------------------------------------------------------------------------- archives


def flipped(data, place):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def marked(data, *, flags=0, method=0):
    """A zip archive whose entries say that they are encrypted, or packed in another way."""
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = data.split(magic)
        at = place - 4
        new = flags.to_bytes(2, "little") + method.to_bytes(2, "little")
        data = magic.join([parts[0], *(part[:at] + new + part[at + 4 :] for part in parts[1:])])
    return data


def make_tar(members, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make_zip(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return buffer.getvalue()


GOOD = [("top/tasks/a.json", b"A"), ("top/tasks/b/c.json", b"C"), ("top/other.txt", b"O")]


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(("name", "make"), [("a.tar.gz", make_tar), ("a.zip", make_zip)])
def test_kept_members_are_unpacked_at_once(server, tmp_path, name, make):
    server.files[name] = make(GOOD)
    item = one(server, name, unpack=True, strip=1, keep=("tasks/",))
    fetch(item, tmp_path)
    assert files(tmp_path / "set") == {"tasks/a.json": b"A", "tasks/b/c.json": b"C"}
    assert fetch(item, tmp_path) == [f"{tmp_path / 'set'}: there already"]
    assert not (tmp_path / ".fetch").exists()


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link():
    info = zipfile.ZipInfo("top/link")
    info.external_attr = 0o120777 << 16
    return info


HOSTILE = {
    "tar_up": ("a.tar.gz", make_tar([*GOOD, ("../evil", b"!")])),
    "tar_up_from_inside": ("a.tar.gz", make_tar([*GOOD, ("top/../../evil", b"!")])),
    "tar_absolute": ("a.tar.gz", make_tar([*GOOD, ("/tmp/evil", b"!")])),
    "tar_symbolic_link": ("a.tar.gz", make_tar([*GOOD, link("top/link", "/etc", tarfile.SYMTYPE)])),
    "tar_hard_link": (
        "a.tar.gz",
        make_tar([*GOOD, link("top/link", "../../evil", tarfile.LNKTYPE)]),
    ),
    "tar_device": ("a.tar.gz", make_tar([*GOOD, link("top/device", "", tarfile.CHRTYPE)])),
    "tar_folder_up": ("a.tar.gz", make_tar([*GOOD, link("top/../..", "", tarfile.DIRTYPE)])),
    "tar_twice": ("a.tar.gz", make_tar([*GOOD, GOOD[0]])),
    "tar_cut_between_members": ("a.tar", make_tar(GOOD, "w")[:1024]),
    "tar_without_its_end": ("a.tar", make_tar(GOOD, "w")[: 3 * 1024]),
    "tar_second_header_flipped": ("a.tar", flipped(make_tar(GOOD, "w"), 1024 + 150)),
    "tar_gz_checksum_flipped": ("a.tar.gz", flipped(make_tar(GOOD), -6)),
    "tar_gz_length_lost": ("a.tar.gz", make_tar(GOOD)[:-4]),
    "tar_bz2_tail_lost": ("a.tar.bz2", make_tar(GOOD, "w:bz2")[:-8]),
    "tar_xz_tail_lost": ("a.tar.xz", make_tar(GOOD, "w:xz")[:-8]),
    "tar_deep": ("a.tar.gz", make_tar([*GOOD, ("top/" + "a/" * 1500 + "f", b"!")])),
    "tar_long_name": ("a.tar.gz", make_tar([*GOOD, ("top/" + "n" * 300, b"!")])),
    "tar_file_and_folder": ("a.tar.gz", make_tar([*GOOD, ("top/other.txt/x", b"!")])),
    "zip_encrypted": ("a.zip", marked(make_zip(GOOD), flags=1)),
    "zip_unknown_method": ("a.zip", marked(make_zip(GOOD), method=97)),
    "zip_content_flipped": ("a.zip", make_zip(GOOD).replace(b"AP", b"BP", 1)),
    "zip_cut": ("a.zip", make_zip(GOOD)[:-30]),
    "tar_truncated": ("a.tar.gz", make_tar(GOOD)[:60]),
    "tar_none": ("a.tar.gz", b"no archive"),
    "tar_empty": ("a.tar.gz", make_tar([])),
    "zip_up": ("a.zip", make_zip([*GOOD, ("../evil", b"!")])),
    "zip_absolute": ("a.zip", make_zip([*GOOD, ("/evil", b"!")])),
    "zip_drive": ("a.zip", make_zip([*GOOD, ("C:/evil", b"!")])),
    "zip_backslash": ("a.zip", make_zip([*GOOD, ("top/..\\evil", b"!")])),
    "zip_link": ("a.zip", make_zip([*GOOD, (zip_link(), "/etc")])),
    "zip_none": ("a.zip", b"no archive"),
}


# Named, since an archive holds the time it was made at, and xdist compares the tests' names.
@pytest.mark.parametrize(("name", "content"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_archives_leave_nothing_behind(server, tmp_path, name, content):
    server.files[name] = content
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    with pytest.raises(ValueError, match=server.url(name)):
        fetch(one(server, name, unpack=True, strip=1), root)
    assert not (root / "set").exists()
    assert not (root / "fetched.json").exists()
    outside = [path for path in tmp_path.rglob("*") if root not in (path, *path.parents)]
    assert outside == [tmp_path / "deep"]
    assert not pathlib.Path("/tmp/evil").exists()
    assert not list(root.rglob("evil"))
    assert not list(root.glob(".fetch/*.part"))


def test_a_crash_between_noting_and_placing_is_mended(server, tmp_path, monkeypatch):
    server.files["a.tar.gz"] = make_tar(GOOD)
    item = one(server, "a.tar.gz", unpack=True, strip=1)

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        real = download.os.replace
        patch.setattr(
            download.os, "replace", lambda a, b: crash() if b == tmp_path / "set" else real(a, b)
        )
        with pytest.raises(KeyboardInterrupt):
            fetch(item, tmp_path)
    assert lock(tmp_path)
    fetch(item, tmp_path)
    assert len(files(tmp_path / "set")) == 3


# -------------------------------------------------------------------------------------- catalogue


def test_the_catalogue_is_of_one_piece():
    for name, item in DOWNLOADS.items():
        assert name == item.name
        assert item.files
        for file in item.files:
            assert file.url.startswith("https://")
            assert len(file.git_blob) in (0, 40)
            # An archive fills its download's folder, so it is alone there.
            assert not file.unpack or len(item.files) == 1
    folders = [item.folder for item in DOWNLOADS.values()]
    assert len(set(folders)) == len(folders)
