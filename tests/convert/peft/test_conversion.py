"""`t5lite convert` of adapters, and adapters of peft where a model is asked for."""

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from t5lite import cli
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert.cached import adapter_folder, model_folder
from t5lite.convert.load import open_external
from t5lite.convert.names import stack, unstack
from t5lite.convert.peft.folder import write_folder
from t5lite.initialization.adapted_model import load_model
from t5lite.models.adapter_config import Lora, PromptTuning
from t5lite.models.parameters import flatten_names
from tests.convert.foreign_models import FAMILIES, write_hf
from tests.convert.peft.folders import CONFIG, WEIGHTS, random_adapter

LORA = Lora(rank=2, alpha=3.0, targets=("/query$", "/wo$"))


@pytest.fixture(scope="module")
def hf(tmp_path_factory):
    """A LLaMA, a LoRA of it, and a soft prompt that does not say what it is of."""
    folder = tmp_path_factory.mktemp("hf")
    write_hf(folder / "llama", "llama")
    for name, adapter in (("lora", LORA), ("soft", PromptTuning(num_tokens=3))):
        config = dataclasses.replace(FAMILIES["llama"], adapters=(adapter,))
        (folder / name).mkdir()
        base_path = str(folder / "llama") if name == "lora" else "somebody/llama"
        arrays = unstack(random_adapter(config))
        write_folder(folder / name, config, arrays, base_path=base_path)
    return folder


def convert(*words):
    return cli.main(["convert", *map(str, words), "--noverify"])


def test_to_a_run_and_back(hf, tmp_path, capsys):
    assert convert(hf / "lora", tmp_path / "run") == 0
    assert "peft, Lora" in capsys.readouterr().out
    description = ModelDescription.load(tmp_path / "run")
    assert description.base.path == str(hf / "llama")
    model = load_model(tmp_path / "run")
    expected = random_adapter(model.config)
    found = flatten_names(model.params)
    for name, array in flatten_names(expected).items():
        assert (np.asarray(found[name]) == array).all(), name
    assert convert(tmp_path / "run", tmp_path / "back", "--to=peft") == 0
    before, after = (load_file(folder / WEIGHTS) for folder in (hf / "lora", tmp_path / "back"))
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)
    fields = [json.loads((f / CONFIG).read_text()) for f in (hf / "lora", tmp_path / "back")]
    assert fields[0] == fields[1]


def test_merged_into_its_base(hf, tmp_path):
    assert convert(hf / "llama", tmp_path / "new", "--to=hf", f"--adapter={hf / 'lora'}") == 0
    merged, base = (
        flatten_names(stack(open_external(folder).arrays))
        for folder in (tmp_path / "new", hf / "llama")
    )
    change = random_adapter(dataclasses.replace(FAMILIES["llama"], adapters=(LORA,)))
    change = change["decoder"]["layers"]["mlp"]["wo"]
    name = "decoder/layers/mlp/wo/kernel"
    expected = base[name] + 1.5 * change["lora_a"] @ change["lora_b"]
    np.testing.assert_allclose(merged[name], expected, rtol=1e-4, atol=1e-5)
    other = name.replace("wo", "wi_0")
    assert (merged[other] == base[other]).all()


def test_where_a_model_is_asked_for_they_are_converted_once(hf, tmp_path):
    found = model_folder(hf / "lora", cache_dir=tmp_path)
    assert found == model_folder(hf / "lora", cache_dir=tmp_path)
    (hf / "llama" / "config.json").touch()  # Adapters go with a base as it is now.
    assert found != model_folder(hf / "lora", cache_dir=tmp_path)
    moved = adapter_folder(hf / "soft", base=str(hf / "llama"), cache_dir=tmp_path)
    description = ModelDescription.load(moved)
    assert description.converter.soft_prompt == description.model.soft_prompt_ids
    assert len(description.model.soft_prompt_ids) == 3
    assert adapter_folder(moved, base="anywhere", cache_dir=tmp_path) == moved


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{soft}", "{new}"], "to the model 'somebody/llama', which is no folder on this machine"),
        (["{soft}", "{new}", "--model_dir={gone}"], "which is not there"),
        (["{lora}", "{new}", "--to=peft"], "is an adapter of peft already"),
        (["{lora}", "{new}", "--dtype=bfloat16"], "--dtype was given, and adapters go over as"),
        (["{lora}", "{new}", "--step=1"], "--step was given, and"),
        (["{llama}", "{new}", "--to=peft"], "is a whole model"),
        (["{llama}", "{new}", "--model_dir={lora}"], "is no adapter of peft; leave it out"),
        (["{llama}", "{new}", "--adapter={llama}"], "holds no adapters"),
        (["{llama}", "{new}", "--adapter={gone}"], "gone is not there. Give the folder of a"),
        (["{llama}", "{new}", "--adapter={soft}"], "no weights of its model can take in"),
    ],
)
def test_mistakes_leave_nothing(hf, tmp_path, capsys, words, said):
    places = {name: hf / name for name in ("llama", "lora", "soft", "gone")}
    places["new"] = tmp_path / "new"
    assert convert(*(word.format(**places) for word in words)) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()
