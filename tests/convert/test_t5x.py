"""T5X checkpoints in every form: what is read, and that nothing is lost."""

import ml_dtypes
import numpy as np
import orbax.checkpoint as ocp
import pytest
from flax import serialization

from t5lite.convert import load_external
from t5lite.convert.names import stack
from t5lite.convert.t5x import FORMAT, open_checkpoint
from t5lite.models.parameters import flatten_names
from tests.conftest import REPOSITORY, shared_path
from tests.convert import t5x_trees as trees
from tests.models.tiny import assert_same_params, logits, sharp_params

GOLDENS = REPOSITORY / "tests" / "convert" / "goldens"
TINY = ("weights", "t5x_testdata", "test_t5_tiny.checkpoint_0")
CONFIG = trees.t5()


def golden_tree(name):
    """Arrays that T5X recorded, those of each group by their names in it."""
    groups = {}
    with np.load(GOLDENS / f"{name}.npz") as file:
        for key in file.files:
            group, _, rest = key.partition("/")
            groups.setdefault(group, {})[rest] = file[key]
    return groups


def test_tiny_checkpoint_agrees_with_t5x():
    golden = np.load(shared_path("weights", "golden", "t5x_tiny.npz"))
    config, params, source = load_external(shared_path(*TINY))
    assert source == "t5x"
    batch = {
        "encoder_input_tokens": golden["enc"].astype(np.int32),
        "decoder_input_tokens": golden["dec"].astype(np.int32),
    }
    np.testing.assert_allclose(logits(config, params, batch), golden["logits"], atol=1e-5)


def test_tiny_checkpoint_is_the_converted_folder_to_the_bit():
    _, params, _ = load_external(shared_path(*TINY))
    folder = shared_path("weights", "t5x_testdata", "hf_converted")
    assert_same_params(load_external(folder)[1], params)


def test_a_scanned_model_agrees_with_t5x(tmp_path):
    golden = golden_tree("t5x_scanned")
    source = open_checkpoint(trees.write_one_file(tmp_path / "file", golden["target"]))
    config = source.config
    assert (config.num_encoder_layers, config.num_decoder_layers, config.d_kv) == (2, 3, 2)
    assert config.positions.per_layer and config.mlp_activations == ("gelu", "linear")
    batch = {
        "encoder_input_tokens": golden["batch"]["enc"],
        "decoder_input_tokens": golden["batch"]["dec"],
    }
    result = logits(config, stack(source.arrays), batch)
    # Float32 in another order: a loop over layers is 3e-5 from T5X's scan.
    np.testing.assert_allclose(result, golden["logits"][""], atol=6e-5)


def test_a_language_model_agrees_with_t5x(tmp_path):
    golden = golden_tree("t5x_decoder_only")
    source = open_checkpoint(trees.write_folder(tmp_path, golden["target"]))
    assert source.config.architecture == "decoder_only"
    assert source.prompt_prefix == (0,)
    tokens = golden["batch"]["dec"]
    batch = {
        "decoder_input_tokens": tokens,
        "decoder_target_tokens": golden["batch"]["target"],
        "decoder_segment_ids": np.ones_like(tokens),
        "decoder_positions": np.arange(tokens.shape[1], dtype=np.int32) + np.zeros_like(tokens),
    }
    result = logits(source.config, stack(source.arrays), batch)
    np.testing.assert_allclose(result, golden["logits"][""], atol=2e-5)


@pytest.mark.parametrize(
    "config",
    [
        trees.t5(),
        trees.t5(mlp_activations=("relu",), tied_embeddings=True, scale_logits=True),
        trees.umt5(),
        trees.language_model(),
        trees.language_model(tied_embeddings=True, scale_logits=True),
    ],
)
@pytest.mark.parametrize("write", [trees.write_one_file, trees.write_folder])
def test_names_and_shapes_say_what_the_model_is(tmp_path, config, write):
    params = sharp_params(config)
    scans = config.positions.per_layer
    target = trees.scanned(params, config) if scans else trees.separate(params)
    source = FORMAT.open(write(tmp_path / "checkpoint_7", target))
    assert (source.config, source.step, source.read_optimizer_state) == (config, 7, None)
    assert_same_params(stack(source.arrays), params)


def test_scanned_layers_kept_apart(tmp_path):
    """What scalable_t5 writes when it does not scan."""
    config = trees.umt5(num_encoder_layers=3)
    params = sharp_params(config)
    target = {}
    for name, value in trees.scanned(params, config).items():
        stack_name, _, rest = name.partition("/")
        if rest.startswith(f"{stack_name}/"):
            rest = rest.removeprefix(f"{stack_name}/")
            layers = np.moveaxis(value, 1, 0)
            target |= {f"{stack_name}/layers_{i}/{rest}": layer for i, layer in enumerate(layers)}
        else:
            target[name] = value
    source = open_checkpoint(trees.write_one_file(tmp_path / "file", target))
    assert source.config == config
    assert_same_params(stack(source.arrays), params)


@pytest.mark.parametrize(
    ("kvstore", "compressor", "hidden_files"),
    [("gfile", "gzip", False), ("gcs", "gzip", True), ("file", "zstd", False)],
)
def test_folders_of_arrays(tmp_path, kvstore, compressor, hidden_files):
    params = sharp_params(CONFIG)
    trees.write_folder(
        tmp_path / "checkpoint_7",
        trees.separate(params),
        kvstore=kvstore,
        compressor=compressor,
        hidden_files=hidden_files,
    )
    assert_same_params(stack(open_checkpoint(tmp_path / "checkpoint_7").arrays), params)


def test_the_folder_its_tree_and_the_folder_above_are_one_checkpoint(tmp_path):
    for step in (7, 12, 9):
        target = trees.separate(sharp_params(CONFIG, seed=step))
        trees.write_folder(tmp_path / f"checkpoint_{step}", target)
    last = sharp_params(CONFIG, seed=12)
    for path in (tmp_path, tmp_path / "checkpoint_12", tmp_path / "checkpoint_12" / "checkpoint"):
        assert FORMAT.recognise(path)
        assert_same_params(stack(open_checkpoint(path).arrays), last)


def test_paths_as_older_tensorstores_had_them(tmp_path):
    params = sharp_params(CONFIG)
    file = trees.write_folder(tmp_path, trees.separate(params)) / "checkpoint"
    tree = serialization.msgpack_restore(file.read_bytes())
    spec = tree["optimizer"]["target"]["token_embedder"]["embedding"]
    spec["path"] = spec["kvstore"].pop("path")
    trees.write_tree(file, tree)
    assert_same_params(stack(open_checkpoint(tmp_path).arrays), params)


@pytest.mark.parametrize("write", [trees.write_one_file, trees.write_folder])
def test_bfloat16_stays_bfloat16(tmp_path, write):
    params = sharp_params(CONFIG)
    narrow = {n: a.astype(ml_dtypes.bfloat16) for n, a in trees.separate(params).items()}
    source = open_checkpoint(write(tmp_path / "checkpoint", narrow))
    assert {array.dtype for array in source.arrays.values()} == {np.dtype(ml_dtypes.bfloat16)}
    array = source.arrays["decoder/layers/mlp/wo/kernel", 2].read()
    np.testing.assert_array_equal(array, narrow["decoder/layers_2/mlp/wo/kernel"])


def test_arrays_that_flax_packs_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", 700)
    params = sharp_params(CONFIG)
    file = trees.write_one_file(tmp_path / "file", trees.separate(params))
    assert b"__msgpack_chunked_array__" in file.read_bytes()
    assert_same_params(stack(open_checkpoint(file).arrays), params)


@pytest.mark.parametrize(("root", "folder"), [("_optimizer", "."), (None, "."), (None, "state")])
def test_trees_of_placeholders(tmp_path, root, folder):
    params = sharp_params(CONFIG)
    trees.write_placeholders(tmp_path / folder, trees.separate(params), root=root)
    source = open_checkpoint(tmp_path)
    assert source.step == 7
    assert_same_params(stack(source.arrays), params)


@pytest.mark.parametrize("use_ocdbt", [True, False])
def test_what_orbax_writes_for_t5x_today(tmp_path, use_ocdbt):
    config = trees.umt5()
    params = sharp_params(config)
    states = {"x/v_row": np.ones(3, np.float32), "x/v": None}
    tree = trees.tree_of(trees.scanned(params, config), states=states)
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_ocdbt=use_ocdbt)) as checkpointer:
        state = tmp_path / "checkpoint_7" / "state"
        checkpointer.save(state, args=ocp.args.PyTreeSave(tree))
    assert not (state / "checkpoint").exists()
    for path in (tmp_path, tmp_path / "checkpoint_7", state):
        source = open_checkpoint(path)
        assert (source.config, source.step) == (config, 7)
        assert_same_params(stack(source.arrays), params)


def test_one_layer_is_read_without_the_others(tmp_path):
    config = trees.umt5()
    params = sharp_params(config)
    for name, array in trees.scanned(params, config).items():
        chunks = list(array.shape)
        if "/decoder/" in name:
            chunks[1] = 1
        trees.write_zarr(tmp_path / f"target.{name.replace('/', '.')}", array, chunks=chunks)
    names = list(trees.scanned(params, config))
    leaves = {name: f"PLACEHOLDER://target.{name.replace('/', '.')}" for name in names}
    trees.write_tree(tmp_path / "checkpoint", trees.tree_of(leaves))
    (tmp_path / "target.decoder.decoder.mlp.wo.kernel" / "0.1.0").unlink()
    arrays = open_checkpoint(tmp_path).arrays
    name = "decoder/layers/mlp/wo/kernel"
    kernel = flatten_names(params)[name]
    np.testing.assert_array_equal(arrays[name, 2].read(), kernel[2])
    with pytest.raises(ValueError, match=r"target/decoder/decoder/mlp/wo/kernel is damaged"):
        arrays[name, 1].read()
