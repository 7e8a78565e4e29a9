"""What is added to a trained model, to be trained in its place: `Lora`, each kind with its fields.

`TransformerConfig.adapters` holds them. `models/adapters.py` gives a model their parameters.
"""

import dataclasses
import re
from typing import Annotated, ClassVar

from t5lite.messages.ranges import Positive, Range, Rate, Size
from t5lite.messages.value_types import check_numbers, check_type
from t5lite.models.checks import check_choice

# A prompt stands in every row, and longer ones than any text of a model are a slip of the pen.
PromptTokens = Annotated[int, Range(least=1, most=65536)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lora:
    """Low-rank changes of linear maps: x W + (alpha / rank) x A B (arXiv:2106.09685).

    A fresh B is zero, so that the fresh model is the base model.

    Attributes:
      rank: Columns of A, and rows of B.
      alpha: The change is multiplied by alpha / rank.
      dropout_rate: Probability of dropping an entry of what A reads; the base reads all.
      targets: Regular expressions, found (`re.search`) in names of linear maps such as
        "decoder/layers/self_attention/query"; the output projection is none of them. A map that
        one is found in gets an A and a B in every layer.
      unfrozen: Regular expressions, found in names of parameters of the model itself, such as
        "token_embedder/embedding", that are trained and kept beside them.
    """

    rank: Size = 8
    alpha: Positive = 16.0
    dropout_rate: Rate = 0.0
    targets: tuple[str, ...] = ("/query$", "/value$")
    unfrozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=Lora)
        set_patterns(self, "targets")
        set_patterns(self, "unfrozen")
        if not self.targets:
            raise ValueError(
                "Lora.targets is empty: name the linear maps to change, as with "
                'Lora.targets = ("/query$", "/value$").'
            )

    @property
    def scale(self) -> float:
        """What the product of A and B is multiplied by."""
        return self.alpha / self.rank

    def changes(self, name: str) -> bool:
        """Whether a linear map is a target, by its name."""
        return any(re.search(pattern, name) for pattern in self.targets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptionPrompt:
    """Learned tokens that the last layers' self-attention sees beside the text (LLaMA-Adapter).

    Zhang et al., arXiv:2303.16199; `models/adaption_prompt.py` computes with them. A fresh gate is
    zero, so that the fresh model is the base model. In an encoder-decoder both stacks have them.

    Attributes:
      num_tokens: Tokens of each layer's prompt.
      num_layers: The last layers of a stack that have one each. None: all.
      gate: "tanh", that of a number of each head, as in the paper; or "linear", one number of a
        layer itself, as in PEFT.
    """

    num_tokens: PromptTokens = 10
    num_layers: Size | None = None
    gate: str = "tanh"

    dropout_rate: ClassVar[float] = 0.0
    unfrozen: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=AdaptionPrompt)
        check_choice("AdaptionPrompt.gate", self.gate, ("tanh", "linear"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleBias:
    """A scale and a bias on linear maps, y = W (s * x) + b (LLaMA-Adapter V2, arXiv:2304.15010).

    A fresh scale is one and a fresh bias zero, so that the fresh model is the base model.

    Attributes:
      targets: Regular expressions, found (`re.search`) in names of linear maps such as
        "decoder/layers/self_attention/query"; every map of a layer by default. The output
        projection is none of them.
      train_norms: Whether the base's norms are trained too, as in V2.
    """

    targets: tuple[str, ...] = ("/layers/",)
    train_norms: bool = True

    dropout_rate: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_type(self.train_norms, bool, name="ScaleBias.train_norms")
        set_patterns(self, "targets")
        if not self.targets:
            raise ValueError("ScaleBias.targets is empty: name the linear maps to change.")

    def changes(self, name: str) -> bool:
        """Whether a linear map is a target, by its name."""
        return any(re.search(pattern, name) for pattern in self.targets)

    @property
    def unfrozen(self) -> tuple[str, ...]:
        """Regular expressions of names of the base's own parameters that are trained too."""
        return (r"norm/(scale|bias)$",) if self.train_norms else ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptTuning:
    """Learned tokens before all that a model reads, a soft prompt (Lester, arXiv:2104.08691).

    They stand before an encoder's input, or before a language model's prompt, its start token
    included. A fresh one changes what the model says: it is text that nobody wrote.

    Attributes:
      num_tokens: Tokens of the prompt.
      init: What it starts from: "vocabulary", rows of the base's token embedding drawn at random;
        "text", those of the tokens of `text`; or "random", uniform from -0.5 to 0.5.
      text: Written in the run's vocabulary, repeated or cut to `num_tokens`; only for "text".
    """

    num_tokens: PromptTokens = 100
    init: str = "vocabulary"
    text: str | None = None

    dropout_rate: ClassVar[float] = 0.0
    unfrozen: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=PromptTuning)
        check_choice("PromptTuning.init", self.init, ("vocabulary", "text", "random"))
        check_type(self.text, str | None, name="PromptTuning.text")
        if (self.init == "text") != bool(self.text):
            raise ValueError(
                f"PromptTuning.text is {self.text!r}, and init is {self.init!r}: a text goes with "
                'init = "text", and with no other.'
            )


Adapter = Lora | AdaptionPrompt | ScaleBias | PromptTuning


def set_patterns(adapter: object, field: str) -> None:
    """Makes a tuple of a field that holds one regular expression, or several.

    Raises:
      ValueError: one is none; names the field.
    """
    name, patterns = f"{type(adapter).__name__}.{field}", getattr(adapter, field)
    patterns = (patterns,) if isinstance(patterns, str) else patterns
    check_type(patterns, tuple[str, ...], name=name)
    object.__setattr__(adapter, field, tuple(patterns))
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{name}: {pattern!r} is no regular expression: {error}.") from error
