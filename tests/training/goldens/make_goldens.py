"""Runs T5X's own optimizer, losses and schedules on the inputs of cases.py, and saves the results.

    python -m tests.training.goldens.make_goldens PATH_TO_A_T5X_CHECKOUT

Packages that T5X imports but that these parts of it never call are replaced by stand-ins.
"""

import pathlib
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from tests.training.goldens import cases

HERE = pathlib.Path(__file__).parent
STAND_INS = (
    "airio",
    "clu",
    "airio.core",
    "clu.data",
    "jestimator",
    "jestimator.amos",
    "jestimator.amos_helper",
    "seqio",
    "tensorflow",
    "tensorflow.io",
    "t5x.checkpoints",
    "t5x.models",
    "t5x.partitioning",
    "t5x.train_state",
)


def adafactor_goldens():
    from t5x import adafactor

    out = {}

    def run(case, settings, shapes, axes=None):
        optimizer = adafactor.Adafactor(learning_rate=0.0, **settings)
        params, gradients = cases.adafactor_inputs(shapes)
        if axes:
            optimizer.set_param_axes({k: jax.sharding.PartitionSpec(*v) for k, v in axes.items()})
        state = optimizer.init_state(params)
        for step in range(cases.STEPS):
            rates = optimizer.hyper_params.replace(learning_rate=cases.LEARNING_RATES[step])
            params, state = optimizer.apply_gradient(rates, params, state, gradients[step])
            params = {"/".join(k): v for k, v in _flat(params).items()}
        for name in shapes:
            out[f"{case}:{name}"] = cases.sample(params[name])

    for case, settings in cases.ADAFACTOR_CASES.items():
        run(case, settings, cases.ADAFACTOR_SHAPES)
    rules = {"logical_factor_rules": adafactor.standard_logical_factor_rules()}
    run("stacked", rules, cases.STACKED_SHAPES, cases.STACKED_AXES)
    return out


def _flat(tree, path=()):
    if not isinstance(tree, dict):
        return {path: tree}
    return {k: v for name, sub in tree.items() for k, v in _flat(sub, (*path, name)).items()}


def loss_goldens():
    from t5x import losses

    batch, out = cases.loss_inputs(), {}
    logits = jnp.asarray(batch.pop("logits"))
    for packed in (True, False):
        if not packed:
            del batch["decoder_segment_ids"], batch["decoder_positions"]
        for how in cases.NORMALIZATIONS:
            for z_loss, smoothing in cases.LOSS_CASES:
                divisor, weights = losses.get_loss_normalizing_factor_and_weights(how, batch)

                def loss_fn(logits, divisor=divisor, weights=weights, z=z_loss, s=smoothing):
                    loss, z_part, weight = losses.compute_weighted_cross_entropy(
                        logits, batch["decoder_target_tokens"], weights, s, z, divisor
                    )
                    return loss, (z_part, weight)

                (loss, (z_part, weight)), gradient = jax.value_and_grad(loss_fn, has_aux=True)(
                    logits
                )
                key = f"{packed}:{how}:{z_loss}:{smoothing}"
                out[f"{key}:sums"] = np.array([loss, z_part, weight], np.float32)
                out[f"{key}:gradient"] = np.asarray(gradient)[..., ::7]
    return out


def schedule_goldens():
    from t5x import utils

    out = {}
    for index, settings in enumerate(cases.SCHEDULE_CASES):
        rate = utils.create_learning_rate_scheduler(**(cases.SCHEDULE_DEFAULTS | settings))
        out[str(index)] = np.array([rate(step) for step in cases.SCHEDULE_STEPS], np.float32)
    return out


def main():
    sys.path.insert(0, sys.argv[1])
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in STAND_INS}):
        np.savez_compressed(HERE / "schedules.npz", **schedule_goldens())
        np.savez_compressed(HERE / "losses.npz", **loss_goldens())
        np.savez_compressed(HERE / "adafactor.npz", **adafactor_goldens())


if __name__ == "__main__":
    main()
