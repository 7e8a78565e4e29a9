"""`t5lite convert` from format to format, without Hugging Face; tests/peers does it with."""

import json
import resource

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from t5lite import cli
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.configuration.flags import make_parser
from t5lite.convert import convert as convert_module
from t5lite.convert import export_hf, load_external, verify
from t5lite.convert.checkpoint_stream import read_leaf
from t5lite.convert.load import open_external
from t5lite.convert.model_folder import open_model_folder
from t5lite.convert.names import stack
from t5lite.convert.source import SpecialIds
from t5lite.initialization.restore import RestoreConfig, open_initial
from t5lite.models.parameters import flatten_names
from t5lite.models.position_config import RelativeBias
from tests.conftest import shared_path
from tests.models.tiny import assert_same_params, encoder_decoder, family, sharp_params

# As many rows as bytes have ids, and some for padding.
ROWS = 264
T5 = encoder_decoder(vocab_size=ROWS, positions=RelativeBias())
LLAMA = family(
    "llama",
    vocab_size=ROWS,
    d_model=24,
    initializer="normal",
)


def run(*words):
    return cli.main(["convert", *map(str, words)])


def convert(*words):
    assert run(*words, "--noverify") == 0


@pytest.fixture
def llama(tmp_path):
    """A Hugging Face folder with a vocabulary of bytes, its config, its parameters."""
    params = sharp_params(LLAMA)
    folder = tmp_path / "llama"
    ids = SpecialIds(bos=1, eos=2)
    export_hf(LLAMA, params, folder, special_ids=ids)
    return folder, params


@pytest.fixture
def t5(tmp_path):
    params = sharp_params(T5)
    export_hf(T5, params, tmp_path / "t5", vocabulary_spec={"kind": "bytes", "extra_ids": 5})
    return tmp_path / "t5", params


def test_a_decoder_becomes_a_model_folder_and_comes_back(llama, tmp_path, capsys):
    folder, params = llama
    convert(folder, tmp_path / "ours", "--vocabulary=bytes:5")
    printed = capsys.readouterr().out
    assert "llama: hf, llama, " in printed and "To t5lite: " in printed
    assert "Not verified: --noverify was given." in printed
    model = load_model_dir(tmp_path / "ours")
    assert model.config == LLAMA
    # config.json names a BOS; bytes have none, and no tokenizer says otherwise.
    assert (model.converter.architecture, model.converter.prompt_prefix) == ("decoder_only", ())
    assert (model.converter.prompt_suffix, model.converter.targets_suffix) == ((), (1,))
    assert model.converter.task_feature_lengths == {"inputs": 1536, "targets": 512}
    assert model.vocabulary.extra_ids == 5
    assert_same_params(model.params, params)

    convert(tmp_path / "ours", tmp_path / "back")
    assert "To hf: " in capsys.readouterr().out
    config, again, _ = load_external(tmp_path / "back")
    assert config == LLAMA
    assert_same_params(again, params)
    # Not those of the bytes, which the vocabulary has: the model's own are remembered.
    record = json.loads((tmp_path / "back" / "generation_config.json").read_text())
    assert record == {"bos_token_id": 1, "eos_token_id": 2}


def test_a_model_is_for_as_long_texts_as_is_said(llama, tmp_path, capsys):
    folder, _ = llama
    convert(folder, tmp_path / "ours", "--vocabulary=bytes:5", "--context_length=96")
    lengths = load_model_dir(tmp_path / "ours").converter.task_feature_lengths
    assert lengths == {"inputs": 72, "targets": 24}
    convert(tmp_path / "ours", tmp_path / "back")
    assert (
        json.loads((tmp_path / "back" / "config.json").read_text())["max_position_embeddings"] == 96
    )
    opt = family("opt", vocab_size=ROWS, d_model=24, num_heads=6, d_kv=4, norm_epsilon=1e-5)
    export_hf(opt, sharp_params(opt), tmp_path / "opt", special_ids=SpecialIds(bos=1, eos=2))
    flags = ("--vocabulary=bytes:5", "--context_length=4096", "--noverify")
    assert run(tmp_path / "opt", tmp_path / "longer", *flags) == 2
    assert "--context_length is 4096, and the model has learned " in capsys.readouterr().err


def test_an_encoder_decoder_takes_its_tokenizer_along(t5, tmp_path):
    folder, params = t5
    convert(folder, tmp_path / "ours")
    model = load_model_dir(tmp_path / "ours")
    assert model.vocabulary.spec() == {"kind": "bytes", "extra_ids": 5}
    assert (model.converter.architecture, model.converter.prompt_prefix) == ("encoder_decoder", ())
    assert (model.converter.prompt_suffix, model.converter.targets_suffix) == ((1,), (1,))
    assert model.converter.task_feature_lengths == {"inputs": 512, "targets": 128}
    assert_same_params(model.params, params)
    convert(folder, tmp_path / "again", "--to=hf")
    for name in ("tokenizer_config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_t5x_out_and_in(t5, tmp_path):
    folder, params = t5
    convert(folder, tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "t5x", "--to=t5x")
    assert (tmp_path / "t5x" / "checkpoint_0" / "checkpoint").is_file()
    convert(tmp_path / "t5x", tmp_path / "again", "--to=hf", "--vocabulary=bytes:5")
    assert_same_params(load_external(tmp_path / "again")[1], params)
    convert(tmp_path / "t5x", tmp_path / "last", "--vocabulary=bytes:5")
    assert_same_params(load_model_dir(tmp_path / "last").params, params)


def test_an_mt5_goes_back_as_one(t5, tmp_path):
    folder, _ = t5
    record = json.loads((folder / "config.json").read_text()) | {"model_type": "mt5"}
    (folder / "config.json").write_text(json.dumps(record))
    convert(folder, tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "back")
    record = json.loads((tmp_path / "back" / "config.json").read_text())
    assert (record["model_type"], record["architectures"]) == (
        "mt5",
        ["MT5ForConditionalGeneration"],
    )


@pytest.mark.parametrize("target", ["hf", "t5lite"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_types(llama, tmp_path, target, dtype):
    folder, params = llama
    narrow = np.dtype(getattr(ml_dtypes, dtype, dtype))
    convert(folder, tmp_path / "new", f"--to={target}", f"--dtype={dtype}", "--vocabulary=bytes:5")
    record = json.loads((tmp_path / "new" / "conversion.json").read_text())
    assert record["target"] == {"format": target, "dtypes": [dtype]}
    count = sum(leaf.size for leaf in flatten_names(params).values())
    assert (record["num_parameters"], record["num_bytes"]) == (count, 2 * count)
    if target == "hf":
        tensors = load_file(tmp_path / "new" / "model.safetensors")
        assert {tensor.dtype for tensor in tensors.values()} == {narrow}
        assert json.loads((tmp_path / "new" / "config.json").read_text())["dtype"] == dtype
        again = load_external(tmp_path / "new")[1]
    else:
        source = open_model_folder(tmp_path / "new")
        assert {array.dtype for array in source.arrays.values()} == {narrow}
        again = load_model_dir(tmp_path / "new").params
        assert_same_params(stack(source.arrays), again)
    rounded = {k: v.astype(narrow).astype(np.float32) for k, v in flatten_names(params).items()}
    assert_same_params(again, rounded)
    # The type is kept from here on.
    convert(tmp_path / "new", tmp_path / "newer", "--to=hf")
    tensors = load_file(tmp_path / "newer" / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {narrow}


def test_what_float16_cannot_hold_is_reported(llama, tmp_path, capsys):
    _, params = llama
    params["decoder"]["layers"]["mlp"]["wo"]["kernel"][1, 2, 3] = -7e4
    export_hf(LLAMA, params, tmp_path / "large")
    assert run(tmp_path / "large", tmp_path / "new", "--to=hf", "--dtype=float16") == 2
    message = "decoder/layers/mlp/wo/kernel holds 7e+04, more than float16 can (65504)"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_shards(llama, tmp_path):
    folder, params = llama
    convert(folder, tmp_path / "new", "--to=hf", "--max_shard_size=20KB")
    files = sorted(file.name for file in (tmp_path / "new").glob("*.safetensors"))
    assert files[0] == f"model-00001-of-{len(files):05}.safetensors"
    assert all((tmp_path / "new" / name).stat().st_size < 30_000 for name in files)
    assert_same_params(load_external(tmp_path / "new")[1], params)


def test_a_run_starts_from_a_converted_folder(t5, tmp_path):
    import jax

    from t5lite.training.state import TrainState

    folder, params = t5
    convert(folder, tmp_path / "ours")
    description = ModelDescription.load(tmp_path / "ours")
    fresh = jax.tree.map(lambda leaf: jax.numpy.zeros_like(leaf), params)
    state = TrainState(step=jax.numpy.zeros((), int), params=fresh, opt_state=())
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    initial = open_initial(RestoreConfig(path=str(tmp_path / "ours")))
    initial.check_model(description.model)
    restored = initial.restore_into(state, jax.tree.map(lambda _: device, state))
    assert_same_params(restored.params, params)


def test_optimizer_state_goes_along_between_t5x_and_ours(tmp_path):
    tiny = shared_path("weights", "t5x_testdata", "test_t5_tiny.checkpoint_0")
    convert(tiny, tmp_path / "ours", "--vocabulary=bytes", "--optimizer_state")
    row = read_leaf(tmp_path / "ours", 0, "opt_state/v/encoder/encoder_norm/scale")
    assert row.shape == (8,)
    convert(tmp_path / "ours", tmp_path / "t5x", "--to=t5x", "--optimizer_state")
    convert(tmp_path / "t5x", tmp_path / "again", "--vocabulary=bytes", "--optimizer_state")
    names = [
        f"opt_state/{name}"
        for name in ("step", "v/token_embedder/embedding", "v/encoder/encoder_norm/scale")
    ]
    for name in names:
        if name != "opt_state/v/token_embedder/embedding":
            np.testing.assert_array_equal(
                read_leaf(tmp_path / "ours", 0, name), read_leaf(tmp_path / "again", 0, name)
            )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tmp}/nowhere", "{tmp}/new"], "nowhere does not exist"),
        (["{tmp}/empty", "{tmp}/new"], "Looked for: t5lite.json (a t5lite model folder); config"),
        (["{llama}", "{llama}"], "llama is there already and not empty"),
        (["{llama}", "{llama}/config.json"], "config.json is there already and no folder"),
        (["{llama}", "{tmp}/new"], "holds no tokenizer, and a t5lite model folder needs one"),
        (["{llama}", "{tmp}/new", "--vocabulary=bytes:9"], "268 ids, but the model's embedding"),
        (["{llama}", "{tmp}/new", "--to=t5x"], "T5X's networks cannot be this model"),
        (
            ["{llama}", "{tmp}/new", "--to=hf", "--step=3"],
            "--step chooses a checkpoint of a t5lite",
        ),
        (["{llama}", "{tmp}/new", "--to=hf", "--optimizer_state"], "has no place for"),
        (
            ["{llama}", "{tmp}/new", "--vocabulary=bytes", "--optimizer_state"],
            "holds no optimizer state",
        ),
        (["{ours}", "{tmp}/new", "--step=3"], "has no checkpoint of step 3; it has [0]"),
        (
            ["{ours}", "{tmp}/new", "--context_length=9"],
            "is a t5lite model folder, made for other lengths",
        ),
        (["{ours}", "{tmp}/new", "--to=t5x", "--optimizer_state"], "holds no optimizer state"),
    ],
)
def test_mistakes_are_reported_and_leave_nothing(words, message, llama, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    if "{ours}" in words:
        convert(llama[0], tmp_path / "ours", "--vocabulary=bytes")
    before = sorted(tmp_path.iterdir())
    places = {"tmp": tmp_path, "llama": llama[0], "ours": tmp_path / "ours"}
    assert run(*(word.format(**places) for word in words), "--noverify") == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("to", ["t5lite", "hf"])
def test_a_conversion_onto_a_full_disk_leaves_nothing(to, llama, tmp_path, capsys):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        status = run(llama[0], tmp_path / "new", f"--to={to}", "--vocabulary=bytes", "--noverify")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(
        f"t5lite convert: error: {tmp_path}/new: No space left on device. Free some space"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["llama"]


def test_an_empty_folder_may_be_there(llama, tmp_path):
    (tmp_path / "new").mkdir()
    convert(llama[0], tmp_path / "new", "--to=hf")
    assert (tmp_path / "new" / "config.json").is_file()


@pytest.mark.parametrize("size", ["5", "0MB", "5XB", "GB", "1.5GB"])
def test_sizes_that_are_none_are_reported(size, capsys):
    if size == "5":
        assert make_parser().parse_args(["convert", "a", "b", "--max_shard_size=5"])
        return
    with pytest.raises(SystemExit):
        make_parser().parse_args(["convert", "a", "b", f"--max_shard_size={size}"])
    assert "is not a size such as 500MB" in capsys.readouterr().err


def test_sizes():
    parse = make_parser().parse_args
    for text, size in (("5GB", 5 * 10**9), ("2GiB", 2**31), ("7kb", 7000), ("3MiB", 3 * 2**20)):
        assert parse(["convert", "a", "b", f"--max_shard_size={text}"]).max_shard_size == size
    assert parse(["convert", "a", "b"]).max_shard_size == 5 * 10**9


def test_without_the_packages_a_proof_is_skipped_or_refused(llama, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verify, "missing_packages", lambda packages: ["torch"])
    assert run(llama[0], tmp_path / "a", "--to=hf") == 0
    assert "Not verified: torch not installed." in capsys.readouterr().out
    record = json.loads((tmp_path / "a" / "conversion.json").read_text())
    assert record["verification"] == "torch not installed"
    assert run(llama[0], tmp_path / "b", "--to=hf", "--verify") == 2
    assert "--verify cannot be done: torch not installed" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_another_model_is_not_delivered(llama, tmp_path, monkeypatch, capsys):
    verification = convert_module.Verification(difference=0.5, largest_logit=20.0, num_logits=100)
    assert not verification.holds
    monkeypatch.setattr(verify, "missing_packages", lambda packages: [])
    monkeypatch.setattr(convert_module, "verify", lambda *args, **kwargs: verification)
    assert run(llama[0], tmp_path / "new", "--to=hf") == 2
    captured = capsys.readouterr()
    assert "NOT THE SAME MODEL. Largest difference of 100 logits 0.5" in captured.out
    assert "was not kept" in captured.err
    assert not (tmp_path / "new").exists()


def test_when_a_proof_holds():
    def verification(difference, largest):
        return convert_module.Verification(
            difference=difference, largest_logit=largest, num_logits=1
        )

    assert verification(9e-4, 0.1).holds and verification(9e-3, 10.0).holds
    assert not verification(2e-3, 1.0).holds
    assert not verification(float("nan"), 1.0).holds
    assert not verification(1e-6, float("nan")).holds


@pytest.mark.parametrize("target", ["hf", "t5x"])
def test_an_export_is_compared_with_its_hashes_when_it_is_read(t5, tmp_path, monkeypatch, target):
    """And with nothing where the folder says of itself that it is not ours."""
    convert(t5[0], tmp_path / "a", f"--to={target}")
    open_external(tmp_path / "a")
    large = max((p for p in (tmp_path / "a").rglob("*")), key=lambda path: path.stat().st_size)
    content = bytearray(large.read_bytes())
    content[-3] ^= 1
    large.write_bytes(content)
    with pytest.raises(ValueError, match=f"{large} is not what was written.* delete .*hashes.json"):
        open_external(tmp_path / "a")
    monkeypatch.setenv("T5LITE_VERIFY", "off")
    open_external(tmp_path / "a")
    monkeypatch.delenv("T5LITE_VERIFY")
    (tmp_path / "a/hashes.json").write_text('{"someone": "else\'s"}')
    (tmp_path / "a/conversion.json").unlink()
    open_external(tmp_path / "a")
