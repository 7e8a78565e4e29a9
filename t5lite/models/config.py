"""`TransformerConfig`: every number and choice that makes one model. A family is a config."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5lite.suggest import did_you_mean

ARCHITECTURES = ("encoder_decoder", "decoder_only")
ACTIVATIONS = ("relu", "gelu", "gelu_exact", "silu", "linear")
DTYPES = ("float32", "bfloat16")
REMAT_POLICIES = ("none", "full", "dots")

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
      num_encoder_layers: Layers of the encoder; 0 for `decoder_only`.
      num_decoder_layers: Layers of the decoder.
      mlp_activations: One entry for a plain MLP (`("relu",)`, T5 1.0), two for a gated one, where
        the outputs are multiplied (`("gelu", "linear")`, T5 1.1). `gelu` is the tanh
        approximation, as in T5X; `gelu_exact` uses erf.
      tied_embeddings: Whether the output projection is the token embedding transposed.
      scale_logits: Whether the last hidden states are divided by sqrt(d_model) before the output
        projection. T5 1.0 does (with tied embeddings), T5 1.1 does not.
      relative_attention_num_buckets: Buckets of T5's relative position bias; even.
      relative_attention_max_distance: Distance, in tokens, from which all positions share a bucket.
      norm_epsilon: Added to the mean square in RMSNorm.
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
    num_encoder_layers: int
    num_decoder_layers: int
    mlp_activations: tuple[str, ...] = ("gelu", "linear")
    tied_embeddings: bool = False
    scale_logits: bool = False
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
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
        _check_choice("architecture", self.architecture, ARCHITECTURES)
        for name in _POSITIVE_FIELDS:
            _check_positive(name, getattr(self, name))
        self._check_layers()
        self._check_mlp()
        self._check_numerics()

    def _check_layers(self) -> None:
        if self.architecture == "decoder_only" and self.num_encoder_layers != 0:
            raise ValueError(
                "TransformerConfig.num_encoder_layers must be 0 when architecture is "
                f"'decoder_only', got {self.num_encoder_layers}"
            )
        if self.architecture == "encoder_decoder":
            _check_positive("num_encoder_layers", self.num_encoder_layers)
        buckets = self.relative_attention_num_buckets
        # Encoders halve the buckets by direction, and half of those are exact distances.
        if buckets % 4 != 0:
            raise ValueError(
                "TransformerConfig.relative_attention_num_buckets must be a multiple of 4, "
                f"got {buckets}"
            )
        if self.relative_attention_max_distance <= buckets // 2:
            raise ValueError(
                "TransformerConfig.relative_attention_max_distance must exceed half of "
                f"relative_attention_num_buckets ({buckets // 2}), "
                f"got {self.relative_attention_max_distance}"
            )

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
        _check_choice("remat", self.remat, REMAT_POLICIES)
        if not 0.0 <= self.dropout_rate < 1.0:
            raise ValueError(
                f"TransformerConfig.dropout_rate must be in [0, 1), got {self.dropout_rate}"
            )
        if self.norm_epsilon <= 0:
            raise ValueError(
                f"TransformerConfig.norm_epsilon must be positive, got {self.norm_epsilon}"
            )

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
