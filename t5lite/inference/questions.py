"""What `t5lite infer` answers: the lines of a JSONL file, or the examples of Tasks, as tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from t5lite.checkpoints.load import LoadedModel
from t5lite.data.chat.conversations import field_of_messages, read_asked
from t5lite.data.sources.local_files import read_jsonl, require
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.prompt_parts import PromptParts
from t5lite.files.local_paths import storage_path
from t5lite.inference.few_shot import messages
from t5lite.inference.prompts import (
    Prompt,
    chat_format,
    chat_prompt,
    text_prompt,
    warn_cut,
)
from t5lite.messages.suggest import did_you_mean

# Fields an answer adds to its record: the third where it was cut, the last two where there are
# several.
ANSWER_FIELDS = ("prediction", "score", "was_cut", "predictions", "scores")


@dataclasses.dataclass(frozen=True)
class Question:
    """One thing to answer.

    Attributes:
      record: What it came as.
      tokens: Its prompt's token ids.
      options: The answers to choose from, as text; none where one is to be written.
      option_tokens: Their token ids, with the one that ends an answer.
      end_ids: Tokens that end its answer besides the vocabulary's.
      adapter: Which of several adapters answers it; 0 for the model alone.
    """

    record: Mapping[str, Any]
    tokens: np.ndarray
    options: Sequence[str] = ()
    option_tokens: Sequence[np.ndarray] = ()
    end_ids: Sequence[int] = ()
    adapter: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuestionReader:
    """Reads questions for a model, all of them, so that a bad one is found before the work.

    Attributes:
      model: The model.
      use_chat_template: Whether a prompt that is a text is put as a conversation, which the model's
        chat template writes.
      system_prompt: What such a conversation begins with; None leaves it to the template.
    """

    model: LoadedModel
    use_chat_template: bool = False
    system_prompt: str | None = None

    def __post_init__(self) -> None:
        if self.use_chat_template:
            chat_format(self.model)
        elif self.system_prompt is not None:
            raise ValueError(
                "--system_prompt (macro SYSTEM_PROMPT) begins a conversation; give "
                "--use_chat_template with it."
            )

    def of_file(
        self,
        path: str,
        *,
        field: str,
        options_field: str | None,
        adapters: Sequence[str] = (),
    ) -> list[Question]:
        """The lines of a JSONL file.

        Args:
          path: The file.
          field: The field of the prompt, a text or a list of messages.
          options_field: The field of the answers to choose from; None to generate.
          adapters: Names of the adapters that the field `adapter` of a line may hold.

        Raises:
          ValueError: A line is malformed (file, line and field are named), or there is none.
        """
        questions, num_cut = [], 0
        for where, record in read_jsonl(
            storage_path(path, name="--input"), wanted_by="flag --input"
        ):
            options: Sequence[str] = ()
            if options_field is not None:
                options = _options(record, options_field, where=where)
            prompt = self._of_record(record, field, options=options, where=where)
            for name in ANSWER_FIELDS:
                if name in record:
                    raise ValueError(
                        f"{where}: field {name!r} is there already, and the answer would replace "
                        "it; rename it in the input."
                    )
            num_cut += prompt.was_cut
            questions.append(
                Question(
                    *(record, prompt.tokens, options, prompt.options),
                    end_ids=prompt.end_ids,
                    adapter=_adapter(record, adapters, where=where) if adapters else 0,
                )
            )
        if not questions:
            raise ValueError(f"{path} (flag --input) holds no lines to answer.")
        if num_cut:
            warn_cut(num_cut, len(questions), self.model)
        return questions

    def of_tasks(self, tasks: Sequence[EvalTask]) -> list[Question]:
        """The examples of Tasks."""
        questions, num_cut = [], 0
        for task in tasks:
            for index, example in enumerate(task.examples):
                record = {
                    "task": task.name,
                    "index": index,
                    **({} if example.id is None else {"id": example.id}),
                    "inputs": example.inputs_text,
                    "targets": example.targets_text,
                }
                prompt = self._of_example(example)
                num_cut += prompt.was_cut
                end_ids = prompt.end_ids or task.end_ids
                questions.append(Question(record, prompt.tokens, end_ids=end_ids))
        if num_cut:
            warn_cut(num_cut, len(questions), self.model)
        return questions

    def _of_record(self, record: Any, field: str, *, options: Sequence[str], where: str) -> Prompt:
        """What a line asks: a text, or a list of messages."""
        if isinstance(record, Mapping) and field not in record:
            field = field_of_messages(record) or field
        if not isinstance(record, Mapping) or not isinstance(record.get(field), list):
            remedy = "name the field with --inputs_field"
            text = require(record, field, str, where=where, remedy=remedy)
            if self.use_chat_template:
                return self._conversation(PromptParts(question=text), options=options)
            return text_prompt(text, self.model, options=options)
        asked = read_asked(record, where=where, field=field)
        try:
            return chat_prompt(asked.messages, self.model, tools=asked.tools, options=options)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error

    def _of_example(self, example: EvalExample) -> Prompt:
        converter = self.model.converter
        if example.is_chat or not self.use_chat_template:
            return Prompt(example.prompt(converter), example.prompt_is_cut(converter))
        return self._conversation(
            PromptParts.of(example.raw) or PromptParts(question=example.inputs_text)
        )

    def _conversation(self, parts: PromptParts, *, options: Sequence[str] = ()) -> Prompt:
        """A prompt's exemplars as turns, and its question as the last."""
        said = messages(parts, system_prompt=self.system_prompt)
        return chat_prompt(said, self.model, options=options)


def _adapter(record: Mapping[str, Any], names: Sequence[str], *, where: str) -> int:
    """Which adapter answers a line, counted from 1; 0 where it names none."""
    name = record.get("adapter")
    if name is None:
        return 0
    if name not in names:
        raise ValueError(
            f"{where}: field 'adapter' holds {name!r}, and --adapters has {', '.join(names)}."
            f"{did_you_mean(str(name), names)}"
        )
    return names.index(name) + 1


def _options(record: Mapping[str, Any], field: str, *, where: str) -> list[str]:
    options = require(
        record, field, list, where=where, remedy="name the field with --options_field"
    )
    if not options or not all(isinstance(option, str) and option for option in options):
        raise ValueError(
            f"{where}: field {field!r} holds {options!r}; it must be a list of one or more texts."
        )
    return options
