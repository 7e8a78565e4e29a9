"""Compiles attention's kernel and its gradient for a slice of TPUs; prints how many there are."""

import jax
import jax.numpy as jnp

from t5lite import sharding
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.fused_attention import pallas_attention
from t5lite.models.masks import Mask
from t5lite.planning.topology import open_topology


def main() -> None:
    """Rows and heads are cut over the mesh, rows are packed, and a bias has its gradient."""
    topology = open_topology("v5e:2x2")
    mesh = make_mesh(MeshConfig(fsdp=2, tensor=2), devices=topology.devices)
    length, rows = 1024, sharding.batch_sharding(mesh)

    def total(q, k, v, bias, ids):
        mask = Mask.of_text(length, is_causal=True, segments_BL=ids)
        with sharding.logical_rules(mesh):
            out = pallas_attention(q, k, v, mask=mask, bias=bias, keep_BHS=None)
        return out.astype(jnp.float32).sum()

    heads = jax.ShapeDtypeStruct((4, 4, length, 64), jnp.bfloat16, sharding=rows)
    bias = jax.ShapeDtypeStruct(
        (1, 4, length, length), jnp.float32, sharding=sharding.replicated(mesh)
    )
    ids = jax.ShapeDtypeStruct((4, length), jnp.int32, sharding=rows)
    step = jax.jit(jax.grad(total, (0, 1, 2, 3)))
    compiled = step.lower(heads, heads, heads, bias, ids).compile()
    print(compiled.as_text().count('custom_call_target="tpu_custom_call"'))


if __name__ == "__main__":
    main()
