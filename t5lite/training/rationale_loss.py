"""Distilling Step-by-Step: labels and their rationales learned together, each by its own mean.

Source: Hsieh et al., arXiv:2305.02301, and github.com/google-research/distilling-step-by-step,
whose loss is another: `InterpolatedRationaleLoss` is that of the code, `AddedRationaleLoss` that of
the paper. Both passes of a batch are one here: whether a target token is of a label or of a
rationale is said by its Task, so rows may be packed.

Shape legend: B rows, T target positions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import jax
import jax.numpy as jnp

from t5lite.messages.ranges import NotNegative, Positive, Range
from t5lite.messages.value_types import check_numbers
from t5lite.models.transformer import Model
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.objective import TASKS_FEATURE, LossSums, Mean

# Of a batch: what a position's loss is multiplied by, its Task's part of the loss over the number
# of target tokens that such Tasks have in the whole batch.
_SCALE = "loss_scale"
_METRICS = ("label_loss", "rationale_loss")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RationaleLoss(CrossEntropy):
    """Two cross entropies, each a mean over the target tokens of its own Tasks.

    Attributes:
      label_tasks: a regular expression, found in the names of the Tasks whose targets are labels.
      rationale_tasks: of those whose targets are rationales.
      z_loss: as of `CrossEntropy`; the reference has none.
      loss_normalization: "num_real_target_tokens" or "average_per_sequence", within each of the
        two; no other can be.
    """

    label_tasks: str = "_label$"
    rationale_tasks: str = "_rationale$"
    z_loss: NotNegative = 0.0

    def __post_init__(self) -> None:
        check_numbers(self, of=type(self))
        super().__post_init__()
        if self._normalization not in ("num_real_target_tokens", "average_per_sequence"):
            raise ValueError(
                f"{type(self).__name__}.loss_normalization = {self.loss_normalization!r}: labels "
                "and rationales have means of their own, over target tokens "
                '("num_real_target_tokens") or sequences ("average_per_sequence").'
            )

    @property
    def parts(self) -> tuple[float, float]:
        """What the means of labels and of rationales are multiplied by, both positive."""
        raise NotImplementedError

    @property
    def tasks_told_apart(self) -> Mapping[str, str]:
        """Labels, then rationales."""
        name = type(self).__name__
        return {
            f"{name}.label_tasks": self.label_tasks,
            f"{name}.rationale_tasks": self.rationale_tasks,
        }

    def prepare(self, batch: Mapping[str, jax.Array]) -> Mapping[str, jax.Array]:
        """Weighs the positions by the whole batch, so that the losses of its parts add up."""
        weights_BT = super().weights(batch)
        scale_BT = jnp.zeros_like(weights_BT)
        for is_of_BT, part in zip(_told_apart(batch), self.parts, strict=True):
            total = jnp.sum(weights_BT, where=is_of_BT)
            scale_BT = jnp.where(is_of_BT, part / jnp.where(total > 0, total, 1.0), scale_BT)
        return {**batch, _SCALE: scale_BT}

    def weights(self, batch: Mapping[str, jax.Array]) -> jax.Array:
        """Gives the weights [B, T] that make sums over a prepared batch the loss."""
        return super().weights(batch) * batch[_SCALE]

    def sums(
        self,
        model: Model,
        batch: Mapping[str, jax.Array],
        *,
        dropout_key: jax.Array | None = None,
        frozen: Mapping[str, Model] = MappingProxyType({}),
    ) -> LossSums:
        """Sums both losses of a part of a batch; see `Objective.sums`.

        Metrics: `label_loss` and `rationale_loss` (the two means, nats, 0 of a batch that has no
        such token), `cross_entropy` (the mean over all target tokens), `z_loss` (what of the loss
        is z-loss) and `target_tokens`.
        """
        sums = super().sums(model, batch, dropout_key=dropout_key, frozen=frozen)
        assert sums.by_position is not None, "cross entropies say it of every position"
        scaled_BT, scale_BT = jax.lax.stop_gradient(sums.by_position), batch[_SCALE]
        plain_BT = Mean(
            scaled_BT.total / jnp.where(scale_BT > 0, scale_BT, 1.0), super().weights(batch)
        )
        metrics = {
            name: Mean(*(jnp.sum(x_BT, where=is_of_BT) / part for x_BT in scaled_BT))
            for name, is_of_BT, part in zip(_METRICS, _told_apart(batch), self.parts, strict=True)
        }
        return LossSums(
            loss=sums.loss,
            weight=sums.weight,
            divisor=1.0,  # each position is divided already
            metrics={
                **metrics,
                "cross_entropy": Mean(*map(jnp.sum, plain_BT)),
                "z_loss": sums.metrics["z_loss"][0],
                "target_tokens": jnp.sum(batch["decoder_loss_weights"].astype(jnp.float32)),
            },
            by_position=plain_BT,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class InterpolatedRationaleLoss(RationaleLoss):
    """The loss of the reference's code: alpha times labels' mean, 1 - alpha times rationales'.

    Attributes:
      alpha: the labels' part; without rationales (1), or without labels (0), take `CrossEntropy`.
    """

    alpha: Annotated[float, Range(above=0, below=1)] = 0.5

    @property
    def parts(self) -> tuple[float, float]:
        """Alpha and the rest."""
        return self.alpha, 1 - self.alpha


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedRationaleLoss(RationaleLoss):
    """The loss of the paper: labels' mean and, times lambda, rationales'.

    Attributes:
      rationale_weight: lambda. 1 has the gradient of `InterpolatedRationaleLoss` with an alpha of
        0.5, twice as large.
    """

    rationale_weight: Positive = 1.0

    @property
    def parts(self) -> tuple[float, float]:
        """1 and lambda."""
        return 1.0, self.rationale_weight


def _told_apart(batch: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
    """Whether target positions are of labels, and whether of rationales, `[B, T]` each."""
    bits_BT = batch[TASKS_FEATURE]
    return bits_BT & 1 == 1, bits_BT & 2 == 2
