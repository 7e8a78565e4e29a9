"""The ids, and the scores, that Hugging Face's `generate` gives on the same weights."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest

from t5lite.convert import load_external
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.sequence_generator import SequenceGenerator
from tests.feature_converters import bare
from tests.peers.test_families import CASES, VOCAB_SIZE, their_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

# With outputs of their own: random models whose outputs are their inputs say one token for ever.
MODELS = (
    "t5_untied_scaled",
    "t5_1_1",
    "umt5",
    "gpt2_untied",
    "opt_untied",
    "opt_350m",
    "neox",
    "llama_one_kv_head",
    "mistral",
    "qwen2",
    "gemma",
)
# One of each architecture, for all the settings: what they do is the same in every family.
FEW = ("t5_1_1", "llama_one_kv_head")
LENGTH = 12
EOS = 2
STOP = 7
PROMPT_LENGTHS = (9, 3, 14, 1)

BEAM = {"strategy": "beam", "num_beams": 4, "length_penalty_style": "hugging_face"}
# Our settings, and what they are called there.
SETTINGS = {
    "greedy": ({}, {}),
    "greedy_two_ends": ({"stop_ids": (STOP,)}, {"eos_token_id": [EOS, STOP]}),
    "greedy_min_length": ({"min_decode_length": 8}, {"min_new_tokens": 8}),
    "beam": (BEAM, {"num_beams": 4}),
    "beam_n_best": (
        BEAM | {"num_return_sequences": 3, "length_penalty": 2.0},
        {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 2.0},
    ),
    "beam_short": (
        BEAM | {"num_beams": 2, "length_penalty": -0.5, "stop_ids": (STOP,)},
        {"num_beams": 2, "length_penalty": -0.5, "eos_token_id": [EOS, STOP]},
    ),
    "beam_min_length": (BEAM | {"min_decode_length": 6}, {"num_beams": 4, "min_new_tokens": 6}),
}


@functools.cache
def _models(name, folder):
    case = CASES[name]
    if case.kind == "T5":
        # Their cache has as many layers as the encoder.
        fields = case.fields | {"num_decoder_layers": case.fields["num_layers"]}
        case = dataclasses.replace(case, fields=fields)
    model = their_model(case)
    # Ends more often than one token in 83, so that searches have something to compare.
    head = model.get_output_embeddings().weight
    with torch.no_grad():
        head[EOS] *= 1.5
    model.save_pretrained(folder)
    config, params, _ = load_external(folder)
    return model, config, params


@pytest.fixture
def models(request, tmp_path_factory):
    root = tmp_path_factory.getbasetemp() / f"decoding_{request.param}"
    return _models(request.param, root)


def _prompts(lengths):
    """Id 0 is a token of some, but padding of an encoder; 2 and 7 are ends."""
    rng = np.random.default_rng(0)
    return [rng.integers(8, VOCAB_SIZE, length).astype(np.int32) for length in lengths]


def _theirs(model, prompts, **settings):
    """Answers without ends, a list an input, and the scores of a beam search."""
    longest = max(map(len, prompts))
    on_the_left = not model.config.is_encoder_decoder
    rows, masks = [], []
    for prompt in prompts:
        padding = [0] * (longest - len(prompt))
        real = [1] * len(prompt)
        rows.append([*padding, *prompt] if on_the_left else [*prompt, *padding])
        masks.append([*padding, *real] if on_the_left else [*real, *padding])
    settings = {"eos_token_id": EOS} | settings
    ends = np.atleast_1d(settings["eos_token_id"]).tolist()
    with torch.no_grad():
        output = model.generate(
            input_ids=torch.tensor(np.array(rows)).long(),
            attention_mask=torch.tensor(masks),
            max_new_tokens=LENGTH,
            do_sample=False,
            pad_token_id=EOS,
            return_dict_in_generate=True,
            output_scores=True,
            **settings,
        )
    answers = output.sequences[:, 1 if model.config.is_encoder_decoder else longest :].tolist()
    cut = []
    for answer in answers:
        places = [place for place, token in enumerate(answer) if token in ends]
        cut.append(answer[: places[0]] if places else answer)
    count = len(answers) // len(prompts)
    grouped = [cut[start : start + count] for start in range(0, len(cut), count)]
    scores = getattr(output, "sequences_scores", None)
    return grouped, None if scores is None else scores.numpy().reshape(-1, count)


def _ours(config, params, prompts, **settings):
    decoder = SequenceGenerator(
        config,
        converter=bare(config.architecture),
        eos_ids=(EOS,),
        batch_size=len(prompts),
    )
    decoding = DecodingConfig(max_decode_length=LENGTH, **settings)
    found = decoder.generate(params, prompts, config=decoding)
    answers = [[answer.tokens.tolist() for answer in answers] for answers in found]
    return answers, np.array([[answer.score for answer in answers] for answers in found])


@pytest.mark.parametrize(
    ("models", "setting"),
    [
        *((model, setting) for model in FEW for setting in SETTINGS),
        # That a family's steps, and its branches, are its forward pass is tests/models/'s.
        *zip([model for model in MODELS if model not in FEW], itertools.cycle(("beam", "greedy"))),
    ],
    indirect=["models"],
)
def test_same_ids_for_prompts_of_unequal_length(models, setting):
    model, config, params = models
    ours, theirs = SETTINGS[setting]
    prompts = _prompts(PROMPT_LENGTHS)
    expected, scores = _theirs(model, prompts, **theirs)
    found, found_scores = _ours(config, params, prompts, **ours)
    assert found == expected
    if scores is not None:
        np.testing.assert_allclose(found_scores, scores, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("models", FEW, indirect=True)
@pytest.mark.parametrize("setting", ["greedy", "beam"])
def test_same_ids_with_repetition_penalty(models, setting):
    """Prompts of one length: padding would be penalised there."""
    model, config, params = models
    ours, theirs = SETTINGS[setting]
    prompts = _prompts([6, 6, 6])
    expected, _ = _theirs(model, prompts, repetition_penalty=1.3, **theirs)
    found, _ = _ours(config, params, prompts, repetition_penalty=1.3, **ours)
    assert found == expected
    assert found != _ours(config, params, prompts, **ours)[0]
