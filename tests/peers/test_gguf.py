"""GGUF beside transformers' own reading of it: the same file, the same logits."""

import numpy as np
import pytest

from t5lite.convert import load_external
from tests.convert.test_llama2_c import make_config
from tests.models.tiny import logits, random_tokens, sharp_params

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("gguf")
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint  # noqa: E402

from t5lite.models.position_config import Rotary  # noqa: E402
from tests.convert.test_gguf import KINDS, SMALL, write_gguf  # noqa: E402 - needs gguf

pytestmark = pytest.mark.peers


def their_model(path):
    """What `from_pretrained(gguf_file=...)` gives; that asks for a library more, and needs none."""
    config = transformers.AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    read = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)
    left = model.load_state_dict(read["tensors"], strict=False)
    assert not left.unexpected_keys and set(left.missing_keys) <= {"lm_head.weight"}
    if left.missing_keys:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model.eval()


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_1"])
@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_transformers(kind, tied, tmp_path):
    config = make_config(**SMALL, tied_embeddings=tied, positions=Rotary(theta=500.0))
    write_gguf(tmp_path / "m.gguf", config, sharp_params(config), kind=KINDS[kind])
    theirs = their_model(tmp_path / "m.gguf")
    found_config, params, _ = load_external(tmp_path / "m.gguf")
    assert found_config == config
    tokens = random_tokens(np.random.default_rng(0), 2, 17)
    ours = logits(config, params, {"decoder_input_tokens": tokens})
    with torch.no_grad():
        expected = theirs(torch.from_numpy(tokens).long()).logits.numpy()
    assert np.abs(expected).max() > 3
    np.testing.assert_allclose(ours, expected, atol=1e-4)
