"""Folders that come to be as a whole or not at all."""

import pytest

from t5lite.convert.new_folder import new_folder


def test_of_two_that_write_one_folder_the_first_stays(tmp_path):
    def write_both():
        with new_folder(tmp_path / "dst") as slow:
            (slow / "slow").write_text("1")
            with new_folder(tmp_path / "dst") as quick:
                (quick / "quick").write_text("2")

    with pytest.raises(ValueError, match="written by another process meanwhile"):
        write_both()
    assert [path.name for path in tmp_path.rglob("*")] == ["dst", "quick"]
