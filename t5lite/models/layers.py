"""Parameters, dropout, and the layers that are not attention.

Shapes: B batch, L length, D d_model, E width of the embedding, F d_ff, V vocabulary,
N tokens (B * L), I and O any widths, R the rank of a LoRA.
"""

import contextlib
import contextvars
import dataclasses
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig

Initializer = Callable[[jax.Array, tuple[int, ...]], jax.Array]
Axes = tuple[str | None, ...]

_placement: contextvars.ContextVar["Placement | None"] = contextvars.ContextVar(
    "placement", default=None
)

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),
    "gelu_exact": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
    "linear": lambda x: x,
}


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a model runs: here on one device; `t5lite.sharding` has those of a mesh.

    Attributes:
      platform: of the devices, as JAX calls it.
    """

    platform: str

    def constrain(self, x: jax.Array, axes: Axes) -> jax.Array:
        """See `constrain`."""
        del axes
        return x

    def num_parts(self, axis: str) -> int:
        """See `num_parts`."""
        del axis
        return 1

    def on_shards(
        self,
        function: Callable[[dict[str, jax.Array]], Any],
        arrays: dict[str, jax.Array],
        *,
        axes: Mapping[str, Axes],
        out_axes: Axes,
    ) -> Any:
        """Calls a function on the part that each device has of its arrays (`jax.shard_map`).

        Args:
          function: From arrays by name to an array, or to a tree of them.
          arrays: What it is called with; where devices do not divide an axis, all have it whole.
          axes: Their logical axes.
          out_axes: Those of each array that it gives.

        Returns:
          What the parts are of.
        """
        del axes, out_axes
        return function(arrays)


@dataclasses.dataclass(frozen=True)
class Initializers:
    """What each kind of parameter of a fresh model starts from; made by `initializers`.

    Attributes:
      embedding: Token and position tables.
      query: The query's kernel.
      attention: The key's and value's kernels.
      attention_out: The kernel that brings attention back to the residual stream.
      mlp_in: Kernels into the MLP, and every other.
      mlp_out: The kernel that brings the MLP back to the residual stream.
    """

    embedding: Initializer
    query: Initializer
    attention: Initializer
    attention_out: Initializer
    mlp_in: Initializer
    mlp_out: Initializer


def initializers(config: TransformerConfig) -> Initializers:
    """The initialisers that `config.initializer` names."""
    normal = jax.nn.initializers.normal
    if config.initializer == "t5":
        dense = jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
        attention = jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")

        def query(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
            return attention(key, shape) / jnp.sqrt(config.d_kv)

        return Initializers(
            embedding=normal(1.0),
            query=attention if config.scale_attention else query,
            attention=attention,
            attention_out=attention,
            mlp_in=dense,
            mlp_out=dense,
        )
    if config.initializer == "small":
        # Nguyen and Salazar (arXiv:1910.05895), and Wang and Komatsuzaki's for GPT-J.
        into = normal((2 / (5 * config.d_model)) ** 0.5)
        out = normal(2 / (config.num_decoder_layers * config.d_model**0.5))
    else:
        into = out = normal(config.initializer_range)
    return Initializers(into, into, into, out, into, out)


def parameter(shape: tuple[int, ...], *, axes: tuple[str, ...], init_fn: Initializer) -> nnx.Param:
    """A float32 parameter that has a shape, logical axes and an initialiser, but no value yet.

    The metadata has names of its own (`logical_axes`, `init_fn`): Flax's own sharding metadata
    would place values on a mesh the moment they are made.
    """
    assert len(shape) == len(axes), f"{len(shape)} dimensions, axes {axes}"
    value = jax.ShapeDtypeStruct(shape, jnp.float32)
    return nnx.Param(value, logical_axes=axes, init_fn=init_fn)


@contextlib.contextmanager
def placing_activations(placement: Placement) -> Iterator[None]:
    """Says where a model runs, while it is traced."""
    token = _placement.set(placement)
    try:
        yield
    finally:
        _placement.reset(token)


def traced_placement() -> Placement:
    """Where a model is traced for: what `placing_activations` says, else JAX's default device."""
    return _placement.get() or Placement(jax.default_backend())


def traced_platform() -> str:
    """The platform that a model is traced for."""
    return traced_placement().platform


def constrain(x: jax.Array, axes: Axes) -> jax.Array:
    """Hints where activations live, by logical names; nothing on one device."""
    return traced_placement().constrain(x, axes)


def num_parts(axis: str) -> int:
    """Into how many parts devices cut a logical axis of activations, where a model is traced."""
    return traced_placement().num_parts(axis)


def split_key(key: jax.Array | None, num: int) -> list[jax.Array | None]:
    """`num` keys from one, or `num` times None where dropout is off."""
    return [None] * num if key is None else list(jax.random.split(key, num))


def dropout(
    x: jax.Array, rate: float, *, key: jax.Array | None, shared_axis: int | None = None
) -> jax.Array:
    """Zeroes a share `rate` of `x` and scales the rest by 1 / (1 - rate).

    Args:
      x: Any array.
      rate: Probability of zeroing.
      key: Random key; None leaves `x` as it is.
      shared_axis: Axis along which one decision holds for all entries, as T5 does over length.

    Returns:
      An array like `x`.
    """
    if key is None or rate == 0.0:
        return x
    shape = list(x.shape)
    if shared_axis is not None:
        shape[shared_axis] = 1
    keep = jax.random.bernoulli(key, 1.0 - rate, shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros((), x.dtype))


def matmul(x: jax.Array, kernel_IO: jax.Array) -> jax.Array:
    """The product of [..., I] and [I, O]."""
    # XLA's CPU backend runs one 2-D product up to a quarter faster than a 3-D one; but rows and
    # lengths that are both parted cannot be one axis where they are.
    if num_parts("length") > 1:
        return x @ kernel_IO
    out_NO = x.reshape(-1, x.shape[-1]) @ kernel_IO
    return out_NO.reshape(*x.shape[:-1], kernel_IO.shape[-1])


def lookup(table_VE: jax.Array, ids_BL: jax.Array) -> jax.Array:
    """Rows of a table [B, L, E]; an id beyond it gives NaN.

    Where the same devices share its width and the rows of a batch, each looks up its part of the
    width for all of their rows, and then they exchange what they found: that is less than the
    table, and so is its gradient.
    """
    x_BLE = jnp.take(table_VE, ids_BL, axis=0)
    x_BLE = constrain(x_BLE, ("lookup_batch", "length", "embed"))
    return constrain(x_BLE, ("batch", "length", "activation_embed"))


class Linear(nnx.Module):
    """A matrix product, and a bias or a LoRA where asked for, computed in `dtype`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        axes: tuple[str, str],
        dtype: str,
        init_fn: Initializer,
        use_bias: bool = False,
    ):
        self.kernel = parameter((in_features, out_features), axes=axes, init_fn=init_fn)
        if use_bias:
            zeros = jax.nn.initializers.zeros
            self.bias = parameter((out_features,), axes=axes[1:], init_fn=zeros)
        self.use_bias = use_bias
        self.dtype = dtype
        self.lora: Lora | None = None
        self.name_key = 0
        self.has_scale_bias = False

    def add_lora(self, lora: Lora, *, name: str) -> None:
        """Adds a LoRA's parameters, one of each layer where those of the kernel are stacked.

        A starts as PEFT's, uniform up to 1 / sqrt(I) (`kaiming_uniform_` with a = sqrt(5)), B at 0.

        Args:
          lora: the LoRA.
          name: of this map, which its dropout depends on.
        """
        *stacked, in_features, out_features = self.kernel.get_value().shape
        *layers, in_axis, out_axis = self.kernel.logical_axes
        uniform = jax.nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
        self.lora_a = parameter(
            (*stacked, in_features, lora.rank),
            axes=(*layers, in_axis, "lora_rank"),
            init_fn=uniform,
        )
        self.lora_b = parameter(
            (*stacked, lora.rank, out_features),
            axes=(*layers, "lora_rank", out_axis),
            init_fn=jax.nn.initializers.zeros,
        )
        self.lora, self.name_key = lora, zlib.crc32(name.encode())

    def add_scale_bias(self) -> None:
        """Adds a scale of what it reads and a bias of what it gives, stacked as the kernel is."""
        *stacked, in_features, out_features = self.kernel.get_value().shape
        *layers, in_axis, out_axis = self.kernel.logical_axes
        ones, zeros = jax.nn.initializers.ones, jax.nn.initializers.zeros
        self.scale_in = parameter((*stacked, in_features), axes=(*layers, in_axis), init_fn=ones)
        self.bias_out = parameter((*stacked, out_features), axes=(*layers, out_axis), init_fn=zeros)
        self.has_scale_bias = True

    def __call__(self, x: jax.Array, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """Maps [..., I] to [..., O].

        Args:
          x: what is mapped.
          dropout_key: of a layer, or a part of it; only a LoRA drops anything, and each something
            else. None for none.
        """
        x = x.astype(self.dtype)
        if self.has_scale_bias:
            x *= self.scale_in[...].astype(self.dtype)
        out = matmul(x, self.kernel[...].astype(self.dtype))
        if self.use_bias:
            out += self.bias[...].astype(self.dtype)
        if self.has_scale_bias:
            out += self.bias_out[...].astype(self.dtype)
        return out if self.lora is None else out + self._low_rank(x, self.lora, dropout_key)

    def _low_rank(self, x: jax.Array, lora: Lora, dropout_key: jax.Array | None) -> jax.Array:
        if dropout_key is not None:
            dropout_key = jax.random.fold_in(dropout_key, self.name_key)
        x = dropout(x, lora.dropout_rate, key=dropout_key)
        a, b = self.lora_a[...].astype(self.dtype), self.lora_b[...].astype(self.dtype)
        if a.ndim == 3:  # those of each row; see `lora_bank`
            x_BLR = jnp.einsum("bli,bir->blr", x, a)
            return jnp.einsum("blr,bro->blo", x_BLR, b) * lora.scale
        return matmul(matmul(x, a), b) * lora.scale


class Norm(nnx.Module):
    """RMSNorm (Zhang and Sennrich, arXiv:1910.07467) or LayerNorm (arXiv:1607.06450)."""

    def __init__(self, config: TransformerConfig):
        shape, axes = (config.d_model,), ("embed",)
        fresh = jax.nn.initializers.zeros if config.norm_adds_one else jax.nn.initializers.ones
        self.scale = parameter(shape, axes=axes, init_fn=fresh)
        if config.norm_bias:
            self.bias = parameter(shape, axes=axes, init_fn=jax.nn.initializers.zeros)
        self.config = config

    def __call__(self, x_BLD: jax.Array) -> jax.Array:
        """Normalises [B, L, D] in float32."""
        dtype = self.config.dtype
        x_BLD = x_BLD.astype(jnp.float32)
        if self.config.norm == "layer":
            x_BLD -= jnp.mean(x_BLD, axis=-1, keepdims=True)
        mean_square_BL1 = jnp.mean(jnp.square(x_BLD), axis=-1, keepdims=True)
        y_BLD = x_BLD * jax.lax.rsqrt(mean_square_BL1 + self.config.norm_epsilon)
        scale = self.scale[...] + 1 if self.config.norm_adds_one else self.scale[...]
        # Cast, then scaled, in T5X's order.
        y_BLD = y_BLD.astype(dtype) * scale.astype(dtype)
        return y_BLD + self.bias[...].astype(dtype) if self.config.norm_bias else y_BLD


class Mlp(nnx.Module):
    """The feed-forward block, plain or gated (Shazeer, arXiv:2002.05202)."""

    def __init__(self, config: TransformerConfig):
        num_inputs = len(config.mlp_activations)
        self.input_names = ("wi",) if num_inputs == 1 else ("wi_0", "wi_1")
        init = initializers(config)
        for name in self.input_names:
            layer = Linear(
                config.d_model,
                config.d_ff,
                axes=("embed", "mlp"),
                dtype=config.dtype,
                init_fn=init.mlp_in,
                use_bias=config.mlp_bias,
            )
            setattr(self, name, layer)
        self.wo = Linear(
            config.d_ff,
            config.d_model,
            axes=("mlp", "embed"),
            dtype=config.dtype,
            init_fn=init.mlp_out,
            use_bias=config.mlp_bias,
        )
        self.activations = config.mlp_activations
        self.dropout_rate = config.dropout_rate

    def __call__(self, x_BLD: jax.Array, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """Maps [B, L, D] to [B, L, D]."""
        h_BLF: jax.Array | None = None
        for name, activation in zip(self.input_names, self.activations, strict=True):
            linear: Linear = getattr(self, name)
            branch_BLF = _ACTIVATIONS[activation](linear(x_BLD, dropout_key=dropout_key))
            h_BLF = branch_BLF if h_BLF is None else h_BLF * branch_BLF
        assert h_BLF is not None
        h_BLF = dropout(h_BLF, self.dropout_rate, key=dropout_key, shared_axis=-2)
        return self.wo(h_BLF, dropout_key=dropout_key)


class Embedding(nnx.Module):
    """The token embedding, and its transpose as an output projection."""

    def __init__(self, config: TransformerConfig):
        shape = (config.vocab_size, config.embedding_width)
        init_fn = initializers(config).embedding
        self.embedding = parameter(shape, axes=("vocab", "embed"), init_fn=init_fn)
        self.dtype = config.dtype
        self.factor = config.d_model**0.5 if config.scale_embeddings else None
        self.num_soft = 0

    def add_soft_prompt(self, num_tokens: int) -> None:
        """Adds the rows of a soft prompt, whose ids are those behind the vocabulary's."""
        shape = (num_tokens, self.embedding.get_value().shape[1])
        # As wide as in Lester et al., arXiv:2104.08691; a run may start from other rows.
        init_fn = jax.nn.initializers.uniform(1.0)
        self.soft_prompt = parameter(
            shape,
            axes=("prompt_tokens", "embed"),
            init_fn=lambda key, shape: init_fn(key, shape) - 0.5,
        )
        self.num_soft = num_tokens

    def __call__(self, tokens_BL: jax.Array) -> jax.Array:
        """Embeds tokens as [B, L, E]; an id outside the vocabulary gives NaN, never a wrong row."""
        table_VE = self.embedding[...].astype(self.dtype)
        if not self.num_soft:
            x_BLE = lookup(table_VE, tokens_BL)
        else:
            row_BL = tokens_BL - table_VE.shape[0]
            is_soft_BL = (row_BL >= 0) & (row_BL < self.num_soft)
            x_BLE = jnp.where(
                is_soft_BL[..., None],
                lookup(self.soft_prompt[...].astype(self.dtype), jnp.where(is_soft_BL, row_BL, 0)),
                lookup(table_VE, jnp.where(is_soft_BL, 0, tokens_BL)),
            )
        return x_BLE if self.factor is None else x_BLE * self.factor

    def attend(self, x_BLE: jax.Array) -> jax.Array:
        """Float32 logits [B, L, V] of every embedding row."""
        return matmul(x_BLE.astype(jnp.float32), self.embedding[...].astype(jnp.float32).T)
