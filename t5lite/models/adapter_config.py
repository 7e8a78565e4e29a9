"""What is added to a trained model, to be trained in its place: `Lora`, each kind with its fields.

`TransformerConfig.adapters` holds them. `models/adapters.py` gives a model their parameters.
"""

import dataclasses
import re

from t5lite.messages.ranges import Positive, Rate, Size
from t5lite.messages.value_types import check_numbers, check_type


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


Adapter = Lora


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
