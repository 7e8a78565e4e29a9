"""A checkpoint of any format where a model folder is wanted: converted once, and found again."""

import json
import logging
import os
import pathlib
import shutil

import pytest

from t5lite import cli
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert import cached, export_hf
from t5lite.convert.cached import model_folder
from t5lite.convert.source import SpecialIds
from t5lite.files.hashes import VERIFY_VARIABLE
from tests.conftest import shared_path
from tests.convert import t5x_trees
from tests.decoding import model_dirs
from tests.models.tiny import assert_same_params, sharp_params

T5 = t5x_trees.t5(
    vocab_size=264, d_model=16, d_ff=24, d_kv=4, num_encoder_layers=1, num_decoder_layers=1
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "converted"


@pytest.fixture
def hf(tmp_path):
    export_hf(
        T5,
        sharp_params(T5),
        tmp_path / "hf",
        special_ids=SpecialIds(eos=1),
        vocabulary_spec={"kind": "bytes", "extra_ids": 5},
    )
    return tmp_path / "hf"


@pytest.fixture
def t5x(tmp_path):
    target = t5x_trees.separate(sharp_params(T5))
    t5x_trees.write_one_file(tmp_path / "checkpoint_7" / "checkpoint", target)
    return tmp_path / "checkpoint_7"


@pytest.fixture
def stories(tmp_path):
    """llama2.c's file with its tokenizer beside it."""
    for name in ("stories260K.bin", "tok512.bin"):
        shutil.copy(shared_path("weights", "stories260k", name), tmp_path / name)
    return tmp_path / "stories260K.bin"


def assert_as_converted(path, folder, tmp_path, *flags):
    assert cli.main(["convert", str(path), str(tmp_path / "by_hand"), "--noverify", *flags]) == 0
    texts = [(f / "t5lite.json").read_text() for f in (folder, tmp_path / "by_hand")]
    assert texts[0] == texts[1]
    assert_same_params(*(load_model_dir(f).params for f in (folder, tmp_path / "by_hand")))


def conversions(cache):
    return sorted(path.name for path in cache.iterdir() if not path.name.startswith("."))


def test_a_model_folder_stays_what_it_is(tmp_path, cache):
    model_dirs.save(tmp_path / "run")
    assert model_folder(str(tmp_path / "run")) == tmp_path / "run"
    assert not cache.exists()


def test_a_hugging_face_folder_is_converted_once(hf, tmp_path, cache, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "t5lite")
    folder = model_folder(hf)
    assert folder.parent == cache and str(folder) in caplog.text
    assert_as_converted(hf, folder, tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("converted again")

    monkeypatch.setattr(cached, "convert", refuse)
    monkeypatch.chdir(tmp_path)
    for same in (str(hf), hf / "", pathlib.Path("hf"), hf / ".." / "hf"):
        assert model_folder(same) == folder
    assert "was converted before" in caplog.text


def test_a_file_with_its_tokenizer_beside_it(stories, tmp_path):
    assert_as_converted(stories, model_folder(stories), tmp_path)


def test_a_gguf(tmp_path):
    module = pytest.importorskip("tests.convert.test_gguf")
    config = module.make_config(**module.SMALL, vocab_size=264)
    module.write_gguf(tmp_path / "m.gguf", config, sharp_params(config))
    folder = model_folder(tmp_path / "m.gguf", vocabulary="bytes")
    assert_as_converted(tmp_path / "m.gguf", folder, tmp_path, "--vocabulary=bytes")


def test_a_t5x_checkpoint_needs_to_be_told_its_vocabulary(t5x, tmp_path, cache):
    with pytest.raises(ValueError, match=r"holds no tokenizer.*--vocabulary"):
        model_folder(t5x)
    folder = model_folder(t5x, vocabulary="bytes:2")
    assert_as_converted(t5x, folder, tmp_path, "--vocabulary=bytes:2")
    other = model_folder(t5x, vocabulary="bytes")
    assert conversions(cache) == sorted([folder.name, other.name])
    # T5X's gin file, above the checkpoint, says what the MLP computes.
    (tmp_path / "config.gin").write_text("a.B.mlp_activations = ('silu', 'linear')\n")
    changed = model_folder(t5x, vocabulary="bytes")
    assert ModelDescription.load(changed).model.mlp_activations == ("silu", "linear")


def test_another_vocabulary_than_its_own_is_refused(hf, tmp_path):
    with pytest.raises(
        ValueError, match=r"hf holds a vocabulary of its own.*'extra_ids': 5.*Leave"
    ):
        model_folder(hf, vocabulary="bytes")
    model_dirs.save(tmp_path / "run")
    with pytest.raises(ValueError, match="run holds a vocabulary of its own"):
        model_folder(tmp_path / "run", vocabulary="bytes:5")
    assert model_folder(tmp_path / "run", vocabulary="bytes") == tmp_path / "run"
    assert ModelDescription.load(model_folder(hf, vocabulary="bytes:5")).vocabulary == {
        "kind": "bytes",
        "extra_ids": 5,
    }


def test_a_source_that_changed_is_converted_anew(hf, cache, caplog):
    caplog.set_level(logging.INFO, "t5lite")
    earlier = model_folder(hf)
    record = json.loads((hf / "config.json").read_text())
    (hf / "config.json").write_text(json.dumps(record | {"layer_norm_epsilon": 0.25}))
    folder = model_folder(hf)
    assert ModelDescription.load(folder).model.norm_epsilon == 0.25
    assert conversions(cache) == [folder.name]
    assert f"made of an earlier state, and deleted: {earlier}" in caplog.text
    # Of the same size: its time tells.
    weights = hf / "model.safetensors"
    stat = weights.stat()
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))
    assert model_folder(hf) != folder


def test_what_was_converted_unverified_is_not_taken_for_verified(hf, tmp_path, monkeypatch):
    damaged = tmp_path / "damaged"
    assert cli.main(["convert", str(hf), str(damaged), "--to=hf", "--noverify"]) == 0
    content = bytearray((damaged / "model.safetensors").read_bytes())
    content[-4] ^= 1
    (damaged / "model.safetensors").write_bytes(content)
    with monkeypatch.context() as patch:
        patch.setenv(VERIFY_VARIABLE, "off")
        unverified = model_folder(damaged)
        assert model_folder(damaged) == unverified
    with pytest.raises(ValueError, match=r"model\.safetensors is not what was written"):
        model_folder(damaged)
    verified = model_folder(hf)
    monkeypatch.setenv(VERIFY_VARIABLE, "off")
    assert model_folder(hf) == verified


def test_a_cache_that_cannot_be_written_is_named(hf, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ValueError, match=r"--cache_dir \(T5LITE_CACHE_DIR\) .*file is a file"):
        model_folder(hf)


def test_a_killed_conversion_is_no_conversion(hf, cache, monkeypatch):
    def die(src, dst, **kwargs):
        work = cache / f".{pathlib.Path(dst).name}.abc"
        work.mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cached, "convert", die)
        with pytest.raises(KeyboardInterrupt):
            model_folder(hf)
    assert len(list(cache.glob(".*.abc"))) == 1
    model_folder(hf)
    assert not list(cache.glob(".*.abc"))


def test_one_of_several_processes_converts_nothing(hf):
    with pytest.raises(ValueError, match=r"of several processes does not convert.*t5lite convert"):
        model_folder(hf, is_alone=False)
    folder = model_folder(hf)
    assert model_folder(hf, is_alone=False) == folder


def test_what_is_nothing_of_the_kind_is_described(tmp_path):
    with pytest.raises(
        ValueError, match=r"--model_dir .*none does not exist.*nothing else is downloaded"
    ):
        model_folder(tmp_path / "none")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"Hugging Face folder.*Found: train\.jsonl"):
        model_folder(tmp_path / "data")
    model_dirs.save(tmp_path / "run")
    for inside in ("checkpoints", f"checkpoints/{model_dirs.STEP}"):
        with pytest.raises(
            ValueError, match=r"checkpoints of the t5lite model folder .*run\. Give"
        ):
            model_folder(tmp_path / "run" / inside)


@pytest.fixture
def run(capsys):
    def run(*words):
        assert cli.main([str(word) for word in words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_generate_and_infer_answer_as_after_converting(stories, tmp_path, run):
    (tmp_path / "in.jsonl").write_text('{"inputs": "Once"}\n')
    run("convert", stories, tmp_path / "by_hand", "--noverify")
    answers = []
    for number, model in enumerate((stories, tmp_path / "by_hand")):
        flags = (f"--model_dir={model}", "--max_decode_length=5")
        files = (f"--input={tmp_path}/in.jsonl", f"--output={tmp_path}/{number}.jsonl")
        run("infer", *flags, *files)
        (answer,) = [
            json.loads(x) for x in (tmp_path / f"{number}.jsonl").read_text().split("\n") if x
        ]
        answers.append(answer)
    assert answers[0] == answers[1]
    said = run("generate", f"--model_dir={stories}", "--max_decode_length=5", "Once")
    assert said == answers[0]["prediction"] + "\n" != "\n"


def test_eval_of_a_t5x_checkpoint_is_that_of_its_conversion(t5x, tmp_path, cache, run):
    flags = ["--mixture=toy_copy", "--tasks=tests.toy_tasks", "--max_decode_length=3"]
    flags += ["--max_examples=2", "--vocabulary=bytes"]
    flags += ["--gin.TASK_FEATURE_LENGTHS={'inputs': 32, 'targets': 16}"]
    run("convert", t5x, tmp_path / "by_hand", "--noverify", "--vocabulary=bytes")
    direct, by_hand = (
        run("eval", f"--model_dir={model}", *flags).partition("\nIn ")
        for model in (t5x, tmp_path / "by_hand")
    )
    assert direct[0] == by_hand[0] and "loss" in direct[0]
    assert direct[2].startswith(str(cache / "checkpoint_7-"))
    assert by_hand[2].startswith(str(tmp_path / "by_hand" / "eval" / "toy_copy"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("eval --mixture=toy_copy --num_beams=1", "num_beams is 1; it must be 2 or more"),
        (
            "infer --input=a.jsonl --max_decode_length=4 --min_decode_length=9 --output=b",
            "min_decode_length is 9; it must be below max_decode_length=4",
        ),
        ("infer --input=a.jsonl", "needs a value for the macro OUTPUT"),
        ("generate --gin.STOP_STRING=x", "Did you mean 'STOP_STRINGS'"),
    ],
)
def test_wrong_settings_are_found_before_a_model_is_converted(words, message, t5x, cache, capsys):
    flags = [f"--model_dir={t5x}", "--vocabulary=bytes"]
    assert cli.main([*words.split(), *flags]) == 2
    assert message in capsys.readouterr().err
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_config_shows_what_was_made_of_the_flag(t5x, cache, run):
    shown = run("config", "infer", f"--model_dir={t5x}", "--vocabulary=bytes", "--output=a.jsonl")
    (line,) = [line for line in shown.splitlines() if line.startswith("MODEL_DIR = ")]
    assert str(cache) in line and f"{t5x}, converted (over --model_dir" in line
