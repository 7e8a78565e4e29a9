"""The inputs of the goldens: what T5X was given, and what the tests give to t5lite."""

import numpy as np

STEPS = 4
SAMPLE = 61  # one element in so many of a large array is kept

ADAFACTOR_SHAPES = {
    "square/kernel": (160, 144),
    "wide/kernel": (130, 200),
    "narrow/kernel": (300, 40),
    "norm/scale": (50,),
}
ADAFACTOR_CASES = {
    "defaults": {},
    "absolute_rate": {"multiply_by_parameter_scale": False},
    "momentum": {"beta1": 0.9},
    "weight_decay": {"weight_decay_rate": 0.01},
    "weight_decay_by_rate": {"weight_decay_rate": 0.5, "weight_decay_rate_lr_exponent": 2.0},
    "no_clipping": {"clipping_threshold": None},
    "tight_clipping": {"clipping_threshold": 0.5, "beta1": 0.5, "weight_decay_rate": 0.003},
    "unfactored": {"factored": False},
    "low_factoring_bar": {"min_dim_size_to_factor": 32, "decay_rate": 0.6},
    "later_start": {"step_offset": -1000, "epsilon1": 1e-8, "epsilon2": 0.05},
}
STACKED_SHAPES = {"mlp/kernel": (3, 160, 144)}
STACKED_AXES = {"mlp/kernel": ("layers", "embed", "mlp")}
LEARNING_RATES = (0.01, 0.03, 0.02, 0.05)

LOSS_CASES = ((0.0, 0.0), (1e-4, 0.0), (1e-2, 0.1), (0.0, 0.3))  # z_loss, label_smoothing
NORMALIZATIONS = (
    None,
    37.0,
    "NUM_REAL_TARGET_TOKENS",
    "NUM_TOTAL_TARGET_TOKENS",
    "AVERAGE_PER_SEQUENCE",
)

SCHEDULE_STEPS = (0, 1, 5, 9, 10, 11, 25, 40, 99, 100, 101, 137, 1000)
SCHEDULE_CASES = (
    {"factors": "constant", "base_learning_rate": 0.3},
    {"factors": "constant * linear_warmup * rsqrt_decay", "warmup_steps": 10},
    {"factors": "constant * rsqrt_decay", "base_learning_rate": 1.0, "warmup_steps": 25},
    {"factors": "linear_warmup*rsqrt_normalized_decay*constant", "warmup_steps": 40},
    {"factors": "linear_decay", "warmup_steps": 10, "decay_factor": 0.01},
    {"factors": "constant * decay_every", "steps_per_decay": 25, "decay_factor": 0.7},
    {"factors": "constant * cosine_decay", "warmup_steps": 10, "steps_per_cycle": 90},
    {"factors": "constant * linear_warmup", "warmup_steps": 100, "step_offset": 7},
    {"factors": "linear_decay", "warmup_steps": 5, "decay_factor": 0.2, "min_learning_rate": 1e-4},
)
SCHEDULE_DEFAULTS = {"base_learning_rate": 0.5}


def adafactor_inputs(shapes, seed=11):
    """Parameters of unlike scales, and gradients of which the third is large enough to clip."""
    rng = np.random.default_rng(seed)
    params, gradients = {}, [{} for _ in range(STEPS)]
    for index, (name, shape) in enumerate(shapes.items()):
        scale = (1.0, 1e-4, 0.1, 2.0)[index]
        params[name] = rng.normal(0, scale, shape).astype(np.float32)
        for step in range(STEPS):
            size = 10.0 if step == 2 else 0.1
            gradients[step][name] = rng.normal(0, size, shape).astype(np.float32)
    return params, gradients


def loss_inputs(seed=5):
    """Logits, targets and weights, of three rows of twelve positions."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (3, 12, 23)).astype(np.float32)
    targets = rng.integers(1, 23, (3, 12)).astype(np.int32)
    segments = np.array(
        [[1] * 5 + [2] * 4 + [3] * 3, [1] * 7 + [2] * 2 + [0] * 3, [1] * 9 + [0] * 3]
    )
    positions = np.array(
        [
            [*range(5), *range(4), *range(3)],
            [*range(7), *range(2), 0, 0, 0],
            [*range(9), 0, 0, 0],
        ]
    )
    weights = (segments > 0).astype(np.float32)
    weights[0, 1] = weights[2, :4] = 0  # such as a prompt that is not learned
    weights[0, 6] = 0.5
    return {
        "logits": logits,
        "decoder_target_tokens": targets * (segments > 0).astype(np.int32),
        "decoder_loss_weights": weights,
        "decoder_segment_ids": segments.astype(np.int32),
        "decoder_positions": positions.astype(np.int32),
    }


def sample(x):
    """Thins a large array, for a small file."""
    x = np.asarray(x)
    return x if x.size < 1000 else x.reshape(-1)[::SAMPLE]
