"""What tests/test_sharding.py checks on eight devices, of one process or of two.

python -m tests.sharding_on_devices PROCESS NUM_PROCESSES PORT
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from t5lite import sharding
from t5lite.models.layers import constrain

MESHES = ((8, 1, 1), (2, 2, 2), (1, 4, 2), (1, 1, 8), (2, 1, 4))


def check_batches(mesh):
    tokens = np.arange(16 * 3, dtype=np.int32).reshape(16, 3)
    batch = {"tokens": tokens, "weights": np.linspace(0, 1, 16, dtype=np.float32)}
    index, count = sharding.host_rows(mesh)
    size = 16 // count
    rows = {name: x[index * size : (index + 1) * size] for name, x in batch.items()}
    for placed in (sharding.put_rows(rows, mesh), sharding.put_replicable(batch, mesh)):
        for name, x in batch.items():
            assert placed[name].shape == x.shape
            assert placed[name].sharding == sharding.batch_sharding(mesh)
            for shard in placed[name].addressable_shards:
                np.testing.assert_array_equal(shard.data, x[shard.index])
    total = jax.jit(jnp.sum, out_shardings=sharding.replicated(mesh))(placed["tokens"])
    assert int(total) == batch["tokens"].sum()


def check_constraints(mesh):
    def logits(x):
        with sharding.logical_rules(mesh):
            return constrain(x * 2, ("batch", "length", "activation_vocab"))

    x = np.ones((16, 2, 8), np.float32)
    placed = sharding.put_replicable({"x": x}, mesh)["x"]
    local = jax.jit(logits)(placed).addressable_shards[0].data.shape
    data, fsdp, tensor = mesh.devices.shape
    assert local == (16 // (data * fsdp), 2, 8 // tensor), local


def main():
    process, num_processes, port = map(int, sys.argv[1:])
    if num_processes > 1:
        jax.distributed.initialize(f"localhost:{port}", num_processes, process)
    assert len(jax.devices()) == 8
    for shape in MESHES:
        mesh = sharding.make_mesh(sharding.MeshConfig(*shape))
        assert mesh.devices.shape == shape
        check_batches(mesh)
        check_constraints(mesh)


if __name__ == "__main__":
    main()
