"""What tests/test_sharding.py checks on eight devices, of one process or of two.

python -m tests.sharding_on_devices PROCESS NUM_PROCESSES PORT
"""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np

from t5lite import sharding
from t5lite.mesh import MeshConfig, host_rows, make_mesh
from t5lite.models.layers import constrain
from t5lite.training.chunked_cross_entropy import chunked_cross_entropy
from t5lite.training.cross_entropy import cross_entropy
from t5lite.training.loss_by_task import LossByTask
from t5lite.training.objective import TASKS_FEATURE, Mean
from t5lite.training.rationale_loss import AddedRationaleLoss

MESHES = (
    {"data": 8},
    {"data": 2, "fsdp": 2, "tensor": 2},
    {"fsdp": 4, "tensor": 2, "num_slices": 2},
    {"tensor": 8},
    {"sequence": 8},
    {"data": 2, "sequence": 2, "tensor": 2, "num_slices": 2},
)


def check_batches(mesh):
    tokens = np.arange(16 * 24, dtype=np.int32).reshape(16, 24)
    index, count = host_rows(mesh)
    size = 16 // count
    rows = {"tokens": tokens[index * size : (index + 1) * size]}
    for placed, where in (
        (sharding.put_rows(rows, mesh), sharding.batch_sharding(mesh)),
        (sharding.put_replicable({"tokens": tokens}, mesh), sharding.decoding_sharding(mesh)),
    ):
        assert placed["tokens"].shape == tokens.shape
        assert placed["tokens"].sharding == where
        for shard in placed["tokens"].addressable_shards:
            np.testing.assert_array_equal(shard.data, tokens[shard.index])
        total = jax.jit(jnp.sum, out_shardings=sharding.replicated(mesh))(placed["tokens"])
        assert int(total) == tokens.sum()


def check_constraints(mesh):
    data, fsdp, sequence, tensor = mesh.devices.shape
    x = sharding.put_replicable({"x": np.ones((16, 8, 8), np.float32)}, mesh)["x"]
    for decoding, shape in (
        (False, (16 // (data * fsdp), 8 // sequence, 8 // tensor)),
        (True, (16 // (data * fsdp * sequence), 8, 8 // tensor)),
    ):

        def logits(x, decoding=decoding):
            with sharding.logical_rules(mesh, decoding=decoding):
                return constrain(x * 2, ("batch", "length", "activation_vocab"))

        local = jax.jit(logits)(x).addressable_shards[0].data.shape
        assert local == shape, (local, shape)


CHUNKED = {"z_loss": 0.01, "label_smoothing": 0.1}


@functools.cache
def rows_and_gradients():
    """Arguments of a cross entropy, and what it and its gradients are on one device."""
    rng = np.random.default_rng(0)
    arguments = {
        "kernel": rng.normal(size=(8, 40)).astype(np.float32),
        "x": rng.normal(size=(16, 24, 8)).astype(np.float32),
        "targets_BT": rng.integers(0, 40, (16, 24)).astype(np.int32),
        "weights_BT": rng.random((16, 24)).astype(np.float32),
    }

    def whole(kernel, x, targets_BT, weights_BT):
        sums = cross_entropy(x @ kernel, targets_BT, weights_BT, **CHUNKED)
        return sums.loss, sums.by_position

    return arguments, jax.jit(jax.value_and_grad(whole, (0, 1), has_aux=True))(*arguments.values())


def check_chunks_of_logits(mesh):
    """A chunked cross entropy on the mesh is that of the logits, and so are its gradients."""

    def chunked(kernel, x, targets_BT, weights_BT):
        rows = {"targets_BT": targets_BT, "weights_BT": weights_BT}
        with sharding.logical_rules(mesh):
            sums = chunked_cross_entropy(x, kernel, **rows, **CHUNKED, num_chunks=2)
            return sums.loss, sums.by_position

    arguments, expected = rows_and_gradients()
    rows = {name: x for name, x in arguments.items() if name != "kernel"}
    everywhere = sharding.replicated(mesh)
    run = jax.jit(jax.value_and_grad(chunked, (0, 1), has_aux=True), out_shardings=everywhere)
    placed = sharding.put_replicable(rows, mesh)
    found = run(jax.device_put(arguments["kernel"], everywhere), *placed.values())
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def check_labels_and_rationales(mesh):
    """Their two means are over the whole batch, wherever its rows lie."""
    rng = np.random.default_rng(0)
    batch = {
        "decoder_target_tokens": rng.integers(0, 40, (16, 24)).astype(np.int32),
        "decoder_loss_weights": (rng.random((16, 24)) > 0.3).astype(np.float32),
        TASKS_FEATURE: np.repeat([1, 2, 1, 2], [2, 5, 1, 8])[:, None] + np.zeros((1, 24), np.int32),
    }
    logits = rng.normal(size=(16, 24, 40)).astype(np.float32)
    objective = AddedRationaleLoss(rationale_weight=0.7)

    def loss(batch, logits):
        with sharding.logical_rules(mesh):
            return objective.of_logits(logits, objective.prepare(batch)).loss

    placed = sharding.put_replicable(batch | {"logits": logits}, mesh)
    found = jax.jit(loss, out_shardings=sharding.replicated(mesh))(placed, placed.pop("logits"))
    expected = 0.0
    for bit, part in ((1, 1.0), (2, 0.7)):
        weights = batch["decoder_loss_weights"] * (batch[TASKS_FEATURE] == bit)
        rows = batch["decoder_target_tokens"], weights
        sums = cross_entropy(logits, *rows, z_loss=0.0, label_smoothing=0.0)
        expected += part * sums.loss / sums.weight
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def check_losses_by_task(mesh):
    """Positions on all devices are summed by task, and the sums begin anew when they are taken."""
    rng = np.random.default_rng(0)
    rows = {
        "task_ids": rng.integers(0, 4, (16, 24)).astype(np.int32),
        "losses": rng.random((16, 24)).astype(np.float32),
        "weights": (rng.random((16, 24)) > 0.3).astype(np.float32),
    }
    rows["losses"] *= rows["weights"]
    placed = sharding.put_replicable(rows, mesh)
    _, count = host_rows(mesh)
    here = rows["task_ids"].reshape(count, -1, 24)[host_rows(mesh)[0]]
    by_task = LossByTask("abcdef", mesh, saved={"b": [2.0, 4.0], "gone": [1.0, 1.0]})
    for before in ((2.0, 4.0), (0.0, 0.0)):
        by_task.add(Mean(placed["losses"], placed["weights"]), here)
        sums = [
            [rows[n][rows["task_ids"] == k].sum() for k in range(4)] for n in ("losses", "weights")
        ]
        expected = np.pad(sums, ((0, 0), (0, 2)))
        expected[:, 1] += before
        found = jax.device_get(by_task.take())
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    values = by_task.values(found)
    assert list(values) == [f"loss_by_task/{name}" for name in "abcd"], "none of what was not drawn"
    np.testing.assert_allclose(list(values.values()), expected[0, :4] / expected[1, :4], rtol=1e-5)
    assert by_task.state() == {}


def main():
    process, num_processes, port = map(int, sys.argv[1:])
    if num_processes > 1:
        jax.distributed.initialize(f"localhost:{port}", num_processes, process)
    assert len(jax.devices()) == 8
    for sizes in MESHES:
        mesh = make_mesh(MeshConfig(**{"data": 1, **sizes}))
        check_batches(mesh)
        check_constraints(mesh)
        if num_processes == 1:  # It knows nothing of processes; with two, each would compile it.
            check_chunks_of_logits(mesh)
    check_labels_and_rationales(mesh)
    check_losses_by_task(mesh)


if __name__ == "__main__":
    main()
