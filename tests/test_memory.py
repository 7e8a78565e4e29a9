"""What is counted before anything is allocated, and what is said where it does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite import memory
from t5lite.decoding import compiled
from t5lite.decoding.config import DecodingConfig
from t5lite.models.parameters import bind, param_shapes
from t5lite.training.cross_entropy import CrossEntropy
from tests.decoding import tiny

CONVERTERS = ("encoder_decoder", "decoder_only")


def prompt_shapes(converter, batch_size, length):
    tokens = jax.ShapeDtypeStruct((batch_size, length), jnp.int32)
    if converter == "encoder_decoder":
        return {"encoder_input_tokens": tokens}
    lengths = jax.ShapeDtypeStruct((batch_size,), jnp.int32)
    return {"decoder_input_tokens": tokens, "prompt_lengths": lengths}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("converter", CONVERTERS)
def test_cache_and_logits_are_those_of_the_model(converter, dtype):
    config = tiny.config(converter, dtype=dtype, num_kv_heads=1)
    batch_size, length, branches, decode_length = 3, 7, 4, 5
    new = 1 + branches * (decode_length - 1)
    logits, cache = jax.eval_shape(
        lambda params, batch: bind(config, params).prefill(batch, max_decode_length=new),
        param_shapes(config),
        prompt_shapes(converter, batch_size, length),
    )
    held = {name: x for name, x in cache.items() if name.endswith(("_key", "_value"))}
    moments = memory.generation_moments(
        config,
        batch_size=batch_size,
        prompt_length=length,
        num_branches=branches,
        decode_length=decode_length,
    )
    assert moments[-1]["keys and values"] == memory.tree_bytes(held)
    assert moments[-1]["logits"] == memory.tree_bytes(logits) * branches


@pytest.mark.parametrize(
    ("implementation", "length", "prefix_length", "counts"),
    [
        ("xla", 2048, 0, True),
        ("auto", 512, 0, True),
        ("auto", 2048, 0, False),
        ("blocked", 512, 0, False),
        ("blocked", 512, 64, True),
    ],
)
def test_attention_counts_where_all_its_logits_are_there(
    implementation, length, prefix_length, counts
):
    config = tiny.config("decoder_only", attention_implementation=implementation)
    prompts = {"batch_size": 3, "prompt_length": length, "prefix_length": prefix_length}
    reads, _ = memory.generation_moments(config, **prompts, num_branches=1, decode_length=1)
    size = 4 * 3 * config.num_heads * length * (prefix_length + length)
    assert reads.get("attention logits", 0) == counts * size


def test_logits_count_as_the_loss_is_computed():
    def held(objective):
        num_chunks = objective.num_chunks((64, 512), config.vocab_size)
        rows = {"batch_size": 64, "capacities": (8, 512), "num_logits_chunks": num_chunks}
        return memory.forward_moments(config, **rows)[-1]["logits"]

    config = tiny.config(vocab_size=250_112)
    assert held(CrossEntropy(num_logits_chunks=1)) == 4 * 64 * 512 * config.vocab_size
    assert held(CrossEntropy()) <= 256 << 20


def test_what_one_device_holds_of_a_sharded_tree_is_counted():
    mesh = jax.make_mesh((1,), ("data",))
    spec = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    shapes = [jax.ShapeDtypeStruct((8, 2), jnp.bfloat16, sharding=spec), np.zeros(3, np.int32)]
    assert memory.tree_bytes(shapes) == 8 * 2 * 2 + 3 * 4


def test_this_machine_has_some_memory_left():
    assert 1 << 20 < memory.host_free().num_bytes < 1 << 60


def test_limits_of_control_groups_count(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    assert 500 in memory._cgroups_free()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroups_free() == []


@pytest.mark.parametrize(
    ("num_bytes", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (3 << 39, "1.5 TiB")],
)
def test_bytes_are_readable(num_bytes, shown):
    assert memory.readable(num_bytes) == shown


def nothing_is_compiled(*_, **__):
    raise AssertionError("compiled before it was counted")


@pytest.mark.parametrize(
    ("decoding", "named"),
    [
        ({"strategy": "beam", "num_beams": 40, "max_decode_length": 10**9}, "--num_beams"),
        (
            {"strategy": "sample", "num_return_sequences": 10**9},
            r"--num_return_sequences\), 1000000000",
        ),
        ({"max_decode_length": 2 * 10**9}, r"--max_decode_length\), 2000000000"),
    ],
)
@pytest.mark.parametrize("converter", CONVERTERS)
def test_generation_is_counted_before_it_is_compiled(converter, decoding, named, monkeypatch):
    for function in ("functions", "prepare"):
        monkeypatch.setattr(compiled, function, nothing_is_compiled)
    config = tiny.config(converter)
    decoder = tiny.decoder(config, converter)
    with pytest.raises(ValueError, match=rf"at the least \(.* left\. .*{named}"):
        decoder.generate(tiny.params(config), tiny.prompts([4]), config=DecodingConfig(**decoding))


@pytest.mark.parametrize("converter", CONVERTERS)
def test_batches_are_counted_before_they_are_compiled(converter, monkeypatch):
    for function in ("functions", "prepare", "rank_fn"):
        monkeypatch.setattr(compiled, function, nothing_is_compiled)
    monkeypatch.setattr(memory, "host_free", lambda: memory.Free(1000, "this machine"))
    config, prompts = tiny.config(converter), tiny.prompts([4] * 8)
    decoder = tiny.decoder(config, converter, batch_size=8)
    with pytest.raises(ValueError, match=r"--eval_batch_size\), 8"):
        decoder.generate(tiny.params(config), prompts, config=DecodingConfig())
    with pytest.raises(ValueError, match=r"--eval_batch_size\), 8"):
        decoder.score(tiny.params(config), prompts, prompts)


def test_what_just_fits_is_not_refused(monkeypatch):
    held = {"logits": 100}
    monkeypatch.setattr(memory, "host_free", lambda: memory.Free(110, "this machine"))
    memory.check([held], mesh=None, held={"parameters": 10}, what="it", remedy="Lower it.")
    with pytest.raises(ValueError, match=r"it needs 111 bytes .*parameters 11 bytes, logits"):
        memory.check([held], mesh=None, held={"parameters": 11}, what="it", remedy="Lower it.")
