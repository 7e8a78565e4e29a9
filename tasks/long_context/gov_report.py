"""Summaries of long documents, in the layout of GovReport (Huang et al. 2021, arXiv:2104.02112).

A record has a `report` and a `summary`. The report's end is cut off where it is too long, and
never the question behind it; Position Interpolation (arXiv:2306.15595) leaves it 15,000 tokens and
its summary 1,000. The wording is our own.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.sources import local_files
from t5lite.data.sources.split_files import Place, SplitFiles
from t5lite.data.tasks import environment
from t5lite.data.tasks.data_status import DataStatus
from t5lite.data.tasks.prompt_parts import PromptParts
from t5lite.data.vocabularies.load import parse_vocabulary

from .. import field_templates
from ..field_templates import FieldTemplate
from ..files import files_status, split_files
from ..natural_instructions_metrics import mean_of_best
from ..python_tasks import Example, add_python_task

if TYPE_CHECKING:
    import seqio

MOST_TOKENS = 15_000
_QUESTIONS = ("Read this report.\n\n", "\n\nSummarize the report.\n\nSummary:")


def add_summary_task(
    name: str,
    *,
    files: Mapping[str, Place],
    document: FieldTemplate = "report",
    summary: FieldTemplate = "summary",
    format: str | None = None,
    max_tokens: int = MOST_TOKENS,
) -> seqio.Task:
    """Registers a seqio Task that asks for summaries of long documents.

    Its metrics are `rouge_1`, `rouge_2` and `rouge_l`.

    Args:
      name: the Task's name.
      files: see `tasks.files.add_file_task`.
      document: the name of a field, a template, or a function of the record.
      summary: likewise; where it gives a list, each of them is right.
      format: see `add_file_task`.
      max_tokens: of the prompt in the run's vocabulary, without what the model has around it.

    Returns:
      The registered Task.

    Raises:
      ValueError: as `add_file_task`. When the Task is used: there is no room for a document.
    """
    for argument, template in (("document", document), ("summary", summary)):
        field_templates.check(template, where=f"Task {name!r}, {argument}")
    files_of_splits = split_files(name, files, format=format)
    reader = _SummaryReader(name, files_of_splits, document, summary, max_tokens)
    return add_python_task(name, reader, splits=tuple(files), metrics=(rouge,))


def rouge(targets: Sequence[str | Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L for English, of the rouge-score package with Porter stemming.

    Args:
      targets: summaries, one entry a prediction; a list where several are right.
      predictions: the model's.

    Returns:
      `{"rouge_1": value, "rouge_2": value, "rouge_l": value}`, mean F-measures from 0 to 1; papers
      print them times 100.
    """
    return {
        f"rouge_{kind.lower()}": mean_of_best(
            functools.partial(_rouge, f"rouge{kind}"), targets, predictions
        )
        for kind in ("1", "2", "L")
    }


def _rouge(kind: str, reference: str, prediction: str) -> float:
    scores: Any = _scorer(kind).score(target=reference, prediction=prediction)
    return float(scores[kind].fmeasure)


@functools.cache
def _scorer(kind: str) -> Any:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer([kind], use_stemmer=True)


@dataclasses.dataclass(frozen=True)
class _SummaryReader:
    """Reads the examples; see `add_summary_task`."""

    name: str
    files: SplitFiles
    document: FieldTemplate
    summary: FieldTemplate
    max_tokens: int

    def __call__(self, split: str) -> list[Example]:
        return list(self.examples(split))

    def examples(self, split: str) -> Iterator[Example]:
        """Yields the split's examples, one by one."""
        vocabulary = parse_vocabulary(environment.vocabulary_name())
        if len(vocabulary.encode("".join(_QUESTIONS))) >= self.max_tokens:
            raise ValueError(
                f"Task {self.name!r}: {self.max_tokens} tokens have no room for a document; raise "
                "max_tokens"
            )
        for where, record in self.files.records(split):
            text = field_templates.one_text(self.document, record, where=where)
            summaries = field_templates.one_or_more_texts(self.summary, record, where=where)
            ids = vocabulary.encode(text)
            kept = len(ids)
            # Where a text is cut, its tokens may become others, and more.
            while (excess := len(vocabulary.encode(text.join(_QUESTIONS))) - self.max_tokens) > 0:
                kept = max(kept - excess, 0)
                text = vocabulary.decode(ids[:kept])
            yield Example.asked(
                PromptParts(question=text.join(_QUESTIONS)),
                id=f"{local_files.keyed_hash('report', text):016x}",
                targets=summaries[0],
                references=summaries,
            )

    def data_status(self, *, split: str | None = None) -> DataStatus:
        """Whether the files are there."""
        return files_status(self.name, self.files, split=split)

    def num_examples(self, split: str) -> int:
        """How many there are."""
        return self.files.count(split)

    def fingerprint_parts(self) -> list[Any]:
        """Files, which may be found only when they are read, and what is made of them."""
        return [self.files, self.document, self.summary, self.max_tokens]
