"""Numbers that are not finite are named: at conversion, at loading and at answering."""

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from t5lite import cli
from t5lite.convert import export_hf, load_external
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.initialization.restore import RestoreConfig, open_initial
from t5lite.models import finite
from t5lite.training.state import TrainState
from tests.feature_converters import converter
from tests.models.tiny import family, sharp_params

CONFIG = family("llama", d_model=24, vocab_size=264)
TENSOR = "model.layers.1.mlp.up_proj.weight"
LENGTHS = {"inputs": 8, "targets": 4}


def convert(*arguments):
    return cli.main(["convert", *map(str, arguments), "--noverify"])


@pytest.fixture
def broken(tmp_path):
    """A Hugging Face folder with two tensors that hold NaN and infinity."""
    folder = tmp_path / "broken"
    export_hf(CONFIG, sharp_params(CONFIG), folder, vocabulary_spec=ByteVocabulary(5).spec())
    tensors = load_file(folder / "model.safetensors")
    tensors[TENSOR][3, 2] = np.nan
    tensors[TENSOR][3, 5] = np.inf
    tensors["model.norm.weight"][1] = -np.inf
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_a_conversion_names_each_tensor(broken, tmp_path, capsys):
    for target in ("t5lite", "hf"):
        assert convert(broken, tmp_path / target, f"--to={target}") == 2
        report = capsys.readouterr().err
        size = f"{CONFIG.d_ff * CONFIG.d_model:,}"
        assert f"{TENSOR}: 2 of {size}, the first at [3, 2] (nan)" in report
        assert f"model.norm.weight: 1 of {CONFIG.d_model}, the first at [1] (-inf)" in report
        assert "--keep_nonfinite" in report
        assert not (tmp_path / target).exists()
    with pytest.raises(ValueError, match=r"model\.norm\.weight: 1 of"):
        load_external(broken)


def test_it_goes_on_when_told_to_and_says_so(broken, tmp_path, capsys):
    assert convert(broken, tmp_path / "ours", "--keep_nonfinite") == 0
    assert "Kept, though not finite:\n  model" in capsys.readouterr().out
    record = json.loads((tmp_path / "ours" / "conversion.json").read_text())
    kept = {item["name"]: item for item in record["not_finite"]}
    # JSON has no word for the number itself.
    assert kept[TENSOR] | {"size": 0} == {
        "name": TENSOR,
        "count": 2,
        "size": 0,
        "index": [3, 2],
        "value": None,
    }
    # What lies in our own folder has names of ours.
    assert convert(tmp_path / "ours", tmp_path / "back") == 2
    name = "decoder/layers/mlp/wi_1/kernel (layer 1)"
    assert f"{name}: 2 of" in capsys.readouterr().err
    assert cli.main(["generate", "--model_dir", str(tmp_path / "ours"), "a"]) == 2
    report = capsys.readouterr().err
    assert "decoder/layers/mlp/wi_1/kernel: 2 of" in report
    assert "the first at [1, 2, 3] (nan)" in report
    assert "Take another checkpoint with --step; the folder has [0]" in report


def test_logits_that_overflow_are_reported():
    params = sharp_params(CONFIG)
    decoder = SequenceGenerator(
        CONFIG,
        converter=converter("decoder_only", task_feature_lengths=LENGTHS, prompt_prefix=(0,)),
        eos_ids=(1,),
        batch_size=2,
    )
    prompts = [[5, 6], [7]]
    scale = params["decoder"]["decoder_norm"]["scale"]
    params["decoder"]["decoder_norm"]["scale"] = np.full_like(scale, 3e38)
    for ask in (
        lambda: decoder.generate(params, prompts, config=DecodingConfig(max_decode_length=2)),
        lambda: decoder.score(params, prompts, [[8, 9], [3]]),
    ):
        with pytest.raises(ValueError, match=r"logits are not finite, and its parameters are, so"):
            ask()
    params["decoder"]["decoder_norm"]["scale"] = np.full_like(scale, np.nan)
    with pytest.raises(ValueError, match=r"not:\n  decoder/decoder_norm/scale: 24 of 24"):
        decoder.score(params, prompts, [[8, 9], [3]])


def test_what_is_found():
    params = {"a": {"b": np.zeros((2, 3), np.float32)}, "c": jax.numpy.ones(4)}
    assert finite.find(params) == []
    params["a"]["b"][1, 0] = np.inf
    (found,) = finite.find(params)
    assert str(found) == "a/b: 1 of 6, the first at [1, 0] (inf)"
    assert finite.find_in_array("a/b", params["a"]["b"]) == found
    many = [finite.NonFinite(name=str(i), count=1, size=1, index=(), value=0.0) for i in range(7)]
    assert finite.describe(many).endswith("\n  ... and 2 more")


def test_a_run_does_not_start_from_them(broken, tmp_path):
    assert convert(broken, tmp_path / "ours", "--keep_nonfinite") == 0
    params = sharp_params(CONFIG)
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    state = TrainState(step=jax.numpy.int32(0), params=params, opt_state=None)
    shardings = jax.tree.map(lambda _: device, state)
    for path, name in ((broken, TENSOR), (tmp_path / "ours", "decoder/layers/mlp/wi_1/kernel")):
        initial = open_initial(RestoreConfig(path=str(path)))
        with pytest.raises(ValueError, match=rf"holds parameters that are not finite(.|\n)*{name}"):
            initial.restore_into(state, shardings)
