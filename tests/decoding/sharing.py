"""Prompts that share prefixes; as a script, answers to them on four devices and on one.

python -m tests.decoding.sharing
"""

import jax
import numpy as np

from t5lite.decoding import compiled
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.parameters import param_axes, param_shapes
from t5lite.sharding import param_shardings
from tests import feature_converters
from tests.decoding import tiny

LENGTHS = {"inputs": 128, "targets": 16}


def family(first, *, count, seed):
    """Prompts that have 100 tokens in common, and then some of their own."""
    rng = np.random.default_rng(seed)
    shots = rng.integers(3, 40, 100)
    own = [[3 + (first + n) % 37, *rng.integers(3, 40, 2 + 2 * n)] for n in range(count)]
    return [np.concatenate([shots, tokens]).astype(np.int32) for tokens in own]


def prompts():
    """Of two families in turns, and two that are like no other."""
    pairs = zip(family(0, count=5, seed=0), family(9, count=5, seed=1), strict=True)
    return [prompt for pair in pairs for prompt in pair] + tiny.prompts([70, 9], seed=2)


def options(count):
    return [[[5, 6, 7], [8 + n % 30], [4, 9]] for n in range(count)]


def decoder(config, converter="decoder_only", *, batch_size, mesh=None):
    return SequenceGenerator(
        config,
        converter=feature_converters.bare(converter, task_feature_lengths=LENGTHS),
        eos_ids=(tiny.EOS,),
        batch_size=batch_size,
        mesh=mesh,
    )


def main():
    config = tiny.config("decoder_only")
    params = tiny.params(config)
    mesh = make_mesh(MeshConfig(data=2, fsdp=1, tensor=2))
    shardings = param_shardings(param_shapes(config), param_axes(config), mesh)
    placed = jax.tree.map(jax.device_put, params, shardings)
    decoding = DecodingConfig(max_decode_length=4)
    asked = family(0, count=4, seed=0)
    found = []
    for where, values in ((None, params), (mesh, placed)):
        generator = decoder(config, batch_size=4, mesh=where)
        answers = generator.generate(values, asked, config=decoding)
        found.append((answers, generator.rank(values, asked, options(4))))
        assert compiled.prefix_fn.cache_info().misses == len(found), "no prefix was shared"
    for (one,), (four,) in zip(found[0][0], found[1][0], strict=True):
        assert one.tokens.tolist() == four.tokens.tolist()
    for one, four in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(one.scores, four.scores, rtol=1e-5)


if __name__ == "__main__":
    main()
