"""`TransformerConfig`: every number and choice that makes one model. A family is a config."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from t5lite.messages.ranges import NumLayers, NumLayersOrNone, Positive, Rate, Size
from t5lite.messages.value_types import check_numbers, check_type
from t5lite.models import nested_config
from t5lite.models.adapter_config import Adapter, PromptTuning
from t5lite.models.checks import check_choice, require
from t5lite.models.position_config import Learned, Positions, RelativeBias, Rotary, from_flat
from t5lite.models.rotary_scaling import LengthScaling

ARCHITECTURES = ("encoder_decoder", "decoder_only")
ACTIVATIONS = ("relu", "gelu", "gelu_exact", "silu", "linear")
DTYPES = ("float32", "bfloat16")
REMAT_POLICIES = ("none", "full", "dots")
NORMS = ("rms", "layer")
NORM_POSITIONS = ("pre", "post")
BLOCKS = ("sequential", "parallel", "parallel_shared_norm")
ATTENTION_IMPLEMENTATIONS = ("auto", "xla", "blocked", "cudnn", "pallas")
INITIALIZERS = ("t5", "normal", "small")

_CHOICES = {
    "architecture": ARCHITECTURES,
    "norm": NORMS,
    "norm_position": NORM_POSITIONS,
    "block": BLOCKS,
    "initializer": INITIALIZERS,
    "remat": REMAT_POLICIES,
    "attention_implementation": ATTENTION_IMPLEMENTATIONS,
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
      attention_window: How many keys a token sees, its own and those before it (sliding window
        attention; Mistral), in decoder-only models. None for all.
      qkv_clip: Queries, keys and values are clipped to this, and to minus this, as they come out of
        their projections (MPT's `clip_qkv`). None for not at all.
      attention_bias: Whether the four projections of attention add a bias.
      attention_out_bias: Whether the last of them adds it too, where the others do; Qwen 2's does
        not.
      mlp_bias: Whether the projections of the MLP add a bias.
      scale_attention: Whether queries are divided by sqrt(d_kv). T5 does not (its initialiser
        does); every other family does.
      norm: `rms` (no mean, no bias; T5, LLaMA) or `layer`.
      norm_bias: Whether a `layer` norm adds a bias; PaLM's does not.
      norm_adds_one: Whether a norm multiplies by 1 plus its `scale` (Gemma).
      norm_position: `pre` norms the input of each residual branch, and the stack's output. `post`
        norms the sum after it, and nothing more (OPT-350m).
      block: `sequential`, attention then MLP; `parallel`, both from the layer's input, each through
        a norm of its own (GPT-NeoX); `parallel_shared_norm`, both through one (PaLM).
      positions: How a model knows order: `RelativeBias(...)`, `Alibi(...)`, `Rotary(...)`,
        `Learned(...)`, or None for a model that does not.
      tied_embeddings: Whether the output projection is the token embedding transposed.
      scale_logits: Whether the last hidden states are divided by sqrt(d_model) before the output
        projection. T5 1.0 does (with tied embeddings), T5 1.1 does not.
      scale_embeddings: Whether embedded tokens are multiplied by sqrt(d_model) (Gemma).
      embedding_norm: Whether embedded tokens are normed before the first layer (BLOOM).
      embedding_dim: Width of the token embedding, where linear maps without bias lead from it to
        `d_model` and back (OPT-350m), in decoder-only models. None: `d_model`.
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
      scan_layers: Whether a stack runs as one `lax.scan` (fast to compile) or as a Python loop
        (faster on a CPU). None: by a loop on a CPU, by a scan elsewhere. Parameters and results
        are the same, up to rounding.
      remat: What the backward pass recomputes: `none`, `full` (all of a layer), or `dots` (all but
        the outputs of its weight matrices).
      attention_implementation: What computes attention over whole texts (docs/attention.md): `xla`
        holds the weights of all pairs, `blocked` of one block at a time, `cudnn` and `pallas` are
        kernels of a GPU and a TPU. `auto` takes what suits the devices and the lengths.
      adapters: What is added to the model, to be trained in its place: `(Lora(...),)`
        (docs/adapters.md). The model without them is `base`.
    """

    architecture: str = "encoder_decoder"
    vocab_size: Size
    d_model: Size
    d_ff: Size
    d_kv: Size
    num_heads: Size
    num_kv_heads: Size | None = None
    num_encoder_layers: NumLayersOrNone
    num_decoder_layers: NumLayers
    mlp_activations: tuple[str, ...] = ("gelu", "linear")
    attention_window: Size | None = None
    qkv_clip: Positive | None = None
    attention_bias: bool = False
    attention_out_bias: bool = True
    mlp_bias: bool = False
    scale_attention: bool = False
    norm: str = "rms"
    norm_bias: bool = False
    norm_adds_one: bool = False
    norm_position: str = "pre"
    block: str = "sequential"
    positions: Positions | None = RelativeBias()  # noqa: RUF009
    tied_embeddings: bool = False
    scale_logits: bool = False
    scale_embeddings: bool = False
    embedding_norm: bool = False
    embedding_dim: Size | None = None
    initializer: str = "t5"
    initializer_range: Positive = 0.02
    norm_epsilon: Positive = 1e-6
    dropout_rate: Rate = 0.0
    dtype: str = "float32"
    float32_attention_logits: bool = True
    scan_layers: bool | None = None
    remat: str = "none"
    attention_implementation: str = "auto"
    adapters: tuple[Adapter, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        # Gin and JSON give lists.
        object.__setattr__(self, "mlp_activations", tuple(self.mlp_activations))
        check_type(self.adapters, tuple[Adapter, ...], name="TransformerConfig.adapters")
        object.__setattr__(self, "adapters", tuple(self.adapters))
        check_numbers(self, of=TransformerConfig)
        for name, choices in _CHOICES.items():
            check_choice(f"TransformerConfig.{name}", getattr(self, name), choices)
        self._check_layers()
        self._check_attention()
        self._check_positions()
        self._check_mlp()
        self._check_numerics()

    @property
    def base(self) -> "TransformerConfig":
        """The model without adapters."""
        return dataclasses.replace(self, adapters=()) if self.adapters else self

    @property
    def soft_prompt_ids(self) -> tuple[int, ...]:
        """Ids of the tokens of a `PromptTuning`, behind those of the vocabulary."""
        num_tokens = sum(a.num_tokens for a in self.adapters if isinstance(a, PromptTuning))
        return tuple(range(self.vocab_size, self.vocab_size + num_tokens))

    @property
    def has_dropout(self) -> bool:
        """Whether anything is dropped where a dropout key is given."""
        return any([self.dropout_rate, *(adapter.dropout_rate for adapter in self.adapters)])

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    @property
    def embedding_width(self) -> int:
        """Width of the token embedding."""
        return self.d_model if self.embedding_dim is None else self.embedding_dim

    @property
    def max_positions(self) -> int | None:
        """Most positions that the model knows; None where they have no end."""
        return self.positions.max_positions if isinstance(self.positions, Learned) else None

    @property
    def length_scaling(self) -> LengthScaling | None:
        """How rotary positions are scaled by the length of a text; None where they are not."""
        scaling = self.positions.scaling if isinstance(self.positions, Rotary) else None
        return scaling if isinstance(scaling, LengthScaling) else None

    @property
    def max_answered_positions(self) -> int | None:
        """Most positions of a text that is answered token by token; None where they have no end.

        Keys that are kept cannot be turned again, as a `LengthScaling` wants of a text that grows
        beyond the original length. An answer that is given may go beyond: see `length_scaling`.
        """
        scaling = self.length_scaling
        return self.max_positions if scaling is None else scaling.original_length

    def _check_layers(self) -> None:
        is_pair = self.architecture == "encoder_decoder"
        self._require(
            (self.num_encoder_layers > 0) == is_pair,
            f"num_encoder_layers must be {'1 or more' if is_pair else '0'} when architecture is "
            f"{self.architecture!r}",
            self.num_encoder_layers,
        )
        if is_pair:
            self._require(
                self.block == "sequential",
                "block must be 'sequential' when architecture is 'encoder_decoder'",
                self.block,
            )
            self._require(
                self.attention_window is None,
                "attention_window must be None when architecture is 'encoder_decoder'",
                self.attention_window,
            )
            self._require(
                self.embedding_width == self.d_model,
                "embedding_dim must be None, or d_model, when architecture is 'encoder_decoder', "
                "whose encoder has no maps from another width",
                self.embedding_dim,
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
        self._require(
            self.attention_out_bias or self.attention_bias,
            "attention_out_bias must be True when attention_bias is False, and none is added",
            self.attention_out_bias,
        )

    def _check_positions(self) -> None:
        self._require(
            isinstance(self.positions, Positions | None),
            "positions must be RelativeBias(...), Alibi(...), Rotary(...), Learned(...) or None",
            self.positions,
        )
        if isinstance(self.positions, Rotary):
            self.positions.check_head(self.d_kv)
            self._require(
                self.architecture == "decoder_only"
                or not isinstance(self.positions.scaling, LengthScaling),
                "architecture must be 'decoder_only' under a scaling of rotary positions that "
                "depends on the length of texts",
                self.architecture,
            )

    def _check_mlp(self) -> None:
        if len(self.mlp_activations) not in (1, 2):
            raise ValueError(
                "TransformerConfig.mlp_activations takes one activation (plain) or two (gated), "
                f"got {self.mlp_activations!r}"
            )
        for activation in self.mlp_activations:
            check_choice("TransformerConfig.mlp_activations", activation, ACTIVATIONS)

    def _check_numerics(self) -> None:
        if self.dtype == "float16":
            raise ValueError(
                "TransformerConfig.dtype 'float16' is refused: T5's residual stream grows past "
                "float16's largest value (65504) and overflows; use 'bfloat16' or 'float32'"
            )
        check_choice("TransformerConfig.dtype", self.dtype, DTYPES)

    def _require(self, holds: bool, wanted: str, found: object) -> None:
        require(holds, f"TransformerConfig.{wanted}", found)

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; `from_dict` reads them back."""
        return nested_config.to_dict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> "TransformerConfig":
        """Builds a config from `to_dict`'s output, also of versions with flat fields of positions.

        Raises:
          ValueError: a key is not a field, a field without default is absent, or a value is bad.
        """
        return nested_config.from_dict(cls, from_flat(record))
