"""Parameters as a nested dict of float32 arrays, and the model that holds them.

Layers of a stack are stacked: `encoder/layers/mlp/wo/kernel` is [layers, d_ff, d_model], whether
they run scanned or unrolled.
"""

import functools
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.messages.suggest import did_you_mean
from t5lite.models.config import TransformerConfig
from t5lite.models.transformer import Model, build

Params = dict[str, Any]

LORA_NAMES = frozenset({"lora_a", "lora_b"})


def init_params(config: TransformerConfig, key: jax.Array) -> Params:
    """Fresh parameters by the config's initialisers.

    Every parameter's key comes from its name, and every layer's from its index, so neither the
    order of construction nor the depth of the model changes what a layer starts from.

    Args:
      config: The model.
      key: A key made by `jax.random.key`.

    Returns:
      Nested dict of float32 arrays. Under jit with output shardings nothing is made unsharded.
    """
    flat = {}
    for name, param in _parameters(build(config)).items():
        # crc32 is the same on every machine and in every run, which Python's hash is not.
        name_key = jax.random.fold_in(key, zlib.crc32(name.encode()))
        flat[name] = _init_one(param, name_key)
    return unflatten_names(flat)


def param_shapes(config: TransformerConfig) -> Params:
    """Nested dict of `jax.ShapeDtypeStruct`; nothing is allocated."""
    return unflatten_names({name: shape for name, shape, _ in _described(config)})


def param_axes(config: TransformerConfig) -> Params:
    """Nested dict of tuples of logical axis names, one name a dimension.

    The names: layers, embed, narrow_embed, vocab, joined_kv, shared_kv, mlp, relpos_heads,
    relpos_buckets, positions, lora_rank, prompt_tokens, gates.
    """
    return unflatten_names({name: axes for name, _, axes in _described(config)})


def added_names(config: TransformerConfig) -> tuple[str, ...]:
    """Names of the parameters that a model's adapters add to its base."""
    base = flatten_names(param_shapes(config.base))
    return tuple(name for name in flatten_names(param_shapes(config)) if name not in base)


def adapter_names(config: TransformerConfig) -> tuple[str, ...]:
    """Names of the parameters that are the adapters': those added, and those unfrozen of the base.

    They are what is trained, and what the checkpoints of a run hold; none without adapters.

    Raises:
      ValueError: an adapter unfreezes what there is not.
    """
    names = set(added_names(config))
    base = flatten_names(param_shapes(config.base))
    for adapter in config.adapters:
        for pattern in adapter.unfrozen:
            found = [name for name in base if re.search(pattern, name)]
            if not found:
                raise ValueError(
                    f"{type(adapter).__name__}.unfrozen: {pattern!r} matches no parameter of the "
                    f"model.{did_you_mean(pattern, base)}"
                )
            names.update(found)
    return tuple(sorted(names))


def count_params(config: TransformerConfig) -> int:
    """Number of parameters, tied ones once."""
    return sum(shape.size for _, shape, _ in _described(config))


def bind(config: TransformerConfig, params: Params) -> Model:
    """The model holding these values; cheap, call it inside jit.

    Args:
      config: The model.
      params: Nested dict of arrays (or tracers) with the names and shapes of `param_shapes`, or
        what `layer_loop.step_params` makes of it. LoRAs may be those of each row of the batch, as
        `lora_bank.of_rows` gives them.

    Raises:
      ValueError: names are missing or unknown, or shapes differ; all are listed.
    """
    model = build(config)
    wanted = {name: shape.shape for name, shape, _ in _described(config)}
    given = {n: of_one_lora(n, leaf.shape) for n, leaf in flatten_names(params).items()}
    check_names(wanted, given)
    nnx.update(model, params)
    return model


def flatten_names(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dict to `{"encoder/layers/mlp/wo/kernel": leaf}`, sorted by name."""
    flat: dict[str, Any] = {}

    def visit(prefix: str, node: Any) -> None:
        if isinstance(node, Mapping):
            for name, child in node.items():
                visit(f"{prefix}/{name}" if prefix else name, child)
        else:
            flat[prefix] = node

    visit("", tree)
    return dict(sorted(flat.items()))


def unflatten_names(flat: Mapping[str, Any]) -> Params:
    """The inverse of `flatten_names`."""
    tree: Params = {}
    for name, leaf in flat.items():
        *parents, last = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree


def of_one_lora(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A parameter's shape; of several LoRAs side by side (`lora_bank`) that of one."""
    num_own = 3 if "/layers/" in name else 2
    if name.rpartition("/")[2] in LORA_NAMES and len(shape) > num_own:
        return (*shape[:-3], *shape[-2:])
    return tuple(shape)


def only(tree: Mapping[str, Any], names: Iterable[str]) -> Params:
    """Those leaves of a nested dict whose names are given."""
    flat = flatten_names(tree)
    return unflatten_names({name: flat[name] for name in names})


def _init_one(param: nnx.Param, key: jax.Array) -> jax.Array:
    shape = param.get_value().shape
    if param.logical_axes[0] != "layers":
        return param.init_fn(key, shape)

    def init_layer(index: jax.Array) -> jax.Array:
        return param.init_fn(jax.random.fold_in(key, index), shape[1:])

    # Layer by layer: the same numbers as `vmap`'s, and a fifth of its compile time.
    return jax.lax.map(init_layer, jnp.arange(shape[0]))


def _parameters(model: Model) -> dict[str, nnx.Param]:
    """Parameters by name, in the order of names."""
    named = {
        "/".join(map(str, path)): param
        for path, param in nnx.to_flat_state(nnx.state(model, nnx.Param))
    }
    return dict(sorted(named.items()))


@functools.lru_cache(maxsize=32)
def _described(
    config: TransformerConfig,
) -> tuple[tuple[str, jax.ShapeDtypeStruct, tuple[str, ...]], ...]:
    """Name, shape and logical axes of each parameter, kept: each start asks for them often."""
    named = _parameters(build(config)).items()
    return tuple((name, param.get_value(), param.logical_axes) for name, param in named)


def check_names(
    wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]
) -> None:
    """Compares shapes by name with those that a model's config wants.

    Raises:
      ValueError: one is missing, unknown or another; lists them all.
    """
    problems = [f"missing {name} {shape}" for name, shape in wanted.items() if name not in given]
    problems += [f"unknown {name} {shape}" for name, shape in given.items() if name not in wanted]
    problems += [
        f"{name} is {given[name]}, the config says {shape}"
        for name, shape in wanted.items()
        if name in given and tuple(given[name]) != tuple(shape)
    ]
    if problems:
        raise ValueError("parameters do not fit the model's config:\n  " + "\n  ".join(problems))
