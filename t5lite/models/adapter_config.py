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
    """

    rank: Size = 8
    alpha: Positive = 16.0
    dropout_rate: Rate = 0.0
    targets: tuple[str, ...] = ("/query$", "/value$")

    def __post_init__(self) -> None:
        """Raises ValueError, naming the field, where a value cannot be meant."""
        check_numbers(self, of=Lora)
        if isinstance(self.targets, str):
            object.__setattr__(self, "targets", (self.targets,))
        check_type(self.targets, tuple[str, ...], name="Lora.targets")
        object.__setattr__(self, "targets", tuple(self.targets))
        if not self.targets:
            raise ValueError(
                "Lora.targets is empty: name the linear maps to change, as with "
                'Lora.targets = ("/query$", "/value$").'
            )
        for pattern in self.targets:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"Lora.targets: {pattern!r} is no regular expression: {error}."
                ) from error

    @property
    def scale(self) -> float:
        """What the product of A and B is multiplied by."""
        return self.alpha / self.rank

    @property
    def unfrozen(self) -> tuple[str, ...]:
        """Regular expressions of names of the base's own parameters that are trained too."""
        return ()


Adapter = Lora
