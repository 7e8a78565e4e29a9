"""The suites of Table 5 of "Scaling Instruction-Finetuned Language Models" (arXiv 2210.11416).

Each is a column of the table, and belongs to one registered Mixture of `tasks.eval`, whose Tasks
are called `<collection>_<member>_<k>shot`, with `_cot` behind it for a chain of thought.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_MMLU = (
    *("abstract_algebra", "anatomy", "astronomy", "business_ethics", "clinical_knowledge"),
    *("college_biology", "college_chemistry", "college_computer_science", "college_mathematics"),
    *("college_medicine", "college_physics", "computer_security", "conceptual_physics"),
    *("econometrics", "electrical_engineering", "elementary_mathematics", "formal_logic"),
    *("global_facts", "high_school_biology", "high_school_chemistry"),
    *("high_school_computer_science", "high_school_european_history", "high_school_geography"),
    *("high_school_government_and_politics", "high_school_macroeconomics"),
    *("high_school_mathematics", "high_school_microeconomics", "high_school_physics"),
    *("high_school_psychology", "high_school_statistics", "high_school_us_history"),
    *("high_school_world_history", "human_aging", "human_sexuality", "international_law"),
    *("jurisprudence", "logical_fallacies", "machine_learning", "management", "marketing"),
    *("medical_genetics", "miscellaneous", "moral_disputes", "moral_scenarios", "nutrition"),
    *("philosophy", "prehistory", "professional_accounting", "professional_law"),
    *("professional_medicine", "professional_psychology", "public_relations"),
    *("security_studies", "sociology", "us_foreign_policy", "virology", "world_religions"),
)

# What counts as 0, in percent. The paper does not print these: they were worked out from its
# normalized averages and its scores by subtask. Those scores are no part of t5lite, so that no test
# here shows that they fit (tests/evaluation/test_normalized_average.py says how near the averages
# of suites come). Most are what a guess among the options gets. `penguins_in_a_table` is not: it
# has five options, so that guesses get 20.
_BBH = {
    "boolean_expressions": 50.0,
    "causal_judgement": 50.0,
    "date_understanding": 17.2,
    "disambiguation_qa": 33.2,
    "dyck_languages": 1.2,
    "formal_fallacies": 50.0,
    "geometric_shapes": 11.6,
    "hyperbaton": 50.0,
    "logical_deduction_three_objects": 33.3,
    "logical_deduction_five_objects": 20.0,
    "logical_deduction_seven_objects": 14.3,
    "movie_recommendation": 25.0,
    "multistep_arithmetic_two": 0.0,
    "navigate": 50.0,
    "object_counting": 0.0,
    "penguins_in_a_table": 0.0,
    "reasoning_about_colored_objects": 11.9,
    "ruin_names": 25.0,
    "salient_translation_error_detection": 16.7,
    "snarks": 50.0,
    "sports_understanding": 50.0,
    "temporal_sequences": 25.0,
    "tracking_shuffled_objects_three_objects": 33.3,
    "tracking_shuffled_objects_five_objects": 20.0,
    "tracking_shuffled_objects_seven_objects": 14.3,
    "web_of_lies": 50.0,
    "word_sorting": 0.0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A column of the table.

    Attributes:
      name: What files call it.
      title: What readers see.
      collection: What the names of its Tasks begin with.
      ending: What they end with, behind the member.
      layouts: What may follow: other ways to put the same questions.
      member_noun: What its members are, in plural.
      baselines: By member, every one that the column's mean is of: what the normalized average
        counts as 0, in percent.
      num_shots: Demonstrations before each question, in the paper.
      split: What the paper evaluates.
      num_examples: By split, how many examples all members have together.
    """

    name: str
    title: str
    collection: str
    ending: str
    layouts: tuple[str, ...] = ("",)
    member_noun: str
    baselines: Mapping[str, float]
    num_shots: int
    split: str
    num_examples: Mapping[str, int]

    @property
    def members(self) -> tuple[str, ...]:
        """Subjects, subtasks or languages."""
        return tuple(self.baselines)

    @property
    def mixture(self) -> str:
        """The registered Mixture, in the paper's layout."""
        return f"{self.collection}_{self.ending}"

    def place(self, task: str) -> tuple[str, str] | None:
        """The member and the layout that a Task is of; None where it is of no member."""
        for layout in self.layouts:
            found = re.fullmatch(rf"{self.collection}_(\w+?)_{self.ending}{layout}", task)
            if found and found[1] in self.baselines:
                return found[1], layout
        return None


def _mmlu(name: str, title: str, ending: str, layouts: tuple[str, ...] = ("",)) -> Suite:
    return Suite(
        name=name,
        title=title,
        collection="mmlu",
        ending=ending,
        layouts=layouts,
        member_noun="subjects",
        baselines=MappingProxyType(dict.fromkeys(_MMLU, 25.0)),
        num_shots=5,
        split="validation",
        num_examples=MappingProxyType({"validation": 1531, "test": 14_042}),
    )


def _bbh(name: str, title: str, ending: str) -> Suite:
    return Suite(
        name=name,
        title=title,
        collection="bbh",
        ending=ending,
        member_noun="subtasks",
        baselines=MappingProxyType(_BBH),
        num_shots=3,
        split="test",
        num_examples=MappingProxyType({"test": 6511}),
    )


SUITES = (
    _mmlu("mmlu_direct", "MMLU direct", "5shot", ("", "_letters", "_text")),
    _mmlu("mmlu_cot", "MMLU CoT", "5shot_cot"),
    _bbh("bbh_direct", "BBH direct", "3shot"),
    _bbh("bbh_cot", "BBH CoT", "3shot_cot"),
    Suite(
        name="tydiqa",
        title="TyDiQA",
        collection="tydiqa",
        ending="1shot",
        member_noun="languages",
        baselines=MappingProxyType(
            dict.fromkeys(("ar", "bn", "fi", "id", "ko", "ru", "sw", "te"), 0.0)
        ),
        num_shots=1,
        split="validation",
        num_examples=MappingProxyType({"validation": 4637}),
    ),
    Suite(
        name="mgsm",
        title="MGSM",
        collection="mgsm",
        ending="8shot_cot",
        member_noun="languages",
        baselines=MappingProxyType(
            dict.fromkeys(("bn", "de", "es", "fr", "ja", "ru", "sw", "te", "th", "zh"), 0.0)
        ),
        num_shots=8,
        split="test",
        num_examples=MappingProxyType({"test": 2500}),
    ),
)


def suite_of(tasks: Iterable[str]) -> Suite | None:
    """The column that these Tasks are of; None where one of them is of none, or of another."""
    names = list(tasks)
    return next((s for s in SUITES if names and all(map(s.place, names))), None)
