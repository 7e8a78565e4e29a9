"""A seqio Task of another's examples, transformed. docs/transforms.md shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from t5lite.data.transforms.transform import ExampleTransform

if TYPE_CHECKING:
    import seqio


def add_transformed_task(name: str, *, of: str, transform: ExampleTransform) -> seqio.Task:
    """Registers a seqio Task with another's examples, of which a transform makes others.

    The two share one token store. t5lite transforms the examples that it trains on; evaluation, and
    whatever else reads the Task by seqio, sees them as they are.

    Args:
      name: the new Task's name.
      of: a registered Task without a transform.
      transform: what makes other examples each time that they are drawn.

    Returns:
      The registered Task.

    Raises:
      ValueError: `of` is no registered Task, or has a transform.
    """
    import seqio

    if of not in seqio.TaskRegistry.names():
        raise ValueError(f"add_transformed_task({name!r}): there is no Task {of!r} to transform")
    base = seqio.TaskRegistry.get(of)
    if getattr(base, "example_transform", None) is not None:
        raise ValueError(
            f"add_transformed_task({name!r}): Task {of!r} has a transform of its own; name the "
            "Task whose examples it transforms"
        )
    task = seqio.TaskRegistry.add(
        name,
        source=base.source,
        preprocessors=base.preprocessors,
        output_features=base.output_features,
        postprocess_fn=base.postprocessor,
        metric_fns=base.metric_fns,
    )
    task.example_transform, task.stored_as = transform, of
    return task
