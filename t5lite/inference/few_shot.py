"""Few-shot prompts: which demonstrations stand before a question, as text or as turns."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from t5lite.data.mixing import philox
from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.prompt_parts import Exemplar, PromptParts, texts_of
from t5lite.data.vocabularies.chat_template import Message

# Exemplars are drawn among so many examples of a split, the first ones: it may hold millions.
MOST_DRAWN_FROM = 10_000


def parts_of(example: EvalExample) -> PromptParts | None:
    """The parts of an example's prompt; None where its Task does not say.

    Raises:
      ValueError: They are malformed, or do not make the prompt that the Task gives.
    """
    parts = PromptParts.of(example.raw)
    if parts is None or "inputs_pretokenized" not in example.raw:
        return parts
    if parts.text() != example.inputs_text:
        raise ValueError(
            f"its parts (question, description and exemplars) make the prompt "
            f"{parts.text()!r}, and its inputs are {example.inputs_text!r}; the Task must give "
            "one prompt, or no field `question`"
        )
    return parts


@dataclasses.dataclass(frozen=True)
class Exemplars:
    """Where the exemplars of a Task's examples come from.

    Attributes:
      task: The Task's name.
      num_shots: How many an example shows.
      split: Of which `drawn_from` are.
      seed: Of the draws.
      drawn_from: Examples to draw among, for examples without exemplars of their own.
    """

    task: str
    num_shots: int
    split: str
    seed: int
    drawn_from: Sequence[Exemplar] = ()

    @classmethod
    def load(
        cls,
        task: EvalTask,
        num_shots: int,
        *,
        split: str,
        seed: int,
        task_feature_lengths: Mapping[str, int],
    ) -> Exemplars:
        """Reads those of a Task, where its own examples bring none.

        Raises:
          ValueError: The Task has no such split, or exemplars that are no texts.
        """
        exemplars = cls(task.name, num_shots, split, seed)
        has_own = any(texts_of(example.raw, "exemplar_inputs") for example in task.examples)
        if has_own or not num_shots:
            return exemplars
        if split not in (splits := seqio_adapter.splits(task.name)):
            raise ValueError(
                f"num_shots is {num_shots} (--num_shots), and Task {task.name!r} has neither "
                f"exemplars of its own nor a split {split!r} to draw some from; it has "
                f"{', '.join(splits)}. Name one with EvalConfig.fewshot_split (--fewshot_split)."
            )
        (of_split,) = seqio_adapter.load_eval_tasks(
            task.name,
            split=split,
            task_feature_lengths=task_feature_lengths,
            max_examples=MOST_DRAWN_FROM,
        )
        drawn_from = []
        for example in of_split.examples:
            parts = PromptParts.of(example.raw)
            inputs = parts.question if parts else example.inputs_text
            drawn_from.append(Exemplar(inputs, example.targets_text))
        return dataclasses.replace(exemplars, drawn_from=drawn_from)

    def of(self, parts: PromptParts, index: int) -> tuple[Exemplar, ...]:
        """Those of one example: the first of its own, or else drawn, never the example itself.

        Args:
          parts: Of its prompt.
          index: Its place among the Task's examples, which the draw depends on.

        Raises:
          ValueError: There are not so many.
        """
        if not self.drawn_from:
            found = parts.exemplars
            source = "exemplars of its own"
        else:
            found = self._drawn(parts.question, index)
            source = f"others in its split {self.split!r}"
        if len(found) < self.num_shots:
            raise ValueError(
                f"num_shots is {self.num_shots} (--num_shots), and example {index} of Task "
                f"{self.task!r} has {len(found)} {source}; ask for fewer"
            )
        return found[: self.num_shots]

    def _drawn(self, question: str, index: int) -> tuple[Exemplar, ...]:
        """A keyed draw without replacement."""
        num_all = len(self.drawn_from)
        key = philox.key_from_seed(self.seed)
        tweak = (zlib.crc32(self.task.encode()), index, 0)
        found: list[Exemplar] = []
        # Some more than needed, for the question may be among them; all where it is often.
        for num in (min(self.num_shots + 8, num_all), num_all):
            order = philox.permute(np.arange(num), num_all, key, tweak_N3=tweak)
            drawn = [self.drawn_from[place] for place in order.tolist()]
            found = [exemplar for exemplar in drawn if exemplar.inputs != question]
            if len(found) >= self.num_shots:
                break
        return tuple(found)


def messages(parts: PromptParts, *, system_prompt: str | None) -> list[Message]:
    """A few-shot prompt as a conversation: exemplars are its first turns, the question the last.

    Args:
      parts: Of the prompt; its delimiters fall away. The description stands in the system prompt
        where there is one, or else before the user's first turn.
      system_prompt: What the conversation begins with; None for nothing, which leaves it to the
        chat template.
    """
    turns: list[Message] = []
    description = parts.description
    if system_prompt is not None:
        texts = (system_prompt, description.rstrip())
        turns.append({"role": "system", "content": "\n\n".join(text for text in texts if text)})
        description = ""
    for exemplar in parts.exemplars:
        turns.append({"role": "user", "content": description + exemplar.inputs})
        turns.append({"role": "assistant", "content": exemplar.targets})
        description = ""
    return [*turns, {"role": "user", "content": description + parts.question}]
