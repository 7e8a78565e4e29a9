"""Whatever befalls the files of a run, it is said in one sentence, and the run can go on."""

import random
import shutil

import pytest

from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.checkpoints.load import load_model_dir
from tests import damage
from tests.test_resume import losses
from tests.toy_run import toy_train

NUM_EVENTS = 20
CHECKPOINT = CheckpointConfig(period=2)


def test_damage_is_named_and_what_is_left_leads_to_the_same_numbers(cache_dir, tmp_path):
    """The long form of this, with kills and full disks, is benchmarks/accidents.py."""
    run, copy = tmp_path / "run", tmp_path / "copy"
    toy_train(run, cache_dir, train_steps=4, checkpoint=CHECKPOINT)
    before = losses(run)
    chosen = random.Random(0)
    for event in range(NUM_EVENTS):
        shutil.copytree(run, copy)
        happens = damage.DAMAGES[event % len(damage.DAMAGES)]
        path = damage.choose(copy, chosen)
        if happens is damage.remove and path.name in ("hashes.json", "t5lite.json"):
            path = copy / "checkpoints/4/data/metadata"  # Without those it is another folder.
        happens(path, chosen)
        with pytest.raises(ValueError) as error:
            if event < len(damage.DAMAGES):
                toy_train(copy, cache_dir, train_steps=6, checkpoint=CHECKPOINT)
            else:  # Reads the same files, and is quicker.
                Checkpointer(copy, read_only=True).restore_data(4)
                load_model_dir(copy)
        said = str(error.value)
        where = f"{happens.__name__} {path}: {said}"
        assert path.name in said and "\n" not in said and "learning rate" not in said, where
        if "checkpoints" in path.parts:
            assert f"Checkpoint 2 is whole: delete the folder {copy}/checkpoints/4" in said, where
        shutil.rmtree(copy)
    # Half a line, a save that was killed, and the last checkpoint damaged and deleted, as was said.
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    (run / "checkpoints/5.orbax-checkpoint-tmp").mkdir()
    shutil.rmtree(run / "checkpoints/4")
    toy_train(run, cache_dir, train_steps=4, checkpoint=CHECKPOINT)
    assert losses(run) == before
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["2", "4"]
