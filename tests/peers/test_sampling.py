"""Top-k and top-p keep the tokens that Hugging Face's warpers keep."""

import jax
import numpy as np
import pytest

from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sampling import warp

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize(("top_k", "top_p"), [(0, 0.8), (7, 1.0), (20, 0.5), (3, 0.01)])
def test_same_distribution(temperature, top_k, top_p):
    logits_BV = np.random.default_rng(0).normal(size=(16, 100)).astype(np.float32) * 4
    warpers = transformers.LogitsProcessorList([transformers.TemperatureLogitsWarper(temperature)])
    if top_k:
        warpers.append(transformers.TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(transformers.TopPLogitsWarper(top_p))
    theirs_BV = torch.softmax(warpers(None, torch.tensor(logits_BV)), dim=-1).numpy()

    config = DecodingConfig(strategy="sample", temperature=temperature, top_k=top_k, top_p=top_p)
    ours_BV = np.asarray(jax.nn.softmax(warp(logits_BV, config), axis=-1))

    np.testing.assert_array_equal(ours_BV > 0, theirs_BV > 0)
    np.testing.assert_allclose(ours_BV, theirs_BV, atol=1e-6)
