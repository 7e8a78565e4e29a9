"""What tests/test_sharding.py checks on eight devices, of one process or of two.

python -m tests.sharding_on_devices PROCESS NUM_PROCESSES PORT
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from t5lite import sharding
from t5lite.mesh import MeshConfig, host_rows, make_mesh
from t5lite.models.layers import constrain

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


def main():
    process, num_processes, port = map(int, sys.argv[1:])
    if num_processes > 1:
        jax.distributed.initialize(f"localhost:{port}", num_processes, process)
    assert len(jax.devices()) == 8
    for sizes in MESHES:
        mesh = make_mesh(MeshConfig(**{"data": 1, **sizes}))
        check_batches(mesh)
        check_constraints(mesh)


if __name__ == "__main__":
    main()
