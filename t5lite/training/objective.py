"""What training minimises: the protocol of objectives, and the sums that they give.

An objective sums over whatever part of a batch it is given. Sums and weights stay apart until the
end, so that adding those of microbatches and dividing once gives the whole batch's loss.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from t5lite.messages.error_origin import place_of, raised_by_us
from t5lite.models.transformer import Model

# Of a batch: bit i says that a position is of a Task of `Objective.tasks_told_apart`'s i-th entry.
TASKS_FEATURE = "objective_tasks"

# What a line of metrics.jsonl holds beside the objective's own metrics.
RESERVED_NAMES = frozenset(
    {"step", "kind", "loss", "grad_norm", "learning_rate", "examples", "tokens", "epochs"}
    | {"batch_examples", "tokens_per_second", "mfu", "param_norm", "update_norm"}
    | {"host_memory_bytes", "device_memory_peak_bytes"}
)


class Mean(NamedTuple):
    """A metric that is a mean; both of its sums add up over the parts of a batch.

    Attributes:
      total: the weighted sum, a float32 scalar; [B, T] in `LossSums.by_position`.
      weight: the sum of the weights.
    """

    total: jax.Array
    weight: jax.Array


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["loss", "weight", "metrics", "by_position"],
    meta_fields=["divisor"],
)
@dataclasses.dataclass(frozen=True, kw_only=True)
class LossSums:
    """Sums over a part of a batch, float32 scalars; those of two parts add with `+`.

    Shape legend: B rows of the part, T target positions.

    Attributes:
      loss: the quantity to differentiate.
      weight: what the loss of the whole batch is divided by, such as the number of its tokens.
      metrics: what is logged beside the loss, by name: a `Mean`, or a plain sum.
      divisor: a constant that the loss is divided by instead of `weight`.
      by_position: what is logged of each task (`train.loss_by_task`): the losses [B, T] of the
        target positions times their weights, and the weights. None: this objective cannot say.
    """

    loss: jax.Array
    weight: jax.Array
    metrics: Mapping[str, jax.Array | Mean] = dataclasses.field(default_factory=dict)
    divisor: float | None = None
    by_position: Mean | None = None

    def __add__(self, other: LossSums) -> LossSums:
        return jax.tree.map(jnp.add, self.scalars(), other.scalars())

    def scalars(self) -> LossSums:
        """Gives all but what is said of single positions, which are others in another part."""
        return dataclasses.replace(self, by_position=None)

    def normalizer(self) -> jax.Array:
        """Gives the divisor that turns the sums over a whole batch into its loss.

        Returns:
          A positive float32 scalar; 1 where nothing was weighted, so that an empty batch has loss
          and gradient 0 and not NaN. Divide `loss` and its gradient by it.
        """
        if self.divisor is not None:
            return jnp.asarray(self.divisor, jnp.float32)
        return _positive(self.weight)

    def values(self) -> dict[str, jax.Array]:
        """Gives the loss of the whole batch and its metrics by name, float32 scalars."""
        metrics = {
            name: metric.total / _positive(metric.weight) if isinstance(metric, Mean) else metric
            for name, metric in self.metrics.items()
        }
        return {"loss": self.loss / self.normalizer(), **metrics}


@runtime_checkable
class Objective(Protocol):
    """What training minimises. `CrossEntropy` is one; a run may bring its own."""

    @property
    def frozen_models(self) -> Mapping[str, str]:
        """Checkpoints of further models that it reads and does not train, by name.

        The name is best that of the setting that holds the path, for messages call it so. They are
        of the run's architecture, vocabulary and feature converter, and lie sharded as the run's
        own parameters do.
        """
        return {}

    @property
    def tasks_told_apart(self) -> Mapping[str, str]:
        """Regular expressions of Tasks whose tokens it treats differently, by setting's name.

        Where there are some, batches have the feature `TASKS_FEATURE`, and every Task of the run is
        of exactly one of them.
        """
        return {}

    def prepare(self, batch: Mapping[str, jax.Array]) -> Mapping[str, jax.Array]:
        """Adds what only a whole batch can say, such as a sum over it, before it is split.

        Runs inside jit.

        Args:
          batch: the whole global batch.

        Returns:
          It, perhaps with further features `[B, ...]`, which are split into microbatches as the
          others are and given to `sums`.
        """
        return batch

    def sums(
        self,
        model: Model,
        batch: Mapping[str, jax.Array],
        *,
        dropout_key: jax.Array | None,
        frozen: Mapping[str, Model],
    ) -> LossSums:
        """Sums the losses of a batch, or of a part of one. Runs inside jit.

        Args:
          model: the run's model; its `logits(batch, dropout_key=...)` gives logits [B, T, V].
          batch: features by their T5X names (docs/architecture.md).
          dropout_key: key of the dropout masks; None turns dropout off.
          frozen: the models that `frozen_models` named.
        """
        ...


def checked_sums(
    objective: Objective,
    model: Model,
    batch: Mapping[str, jax.Array],
    *,
    dropout_key: jax.Array | None,
    frozen: Mapping[str, Model],
    by_position: bool = False,
) -> LossSums:
    """Calls an objective, and checks what it gives.

    Returns:
      Its sums, metrics as float32; those `by_position` where they are asked for.

    Raises:
      ValueError: it fails, with the file and line where it does, or it gives something else, or
        nothing `by_position`.
    """
    name = _setting(objective)
    sums = _called(
        functools.partial(objective.sums, model, batch, dropout_key=dropout_key, frozen=frozen),
        objective,
        form="sums(model, batch, *, dropout_key, frozen)",
    )
    if problem := _problem(sums):
        raise ValueError(
            f"{name}: {problem}. Its method sums returns a LossSums: loss and weight are float32 "
            "scalars, and metrics holds by name a Mean or a scalar (docs/objective.md)."
        )
    if not by_position:
        sums = sums.scalars()
    elif problem := _no_positions(sums.by_position, batch["decoder_target_tokens"].shape):
        raise ValueError(
            f"{name}: {problem}, of which the loss by task is made. Have its sums give there a "
            "Mean of the losses and weights of all target positions (docs/objective.md), or leave "
            "out --loss_by_task."
        )
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), sums)


def checked_batch(objective: Objective, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Lets an objective prepare a whole batch, and checks what it gives.

    Raises:
      ValueError: it fails, with the file and line where it does, or what it gives lacks a feature
        or has one of other rows.
    """
    prepare = functools.partial(objective.prepare, batch)
    prepared = _called(prepare, objective, form="prepare(batch)")
    if not isinstance(prepared, Mapping) or not set(batch) <= set(prepared):
        raise ValueError(
            f"{_setting(objective)}: prepare gives no batch that has all that it was given. Return "
            "{**batch, ...} (docs/objective.md)."
        )
    rows = {jnp.shape(batch[name])[0] for name in batch}
    for name in set(prepared) - set(batch):
        if jnp.shape(prepared[name])[:1] not in [(n,) for n in rows]:
            raise ValueError(
                f"{_setting(objective)}: prepare gives {name!r} the shape "
                f"{jnp.shape(prepared[name])}, whose first axis is no row of the batch."
            )
    return dict(prepared)


def _setting(objective: Objective) -> str:
    return f"train.objective = @{type(objective).__name__}()"


def _called(method: Callable[[], Any], objective: Objective, *, form: str) -> Any:
    """What a method of an objective gives; its failures are said to be its own."""
    try:
        return method()
    except Exception as error:
        if isinstance(error, ValueError) and raised_by_us(error):
            raise
        raise ValueError(
            f"{_setting(objective)} fails at {place_of(error) or form.partition('(')[0]}: "
            f"{type(error).__name__}: {error}. Its method is {form}; --traceback shows more."
        ) from error


def _problem(sums: Any) -> str | None:
    """What is wrong with what an objective gave."""
    if not isinstance(sums, LossSums):
        return f"sums gives a {type(sums).__name__}"
    if not isinstance(sums.metrics, Mapping):
        return f"metrics is a {type(sums.metrics).__name__}"
    for name, metric in sums.metrics.items():
        if not isinstance(name, str):
            return f"metrics has the name {name!r}, which is no text"
        if name in RESERVED_NAMES:
            return f"its metric {name!r} has a name that metrics.jsonl has already"
        for scalar in metric if isinstance(metric, Mean) else (metric,):
            if problem := _no_scalar(f"metrics[{name!r}]", scalar):
                return problem
    if problem := _no_scalar("loss", sums.loss) or _no_scalar("weight", sums.weight):
        return problem
    if jnp.result_type(sums.loss) != jnp.float32:
        return f"loss is {jnp.result_type(sums.loss)}: sum it in float32"
    return None


def _no_scalar(name: str, value: Any) -> str | None:
    try:
        shape, dtype = jnp.shape(value), jnp.result_type(value)
    except TypeError:
        shape, dtype = (), None
    if value is None or dtype is None:
        return f"{name} is a {type(value).__name__}"
    if shape or not jnp.issubdtype(dtype, jnp.number):
        return f"{name} is {dtype}{list(shape)}"
    return None


def _no_positions(by_position: Any, shape_BT: tuple[int, ...]) -> str | None:
    """Why nothing can be said of single positions."""
    if not isinstance(by_position, Mean):
        return "LossSums.by_position is " + ("None" if by_position is None else "no Mean")
    shapes = [jnp.shape(x) for x in by_position]
    if shapes != [shape_BT] * 2:
        return f"LossSums.by_position has arrays {shapes}, not {shape_BT} like the target tokens"
    return None


def _positive(weight: jax.Array) -> jax.Array:
    return jnp.where(weight > 0, weight, 1.0)
