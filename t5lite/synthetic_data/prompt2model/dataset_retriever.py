"""Which data set fits a prompt: a search of descriptions, a choice, and its records as examples.

As in Prompt2Model (arXiv 2308.12261, section 3.2), the 25 data sets whose descriptions are nearest
to the instruction are shown, and the user picks one with its columns, or says that none fits.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from t5lite.files.json_files import write_lines, write_object
from t5lite.files.local_paths import local_path
from t5lite.messages.streams import say
from t5lite.synthetic_data.extras import check_installed
from t5lite.synthetic_data.prompt2model import dataset_choice
from t5lite.synthetic_data.prompt2model.bm25 import Bm25, ranked
from t5lite.synthetic_data.prompt2model.columns import (
    columns_of,
    default_inputs,
    default_output,
    first_text,
    flat,
    input_text,
    is_encodable,
)
from t5lite.synthetic_data.prompt2model.descriptions import (
    DatasetDescription,
    registered_tasks,
    say_problems,
)
from t5lite.synthetic_data.prompt2model.found_datasets import Chosen, DatasetRetrieval, FoundDataset
from t5lite.synthetic_data.prompt2model.local_data_sets import local_data_sets
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.prompt2model.same_data import LOOKED_AT, Sample, are_same
from t5lite.synthetic_data.provenance import Origin, Trace

FOUND_FILE = "found_datasets.json"
RETRIEVED_FILE = "retrieved.jsonl"


def described_data_sets(settings: DatasetRetrieval) -> list[DatasetDescription]:
    """Descriptions of all that the settings name; warns of what could not be read.

    Raises:
      ValueError: A module or folder cannot be searched, or there is nothing to search.
    """
    if not settings.task_modules and not settings.dataset_folders:
        raise ValueError(
            "there are no data sets to search: give --tasks=MODULE for registered Tasks, or "
            "--dataset_folder=DIR for data sets on disk; or leave the search out"
        )
    found: list[DatasetDescription] = []
    problems: list[str] = []
    if settings.task_modules:
        found += registered_tasks(
            settings.task_modules,
            problems=problems,
            data_dir=settings.data_dir,
            vocabulary=settings.vocabulary,
        )
    for text in settings.dataset_folders:
        folder = local_path(text, name="--dataset_folder")
        found += local_data_sets(folder, problems=problems)
    say_problems(problems)
    return found


def retrieve_datasets(
    spec: PromptSpec, *, settings: DatasetRetrieval, cache_dir: pathlib.Path | None = None
) -> list[FoundDataset]:
    """The data sets whose descriptions are nearest to the prompt's instruction, the best first.

    Data sets that are the same (`same_data`) are one, under the name of the best placed. The one
    that the settings name comes last, where it is not among them.

    Args:
      spec: The prompt.
      settings: What is searched.
      cache_dir: Where a dual encoder keeps the vectors of descriptions.

    Raises:
      ValueError: As `described_data_sets`, or a package or the dual encoder is missing.
    """
    check_installed(
        *("bm25s", "snowballstemmer", "rapidfuzz", "yaml"),
        extra="synthetic",
        purpose="searching data sets",
    )
    descriptions = described_data_sets(settings)
    texts = [description.text for description in descriptions]
    if settings.dual_encoder is None:
        scores = Bm25(texts).scores(spec.instruction)
        order = ranked(scores)
    else:
        from t5lite.synthetic_data.prompt2model.dual_encoder import DualEncoder

        encoder = DualEncoder(settings.dual_encoder, cache_dir=cache_dir)
        scores = encoder.scores(spec.instruction, texts)
        order = np.argsort(-scores, kind="stable").tolist()
    best_first = [(descriptions[place], float(scores[place])) for place in order]
    found = _distinct(best_first, num_shown=settings.num_shown)
    if not any(one.is_called(settings.dataset) for one in found):
        named = [  # However far from the prompt it is.
            (description, float(score))
            for description, score in zip(descriptions, scores, strict=True)
            if description.is_called(settings.dataset)
        ]
        found += _distinct(named, num_shown=1)
    return found


def _distinct(
    best_first: Sequence[tuple[DatasetDescription, float]], *, num_shown: int
) -> list[FoundDataset]:
    """The first so many that are not the same as one before; those that are the same by name."""
    found: list[tuple[FoundDataset, Sample]] = []
    others: dict[str, list[DatasetDescription]] = collections.defaultdict(list)
    for description, score in best_first:
        try:
            records = list(description.records(max_records=LOOKED_AT))
        except (ValueError, OSError) as error:
            say(f"data set {description.name} is left out: {error}")
            continue
        columns = tuple(columns_of(records))
        output = default_output(columns)
        inputs = default_inputs(columns, output=output)
        sample = Sample.of(
            description.text, [_example(flat(r), description, inputs, output) for r in records]
        )
        same = next((one for one, before in found if are_same(before, sample)), None)
        if same is not None:
            others[same.description.name].append(description)
        elif len(found) == num_shown:
            break
        else:
            found.append((FoundDataset(description, score, columns, inputs, output), sample))
    return [
        dataclasses.replace(one, same_as=tuple(others[one.description.name])) for one, _ in found
    ]


def _example(
    fields: Mapping[str, Any],
    description: DatasetDescription,
    inputs: Sequence[str],
    output: str | None,
) -> tuple[str | None, str | None]:
    """Input and output of a flat record; None of one that is not there."""
    names = description.class_names
    answer = first_text(fields.get(output), names=names.get(output, ())) if output else None
    asked = input_text(fields, inputs, names=names)
    return asked, answer if answer and answer.strip() else None


def load_dataset(
    chosen: Chosen, *, max_examples: int | None = None, skipped: collections.Counter[str]
) -> Iterator[dict[str, str]]:
    """The examples of a data set, as its columns make them: lines of `retrieved.jsonl`.

    Several input columns become lines `NAME: TEXT`, as in the reference implementation. Of several
    right answers the first is taken. Records without input or output, and those that no tokenizer
    could encode, are passed over.

    Args:
      chosen: The data set and its columns.
      max_examples: At most so many, the first ones.
      skipped: Counts what is passed over.

    Raises:
      ValueError: It cannot be read, or no record has these columns.
    """
    num_found = 0
    for place, record in enumerate(chosen.description.records()):
        if max_examples is not None and num_found >= max_examples:
            break
        asked, answer = _example(
            flat(record), chosen.description, chosen.input_columns, chosen.output_column
        )
        if answer is None or asked is None:
            missing = "output" if answer is None else "input"
            skipped[f"records without {missing}"] += 1
            continue
        if not is_encodable(asked + answer):
            skipped["records that are no text (half of a surrogate pair)"] += 1
            continue
        num_found += 1
        yield {
            "id": f"retrieved_{place:06d}",
            "input": asked,
            "output": answer,
            "dataset": chosen.description.name,
        }
    if not num_found:
        raise ValueError(
            f"data set {chosen.description.name}: no record has both an input, of the columns "
            f"{', '.join(chosen.input_columns)}, and an output, of the column "
            f"{chosen.output_column}. Give others with --input_columns and --output_column"
        )


def retrieve_datasets_step(
    spec: PromptSpec,
    *,
    settings: DatasetRetrieval,
    output: pathlib.Path,
    stdin: TextIO | None = None,
) -> dict[str, int]:
    """Searches, shows, lets choose, and writes `found_datasets.json` and `retrieved.jsonl`.

    Where the settings name nothing to search, that is said, and the files say that nothing was
    found.

    Args:
      spec: The prompt.
      settings: What is searched, and what is taken without asking.
      output: The folder; both files come to be whole, the examples first. Its trace says of each
        example which data set it is of.
      stdin: Where answers are typed; standard input by default.

    Returns:
      Counts to show.

    Raises:
      ValueError: As `retrieve_datasets`, `dataset_choice.choose` and `load_dataset`.
    """
    found: list[FoundDataset] = []
    chosen = None
    if settings.task_modules or settings.dataset_folders:
        found = retrieve_datasets(spec, settings=settings, cache_dir=output)
        chosen = dataset_choice.choose(found, settings=settings, stdin=stdin)
    else:
        say(
            "no data sets are searched; --tasks=MODULE names registered Tasks, and "
            "--dataset_folder=DIR data sets on disk"
        )
    skipped: collections.Counter[str] = collections.Counter()
    rows: list[dict[str, str]] = []
    if chosen is not None:
        rows = [*load_dataset(chosen, max_examples=settings.max_examples, skipped=skipped)]
    write_lines(output / RETRIEVED_FILE, rows)
    with Trace(output) as trace:
        trace.add([Origin(id=row["id"], example=row) for row in rows])
    record = {
        "query": spec.instruction,
        "search": settings.dual_encoder or "BM25",
        "chosen": chosen.to_json() if chosen else None,
        "found": [one.to_json() for one in found],
    }
    write_object(output / FOUND_FILE, record, ensure_ascii=False)
    return {"data sets shown": len(found), "examples retrieved": len(rows), **skipped}
