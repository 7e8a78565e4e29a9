"""`t5lite convert` verifies what is right, and nothing else."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from t5lite import cli
from t5lite.convert import export_hf
from t5lite.convert.verify import verify
from tests.conftest import shared_path
from tests.convert.test_convert import LLAMA, ROWS, T5
from tests.feature_converters import converter
from tests.models.tiny import PER_LAYER, encoder_decoder, family, sharp_params

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

GPT2 = family("gpt2", vocab_size=ROWS, d_model=24, d_kv=8)


def run(*words):
    return cli.main(["convert", *map(str, words)])


def figures(folder):
    return json.loads((folder / "conversion.json").read_text())["verification"]


@pytest.fixture
def t5(tmp_path):
    spec = {"kind": "bytes", "extra_ids": 5}
    export_hf(T5, sharp_params(T5), tmp_path / "t5", vocabulary_spec=spec)
    return tmp_path / "t5"


def test_both_ways_and_by_rounding(t5, tmp_path, capsys):
    assert run(t5, tmp_path / "ours", "--dtype=bfloat16") == 0
    found = figures(tmp_path / "ours")
    assert found["largest_difference"] < 1e-4 < found["largest_difference_by_rounding"]
    assert "Verified against transformers: the same model." in capsys.readouterr().out
    assert run(tmp_path / "ours", tmp_path / "back", "--verify") == 0
    found = figures(tmp_path / "back")
    assert found["largest_difference"] < 1e-4
    assert found["largest_difference_by_rounding"] is None
    # Both load without a word on their types, or on the hashes that lie beside them.
    hashed = json.loads((tmp_path / "back" / "hashes.json").read_text())["files"]
    assert {"model.safetensors", "config.json", "tokenizer_config.json"} <= hashed.keys()
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "back")
    assert model.dtype == torch.bfloat16
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "back")
    assert tokenizer("é").input_ids == [0xC3 + 3, 0xA9 + 3, 1]


def test_from_t5x_by_way_of_an_export(tmp_path, capsys):
    tiny = shared_path("weights", "t5x_testdata", "test_t5_tiny.checkpoint_0")
    assert run(tiny, tmp_path / "ours", "--vocabulary=bytes") == 0
    assert "neither is Hugging Face's" in capsys.readouterr().out
    assert figures(tmp_path / "ours")["largest_difference"] < 1e-4


def test_another_models_weights_do_not_pass(t5, tmp_path):
    """One swap of two tensors, of the same shape, in the last layer."""
    tensors = load_file(t5 / "model.safetensors")
    names = [f"decoder.block.2.layer.0.SelfAttention.{letter}.weight" for letter in "qk"]
    swapped = tensors | {names[0]: tensors[names[1]], names[1]: tensors[names[0]]}
    shutil.copytree(t5, tmp_path / "swapped")
    save_file(swapped, tmp_path / "swapped" / "model.safetensors")
    params = sharp_params(T5)
    assert verify(T5, params, t5).holds
    verification = verify(T5, params, tmp_path / "swapped")
    assert not verification.holds
    assert verification.relative > 0.01


@pytest.mark.parametrize("config", [LLAMA, GPT2])
def test_decoders(config, tmp_path):
    params = sharp_params(config)
    export_hf(config, params, tmp_path / "model")
    verification = verify(config, params, tmp_path / "model")
    assert verification.difference < 1e-4
    assert verification.num_logits == (3 + 17 + 40 + 40) * ROWS


def test_umt5s_logits_are_not_scaled(tmp_path):
    """Version 5 of transformers scales them always; version 4, and training, where it is said."""
    config = encoder_decoder(positions=PER_LAYER)
    params = sharp_params(config)
    export_hf(config, params, tmp_path / "model")
    verification = verify(config, params, tmp_path / "model")
    assert verification.difference < 1e-4
    assert "divides umT5's logits by sqrt(d_model)" in verification.remarks[0]


def test_no_class_no_proof(tmp_path, capsys):
    palm = family("palm", vocab_size=ROWS)
    from t5lite.convert.model_folder import write_model_folder
    from t5lite.convert.names import unstack
    from t5lite.convert.source import Source

    source = Source(
        format="memory",
        path=tmp_path,
        config=palm,
        arrays=unstack(sharp_params(palm)),
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter("decoder_only"),
    )
    (tmp_path / "palm").mkdir()
    write_model_folder(tmp_path / "palm", source)
    assert run(tmp_path / "palm", tmp_path / "new") == 2
    assert "no class that can be this model" in capsys.readouterr().err
    assert run(tmp_path / "palm", tmp_path / "narrow", "--to=t5lite", "--dtype=bfloat16") == 0
    assert "Not verified: transformers has no class" in capsys.readouterr().out


def test_bin_files_are_read_without_unpickling_code(t5, tmp_path):
    """As older releases saved them: torch's own file, both copies of what is shared, in shards."""
    tensors = {k: torch.tensor(v) for k, v in load_file(t5 / "model.safetensors").items()}
    tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"]
    names = sorted(tensors)
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(t5 / "config.json", folder)
    shutil.copy(t5 / "tokenizer_config.json", folder)
    shards = {"pytorch_model-1.bin": names[::2], "pytorch_model-2.bin": names[1::2]}
    for shard, held in shards.items():
        torch.save({name: tensors[name].bfloat16() for name in held}, folder / shard)
    index = {"weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    assert run(folder, tmp_path / "new", "--to=hf") == 0
    new = load_file(tmp_path / "new" / "model.safetensors")
    assert new.keys() == tensors.keys() - {"encoder.embed_tokens.weight"}
    for name, tensor in new.items():
        assert tensor.dtype.name == "bfloat16"
        expected = tensors[name].bfloat16().float().numpy()
        np.testing.assert_array_equal(tensor.astype(np.float32), expected)


class _Malicious:
    def __reduce__(self):
        return (print, ("a program in a file of weights ran",))


def test_a_bin_file_with_a_program_in_it_is_refused(t5, tmp_path, capsys):
    shutil.copy(t5 / "config.json", tmp_path)
    torch.save({"shared.weight": _Malicious()}, tmp_path / "pytorch_model.bin")
    assert run(tmp_path, tmp_path / "new", "--to=hf") == 2
    captured = capsys.readouterr()
    assert "pytorch_model.bin is not a file of tensors" in captured.err
    assert "a program in a file" not in captured.out
