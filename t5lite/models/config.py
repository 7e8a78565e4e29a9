"""`TransformerConfig`: every number and choice that makes one model. A family is a config."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5lite.messages.suggest import did_you_mean

ARCHITECTURES = ("encoder_decoder", "decoder_only")
ACTIVATIONS = ("relu", "gelu", "gelu_exact", "silu", "linear")
DTYPES = ("float32", "bfloat16")
REMAT_POLICIES = ("none", "full", "dots")
NORMS = ("rms", "layer")
NORM_POSITIONS = ("pre", "post")
BLOCKS = ("sequential", "parallel", "parallel_shared_norm")
POSITIONS = ("relative", "rotary", "learned", "none")
INITIALIZERS = ("t5", "normal", "small")

_POSITIVE_FIELDS = (
    "vocab_size",
    "d_model",
    "d_ff",
    "d_kv",
    "num_heads",
    "num_decoder_layers",
    "relative_attention_num_buckets",
    "relative_attention_max_distance",
)

_CHOICES = {
    "architecture": ARCHITECTURES,
    "norm": NORMS,
    "norm_position": NORM_POSITIONS,
    "block": BLOCKS,
    "positions": POSITIONS,
    "initializer": INITIALIZERS,
    "remat": REMAT_POLICIES,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Shapes, numerics and execution choices of one model.

    Attributes:
      architecture: `encoder_decoder`, or `decoder_only` (a causal or prefix language model).
      vocab_size: Rows of the token embedding, padding rows included.
      d_model: Width of the residual stream.
      d_ff: Inner width of the MLP.
      d_kv: Width of one attention head; `num_heads * d_kv` need not equal `d_model`.
      num_heads: Attention heads.
      num_kv_heads: Heads of keys and values, each shared by `num_heads / num_kv_heads` query heads
        (grouped-query attention, arXiv:2305.13245; 1 is multi-query). None: `num_heads`.
      num_encoder_layers: Layers of the encoder; 0 for `decoder_only`.
      num_decoder_layers: Layers of the decoder.
      mlp_activations: One entry for a plain MLP (`("relu",)`, T5 1.0), two for a gated one, where
        the outputs are multiplied (`("gelu", "linear")`, T5 1.1). `gelu` is the tanh
        approximation, as in T5X; `gelu_exact` uses erf.
      attention_bias: Whether the four projections of attention add a bias.
      mlp_bias: Whether the projections of the MLP add a bias.
      scale_attention: Whether queries are divided by sqrt(d_kv). T5 does not (its initialiser
        does); every other family does.
      norm: `rms` (no mean, no bias; T5, LLaMA) or `layer`.
      norm_bias: Whether a `layer` norm adds a bias; PaLM's does not.
      norm_position: `pre` norms the input of each residual branch, and the stack's output. `post`
        norms the sum after it, and nothing more (OPT-350m).
      block: `sequential`, attention then MLP; `parallel`, both from the layer's input, each through
        a norm of its own (GPT-NeoX); `parallel_shared_norm`, both through one (PaLM).
      positions: How a model knows order: `relative` (T5's bias), `rotary` (arXiv:2104.09864,
        the halves of a head rotated against each other), `learned` (a table), or `none`.
      tied_embeddings: Whether the output projection is the token embedding transposed.
      scale_logits: Whether the last hidden states are divided by sqrt(d_model) before the output
        projection. T5 1.0 does (with tied embeddings), T5 1.1 does not.
      relative_attention_num_buckets: Buckets of T5's relative position bias; even.
      relative_attention_max_distance: Distance, in tokens, from which all positions share a bucket.
      relative_bias_per_layer: Whether every layer has a table of its own (umT5), not every stack.
      rotary_fraction: Share of each head, its first part, that is rotated; GPT-NeoX turns 0.25.
      rope_theta: Base of the rotary wavelengths.
      rope_scaling_factor: Positions are divided by it before they are rotated (Position
        Interpolation, arXiv:2306.15595; "linear" scaling in Hugging Face).
      max_positions: Most positions a `learned` table knows.
      position_offset: Unused rows in front of that table; OPT has 2.
      embedding_dim: Width of the token embedding, where linear maps without bias lead from it to
        `d_model` and back (OPT-350m). None: `d_model`.
      initializer: What a fresh model starts from: `t5` (T5X's), `normal` (deviation
        `initializer_range`; GPT-2, OPT, LLaMA), or `small` (deviation sqrt(2 / (5 d_model)), and
        2 / (layers sqrt(d_model)) into the residual stream; GPT-NeoX).
      initializer_range: Standard deviation of `normal`.
      norm_epsilon: Added to the mean square (or the variance) in a norm.
      dropout_rate: Probability of dropping; active only where a dropout key is given.
      dtype: Type of activations and matrix products, `float32` or `bfloat16`. Parameters are
        float32 either way, and so are norms, softmax inputs (see next) and output logits.
      float32_attention_logits: Whether attention logits and softmax are float32 when `dtype` is
        narrower. T5X's default is False.
      scan_layers: Whether a stack runs as one `lax.scan` (fast to compile) or as a Python loop.
        Parameters and results are the same.
      remat: What the backward pass recomputes: `none`, `full` (all of a layer), or `dots` (all but
        the outputs of its weight matrices).
    """

    architecture: str = "encoder_decoder"
    vocab_size: int
    d_model: int
    d_ff: int
    d_kv: int
    num_heads: int
    num_kv_heads: int | None = None
    num_encoder_layers: int
    num_decoder_layers: int
    mlp_activations: tuple[str, ...] = ("gelu", "linear")
    attention_bias: bool = False
    mlp_bias: bool = False
    scale_attention: bool = False
    norm: str = "rms"
    norm_bias: bool = False
    norm_position: str = "pre"
    block: str = "sequential"
    positions: str = "relative"
    tied_embeddings: bool = False
    scale_logits: bool = False
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    relative_bias_per_layer: bool = False
    rotary_fraction: float = 1.0
    rope_theta: float = 10000.0
    rope_scaling_factor: float = 1.0
    max_positions: int | None = None
    position_offset: int = 0
    embedding_dim: int | None = None
    initializer: str = "t5"
    initializer_range: float = 0.02
    norm_epsilon: float = 1e-6
    dropout_rate: float = 0.0
    dtype: str = "float32"
    float32_attention_logits: bool = True
    scan_layers: bool = True
    remat: str = "none"

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        # Gin and JSON give lists.
        object.__setattr__(self, "mlp_activations", tuple(self.mlp_activations))
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        for name in _POSITIVE_FIELDS:
            _check_positive(name, getattr(self, name))
        for name in ("num_kv_heads", "max_positions", "embedding_dim"):
            if getattr(self, name) is not None:
                _check_positive(name, getattr(self, name))
        self._check_layers()
        self._check_attention()
        self._check_positions()
        self._check_mlp()
        self._check_numerics()

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    @property
    def embedding_width(self) -> int:
        """Width of the token embedding."""
        return self.d_model if self.embedding_dim is None else self.embedding_dim

    @property
    def rotary_dim(self) -> int:
        """How many of a head's `d_kv` numbers are rotated."""
        return int(self.d_kv * self.rotary_fraction)

    def _check_layers(self) -> None:
        if self.architecture == "decoder_only" and self.num_encoder_layers != 0:
            raise ValueError(
                "TransformerConfig.num_encoder_layers must be 0 when architecture is "
                f"'decoder_only', got {self.num_encoder_layers}"
            )
        if self.architecture == "encoder_decoder":
            _check_positive("num_encoder_layers", self.num_encoder_layers)
            self._require(
                self.block == "sequential",
                "block must be 'sequential' when architecture is 'encoder_decoder'",
                self.block,
            )
        self._require(
            self.block == "sequential" or self.norm_position == "pre",
            f"norm_position must be 'pre' when block is {self.block!r}",
            self.norm_position,
        )
        self._require(
            not (self.norm_bias and self.norm == "rms"),
            "norm_bias must be False when norm is 'rms', which has none",
            self.norm_bias,
        )

    def _check_attention(self) -> None:
        self._require(
            self.num_heads % self.kv_heads == 0,
            f"num_kv_heads must divide num_heads ({self.num_heads})",
            self.num_kv_heads,
        )

    def _check_positions(self) -> None:
        buckets = self.relative_attention_num_buckets
        # Encoders halve the buckets by direction, and half of those are exact distances.
        self._require(
            buckets % 4 == 0, "relative_attention_num_buckets must be a multiple of 4", buckets
        )
        self._require(
            self.relative_attention_max_distance > buckets // 2,
            "relative_attention_max_distance must exceed half of "
            f"relative_attention_num_buckets ({buckets // 2})",
            self.relative_attention_max_distance,
        )
        self._require(
            not self.relative_bias_per_layer or self.positions == "relative",
            f"relative_bias_per_layer must be False when positions is {self.positions!r}",
            self.relative_bias_per_layer,
        )
        self._require(
            (self.positions == "learned") == (self.max_positions is not None),
            "max_positions is given when positions is 'learned', and only then "
            f"(positions is {self.positions!r})",
            self.max_positions,
        )
        self._require(
            self.position_offset >= 0 and (self.positions == "learned" or not self.position_offset),
            "position_offset must be 0 or more, and 0 unless positions is 'learned'",
            self.position_offset,
        )
        if self.positions == "rotary":
            self._require(
                0.0 < self.rotary_fraction <= 1.0
                and self.rotary_dim >= 2
                and self.rotary_dim % 2 == 0,
                f"rotary_fraction must turn an even number of each head's {self.d_kv} entries",
                self.rotary_fraction,
            )
        for name in ("rope_theta", "rope_scaling_factor", "initializer_range"):
            self._require(getattr(self, name) > 0, f"{name} must be positive", getattr(self, name))

    def _check_mlp(self) -> None:
        if len(self.mlp_activations) not in (1, 2):
            raise ValueError(
                "TransformerConfig.mlp_activations takes one activation (plain) or two (gated), "
                f"got {self.mlp_activations!r}"
            )
        for activation in self.mlp_activations:
            _check_choice("mlp_activations", activation, ACTIVATIONS)

    def _check_numerics(self) -> None:
        if self.dtype == "float16":
            raise ValueError(
                "TransformerConfig.dtype 'float16' is refused: T5's residual stream grows past "
                "float16's largest value (65504) and overflows; use 'bfloat16' or 'float32'"
            )
        _check_choice("dtype", self.dtype, DTYPES)
        if not 0.0 <= self.dropout_rate < 1.0:
            raise ValueError(
                f"TransformerConfig.dropout_rate must be in [0, 1), got {self.dropout_rate}"
            )
        self._require(self.norm_epsilon > 0, "norm_epsilon must be positive", self.norm_epsilon)

    def _require(self, holds: bool, wanted: str, found: object) -> None:
        if not holds:
            raise ValueError(f"TransformerConfig.{wanted}, got {found!r}")

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; `from_dict` reads them back."""
        record = dataclasses.asdict(self)
        record["mlp_activations"] = list(self.mlp_activations)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "TransformerConfig":
        """Builds a config from `to_dict`'s output.

        Raises:
          ValueError: a key is not a field, a field without default is absent, or a value is bad.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in record:
            if key not in fields:
                raise ValueError(
                    f"TransformerConfig has no field {key!r}.{did_you_mean(key, fields)}"
                )
        missing = [
            name
            for name, field in fields.items()
            if name not in record and field.default is dataclasses.MISSING
        ]
        if missing:
            raise ValueError(f"TransformerConfig needs {', '.join(missing)}: not in {dict(record)}")
        return cls(**record)


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(
            f"TransformerConfig.{name} must be one of {', '.join(choices)}; "
            f"got {value!r}.{did_you_mean(str(value), choices)}"
        )


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"TransformerConfig.{name} must be a positive integer, got {value!r}")
