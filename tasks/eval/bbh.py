"""BIG-Bench Hard (Suzgun et al. 2022): 23 tasks, counted as 27 subtasks.

Three-shot prompts are those of `cot-prompts/`; the direct ones show the same exemplars with the
final answer alone. Zero-shot, the description and the question stand alone, with "Let's think step
by step." where the name ends in `_cot`. `bbh_3shot_multiple_choice` and `bbh_0shot_multiple_choice`
are Mixtures of the 23 subtasks that have options, which can be ranked.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from t5lite.data.sources import local_files
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts

from ..python_tasks import Example
from . import answer_rules, suite_files
from .suite_tasks import STEP_BY_STEP, AnswerRule, SuiteTask

NUM_SHOTS = 3


def _one_of(*choices: str) -> AnswerRule:
    return functools.partial(answer_rules.one_of, choices=choices, next_question="Q:")


_LETTER = functools.partial(answer_rules.option_letter, next_question="Q:")
_NUMBER = functools.partial(answer_rules.number, next_question="Q:")
_BRACKETS = functools.partial(answer_rules.brackets, next_question="Q:")
_WORDS = functools.partial(answer_rules.word_list, next_question="Q:")
_FREE_ANSWERS = (_NUMBER, _BRACKETS, _WORDS)

SUBTASKS: Mapping[str, AnswerRule] = {
    "boolean_expressions": _one_of("True", "False"),
    "causal_judgement": _one_of("Yes", "No"),
    "date_understanding": _LETTER,
    "disambiguation_qa": _LETTER,
    "dyck_languages": _BRACKETS,
    "formal_fallacies": _one_of("valid", "invalid"),
    "geometric_shapes": _LETTER,
    "hyperbaton": _LETTER,
    "logical_deduction_five_objects": _LETTER,
    "logical_deduction_seven_objects": _LETTER,
    "logical_deduction_three_objects": _LETTER,
    "movie_recommendation": _LETTER,
    "multistep_arithmetic_two": _NUMBER,
    "navigate": _one_of("Yes", "No"),
    "object_counting": _NUMBER,
    "penguins_in_a_table": _LETTER,
    "reasoning_about_colored_objects": _LETTER,
    "ruin_names": _LETTER,
    "salient_translation_error_detection": _LETTER,
    "snarks": _LETTER,
    "sports_understanding": _one_of("yes", "no"),
    "temporal_sequences": _LETTER,
    "tracking_shuffled_objects_five_objects": _LETTER,
    "tracking_shuffled_objects_seven_objects": _LETTER,
    "tracking_shuffled_objects_three_objects": _LETTER,
    "web_of_lies": _one_of("Yes", "No"),
    "word_sorting": _WORDS,
}


class Prompt(NamedTuple):
    """What a file of `cot-prompts/` holds.

    Attributes:
      description: what the subtask is, with the blank line behind it.
      exemplars: the questions, and the reasoning that ends with "So the answer is X.".
      target_delimiter: what parts the two, a line break or, in one subtask, a space.
    """

    description: str
    exemplars: tuple[Exemplar, ...]
    target_delimiter: str


def suite_tasks() -> Iterator[SuiteTask]:
    """Every subtask in all four ways."""
    for num_shots in (0, NUM_SHOTS):
        for reasons in (False, True):
            for subtask, rule in SUBTASKS.items():
                suffix = f"{num_shots}shot" + ("_cot" if reasons else "")
                ranked = not reasons and rule not in _FREE_ANSWERS
                yield SuiteTask(
                    name=f"bbh_{subtask}_{suffix}",
                    mixture=f"bbh_{suffix}",
                    splits=("test",),
                    files=functools.partial(_files, subtask=subtask),
                    read=functools.partial(
                        _read, subtask=subtask, num_shots=num_shots, reasons=reasons
                    ),
                    rule=rule,
                    other_mixtures=(f"bbh_{suffix}_multiple_choice",) if ranked else (),
                )


def _files(root: pathlib.Path, split: str, *, subtask: str) -> Sequence[pathlib.Path]:
    """The questions, where `data fetch` puts them or right in the folder, and the prompt."""
    del split
    folder = root / "bbh"
    places = [folder / f"{subtask}.json", folder / "bbh" / f"{subtask}.json"]
    questions = next((path for path in places if path.is_file()), places[0])
    return questions, folder / "cot-prompts" / f"{subtask}.txt"


def _read(
    root: pathlib.Path, split: str, *, subtask: str, num_shots: int, reasons: bool
) -> list[Example]:
    questions_file, prompt_file = _files(root, split, subtask=subtask)
    prompt = suite_files.parsed(read_prompt, prompt_file)
    exemplars = prompt.exemplars[:num_shots]
    if len(exemplars) < num_shots:
        raise ValueError(
            f"{prompt_file}: {len(exemplars)} exemplars, and {num_shots} demonstrations are shown; "
            "get the whole file"
        )
    if not reasons:
        exemplars = tuple(_direct(exemplar, where=str(prompt_file)) for exemplar in exemplars)
    rule = SUBTASKS[subtask]
    return [
        Example.asked(
            PromptParts(
                description=prompt.description,
                exemplars=exemplars,
                question=_question(text, reasons=reasons),
                target_delimiter=prompt.target_delimiter if reasons else " ",
            ),
            id=f"{subtask}/{index}",
            targets=target,
            # Three questions have texts for targets that their options cut at commas.
            references=(rule(target) or target,),
            options=listed_options(text) or choices(rule),
        )
        for index, (text, target) in enumerate(suite_files.parsed(read_questions, questions_file))
    ]


def _question(text: str, *, reasons: bool) -> str:
    return f"Q: {text}\nA:" + (f" {STEP_BY_STEP}" if reasons else "")


def choices(rule: AnswerRule) -> tuple[str, ...]:
    """The words that a rule chooses among, for questions that do not list them."""
    found: tuple[str, ...] = getattr(rule, "keywords", {}).get("choices", ())
    return found


def listed_options(question: str) -> tuple[str, ...]:
    """What a question lists behind "Options:", as it is to be answered: "(A)", or "Yes".

    Args:
      question: with a line `(A) text` or `- text` an option, or without options.
    """
    _, found, listed = question.rpartition("\nOptions:\n")
    if not found:
        return ()
    lettered = re.findall(r"^(\([A-Z]\)) ", listed, re.M)
    return tuple(lettered or re.findall(r"^- (.*\S)", listed, re.M))


# ----------------------------------------------------------------------------------------- files


def read_questions(path: pathlib.Path) -> tuple[tuple[str, str], ...]:
    """Question and target of each example of a subtask's JSON file.

    Raises:
      ValueError: naming file and example, where it is of another layout.
    """
    examples = local_files.require(local_files.read_json(path), "examples", list, where=str(path))
    if not examples:
        raise ValueError(f"{path}: field 'examples' is empty")
    found = []
    for number, example in enumerate(examples, start=1):
        where = f"{path}, example {number}"
        found.append(
            (
                local_files.require(example, "input", str, where=where),
                local_files.require(example, "target", str, where=where),
            )
        )
    return tuple(found)


def read_prompt(path: pathlib.Path) -> Prompt:
    """The description and exemplars of a file of `cot-prompts/`.

    It has a line with BIG-bench's canary, a line `-----`, the description, and exemplars `Q: ...`,
    `A: Let's think step by step.`, reasoning.

    Raises:
      ValueError: naming file and exemplar, where it is of another layout.
    """
    _, rule_found, text = suite_files.read_text(path).partition("\n-----\n")
    if not rule_found:
        raise ValueError(f"{path}: no line '-----' parts the canary from the prompt")
    description, *shots = re.split(r"^Q: ", text, flags=re.M)
    if not shots:
        raise ValueError(f"{path}: has no exemplar, which begins with 'Q: '")
    exemplars = []
    delimiters = set()
    for number, shot in enumerate(shots, start=1):
        question, joint, reasoning = shot.partition(f"\nA: {STEP_BY_STEP}")
        if not joint or reasoning[:1] not in ("\n", " "):
            raise ValueError(
                f"{path}: exemplar {number} has no line 'A: {STEP_BY_STEP}' before its reasoning"
            )
        exemplars.append(Exemplar(_question(question, reasons=True), reasoning.strip()))
        delimiters.add(reasoning[0])
    if len(delimiters) != 1:
        raise ValueError(
            f"{path}: the reasoning must begin on a line of its own in all exemplars or in none"
        )
    return Prompt(f"{description.strip()}\n\n", tuple(exemplars), delimiters.pop())


def _direct(exemplar: Exemplar, *, where: str) -> Exemplar:
    """The exemplar with its final answer alone."""
    stated = re.search(r"[Ss]o the answer is (.+?)\.?$", exemplar.targets)
    if not stated:
        raise ValueError(
            f"{where}: the reasoning {exemplar.targets[-60:]!r} does not end with 'So the answer "
            "is ...'"
        )
    return Exemplar(exemplar.inputs.removesuffix(f" {STEP_BY_STEP}"), stated[1])
