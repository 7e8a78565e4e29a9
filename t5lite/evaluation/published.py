"""Published scores of the suites of `suites.py`, in percent, each with its source.

Most are of "Scaling Instruction-Finetuned Language Models" (arXiv 2210.11416, version 5): MMLU on
its validation split with five demonstrations, BBH with three, TyDiQA with one, MGSM with eight.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from t5lite.evaluation.suites import SUITES

FLAN_PAPER = "arXiv 2210.11416v5"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedScores:
    """What a source says of one model.

    Attributes:
      model: Its name there.
      scores: By suite (`Suite.name`), in percent; suites that the source does not give are left
        out.
      normalized_average: As the source gives it; None where it gives none.
      source: Paper and table, or page.
    """

    model: str
    scores: Mapping[str, float]
    normalized_average: float | None
    source: str


def _table_5(model: str, normalized_average: float, *scores: float) -> PublishedScores:
    """A row of the paper's Table 5, its columns in the order of `SUITES`."""
    names = [suite.name for suite in SUITES]
    return PublishedScores(
        model=model,
        scores=MappingProxyType(dict(zip(names, scores, strict=True))),
        normalized_average=normalized_average,
        source=f"{FLAN_PAPER}, Table 5",
    )


PUBLISHED = (
    _table_5("T5 small, LM-adapted", -9.2, 26.7, 5.6, 27.0, 7.2, 0.0, 0.4),
    _table_5("Flan-T5 small", -3.1, 28.7, 12.1, 29.1, 19.2, 1.1, 0.2),
    _table_5("T5 base, LM-adapted", -5.1, 25.7, 14.5, 27.8, 14.6, 0.0, 0.5),
    _table_5("Flan-T5 base", 6.5, 35.9, 33.7, 31.3, 27.9, 4.1, 0.4),
    _table_5("T5 large, LM-adapted", -5.0, 25.1, 15.0, 27.7, 16.1, 0.0, 0.3),
    _table_5("Flan-T5 large", 13.8, 45.1, 40.5, 37.5, 31.5, 12.3, 0.7),
    _table_5("T5 XL, LM-adapted", -4.1, 25.7, 14.5, 27.4, 19.2, 0.0, 0.8),
    _table_5("Flan-T5 XL", 19.1, 52.4, 45.5, 41.0, 35.2, 16.6, 1.9),
    _table_5("T5 XXL, LM-adapted", -2.9, 25.9, 18.7, 29.5, 19.3, 0.0, 1.0),
    _table_5("Flan-T5 XXL", 23.7, 55.1, 48.6, 45.3, 41.4, 19.0, 4.9),
    _table_5("PaLM 8B", 6.4, 24.3, 24.1, 30.8, 30.1, 25.0, 3.4),
    _table_5("Flan-PaLM 8B", 21.9, 49.3, 41.3, 36.4, 31.1, 47.5, 8.2),
    _table_5("PaLM 62B", 28.4, 55.1, 49.0, 37.4, 43.0, 40.5, 18.2),
    _table_5("Flan-PaLM 62B", 38.8, 59.6, 56.9, 47.5, 44.9, 58.7, 28.5),
    _table_5("PaLM 540B", 49.1, 71.3, 62.9, 49.1, 63.7, 52.9, 45.9),
    _table_5("Flan-PaLM 540B", 58.4, 73.5, 70.9, 57.9, 66.3, 67.8, 57.0),
    _table_5("cont-PaLM 62B", 38.1, 61.2, 57.6, 41.7, 53.1, 45.7, 32.0),
    _table_5("Flan-cont-PaLM 62B", 46.7, 66.1, 62.0, 51.0, 53.3, 62.7, 40.3),
    _table_5("U-PaLM 540B", 50.2, 71.5, 64.0, 49.2, 62.4, 54.6, 49.9),
    _table_5("Flan-U-PaLM 540B", 59.1, 74.1, 69.8, 59.3, 64.9, 68.3, 60.4),
    PublishedScores(
        model="Flan-UL2 20B",
        scores=MappingProxyType(
            {"mmlu_direct": 55.7, "mmlu_cot": 52.2, "bbh_direct": 45.9, "bbh_cot": 42.7}
        ),
        normalized_average=None,
        source="model card of Flan-UL2",
    ),
    PublishedScores(
        model="GPT-3 175B",
        scores=MappingProxyType({"mmlu_direct": 43.9}),
        normalized_average=None,
        source="arXiv 2009.03300, five demonstrations, test split",
    ),
)
