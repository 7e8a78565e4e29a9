"""Programs of small models for tests, their steps and states."""

import jax
import jax.numpy as jnp

from t5lite.mesh import MeshConfig, make_mesh
from t5lite.training.program import build_program
from t5lite.training.state import TrainState
from t5lite.training.step import make_train_step


def one_device():
    return make_mesh(MeshConfig(), devices=jax.devices()[:1])


def program_of(
    model, objective, optimizer, *, groups=(), frozen_dtype="float32", max_grad_norm=None, mesh=None
):
    """What trains a model; on one device where no mesh is given."""
    return build_program(
        model,
        objective,
        optimizer=optimizer,
        parameter_groups=groups,
        frozen_dtype=frozen_dtype,
        max_grad_norm=max_grad_norm,
        seed=0,
        mesh=mesh or one_device(),
    )


def step_of(program, *, num_microbatches=1, **settings):
    """A program's step, for batches of any shapes."""
    return make_train_step(
        program.model,
        program.transformation,
        program.objective,
        partition=program.partition,
        num_microbatches=num_microbatches,
        seed=program.seed,
        shardings=program.shardings,
        mesh=program.mesh,
        **settings,
    )


def state_of(program, params):
    """The state of step 0 that has these parameters."""
    params = jax.tree.map(jnp.asarray, params)
    trainable, _ = program.partition.split(params)
    return TrainState(jnp.int32(0), params, jax.jit(program.transformation.init)(trainable))
