"""T5 beside Hugging Face + torch: the same logits and the same greedy outputs, both directions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.convert import export_hf, load_external
from t5lite.models.parameters import bind
from tests.models.tiny import encoder_decoder, logits, random_tokens, sharp_params

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

BASE = {
    "vocab_size": 43,
    "d_model": 22,
    "d_ff": 34,
    "d_kv": 5,
    "num_heads": 3,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "pad_token_id": 0,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
}
# Fields beside BASE, and whether the output projection is made to differ from the embedding.
THEIR_MODELS = {
    "t5_1_1": ({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}, True),
    "t5_1_0": ({"feed_forward_proj": "relu", "num_layers": 3, "num_decoder_layers": 1}, False),
    "tied_unscaled": (
        {
            "feed_forward_proj": "gated-silu",
            "scale_decoder_outputs": False,
            "relative_attention_num_buckets": 12,
            "relative_attention_max_distance": 20,
            "layer_norm_epsilon": 1e-3,
        },
        False,
    ),
    "untied_scaled": ({"feed_forward_proj": "gelu", "d_kv": 7, "num_heads": 5}, True),
}


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    inputs = random_tokens(rng, 3, 31)
    inputs[1, 4:] = 0
    inputs[2, 17:] = 0
    decoder_tokens = random_tokens(rng, 3, 25)
    decoder_tokens[:, 0] = 0
    return {"encoder_input_tokens": inputs, "decoder_input_tokens": decoder_tokens}


def their_logits(model, batch):
    inputs = torch.tensor(batch["encoder_input_tokens"], dtype=torch.long)
    with torch.no_grad():
        output = model(
            input_ids=inputs,
            attention_mask=(inputs > 0).long(),
            decoder_input_ids=torch.tensor(batch["decoder_input_tokens"], dtype=torch.long),
        )
    return output.logits.numpy()


def their_model(fields, untied, model_class="T5"):
    config = getattr(transformers, f"{model_class}Config")(**(BASE | fields))
    model = getattr(transformers, f"{model_class}ForConditionalGeneration")(config).eval()
    if untied:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        value = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            value = 1 + 0.2 * value
        elif "shared" not in name and "relative" not in name:
            value = 1.2 * value * parameter.shape[1] ** -0.5
        parameter.data = value
    return model


@pytest.mark.parametrize("name", THEIR_MODELS)
def test_their_models_here(name, tmp_path):
    fields, untied = THEIR_MODELS[name]
    model = their_model(fields, untied)
    model.save_pretrained(tmp_path)
    config, params, _ = load_external(tmp_path)
    assert config.tied_embeddings == (not untied)
    assert config.scale_logits == (name in ("t5_1_0", "untied_scaled"))
    expected = their_logits(model, make_batch())
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(logits(config, params, make_batch()), expected, atol=1e-4)


def test_their_mt5_here(tmp_path):
    model = their_model({}, untied=True, model_class="MT5")
    model.save_pretrained(tmp_path)
    config, params, _ = load_external(tmp_path)
    expected = their_logits(model, make_batch())
    np.testing.assert_allclose(logits(config, params, make_batch()), expected, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        encoder_decoder(),
        encoder_decoder(mlp_activations=("relu",), tied_embeddings=True, scale_logits=True),
        encoder_decoder(mlp_activations=("gelu",), tied_embeddings=True),
        encoder_decoder(mlp_activations=("gelu_exact", "linear"), scale_logits=True),
    ],
)
def test_our_models_there(config, tmp_path):
    params = sharp_params(config)
    export_hf(config, params, tmp_path / "model")
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    expected = logits(config, params, make_batch())
    np.testing.assert_allclose(their_logits(model, make_batch()), expected, atol=1e-4)


@functools.partial(jax.jit, static_argnums=(0, 3))
def our_greedy_ids(config, params, batch, length):
    model = bind(config, params)

    def step(carry, _):
        tokens_B, cache = carry
        logits_BV, cache = model.step(tokens_B, cache)
        tokens_B = jnp.argmax(logits_BV, axis=-1).astype(jnp.int32)
        return (tokens_B, cache), tokens_B

    logits_BV, cache = model.prefill(batch, max_decode_length=length)
    first_B = jnp.argmax(logits_BV, axis=-1).astype(jnp.int32)
    _, rest_TB = jax.lax.scan(step, (first_B, cache), length=length - 1)
    return jnp.concatenate([first_B[None], rest_TB]).T


def test_greedy_outputs(tmp_path):
    # Their cache is sized by the encoder's depth, so here the two stacks are equally deep.
    config = encoder_decoder(num_encoder_layers=3)
    params = sharp_params(config)
    export_hf(config, params, tmp_path / "model")
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    batch = {"encoder_input_tokens": make_batch()["encoder_input_tokens"]}
    inputs = torch.tensor(batch["encoder_input_tokens"], dtype=torch.long)
    model.generation_config.eos_token_id = None
    expected = model.generate(
        input_ids=inputs,
        attention_mask=(inputs > 0).long(),
        max_new_tokens=20,
        do_sample=False,
        num_beams=1,
    )
    result = our_greedy_ids(config, params, batch, 20)
    np.testing.assert_array_equal(result, expected[:, 1:].numpy())
    # An output that repeats one token from the start would prove little.
    assert len(np.unique(result)) > 5


def test_exported_tokenizer_gives_our_ids(tmp_path):
    config = encoder_decoder()
    spec = {"kind": "bytes", "extra_ids": 5}
    export_hf(config, sharp_params(config), tmp_path / "model", vocabulary_spec=spec)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    text = "Zürich: 3 × 4?"
    assert tokenizer(text).input_ids == [*(byte + 3 for byte in text.encode()), 1]
    assert len(tokenizer) == 3 + 256 + 5
