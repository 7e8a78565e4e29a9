"""Rows of one batch with a LoRA each are answered as by that LoRA alone."""

import dataclasses

import numpy as np
import pytest

from t5lite.decoding.config import DecodingConfig
from t5lite.models.adapter_config import Lora
from t5lite.models.lora_bank import make_bank
from t5lite.models.parameters import (
    added_names,
    flatten_names,
    only,
    param_shapes,
    unflatten_names,
)
from tests.decoding import tiny

LORAS = (
    Lora(rank=2, alpha=9.0, targets="/query$"),
    Lora(rank=3, alpha=6.0, targets=("/wo$", "/query$")),
)


def with_lora(config, lora, base, seed):
    config = dataclasses.replace(config, adapters=(lora,))
    rng = np.random.default_rng(seed)
    added = {
        name: 0.3 * rng.normal(size=leaf.shape).astype(np.float32)
        for name, leaf in flatten_names(param_shapes(config)).items()
        if name in added_names(config)
    }
    return config, unflatten_names({**flatten_names(base), **added})


def bank_of(models):
    """The config and the parameters of a base with the LoRAs of the models behind it."""
    config, bank = make_bank([(c, only(p, added_names(c))) for c, p in models[1:]])
    return config, unflatten_names({**flatten_names(models[0][1]), **flatten_names(bank)})


def a_base_and_its_loras(converter):
    base = tiny.config(converter)
    models = [(base, tiny.params(base))]
    return models + [with_lora(base, lora, models[0][1], seed=n) for n, lora in enumerate(LORAS)]


def test_each_row_is_as_if_alone():
    """Of an encoder-decoder, test_adapter_run has `infer` do so."""
    converter = "decoder_only"
    models = a_base_and_its_loras(converter)
    config, params = bank_of(models)
    prompts, which = tiny.prompts([4, 7, 3, 6, 5]), [2, 0, 1, 2, 1]
    greedy = DecodingConfig(max_decode_length=5)
    mixed = tiny.decoder(config, converter).generate(params, prompts, config=greedy, adapters=which)
    answers = [tiny.decoder(c, converter).generate(p, prompts, config=greedy) for c, p in models]
    assert len({answers[n][0][0].log_likelihood for n in range(3)}) == 3
    for row, number in enumerate(which):
        found, (alone,) = mixed[row][0], answers[number][row]
        assert np.array_equal(found.tokens, alone.tokens)
        assert found.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-4)


def test_an_index_is_one_of_a_bank():
    """JAX would take the nearest LoRA, or of a model without a bank another layer's."""
    models = a_base_and_its_loras("decoder_only")
    greedy, prompts = DecodingConfig(max_decode_length=2), tiny.prompts([4, 7])
    config, params = bank_of(models)
    decoder = tiny.decoder(config, "decoder_only")
    with pytest.raises(ValueError, match=r"adapters\[1\] is 3, and the bank's LoRAs are 0 to 2"):
        decoder.generate(params, prompts, config=greedy, adapters=[2, 3])
    config, params = models[1]
    decoder = tiny.decoder(config, "decoder_only")
    with pytest.raises(ValueError, match="params hold no bank of LoRAs"):
        decoder.generate(params, prompts, config=greedy, adapters=[0, 1])


def test_only_lora_has_rows():
    config = dataclasses.replace(tiny.config(), adapters=(Lora(unfrozen="token_embedder"),))
    with pytest.raises(ValueError, match=r"nor one that trains.*Lora.unfrozen"):
        make_bank([(config, {})])
