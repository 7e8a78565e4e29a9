"""A run of LoRA: what its folder holds, resuming, its base found and compared, and merging."""

import dataclasses
import json
import pathlib
import re
import shutil

import ml_dtypes
import numpy as np
import pytest

from t5lite.checkpoints.base_model import BaseModel, array_sums, parameter_hash
from t5lite.checkpoints.checkpointer import CheckpointConfig, Checkpointer
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert.convert import convert
from t5lite.decoding.config import DecodingConfig
from t5lite.generate import generate
from t5lite.infer import infer
from t5lite.initialization.adapted_model import load_model
from t5lite.initialization.initial_model import ModelOfCheckpoint
from t5lite.initialization.restore import RestoreConfig
from t5lite.models.adapter_config import Lora
from t5lite.models.parameters import adapter_names, flatten_names
from tests import toy_run
from tests.decoding import model_dirs, tiny
from tests.models.tiny import logits, random_tokens
from tests.toy_run import toy_train

LORA = Lora(rank=2, dropout_rate=0.2, targets=("/(query|wo)$",))
GREEDY = DecodingConfig(max_decode_length=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """Three folders: base, hf (the same model), and run, a LoRA of base."""
    root = tmp_path_factory.mktemp("adapters")
    config = tiny.config(vocab_size=264, num_encoder_layers=1, num_decoder_layers=1)
    model_dirs.save(root / "base", config=config)
    convert(str(root / "base"), str(root / "hf"), verified=False, progress=False)
    train(root, root / "run", steps=4)
    return root


def train(root, model_dir, *, steps, base="base", **changes):
    arguments = {
        "model": ModelOfCheckpoint(adapters=(LORA,), dropout_rate=0.1),
        "initial_checkpoint": RestoreConfig(path=str(root / base)),
        "frozen_dtype": "bfloat16",
        "checkpoint": CheckpointConfig(period=100),
    }
    toy_train(model_dir, root / "cache", train_steps=steps, **(arguments | changes))


def losses(model_dir):
    lines = [json.loads(x) for x in (model_dir / "metrics.jsonl").read_text().splitlines()]
    return [x["loss"] for x in lines if x["kind"] == "train"]


def test_the_folder_holds_the_adapter_and_names_its_base(folder):
    description = ModelDescription.load(folder / "run")
    assert description.model.adapters == (LORA,)
    own = set(adapter_names(description.model))
    saved = Checkpointer(folder / "run", read_only=True).saved_shapes(4)
    assert {n.removeprefix("params/") for n in saved if n.startswith("params/")} == own
    moments = {n for n in saved if n.startswith("opt_state/") and "/v/" in n}
    assert {n.partition("/v/")[2] for n in moments} == own
    base = load_model_dir(folder / "base")
    assert description.base == BaseModel(
        path=str(folder / "base"),
        step=model_dirs.STEP,
        parameter_hash=parameter_hash(base.params),
        dtype="bfloat16",
    )


def test_a_run_that_is_stopped_goes_on_as_if_it_was_not(folder, tmp_path):
    run = tmp_path / "run"
    train(folder, run, steps=3)
    train(folder, run, steps=4, base="hf")
    assert losses(run) == losses(folder / "run")
    once, twice = (load_model(path) for path in (folder / "run", run))
    for name, leaf in flatten_names(once.params).items():
        assert np.array_equal(leaf, flatten_names(twice.params)[name]), name
    assert flatten_names(once.params)["decoder/layers/mlp/wo/lora_b"].any()


def test_every_verb_finds_the_base(folder, tmp_path, capsys):
    run, base = str(folder / "run"), str(folder / "base")
    (tmp_path / "in.jsonl").write_text('{"inputs": "copy: abc"}\n')
    texts = []
    for number, arguments in enumerate(({"model_dir": run}, {"model_dir": base, "adapter": run})):
        output = tmp_path / f"{number}.jsonl"
        infer(**arguments, input=str(tmp_path / "in.jsonl"), output=str(output), decoding=GREEDY)
        generate(**arguments, prompts=["copy: abc"], decoding=GREEDY)
        answer = json.loads(output.read_text())
        assert capsys.readouterr().out == answer["prediction"] + "\n"
        texts.append(output.read_bytes())
    assert texts[0] == texts[1]
    # Several at once: a line names one, or none.
    lines = [{"inputs": "copy: abc", "adapter": name} for name in ("mine", None)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    arguments = {
        "model_dir": base,
        "adapters": {"mine": run},
        "input": str(tmp_path / "in.jsonl"),
        "decoding": GREEDY,
    }
    infer(**arguments, output=str(tmp_path / "both.jsonl"))
    of_mine, of_base = map(json.loads, (tmp_path / "both.jsonl").read_text().splitlines())
    assert of_mine["score"] == pytest.approx(json.loads(texts[0])["score"], abs=1e-5)
    assert of_mine["score"] != pytest.approx(of_base["score"], abs=1e-4)
    arguments["adapters"] = {"mime": run}
    with pytest.raises(ValueError, match=r"line 1: field 'adapter' holds 'mine'.*mime"):
        infer(**arguments, output=str(tmp_path / "none.jsonl"))
    with pytest.raises(ValueError, match=r"--adapters .* does not go with --step"):
        infer(**arguments, step=4, output=str(tmp_path / "none.jsonl"))


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("other", "have the hash {hash}.*those of {path} have [0-9a-f]{{16}}: it is another model"),
        ("resized", "{path} has 272 rows.*trained on one with 264: its vocabulary was resized"),
        ("gone", "which is not there.*Give --model_dir, where it lies now, and --adapter="),
        ("wider", "is not the one that.*Give that one:\n.*decoder/layers/mlp/wi_0/kernel"),
        ("resized_wider", "is not the one that.*\n.*wi_0/kernel.*\n.*token_embedder"),
        ("run", "holds adapters of the model in .*t5lite convert"),
    ],
)
def test_another_base_is_refused(folder, tmp_path, which, message):
    path = tmp_path / which
    if which != "gone":
        shutil.copytree(folder / ("run" if which == "run" else "base"), path)
    if which == "other":
        params = load_model_dir(path).params
        params["encoder"]["layers"]["mlp"]["wo"]["kernel"] *= 1.01
        model_dirs.save_params(path, params)
    if which in ("resized", "wider", "resized_wider"):
        params = load_model_dir(path).params
        if which != "wider":
            params["token_embedder"]["embedding"] = np.zeros((272, 16), np.float32)
        if which != "resized":
            kernel = np.zeros((1, 16, 48), np.float32)
            params["decoder"]["layers"]["mlp"]["wi_0"]["kernel"] = kernel
        model_dirs.save_params(path, params)
    known = ModelDescription.load(folder / "run").base
    wanted = re.compile(message.format(hash=known.parameter_hash, path=path), re.DOTALL)
    with pytest.raises(ValueError, match=wanted):
        load_model(folder / "run", base=str(path))
    if which in ("other", "gone", "run"):
        said = message.partition(".*")[0].format(hash=known.parameter_hash)
        with pytest.raises(ValueError, match="holds adapters" if which == "run" else said):
            convert(
                str(path), str(tmp_path / "merged"), adapter=str(folder / "run"), progress=False
            )


def test_a_whole_model_is_no_adapter(folder):
    with pytest.raises(ValueError, match=r"base is a whole model.*without --adapter"):
        load_model(folder / "base", base=str(folder / "hf"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"initial_checkpoint": None, "model": toy_run.MODEL}, "there is none: give --initial"),
        ({"remap": [("a", None)]}, "leave initial_checkpoint.remap"),
        ({"interpolate_positions": True}, "interpolate_positions out"),
        ({"parameter_groups": [("token_embedder", 1.0)]}, "matches no parameter"),
    ],
)
def test_what_cannot_be_trained_is_refused(folder, tmp_path, changes, message):
    if taken := {n: changes[n] for n in ("remap", "interpolate_positions") if n in changes}:
        changes = {"initial_checkpoint": RestoreConfig(path=str(folder / "hf"), **taken)}
    if "model" in changes:
        changes["model"] = dataclasses.replace(changes["model"], adapters=(LORA,))
    with pytest.raises(ValueError, match=message):
        train(folder, tmp_path, steps=4, **changes)


def test_a_base_stays_as_it_was_held(folder):
    with pytest.raises(ValueError, match=r"frozen_dtype is 'float32'.*held in 'bfloat16'"):
        train(folder, folder / "run", steps=5, frozen_dtype="float32")


def test_merging_says_what_it_changes(folder, tmp_path):
    said = []
    convert(
        str(folder / "run"),
        str(tmp_path / "merged"),
        to="t5lite",
        progress=False,
        verified=False,
        say=said.append,
    )
    record = json.loads((tmp_path / "merged" / "conversion.json").read_text())["merged"]
    assert f"differ from the unmerged model's by at most {record['difference']:.2g}" in said[-1]
    merged, unmerged = load_model(tmp_path / "merged"), load_model(folder / "run")
    assert not merged.config.adapters
    rng = np.random.default_rng(0)
    batch = {
        "encoder_input_tokens": random_tokens(rng, 3, 7),
        "decoder_input_tokens": random_tokens(rng, 3, 5),
    }
    expected = logits(unmerged.config, unmerged.params, batch)
    found = logits(merged.config, merged.params, batch)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    base = load_model_dir(folder / "base")
    assert np.abs(logits(base.config, base.params, batch) - expected).max() > 0.01
    assert 0 < record["difference"] < 1e-5 * record["largest_logit"]


def test_the_hash_is_of_numbers_as_bfloat16():
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    assert parameter_hash({"a": x}) == parameter_hash({"a": x.astype(ml_dtypes.bfloat16)})
    for changed in (x * 1.01, x[::-1], x.reshape(3, 20)):
        assert parameter_hash({"a": changed}) != parameter_hash({"a": x})
    assert parameter_hash({"b": x}) != parameter_hash({"a": x})
    layers = sum(array_sums(layer, first=20 * i) for i, layer in enumerate(x))
    assert np.array_equal(layers, array_sums(x))
