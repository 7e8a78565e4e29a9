"""Every field of every JSON file of a model folder, with every other value: an error, or it works.

An error names the file (or config.json) and is a ValueError; nothing hangs.
"""

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.convert import export_hf
from t5lite.convert.hf.folder import open_folder
from t5lite.convert.hf.weights import read_tensors
from t5lite.convert.t5x_arrays import ArrayFolder
from tests.feature_converters import converter
from tests.fuzz.json_values import changed
from tests.models.tiny import OF_BLOOM, encoder_decoder, family, sharp_params

FAMILIES = {
    "t5": encoder_decoder(dropout_rate=0.1),
    "gpt2": family("gpt2", d_model=24, d_kv=8),
    "opt": family("opt", d_model=24, d_kv=8, norm_epsilon=1e-5),
    "gpt_neox": family("gpt_neox", d_model=33, initializer="small"),
    "llama": family("llama", d_model=24),
    "mpt": family("mpt", d_model=24, d_ff=96, d_kv=8),
    "bloom": family("gpt2", **OF_BLOOM, d_model=24, d_ff=96, d_kv=8),
}
EXAMPLES = int(os.environ.get("T5LITE_FUZZ_EXAMPLES", "60"))
VALUES = st.sampled_from(
    [None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 10**30, float("nan"), float("inf")]
    + ["", "x", "2", "../x", [], [1], ["a"], [[1]], {}, {"a": 1}, {"rope_type": "linear"}]
    + [{"rope_type": "linear", "factor": x} for x in (None, "2", 0, -1, 2, float("inf"))]
    + [{"rope_type": ["linear"]}, {"rope_theta": "1"}, {"rope_theta": 0}, 1 << 62]
)


def paths(record, before=()):
    """Where there are values in a record, by keys."""
    for name, value in record.items():
        yield (*before, name)
        if isinstance(value, dict):
            yield from paths(value, (*before, name))


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf") / request.param
    config = FAMILIES[request.param]
    export_hf(config, sharp_params(config, 1), folder)
    return folder


def tried(read, file, record):
    """Reads with another record in the file; what is wrong is one ValueError about it."""
    whole = file.read_text()
    file.write_text(json.dumps(record))
    try:
        return read()
    except ValueError as error:
        assert str(file.parent) in str(error) or "config.json" in str(error), error
    finally:
        file.write_text(whole)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(data=st.data())
def test_every_field_of_config_json(folder, data):
    file = folder / "config.json"
    record = json.loads(file.read_text())
    fields = {*paths(record), ("rope_scaling",), ("n_inner",), ("head_dim",)}
    path = data.draw(st.sampled_from(sorted(fields)))
    value = data.draw(VALUES | st.just(Ellipsis) if path in set(paths(record)) else VALUES)
    tried(lambda: open_folder(folder), file, changed(record, path, value))


@pytest.mark.parametrize("value", [9999, 1 << 30, (1 << 31) - 1, 10**9, 10**12, 10**15])
def test_sizes_beyond_the_weights_are_refused_with_field_and_bytes(folder, value):
    file = folder / "config.json"
    whole, record = file.read_text(), json.loads(file.read_text())
    names = {"vocab_size", "num_hidden_layers", "num_layers", "n_layer", "n_layers", "d_ff"}
    names &= record.keys()
    for name in names:
        file.write_text(json.dumps(record | {name: value}))
        try:
            with pytest.raises(ValueError, match=rf"config\.json: .*{name}") as refused:
                open_folder(folder)
        finally:
            file.write_text(whole)
        is_counted = "in float32, and the weights beside it are" in str(refused.value)
        assert is_counted or f"got {value}" in str(refused.value)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(data=st.data())
def test_every_field_of_t5lite_json(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("model")
    ModelDescription(
        model=encoder_decoder(),
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(task_feature_lengths={"inputs": 24, "targets": 12}),
    ).save(folder)
    file = folder / "t5lite.json"
    record = json.loads(file.read_text())
    path = data.draw(st.sampled_from(sorted(paths(record))))
    value = data.draw(VALUES | st.just(Ellipsis))
    file.write_text(json.dumps(changed(record, path, value)))
    try:
        ModelDescription.load(folder)
    except ValueError as error:
        assert str(file) in str(error)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({}, "weight_map must be an object of a text each, got None"),
        ({"weight_map": []}, "weight_map must be"),
        ({"weight_map": {"a": 3}}, "weight_map must be"),
        ({"weight_map": {}}, "names no tensor"),
        ({"weight_map": {"a": "../b.safetensors"}}, "no file of its own folder"),
        ({"weight_map": {"a": "/etc/passwd"}}, "no file of its own folder"),
        ({"weight_map": {"a": ".."}}, "no file of its own folder"),
        ({"weight_map": {"a": ""}}, "no file of its own folder"),
    ],
)
def test_an_index_stays_in_its_folder(tmp_path, index, said):
    file = tmp_path / "model.safetensors.index.json"
    file.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=f"{file}.* {said}"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.index.json"])
def test_weights_that_are_no_file_are_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="is no regular file"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc", "..", ".", "", "a\0b"])
def test_a_placeholder_stays_in_its_folder(tmp_path, name):
    np.zeros(3).tofile(tmp_path / "x")
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(ValueError, match=r"no folder beside the others|which is not there"):
        ArrayFolder(tmp_path / "checkpoint").named(name, what="w")
