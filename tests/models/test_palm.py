"""PaLM against its paper's formulas in plain NumPy: no other code that runs here holds it.

Chowdhery et al., arXiv:2204.02311, section 2: y = x + MLP(LayerNorm(x)) + Attention(LayerNorm(x)),
SwiGLU, one head of keys and values, rotated positions, no biases, one matrix in and out.
"""

import numpy as np

from t5lite.models.parameters import flatten_names
from tests.models.tiny import family, logits, random_tokens, sharp_params


def layer_norm(x, scale, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + epsilon) * scale


def swish(x):
    return x / (1 + np.exp(-x))


def turned(x, theta):
    """Rotary embedding through complex numbers: entry i with entry i + half."""
    length, width = x.shape
    half = width // 2
    angle = np.arange(length)[:, None] * theta ** (-np.arange(half) / half)
    z = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angle)
    return np.concatenate([z.real, z.imag], axis=1)


def palm_logits(config, params, tokens):
    flat = {name: np.asarray(leaf, np.float64) for name, leaf in flatten_names(params).items()}
    x = flat["token_embedder/embedding"][tokens]
    length = len(tokens)
    for layer in range(config.num_decoder_layers):
        at = {
            name.removeprefix("decoder/layers/"): leaf[layer]
            for name, leaf in flat.items()
            if name.startswith("decoder/layers/")
        }
        y = layer_norm(x, at["pre_self_attention_layer_norm/scale"], config.norm_epsilon)
        key = turned(y @ at["self_attention/key/kernel"], config.positions.theta)
        value = y @ at["self_attention/value/kernel"]
        heads = []
        for query in np.split(y @ at["self_attention/query/kernel"], config.num_heads, axis=1):
            scores = turned(query, config.positions.theta) @ key.T / np.sqrt(config.d_kv)
            scores[np.triu_indices(length, 1)] = -np.inf
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weights / weights.sum(-1, keepdims=True) @ value)
        attended = np.concatenate(heads, axis=1) @ at["self_attention/out/kernel"]
        gate = swish(y @ at["mlp/wi_0/kernel"]) * (y @ at["mlp/wi_1/kernel"])
        x = x + attended + gate @ at["mlp/wo/kernel"]
    x = layer_norm(x, flat["decoder/decoder_norm/scale"], config.norm_epsilon)
    return x @ flat["token_embedder/embedding"].T / np.sqrt(config.d_model)


def test_logits_are_the_papers():
    config = family("palm")
    params = sharp_params(config)
    tokens = random_tokens(np.random.default_rng(0), 3, 17)
    found = logits(config, params, {"decoder_input_tokens": tokens})
    expected = np.stack([palm_logits(config, params, row) for row in tokens])
    np.testing.assert_allclose(found, expected, atol=1e-4)
