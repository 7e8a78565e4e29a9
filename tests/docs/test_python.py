"""docs/python.md, one piece after another."""

import pytest

from tests.docs.pages import DOCS, blocks

pytestmark = pytest.mark.slow


def test_the_page_is_a_program(tmp_path, monkeypatch, capsys):
    pytest.importorskip("seqio")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")
    program = "\n".join(blocks(DOCS / "python.md", "python"))
    exec(compile(program, "docs/python.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "60 0." in printed  # It has learned some letters by then.
    assert "[72, 101" in printed or "[75, 104, 111, 111, 114] Hello 1 259" in printed
    assert (tmp_path / "runs/python-again/t5lite.json").is_file()
