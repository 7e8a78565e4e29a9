"""What is wrong with a T5X checkpoint is said, and what to do about it."""

import msgpack
import numpy as np
import pytest
from flax import serialization

from t5lite.convert.names import stack
from t5lite.convert.t5x import FORMAT, open_checkpoint
from tests.convert import t5x_trees as trees
from tests.models.tiny import sharp_params

CONFIG = trees.t5()


def target(**changes):
    """Parameters by T5X's names; a None in `changes` removes one."""
    tensors = trees.separate(sharp_params(CONFIG)) | changes
    return {name: array for name, array in tensors.items() if array is not None}


def read(path):
    return stack(open_checkpoint(path).arrays)


def edit_tree(file, edit):
    tree = serialization.msgpack_restore(file.read_bytes())
    edit(tree)
    trees.write_tree(file, tree)


@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_tree_cut_short(tmp_path, kept):
    file = trees.write_one_file(tmp_path / "checkpoint", target())
    data = file.read_bytes()
    file.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=r"checkpoint is damaged or cut short .*; copy it again"):
        open_checkpoint(file)


def test_an_empty_file_is_not_taken_for_one(tmp_path):
    (tmp_path / "checkpoint").write_bytes(b"")
    assert not FORMAT.recognise(tmp_path)
    assert not FORMAT.recognise(tmp_path / "checkpoint")


def test_a_folder_of_an_array_that_is_gone(tmp_path):
    trees.write_folder(tmp_path, target())
    gone = tmp_path / "target.decoder.layers_1.mlp.wo.kernel"
    gone.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"zarr folder .*target\.decoder\.layers_1\.mlp\.wo"):
        read(tmp_path)


def test_a_chunk_that_is_gone_is_not_read_as_zeros(tmp_path):
    trees.write_folder(tmp_path, target())
    (tmp_path / "target.decoder.layers_1.mlp.wo.kernel" / "1.0").unlink()
    with pytest.raises(ValueError, match=r"layers_1/mlp/wo/kernel is damaged or cut short .*1\.0"):
        read(tmp_path)


@pytest.mark.parametrize("compressor", ["gzip", "zstd"])
def test_a_chunk_cut_short(tmp_path, compressor):
    trees.write_folder(tmp_path, target(), compressor=compressor)
    chunk = tmp_path / "target.token_embedder.embedding" / "0.0"
    chunk.write_bytes(chunk.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"token_embedder/embedding is damaged or cut short"):
        read(tmp_path)


def test_a_folder_mixed_of_two_checkpoints(tmp_path):
    trees.write_folder(tmp_path, target())
    place = "target.decoder.layers_1.mlp.wo.kernel"
    (tmp_path / place).rename(tmp_path / "old")
    trees.write_zarr(tmp_path / place, np.ones((34, 20), np.float32))
    with pytest.raises(ValueError, match=r"is \(34, 22\) by the tree and \(34, 20\) by its own"):
        read(tmp_path)


def test_placeholders_without_hidden_files(tmp_path):
    trees.write_placeholders(tmp_path, target())
    (tmp_path / "target.token_embedder.embedding" / ".zarray").unlink()
    with pytest.raises(ValueError, match=r"has no \.zarray.* again with its hidden files"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "write", [trees.write_one_file, trees.write_folder, trees.write_placeholders]
)
def test_bfloat16_kept_as_uint16(tmp_path, write):
    old = np.ones((43, 22), np.uint16)
    path = write(tmp_path / "checkpoint_7", target(**{"token_embedder/embedding": old}))
    with pytest.raises(ValueError, match=r"token_embedder/embedding is uint16: .* Save it as"):
        open_checkpoint(path)


def test_what_is_no_array(tmp_path):
    file = trees.write_one_file(tmp_path / "f", target(**{"token_embedder/embedding": "here"}))
    with pytest.raises(ValueError, match=r"token_embedder/embedding is 'here', neither an array"):
        open_checkpoint(file)
    long = target(**{"token_embedder/embedding": "x" * 9000})
    with pytest.raises(ValueError, match="token_embedder/embedding is no array"):
        open_checkpoint(trees.write_one_file(tmp_path / "f", long))


@pytest.mark.parametrize("num_bytes", [16, 8000])
def test_python_objects_are_refused(tmp_path, num_bytes):
    """What flax would pack an array of pickled objects as, if it did."""
    packed = msgpack.packb(((num_bytes // 8,), "object", b"x" * num_bytes))
    tree = {"target": {"token_embedder": {"embedding": msgpack.ExtType(1, packed)}}}
    (tmp_path / "checkpoint").write_bytes(msgpack.packb(tree))
    with pytest.raises(ValueError, match=r"OBJECT array|Python objects, which t5lite never"):
        open_checkpoint(tmp_path)


def test_another_store_than_zarr(tmp_path):
    trees.write_folder(tmp_path, target())

    def edit(tree):
        tree["optimizer"]["target"]["token_embedder"]["embedding"]["driver"] = "n5"

    edit_tree(tmp_path / "checkpoint", edit)
    with pytest.raises(ValueError, match=r"embedding is described as .*'n5'.*unlike T5X's arrays"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("version", [1, 4])
def test_unknown_versions(tmp_path, version):
    file = trees.write_one_file(tmp_path / "file", target())
    edit_tree(file, lambda tree: tree.update(version=version))
    with pytest.raises(ValueError, match=rf"file is of version {version}; t5lite reads \(2, 3\)"):
        open_checkpoint(file)


def test_tensorflow_checkpoints_are_distinguished(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-0"\n')
    assert FORMAT.recognise(tmp_path)
    with pytest.raises(ValueError, match=r"TensorFlow checkpoint.*convert_tf_checkpoint\.py"):
        open_checkpoint(tmp_path)


def test_a_checkpoint_of_no_parameters(tmp_path):
    trees.write_tree(tmp_path / "checkpoint", {"version": 3, "optimizer": {"target": {}}})
    with pytest.raises(
        ValueError, match=r"has no parameters \(target\).* holds optimizer, version"
    ):
        open_checkpoint(tmp_path)


def test_mutables_are_not_dropped(tmp_path):
    tree = trees.tree_of(target()) | {"flax_mutables": {"batch_stats": {"mean": np.ones(3)}}}
    trees.write_tree(tmp_path / "checkpoint", {"version": 3, "optimizer": tree})
    with pytest.raises(ValueError, match=r"holds flax_mutables, .* any: batch_stats/mean"):
        open_checkpoint(tmp_path)


def test_missing_and_unused_are_listed(tmp_path):
    tensors = target()
    tensors["decoder/layers_1/mlp/wi/kernel"] = tensors.pop("decoder/layers_1/mlp/wi_1/kernel")
    with pytest.raises(ValueError) as error:
        open_checkpoint(trees.write_one_file(tmp_path / "file", tensors))
    assert "missing decoder/layers_1/mlp/wi_1/kernel" in str(error.value)
    assert "unused decoder/layers_1/mlp/wi/kernel" in str(error.value)


def test_missing_and_unused_in_scanned_layers_are_listed(tmp_path):
    config = trees.umt5()
    tensors = trees.scanned(sharp_params(config), config)
    name = "decoder/decoder/mlp/wo/kernel"
    tensors["decoder/decoder/mlp/w2/kernel"] = tensors["encoder/encoder/mlp/wo/kernel"]
    tensors["decoder/decoder/mlp/wi_1/kernel"] = tensors["decoder/decoder/mlp/wi_1/kernel"][:, :2]
    with pytest.raises(ValueError) as error:
        open_checkpoint(trees.write_one_file(tmp_path / "file", tensors))
    assert "missing decoder/decoder/mlp/wi_1/kernel[2]" in str(error.value)
    assert "unused decoder/decoder/mlp/w2/kernel[1]" in str(error.value)
    assert f"missing {name}" not in str(error.value)


def test_another_network_of_t5x(tmp_path):
    tensors = {"params/dense/kernel": np.ones((3, 4), np.float32)}
    with pytest.raises(ValueError, match=r"has no decoder/token_embedder/embedding, which every"):
        open_checkpoint(trees.write_one_file(tmp_path / "file", tensors))
    tensors = target(**{"decoder/relpos_bias/rel_embedding": np.ones(96, np.float32)})
    with pytest.raises(ValueError, match="with 1 axes instead of 2; t5lite reads the trees of"):
        open_checkpoint(trees.write_one_file(tmp_path / "file", tensors))
