"""Which transform makes other examples of each Task's: its own, or one that a run names."""

from collections.abc import Mapping, Sequence

from t5lite.data.tasks import seqio_adapter
from t5lite.data.transforms.transform import ExampleTransform
from t5lite.messages.suggest import did_you_mean


def choose_transforms(
    mixture: str,
    task_names: Sequence[str],
    *,
    given: Mapping[str, ExampleTransform | None],
) -> list[ExampleTransform | None]:
    """The transform of each Task, or None.

    Args:
      mixture: what they belong to.
      task_names: its leaf Tasks, or those of them that have data.
      given: transforms by Task, by sub-mixture or by the mixture's name, as `DataConfig.transforms`
        describes. They go before those that Tasks were registered with.

    Raises:
      ValueError: `given` has a name that is none of these.
    """
    # Each mixture comes before what is inside it, so that the nearest to a Task has the last word.
    names = dict.fromkeys([mixture, *seqio_adapter.sub_mixtures(mixture), *task_names])
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"DataConfig.transforms names {unknown[0]!r}, which is no task or sub-mixture of "
            f"{mixture!r}.{did_you_mean(unknown[0], names)}"
        )
    chosen = {name: seqio_adapter.example_transform(name) for name in task_names}
    for name in names:
        if name in given:
            chosen |= dict.fromkeys(seqio_adapter.resolve(name).task_names, given[name])
    return [chosen[name] for name in task_names]
