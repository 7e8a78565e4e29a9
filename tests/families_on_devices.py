"""Every family of gin/models, tiny: what it learns on one device and on eight, and what some say.

python -m tests.families_on_devices

Writes CONTROL to stderr, and then compiles what XLA's partitioner can only do by having every
device hold the whole array, of which it complains there.
"""

import dataclasses
import itertools
import sys
from unittest import mock

import gin
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from t5lite import sharding
from t5lite.configuration import config as gin_config
from t5lite.decoding import compiled
from t5lite.decoding.config import DecodingConfig
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, param_axes, param_shapes, unflatten_names
from t5lite.models.position_config import Learned
from t5lite.planning import collectives
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import optax_optimizer
from tests.conftest import REPOSITORY
from tests.decoding import tiny
from tests.feature_converters import converter
from tests.training.programs import one_device, program_of, state_of

CONTROL = "from here on XLA is made to complain"
# Families take them in turns, the first family two.
MESHES = (
    {"data": 1, "fsdp": 2, "sequence": 2, "tensor": 2},
    {"data": 1, "fsdp": 8},
    {"data": 1, "tensor": 8},
    {"data": 2, "fsdp": 2, "tensor": 2, "num_slices": 2},
    {"data": 2, "sequence": 4},
)
# An encoder and a decoder, one head of keys and values, several that queries share: all caches.
ANSWERING = ("t5_1_1", "palm", "smollm2")
# Nothing of these is cut otherwise than in smollm2, llama, palm, or bloom; to save time.
CUT_AS_OTHERS = ("llama3", "mistral", "qwen2_5", "gemma", "mpt")
ROWS = 8
# Of float32: sums of up to 512 terms in another order, through two layers and back.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}


def families() -> dict[TransformerConfig, str]:
    """Tiny configs that are cut differently, each with the names of its families."""
    found: dict[TransformerConfig, str] = {}
    for path in sorted((REPOSITORY / "gin" / "models").glob("*/*.gin")):
        family = path.parent.name
        if path.stem == "family" or family in CUT_AS_OTHERS:
            continue
        gin_config.parse([f"models/{family}/{path.name}"])
        real = gin.get_configurable("TransformerConfig")()
        is_grouped = real.num_kv_heads not in (None, 1, real.num_heads)
        made = dataclasses.replace(
            real,
            vocab_size=64,
            d_model=32,
            d_ff=64,
            d_kv=8,
            num_heads=4,
            num_kv_heads=2 if is_grouped else 1 if real.num_kv_heads == 1 else None,
            num_encoder_layers=2 if real.num_encoder_layers else 0,
            num_decoder_layers=2,
            positions=(
                Learned(max_positions=64) if isinstance(real.positions, Learned) else real.positions
            ),
            embedding_dim=None if real.embedding_dim is None else 64,
            # What is the same on any device.
            mlp_activations=("silu", "linear")[: len(real.mlp_activations)],
            initializer="t5",
            initializer_range=0.02,
            norm_epsilon=1e-6,
            dropout_rate=0.0,
            dtype="float32",
            remat="none",
        )
        if family not in found.get(made, ""):
            found[made] = f"{found[made]} {family}" if made in found else family
    return found


def parameters(model):
    """Random ones, drawn without compiling anything."""
    rng = np.random.default_rng(0)

    def draw(name, shape):
        if name.endswith(("scale", "bias")):
            return name.endswith("scale") + 0.1 * rng.standard_normal(shape, np.float32)
        return rng.standard_normal(shape, np.float32) * np.float32(shape[-2] ** -0.5)

    shapes = flatten_names(param_shapes(model))
    return unflatten_names(
        {name: draw(name, leaf.shape).astype(np.float32) for name, leaf in shapes.items()}
    )


def step(model, params, mesh):
    """A step of SGD, compiled for a mesh: losses, the new parameters, the largest all-gather."""
    program = program_of(model, CrossEntropy(), optax_optimizer("sgd", 1.0), mesh=mesh)
    rows = converter(
        model.architecture, task_feature_lengths={"inputs": 8, "targets": 8}, pack=True
    )
    made = program.step(
        rows, batch_size=ROWS, num_microbatches=1, frozen_models={}, by_position=True
    )
    compiled = made.function.lower(*made.shapes).compile()
    rng = np.random.default_rng(1)
    batch = {
        name: rng.integers(1, 3 if "segment" in name else 8, x.shape).astype(x.dtype)
        for name, x in made.shapes[1].items()
    }
    placed = jax.tree.map(jax.device_put, state_of(program, params), program.shardings)
    state, _, losses = compiled(placed, sharding.put_rows(batch, mesh), {})
    found = collectives.find(compiled.as_text(), mesh.shape)
    gathered = max((x.num_bytes for x in found if x.kind == "all-gather"), default=0)
    return losses.total, flatten_names(jax.device_get(state.params)), gathered


def largest_of_a_layer(model):
    """Bytes of the largest parameter, of one layer where it is a stack's."""
    axes, shapes = (flatten_names(x) for x in (param_axes(model), param_shapes(model)))
    sizes = [x.size // (x.shape[0] if "layers" in axes[n] else 1) for n, x in shapes.items()]
    return 4 * max(sizes)


def answers(model, params, mesh):
    """Tokens and their log-likelihoods: by a loop over layers on one device, on more by a scan."""
    where = sharding.param_shardings(param_shapes(model), param_axes(model), mesh)
    placed = jax.tree.map(jax.device_put, params, where)
    generator = tiny.decoder(model, model.architecture, batch_size=ROWS, mesh=mesh)
    with mock.patch.object(compiled, "_unstacks", return_value=mesh.size == 1):
        found = generator.generate(
            placed, tiny.prompts([5, 9, 3, 7]), config=DecodingConfig(max_decode_length=6)
        )
    return [x.tokens.tolist() for (x,) in found], [x.log_likelihood for (x,) in found]


def compare(model, name, meshes):
    """Trains and answers on one device and on each mesh."""
    params = parameters(model)
    one = one_device()
    losses, after, _ = step(dataclasses.replace(model, scan_layers=False), params, one)
    answering = set(ANSWERING) & set(name.split())
    tokens, likelihoods = answers(model, params, one) if answering else ([], [])
    model = dataclasses.replace(model, scan_layers=True)
    for number, sizes in enumerate(meshes):
        mesh, said = make_mesh(MeshConfig(**sizes)), f"{name} on {sizes}"
        many_losses, many_after, gathered = step(model, params, mesh)
        np.testing.assert_allclose(many_losses, losses, rtol=1e-4, atol=1e-4, err_msg=said)
        for path, value in many_after.items():
            np.testing.assert_allclose(value, after[path], err_msg=f"{said}: {path}", **TOLERANCE)
        assert gathered <= largest_of_a_layer(model), f"{said} gathers {gathered} bytes at once"
        if answering and number == 0:
            many_tokens, many_likelihoods = answers(model, params, mesh)
            assert many_tokens == tokens, said
            np.testing.assert_allclose(many_likelihoods, likelihoods, rtol=1e-4, err_msg=said)
        print(said, "largest all-gather", gathered, flush=True)


def complain():
    """Goes from one way of cutting to another that XLA knows no exchange for."""
    mesh = make_mesh(MeshConfig(data=1, fsdp=2, sequence=2, tensor=2))

    def place(x, *spec):
        return jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec(*spec)))

    def go(x):
        y = jnp.sin(place(x, "fsdp", "tensor")).reshape(8, 2, 8)
        return place(y, None, "tensor", ("fsdp", "sequence"))

    jax.jit(go).lower(jax.ShapeDtypeStruct((8, 16), jnp.float32)).compile()


def main() -> None:
    choice = itertools.cycle(MESHES)
    for index, (model, name) in enumerate(families().items()):
        compare(model, name, [next(choice) for _ in range(2 if index == 0 else 1)])
    print(CONTROL, file=sys.stderr, flush=True)
    complain()


if __name__ == "__main__":
    main()
