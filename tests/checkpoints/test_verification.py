"""A checkpoint is what was written: any bit that flips in it is found before it is used."""

import logging
import random
import shutil

import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.files.hashes import HASHES_FILE, VERIFY_VARIABLE, FileHashes
from tests.checkpoints.test_checkpointer import abstract, save, state

NUM_FLIPS = 40


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(folder, [1, 2])
    return folder


def read(folder, step=2):
    checkpointer = Checkpointer(folder, read_only=True)
    return checkpointer.restore_data(step), checkpointer.restore_state(step, abstract(state()))


def files_of(step_folder):
    return sorted(p for p in step_folder.rglob("*") if p.is_file())


def test_hashes_cover_every_file_of_a_checkpoint(saved):
    for step in (1, 2):
        folder = saved / "checkpoints" / str(step)
        hashes = FileHashes.read(folder)
        found = {path.relative_to(folder).as_posix() for path in files_of(folder)}
        assert set(hashes.files) == found - {HASHES_FILE}
        assert not hashes.differences()


def test_any_bit_that_flips_is_found_and_the_whole_checkpoint_named(saved):
    paths = [p for p in files_of(saved / "checkpoints/2") if p.parent.name != "2"]
    paths = [p for p in paths if p.stat().st_size and p.parent.name != "config"]
    chosen = random.Random(0)
    for path in [*paths, *chosen.choices(paths, [p.stat().st_size for p in paths], k=NUM_FLIPS)]:
        content = path.read_bytes()
        bit = chosen.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError) as error:
            read(saved)
        name = path.relative_to(saved / "checkpoints/2").as_posix()
        assert f"checkpoint {saved}/checkpoints/2 is damaged: {name} is not" in str(error.value)
        assert f"Checkpoint 1 is whole: delete the folder {saved}/checkpoints/2" in str(error.value)
        path.write_bytes(content)
    read(saved)


def test_damaged_hashes_are_no_reason_to_read_on(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "run")
    path = tmp_path / "run/checkpoints/2" / HASHES_FILE
    whole = path.read_text()
    for damaged in (whole[:-20], whole.replace("state", "stale", 1), "[]", "{}"):
        path.write_text(damaged)
        with pytest.raises(
            ValueError, match=r"hashes\.json, .* is damaged .*Checkpoint 1 is whole"
        ):
            read(tmp_path / "run")


def test_without_a_whole_checkpoint_no_other_is_recommended(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "run")
    for path in (tmp_path / "run/checkpoints").glob("*/data/metadata"):
        path.unlink()
    with pytest.raises(ValueError, match=r"data/metadata is missing\. No other checkpoint there"):
        read(tmp_path / "run")
    (tmp_path / "run/checkpoints/1" / HASHES_FILE).unlink()
    with pytest.raises(ValueError, match=r"there are \[1\], kept without hashes"):
        read(tmp_path / "run")


def test_without_hashes_a_checkpoint_is_read_and_that_is_said(saved, tmp_path, caplog):
    shutil.copytree(saved, tmp_path / "run")
    (tmp_path / "run/checkpoints/2" / HASHES_FILE).unlink()
    with caplog.at_level(logging.INFO):
        read(tmp_path / "run")
    assert caplog.text.count("has no hashes to be compared with") == 1


def test_verification_can_be_turned_off(saved, tmp_path, monkeypatch):
    shutil.copytree(saved, tmp_path / "run")
    with (tmp_path / "run/checkpoints/2/data/metadata").open("a") as file:
        file.write(" ")
    monkeypatch.setenv(VERIFY_VARIABLE, "off")
    assert read(tmp_path / "run")[0] == {"window": 2}
    monkeypatch.setenv(VERIFY_VARIABLE, "of")
    with pytest.raises(ValueError, match="T5LITE_VERIFY"):
        read(tmp_path / "run")


def test_what_a_killed_save_left_is_cleared_at_the_next_start(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "run")
    unfinished = tmp_path / "run/checkpoints/3.orbax-checkpoint-tmp"
    shutil.copytree(saved / "checkpoints/2", unfinished)
    save(tmp_path / "run", [4])
    assert not unfinished.exists()
    assert Checkpointer(tmp_path / "run", read_only=True).all_steps() == [2, 4]
