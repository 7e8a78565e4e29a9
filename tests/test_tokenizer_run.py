"""A tokenizer.json all the way: stores built in workers, training, the model folder, answers."""

import io
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from t5lite.checkpoints.load import load_model_dir
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.generate import generate
from tests.conftest import REPOSITORY
from tests.data.tokenizer_folders import chat_folder

pytest.importorskip("seqio")

# A process of its own: `tests.toy_tasks` may be registered here with another vocabulary.
TRAIN = """
import dataclasses, sys
from tests.toy_run import MODEL, data_config, toy_train

vocabulary, folder = sys.argv[1:]
model = dataclasses.replace(
    MODEL, architecture="decoder_only", num_encoder_layers=0, vocab_size=320, dropout_rate=0.0
)
data = data_config(
    f"{folder}/cache", vocabulary=vocabulary, num_build_workers=2, converter="decoder_only"
)
toy_train(f"{folder}/model", f"{folder}/cache", train_data=data, model=model, train_steps=2)
"""


@pytest.mark.slow
def test_from_tasks_to_answers(tmp_path):
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    chat_folder(tokenizer)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TRAIN), str(tokenizer), str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "TOKENIZERS_PARALLELISM" not in done.stderr
    shutil.rmtree(tokenizer)
    model_dir = tmp_path / "model"
    model = load_model_dir(model_dir)
    vocabulary = parse_vocabulary(str(model_dir))
    assert model.vocabulary == vocabulary
    assert model.converter.prompt_prefix == (0,)
    assert (model.converter.prompt_suffix, model.converter.targets_suffix) == ((), (2,))
    (tokens, *_) = sorted((tmp_path / "cache").rglob("toy_copy/**/tokens.bin"))
    text = vocabulary.decode(np.fromfile(tokens, "<u2")[:40].tolist())
    assert text.startswith("copy: ")
    out = io.StringIO()
    generate(model_dir=str(model_dir), prompts=["first: abc"], stdout=out)
    assert len(out.getvalue()) > 1
