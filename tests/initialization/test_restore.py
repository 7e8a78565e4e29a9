"""A run starts from the model it names: the checkpoint's model is compared with the run's."""

import dataclasses
import operator
import re

import gin
import numpy as np
import pytest

from t5lite.configuration import config
from t5lite.convert import export_hf
from t5lite.convert.convert import convert
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.initialization.restore import RestoreConfig, gin_bindings, open_initial
from t5lite.models.position_config import RelativeBias, Rotary
from t5lite.models.rotary_scaling import LinearScaling
from t5lite.training.duration import parse_duration
from tests.convert import t5x_trees
from tests.convert.test_llama2_c import make_config, meta_tensors, write_version_0
from tests.decoding import model_dirs
from tests.initialization.test_model_differences import replaced
from tests.models.tiny import encoder_decoder, family, sharp_params

T5X = t5x_trees.t5(num_encoder_layers=1, num_decoder_layers=1)
LLAMA = make_config(num_decoder_layers=1, tied_embeddings=False)
T5 = encoder_decoder(positions=RelativeBias())
GPT2 = family("gpt2", d_model=15, num_decoder_layers=1)
NEOX = family("gpt_neox", d_model=33, num_decoder_layers=1)


def write_hf(folder, model, **more):
    export_hf(model, sharp_params(model), folder / "hf", **more)
    return folder / "hf"


def write_t5lite(folder, _):
    model_dirs.save(folder)
    return folder


def write_t5x(folder, model, *, gin="network.T5Config.mlp_activations = ('gelu', 'linear')\n"):
    (folder / "config.gin").write_text(gin)
    target = t5x_trees.separate(sharp_params(model))
    t5x_trees.write_one_file(folder / "checkpoint_7" / "checkpoint", target)
    return folder / "checkpoint_7"


def write_llama2_c(folder, model):
    write_version_0(folder / "model.bin", model, meta_tensors(model, sharp_params(model)))
    return folder / "model.bin"


def write_gguf(folder, model):
    module = pytest.importorskip("tests.convert.test_gguf")
    module.write_gguf(folder / "model.gguf", model, sharp_params(model))
    return folder / "model.gguf"


def write_meta(folder, model):
    module = pytest.importorskip("tests.peers.test_meta_llama")
    tensors = module.meta_tensors(model, sharp_params(model))
    module.write_folder(folder / "meta", model, tensors, num_shards=1)
    return folder / "meta"


ROTARY = {"positions.theta": 77.0, "positions.scaling": LinearScaling(factor=3.0)}
NUMERICS = {"norm_epsilon": 1e-2, "mlp_activations": ("relu", "linear"), "scale_attention": True}
LLAMA_CHANGES = (
    ROTARY | NUMERICS | {"positions.fraction": 0.5, "norm": "layer", "block": "parallel"}
)
LLAMA_CHANGES |= {"scale_attention": False}

# How a source is written, its model, and what of it has no shape, changed.
SOURCES = {
    "hf T5": (write_hf, T5, NUMERICS | {"scale_logits": True, "norm": "layer"}),
    "hf T5, distances": (write_hf, T5, {"positions.max_distance": 64}),
    "hf LLaMA": (write_hf, LLAMA, LLAMA_CHANGES),
    "hf GPT-2": (write_hf, GPT2, {"mlp_activations": ("gelu_exact",), "norm_epsilon": 1e-2}),
    "hf GPT-NeoX": (write_hf, NEOX, ROTARY | {"positions.fraction": 1 / 5, "block": "sequential"}),
    "t5x": (write_t5x, T5X, NUMERICS | {"positions.max_distance": 64}),
    "llama2.c": (write_llama2_c, LLAMA, LLAMA_CHANGES),
    "gguf": (write_gguf, LLAMA, LLAMA_CHANGES),
    "meta_llama": (write_meta, LLAMA, LLAMA_CHANGES),
    "t5lite": (write_t5lite, None, NUMERICS | {"positions.max_distance": 64}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_has_no_shape_is_compared(name, tmp_path):
    write, model, changes = SOURCES[name]
    initial = open_initial(RestoreConfig(path=str(write(tmp_path, model))))
    initial.check_model(model or initial.saved.model)
    run = initial.saved.model
    for field, value in changes.items():
        run = replaced(run, field, value)
    with pytest.raises(ValueError, match="INITIAL_CHECKPOINT_PATH") as error:
        initial.check_model(run)
    for field, value in changes.items():
        theirs = operator.attrgetter(field)(initial.saved.model)
        assert f"  {field}: {theirs!r} in the checkpoint, {value!r} in" in str(error.value)
    # The lines that it shows take everything from the checkpoint.
    lines = re.findall(r"^  (\w+\.\w+ = .*)", str(error.value), re.MULTILINE)
    fields = [field.name for field in dataclasses.fields(run)]
    before = [line for field in fields for line in gin_bindings(run, field)]
    config.parse(bindings=[*before, *lines])
    initial.check_model(gin.get_configurable("TransformerConfig")())


def test_shapes_stand_in_the_same_list(tmp_path):
    initial = open_initial(RestoreConfig(path=str(write_hf(tmp_path, LLAMA))))
    run = dataclasses.replace(LLAMA, vocab_size=99, num_decoder_layers=2, norm_epsilon=1e-3)
    with pytest.raises(ValueError) as error:
        initial.check_model(run)
    for field in ("vocab_size", "num_decoder_layers", "norm_epsilon"):
        assert f"  {field}: " in str(error.value)


@pytest.mark.parametrize("name", ["tied_embeddings", "attention_bias", "norm_bias", "mlp_bias"])
def test_parameters_that_the_run_would_leave_behind_are_no_secret(name, tmp_path):
    model = GPT2 if name != "tied_embeddings" else dataclasses.replace(T5, tied_embeddings=False)
    initial = open_initial(RestoreConfig(path=str(write_hf(tmp_path, model))))
    with pytest.raises(ValueError, match=f"  {name}: "):
        initial.check_model(dataclasses.replace(model, **{name: name == "tied_embeddings"}))


def test_a_t5x_checkpoint_that_does_not_say_its_activations(tmp_path, caplog):
    initial = open_initial(RestoreConfig(path=str(write_t5x(tmp_path, T5X, gin=""))))
    initial.check_model(dataclasses.replace(T5X, mlp_activations=("silu", "linear")))
    assert "does not say its mlp_activations; this run's ('silu', 'linear')" in caplog.text
    # That its MLP is gated, it does say.
    with pytest.raises(ValueError, match="mlp/wi_0"):
        initial.check_model(dataclasses.replace(T5X, mlp_activations=("relu",)))


def test_a_difference_on_purpose_is_let_pass_and_told(tmp_path, caplog):
    path = str(write_hf(tmp_path, LLAMA))
    run = dataclasses.replace(
        LLAMA, positions=Rotary(scaling=LinearScaling(factor=4.0)), norm_epsilon=1e-3
    )
    allowed = RestoreConfig(path=path, allow_differences=("positions.scaling",))
    with pytest.raises(ValueError, match="norm_epsilon") as error:
        open_initial(allowed).check_model(run)
    assert "  positions.scaling" not in str(error.value)
    both = dataclasses.replace(allowed, allow_differences=("positions.scaling", "norm_epsilon"))
    open_initial(both).check_model(run)
    assert (
        "positions.scaling is None in the checkpoint and LinearScaling(factor=4.0) in this run"
        in caplog.text
    )


def test_a_difference_of_shape_cannot_be_allowed_away(tmp_path):
    path = str(write_hf(tmp_path, LLAMA))
    allowing = RestoreConfig(path=path, allow_differences=("vocab_size",))
    with pytest.raises(ValueError, match=r"token_embedder/embedding: \(43, 24\) in the checkpoint"):
        open_initial(allowing).check_model(dataclasses.replace(LLAMA, vocab_size=99))


def test_rules_judge_shapes_and_never_numerics(tmp_path):
    path = str(write_hf(tmp_path, LLAMA))
    remap = [("token_embedder/.*", None), ("decoder/logits_dense/.*", None)]
    initial = open_initial(RestoreConfig(path=path, remap=remap))
    initial.check_model(dataclasses.replace(LLAMA, vocab_size=99))
    with pytest.raises(ValueError, match=r"positions\.theta"):
        initial.check_model(dataclasses.replace(LLAMA, vocab_size=99, positions=Rotary(theta=5.0)))


def test_unknown_differences_are_refused():
    with pytest.raises(ValueError, match=r"'positions.teta'.* Did you mean 'positions.theta'"):
        RestoreConfig(path="/a", allow_differences=("positions.teta",))
    with pytest.raises(ValueError, match="'dtype'"):
        RestoreConfig(path="/a", allow_differences=("dtype",))


def test_the_vocabulary_of_a_hugging_face_folder_is_compared(tmp_path):
    model = dataclasses.replace(T5, vocab_size=264)
    spec = ByteVocabulary(extra_ids=5).spec()
    path = str(write_hf(tmp_path, model, vocabulary_spec=spec))
    open_initial(RestoreConfig(path=path)).check_vocabulary(spec)
    other = ByteVocabulary(extra_ids=0).spec()
    with pytest.raises(ValueError, match="VOCABULARY to the checkpoint's"):
        open_initial(RestoreConfig(path=path)).check_vocabulary(other)
    for remedy in (
        {"remap": [("token_embedder/embedding", None)]},
        {"allow_differences": ("vocabulary",)},
    ):
        open_initial(RestoreConfig(path=path, **remedy)).check_vocabulary(other)


def test_a_source_without_tokenizer_takes_any_vocabulary(tmp_path):
    path = str(write_hf(tmp_path, LLAMA))
    open_initial(RestoreConfig(path=path)).check_vocabulary(ByteVocabulary().spec())


def test_two_kinds_of_file_may_hold_one_vocabulary(tmp_path):
    """A SentencePiece model in the folder, and the tokenizer.json made of it for the run."""
    from t5lite.convert.hf.tokenizer import written_files
    from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
    from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
    from tests.conftest import shared_path

    model_file = shared_path("weights", "stories260k", "tok512.model")
    theirs = SentencePieceVocabulary(str(model_file), extra_ids=0)
    for name, content in written_files(theirs).items():
        (tmp_path / name).write_bytes(content)
    run = HFVocabulary(str(tmp_path / "tokenizer.json"))
    folder = write_hf(
        tmp_path, dataclasses.replace(LLAMA, vocab_size=512), vocabulary_spec=run.spec()
    )
    initial = open_initial(RestoreConfig(path=str(folder)))
    initial.check_vocabulary(run.spec())
    initial.check_vocabulary(theirs.spec())
    with pytest.raises(ValueError, match="mean other tokens"):
        initial.check_vocabulary(SentencePieceVocabulary(str(model_file), extra_ids=9).spec())
    assert np.array_equal(theirs.encode("a b"), run.encode("a b"))


@pytest.mark.parametrize("is_converted", [False, True])
def test_train_steps_above_the_checkpoints_step_are_asked_about(tmp_path, is_converted):
    """T5X's count those of the checkpoint too; so the one of T5X's, and a folder made of it."""
    path = write_t5x(tmp_path, dataclasses.replace(T5X, vocab_size=264))
    if is_converted:
        convert(str(path), tmp_path / "folder", vocabulary="bytes", verified=False)
        path = tmp_path / "folder"
    initial = open_initial(RestoreConfig(path=str(path)))
    for unasked in (7, 3, "30 epochs", "30 examples"):
        initial.check_train_steps(parse_duration(unasked))
    with pytest.raises(ValueError, match=r"TRAIN_STEPS is 9, .* is at step 7") as asked:
        initial.check_train_steps(parse_duration("9 steps"))
    assert "For 2 more steps, as T5X would train, give TRAIN_STEPS = 2; for 9" in str(asked.value)
    meant = dataclasses.replace(initial.config, train_steps_are_relative=True)
    dataclasses.replace(initial, config=meant).check_train_steps(parse_duration(9))


def test_train_steps_of_a_checkpoint_without_steps_are_not_asked_about(tmp_path):
    initial = open_initial(RestoreConfig(path=str(write_hf(tmp_path, T5))))
    initial.check_train_steps(parse_duration(9))
