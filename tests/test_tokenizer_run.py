"""A tokenizer.json all the way: stores built in workers, training, the model folder, answers."""

import dataclasses
import io
import shutil

import numpy as np
import pytest

from t5lite.checkpoints.load import load_model_dir
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.generate import generate
from tests import toy_run
from tests.data.tokenizer_folders import chat_folder

pytest.importorskip("seqio")

# Tasks of this file alone: those of `tests.toy_tasks` may be registered with another vocabulary.
TASKS = """
import functools, seqio
from t5lite.data.tasks.seqio_adapter import output_features

def examples(split, shuffle_files, seed=None, *, kind):
    import tensorflow as tf
    words = ["abc", "fade", "bead", "cab", "deaf", "ebb", "face", "dab"]
    return tf.data.Dataset.from_tensor_slices(
        {"inputs": [f"{kind}: {word}" for word in words], "targets": words}
    )

for kind in ("repeat", "echo"):
    seqio.TaskRegistry.add(
        f"words_{kind}",
        source=seqio.FunctionDataSource(functools.partial(examples, kind=kind), splits=["train"]),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features=output_features(),
        metric_fns=[],
    )
seqio.MixtureRegistry.add("words", [("words_repeat", 1.0), ("words_echo", 1.0)])
"""
MODEL = dataclasses.replace(
    toy_run.MODEL,
    architecture="decoder_only",
    num_encoder_layers=0,
    vocab_size=320,
    dropout_rate=0.0,
)


@pytest.mark.slow
def test_from_tasks_to_answers(tmp_path, monkeypatch, capfd):
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    chat_folder(tokenizer)
    (tmp_path / "words_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    data = toy_run.data_config(
        str(tmp_path / "cache"),
        mixture_or_task_name="words",
        task_modules=("words_tasks",),
        vocabulary=str(tokenizer),
        num_build_workers=2,
        converter="decoder_only",
    )
    toy_run.toy_train(
        tmp_path / "model", tmp_path / "cache", train_data=data, model=MODEL, train_steps=2
    )
    assert "TOKENIZERS_PARALLELISM" not in capfd.readouterr().err
    shutil.rmtree(tokenizer)
    model_dir = tmp_path / "model"
    model = load_model_dir(model_dir)
    vocabulary = parse_vocabulary(str(model_dir))
    assert model.vocabulary == vocabulary
    assert model.converter.prompt_prefix == (0,)
    assert (model.converter.prompt_suffix, model.converter.targets_suffix) == ((), (2,))
    (tokens, *_) = sorted((tmp_path / "cache").rglob("words_echo/**/tokens.bin"))
    text = vocabulary.decode(np.fromfile(tokens, "<u2")[:40].tolist())
    assert text.startswith("echo: ")
    out = io.StringIO()
    generate(model_dir=str(model_dir), prompts=["first: abc"], stdout=out)
    assert len(out.getvalue()) > 1
