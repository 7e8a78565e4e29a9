"""What T5X's gin file and the shapes say of a model."""

import numpy as np
import pytest

from t5lite.convert.names import LazyArray, Tensors
from t5lite.convert.t5x import open_checkpoint
from t5lite.convert.t5x_config import infer_config, read_activations
from t5lite.convert.t5x_names import TreeForm
from tests.convert import t5x_trees as trees
from tests.models.tiny import sharp_params

CONFIG = trees.t5(num_encoder_layers=1, num_decoder_layers=1)


def open_with(tmp_path, text, *, name="config.gin", folder="checkpoint_7"):
    trees.write_one_file(tmp_path / folder / "checkpoint", trees.separate(sharp_params(CONFIG)))
    (tmp_path / name).write_text(text)
    return open_checkpoint(tmp_path / folder).config.mlp_activations


@pytest.mark.parametrize(
    "text",
    [
        "network.T5Config.mlp_activations = ('silu', 'linear')\nother.x = 1\n",
        "network.T5Config:\n  dtype = 'bfloat16'\n  mlp_activations = ['silu', 'linear']\n",
        "ACTS = ('swish', 'linear')\nnetwork.T5Config.mlp_activations = %ACTS\n",
        "dense.MlpBlock.activations = \\\n    ('silu', 'linear')\n",
        "encoder/MlpBlock.activations = ('silu', 'linear')\n"
        "decoder/MlpBlock.activations = ('silu', 'linear')\n",
    ],
)
def test_activations_of_t5x_gin_file(tmp_path, text):
    assert open_with(tmp_path, text) == ("silu", "linear")


@pytest.mark.parametrize(
    "name", ["config.gin", "checkpoint_7/model.gin", "checkpoint_7/config.gin"]
)
def test_where_the_gin_file_lies(tmp_path, name):
    text = "network.T5Config.mlp_activations = ('relu', 'linear')\n"
    (tmp_path / "checkpoint_7").mkdir()
    assert open_with(tmp_path, text, name=name) == ("relu", "linear")


def test_without_a_gin_file_that_says_so(tmp_path):
    assert open_with(tmp_path, "# mlp_activations = ('silu', 'linear')\n") == ("gelu", "linear")
    # Above a folder that is not T5X's, a gin file is somebody else's.
    text = "network.T5Config.mlp_activations = ('silu', 'linear')\n"
    assert open_with(tmp_path, text, folder="a") == ("gelu", "linear")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.mlp_activations = ('gelu_nwe', 'linear')", "activation 'gelu_nwe'; t5lite has relu"),
        ("x.mlp_activations = @f()", r"activations to '@f\(\)', which is no list of names"),
        ("x.mlp_activations = 3", "activations to '3', which is no list of names"),
        ("x.mlp_activations = ('relu',)", "has a gated MLP, but the gin file beside it names"),
        (
            "a.mlp_activations = ('relu', 'linear')\nb.mlp_activations = ('silu', 'linear')",
            r"config\.gin names different activations",
        ),
    ],
)
def test_gin_files_that_do_not_fit(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        open_with(tmp_path, text)


def test_the_gin_file_is_not_executed(tmp_path):
    marker = tmp_path / "marker"
    text = f"x.mlp_activations = __import__('pathlib').Path({str(marker)!r}).touch()\n"
    with pytest.raises(ValueError, match="no list of names"):
        open_with(tmp_path, text)
    assert not marker.exists()


def lazy(*shape):
    return LazyArray(shape, np.dtype(np.float32), lambda: None)


def test_ul2_is_known_by_its_shape():
    tensors = Tensors(
        {
            "token_embedder/embedding": lazy(32128, 4096),
            "decoder/relpos_bias/rel_embedding": lazy(16, 32),
            "decoder/layers_0/self_attention/query/kernel": lazy(4096, 4096),
            "decoder/layers_0/mlp/wi_0/kernel": lazy(4096, 16384),
            "decoder/layers_0/mlp/wo/kernel": lazy(16384, 4096),
            "encoder/layers_0/mlp/wo/kernel": lazy(16384, 4096),
            "decoder/logits_dense/kernel": lazy(4096, 32128),
        },
        source="the test",
    )
    config = infer_config(tensors, TreeForm(), activations=None)
    assert (config.mlp_activations, config.d_kv) == (("silu", "linear"), 256)
    config = infer_config(tensors, TreeForm(), activations=("gelu", "linear"))
    assert config.mlp_activations == ("gelu", "linear")


def test_no_gin_file(tmp_path):
    assert read_activations(tmp_path / "checkpoint") is None
