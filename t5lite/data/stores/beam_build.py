"""Building token stores on Apache Beam: one element a store, on whatever cluster Beam runs on.

Workers write their stores into the cache folder, which they must share with the machine that asks,
as `t5lite cache --shard` asks for too.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Job = TypeVar("Job")


def run(jobs: Sequence[Job], build_one: Callable[[Job], object], *, options: Sequence[str]) -> None:
    """Builds every job on Beam and waits for the end.

    Args:
      jobs: what to build; they travel by pickle, and so does `build_one`.
      build_one: builds one, in whatever process; an exception ends the whole.
      options: Beam's own, such as `--runner=DirectRunner`.

    Raises:
      ValueError: if Apache Beam is not installed.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--beam needs Apache Beam, and {error.name!r} is not installed: "
            "pip install 't5lite[beam]'."
        ) from error
    # Task modules read these; workers on other machines inherit no environment.
    settings = {name: value for name, value in os.environ.items() if name.startswith("T5LITE_")}
    build = functools.partial(_build_on_worker, build_one=build_one, settings=settings)
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        _ = pipeline | "Stores" >> beam.Create(list(jobs)) | "Build" >> beam.Map(build)


def _build_on_worker(
    job: Job, *, build_one: Callable[[Job], object], settings: Mapping[str, str]
) -> None:
    os.environ.update(settings)
    build_one(job)
