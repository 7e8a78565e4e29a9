"""What Self-Instruct asks for, and which answers it keeps: what gin/runs/self_instruct.gin sets."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, get_args

from t5lite.messages.ranges import Count, PresencePenalty, Range, Seed, Size
from t5lite.messages.value_types import check_numbers
from t5lite.models.checks import check_choice
from t5lite.synthetic_data.self_instruct.heuristics import InstructionHeuristics
from t5lite.synthetic_data.self_instruct.rouge_filter import MAX_ROUGE_L, Alphabet
from t5lite.synthetic_data.teachers.requests import PromptForm

# What is left of an answer that ended for its length: nothing, or all but its last item.
CutAnswers = Literal["drop", "drop_last"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfInstructConfig:
    """Settings of Self-Instruct; the numbers are those of the paper (arXiv:2212.10560).

    Attributes:
      num_instructions: Kept instructions of the teacher's at which the first step ends; the round
        in which it comes to them is finished.
      max_rounds: Rounds of requests at which it ends too; None for no limit.
      max_rounds_without_new: Rounds in a row that bring no new instruction, after which it ends.
      requests_per_round: Requests that are asked at once. Those of a round show instructions of
        earlier rounds only.
      num_seed_demonstrations: Seeds that a request shows.
      num_machine_demonstrations: Instructions of the teacher's that it shows; seeds stand in their
        place while there are not so many.
      num_asked: Instructions that it asks for.
      whole_tasks: Asks for instructions with their input and output at once, as Alpaca does, and
        leaves out the steps in between.
      prompt_form: How the teacher is asked; see `PromptForm`.
      cut_answers: What is kept of an answer to the first step that was cut; see `CutAnswers`.
      temperature: Of the first step; the others take the likeliest token.
      top_p: Of the first step.
      presence_penalty: Of the first step.
      max_tokens: Of an answer to the first step.
      alphabet: What a word is, to ROUGE-L and to the heuristics; see `rouge_filter.Alphabet`.
      max_rouge_l: An instruction that is nearer to any other is dropped.
      heuristics: Which instructions are dropped by their words.
      max_instances: Instances that are kept of an instruction.
      instance_max_tokens: Of an answer with instances.
      classification_instance_max_tokens: Of one whose instruction is a classification.
      include_seeds: Writes the seeds with their instances among the examples.
      seed: Of the choice of demonstrations.
    """

    num_instructions: Size = 1000
    max_rounds: Size | None = None
    max_rounds_without_new: Size = 10
    requests_per_round: Size = 5
    num_seed_demonstrations: Count = 6
    num_machine_demonstrations: Count = 2
    num_asked: Size = 8
    whole_tasks: bool = False
    prompt_form: PromptForm = "conversation"
    cut_answers: CutAnswers = "drop"
    temperature: Annotated[float, Range(least=0, most=2)] = 0.7
    top_p: Annotated[float, Range(above=0, most=1)] = 0.5
    presence_penalty: PresencePenalty = 2.0
    max_tokens: Size = 1024
    alphabet: Alphabet = "ascii"
    max_rouge_l: Annotated[float, Range(least=0, most=1)] = MAX_ROUGE_L
    heuristics: InstructionHeuristics = dataclasses.field(default_factory=InstructionHeuristics)
    max_instances: Size = 5
    instance_max_tokens: Size = 350
    classification_instance_max_tokens: Size = 300
    include_seeds: bool = False
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_numbers(self, of=SelfInstructConfig)
        choices = {"prompt_form": PromptForm, "cut_answers": CutAnswers, "alphabet": Alphabet}
        for name, kinds in choices.items():
            check_choice(f"SelfInstructConfig.{name}", getattr(self, name), get_args(kinds))
        if not self.num_demonstrations:
            raise ValueError(
                "SelfInstructConfig: num_seed_demonstrations and num_machine_demonstrations are "
                "both 0; a request shows at least one instruction."
            )

    @property
    def num_demonstrations(self) -> int:
        """Instructions that a request shows."""
        return self.num_seed_demonstrations + self.num_machine_demonstrations
