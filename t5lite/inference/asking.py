"""What a model is asked for each example of a Task: prompt, options and reference, as tokens."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from t5lite.data.chat.chat_format import ChatFormat, ChatPrompt
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.prompt_parts import PromptParts, options_of
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.few_shot import Exemplars, messages, parts_of
from t5lite.inference.options import Choices, chat_choices, text_choices, why_no_choice
from t5lite.models.config import TransformerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """One example as it is put to a model.

    Attributes:
      text: The prompt that is asked.
      tokens: int32 `[length]`, the prompt with what the model has around it.
      target: int32 `[length]`, the reference answer.
      num_shots: How many exemplars the prompt shows; None where the Task does not say, or where its
        text was cut.
      num_dropped: How many were left out since the prompt was too long.
      options: The answers to choose from; none where an answer is generated.
      option_tokens: int32 `[length]` each.
      skipped: Why the example is not asked; None where it is.
    """

    text: str
    tokens: np.ndarray
    target: np.ndarray
    num_shots: int | None = None
    num_dropped: int = 0
    options: tuple[str, ...] = ()
    option_tokens: tuple[np.ndarray, ...] = ()
    skipped: str | None = None


class _Prompt(NamedTuple):
    """One way to put an example.

    Attributes:
      text: As it is asked.
      ids: Of the text, without what the model has around every prompt.
      options: Ids of each option.
      num_shots: How many exemplars it shows; None where that is not known.
    """

    text: str
    ids: Sequence[int]
    options: Sequence[Sequence[int]]
    num_shots: int | None


class _Longest(NamedTuple):
    """The longest prompt that can be asked.

    Attributes:
      num_tokens: With what the model has around it; below 1 if there is no room for any.
      reason: What follows it in a message where it is shorter than in training; else empty.
    """

    num_tokens: int
    reason: str = ""


class Asker:
    """Puts the examples of Tasks as an `EvalConfig` says to one model."""

    def __init__(
        self,
        config: EvalConfig,
        model_config: TransformerConfig,
        *,
        converter: FeatureConverter,
        vocabulary: Vocabulary,
        chat: ChatFormat | None,
    ) -> None:
        """Prepares.

        Args:
          config: How to ask.
          model_config: The model's.
          converter: What the model's prompts look like, with the evaluation's lengths.
          vocabulary: The Tasks'.
          chat: How the model's conversations are written, where that is known.

        Raises:
          ValueError: A chat template is to be used, and there is none.
        """
        if config.use_chat_template and chat is None:
            raise ValueError(
                f"evaluation {config.name!r} has use_chat_template (--use_chat_template), and the "
                "model's folder holds no chat template; leave it out."
            )
        self._config, self._converter, self._vocabulary = config, converter, vocabulary
        self._chat = chat if config.use_chat_template else None
        self._is_continued = converter.architecture == "decoder_only"
        self._model_config = model_config
        lengths = converter.task_feature_lengths
        self._longest_answer = lengths["targets"]
        self._longest_chat = lengths["inputs" if "inputs" in lengths else "targets"]

    def ask(self, task: EvalTask) -> list[Asked]:
        """Puts all examples of a Task.

        Raises:
          ValueError: The Task has no options or exemplars where such are asked for, or the chat
            template refuses its conversations; names Task and example.
        """
        is_chat = any(example.is_chat for example in task.examples)
        if is_chat and (self._config.num_shots is not None or self._config.use_chat_template):
            raise ValueError(
                f"Task {task.name!r} is of conversations, which are asked as they are; leave out "
                "num_shots and use_chat_template (--num_shots, --use_chat_template)."
            )
        exemplars = None
        if self._config.num_shots is not None:
            exemplars = Exemplars.load(
                task,
                self._config.num_shots,
                split=self._config.fewshot_split,
                seed=self._config.fewshot_seed,
                task_feature_lengths=self._config.task_feature_lengths,
            )
        return [
            self._ask(example, index, task=task, exemplars=exemplars)
            for index, example in enumerate(task.examples)
        ]

    def _ask(
        self, example: EvalExample, index: int, *, task: EvalTask, exemplars: Exemplars | None
    ) -> Asked:
        where = f"example {index} of Task {task.name!r}"
        is_ranked = self._config.rank_by is not None and task.judges_answers
        try:
            options = options_of(example.raw) if is_ranked else ()
            parts = parts_of(example)
            _ = example.references  # Which are wanted when all is answered.
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if is_ranked and not options:
            raise ValueError(
                f"{where} has no options to rank (a field `options`, a list of texts); leave out "
                "rank_by (--rank_by), so that answers are generated."
            )
        if exemplars is not None or self._chat is not None:
            parts = parts or PromptParts(question=example.inputs_text)
        if exemplars is not None and parts is not None:
            parts = dataclasses.replace(parts, exemplars=exemplars.of(parts, index))
        try:
            return self._first_that_fits(example, parts, options, task=task)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error

    def _first_that_fits(
        self,
        example: EvalExample,
        parts: PromptParts | None,
        options: tuple[str, ...],
        *,
        task: EvalTask,
    ) -> Asked:
        """Puts an example with as many exemplars as there is room for, or as the config says."""
        is_chat = self._chat is not None or example.is_chat
        ends = self._end_ids(task) if self._config.rank_end_token else ()
        num_wanted, most, skipped = None, None, ""
        for prompt in self._prompts(example, parts, options):
            num_wanted = prompt.num_shots if num_wanted is None else num_wanted
            option_tokens = [np.array([*ids, *ends], np.int32) for ids in prompt.options]
            target = self._target(example, prompt, task=task)
            skipped = why_no_choice(options, option_tokens, longest=self._longest_answer)
            if skipped:
                break
            answers = [*option_tokens, *([target] if scores_targets(self._config, task) else ())]
            longest = self._longest_prompt(answers, is_chat=is_chat, task=task)
            skipped = self._why_too_long(prompt, longest, is_chat=is_chat)
            is_cut = self._config.prompt_too_long == "cut" and longest.num_tokens > 0
            if skipped and prompt.ids and is_cut:
                most = longest.num_tokens
                prompt, skipped = self._cut(prompt, parts, longest=most, is_chat=is_chat), ""
            if not skipped or self._config.prompt_too_long != "drop_exemplars":
                break
        num_dropped = 0
        if not skipped and num_wanted is not None and prompt.num_shots is not None:
            num_dropped = num_wanted - prompt.num_shots
        return Asked(
            text=prompt.text,
            tokens=self._converter.prompt(prompt.ids, is_chat=is_chat)[:most],
            target=target,
            num_shots=prompt.num_shots,
            num_dropped=num_dropped,
            options=options,
            option_tokens=tuple(option_tokens),
            skipped=skipped or None,
        )

    def _prompts(
        self, example: EvalExample, parts: PromptParts | None, options: Sequence[str]
    ) -> Iterator[_Prompt]:
        """Ways to put an example, each with one exemplar less than the one before."""
        is_given = self._config.num_shots is None and self._chat is None
        if is_given:
            yield self._given(example, parts, options)
        parts = parts or PromptParts(question=example.inputs_text)
        num_shots = len(parts.exemplars)
        for num_dropped in range(int(is_given), num_shots + 1):
            shown = dataclasses.replace(parts, exemplars=parts.exemplars[num_dropped:])
            yield self._composed(shown, options)

    def _given(
        self, example: EvalExample, parts: PromptParts | None, options: Sequence[str]
    ) -> _Prompt:
        """An example as its Task gives it."""
        ids: Sequence[int] = example.inputs.tolist()
        if example.is_chat:
            opening = ChatPrompt([*ids], example.inputs_text, [], False)
            choices = chat_choices(opening, options, vocabulary=self._vocabulary)
        else:
            ids = self._converter.without_end(example.inputs).tolist()
            choices = Choices([*ids], [])
            if options:
                choices = self._text_choices(example.inputs_text, parts or _NO_PARTS, options)
        num_shots = None if parts is None else len(parts.exemplars)
        return _Prompt(example.inputs_text, choices.prompt, choices.options, num_shots)

    def _composed(self, parts: PromptParts, options: Sequence[str]) -> _Prompt:
        """A prompt of these parts, as text or as a conversation."""
        num_shots = len(parts.exemplars)
        if self._chat is None:
            text = parts.text()
            choices = self._text_choices(text, parts, options)
            return _Prompt(text, choices.prompt, choices.options, num_shots)
        prompt = self._chat.prompt(messages(parts, system_prompt=self._config.system_prompt))
        choices = chat_choices(prompt, options, vocabulary=self._chat.vocabulary)
        return _Prompt(prompt.text, choices.prompt, choices.options, num_shots)

    def _text_choices(self, text: str, parts: PromptParts, options: Sequence[str]) -> Choices:
        if not options:
            return Choices(self._vocabulary.encode(text), [])
        return text_choices(
            text,
            options,
            vocabulary=self._vocabulary,
            is_continued=self._is_continued,
            delimiter=parts.target_delimiter,
        )

    def _target(self, example: EvalExample, prompt: _Prompt, *, task: EvalTask) -> np.ndarray:
        """The reference's tokens, as in training."""
        if self._chat is None:
            return example.answer(self._converter)
        opening = ChatPrompt([*prompt.ids], prompt.text, [], False)
        choices = chat_choices(opening, [example.targets_text], vocabulary=self._chat.vocabulary)
        ids = [*choices.options[0], *self._end_ids(task)]
        return self._converter.targets(ids, is_chat=True)

    def _end_ids(self, task: EvalTask) -> tuple[int, ...]:
        """What ends an answer that is scored."""
        return self.chat_end_ids or task.end_ids or self._converter.targets_suffix

    def scores_end(self, task: EvalTask) -> bool:
        """Whether the options of a Task are scored with a token that ends them."""
        return self._config.rank_end_token and bool(self._end_ids(task))

    @functools.cached_property
    def chat_end_ids(self) -> tuple[int, ...]:
        """Tokens that end an answer where a chat template is used."""
        return () if self._chat is None else self._chat.end_ids()

    def _longest_prompt(
        self, answers: Sequence[np.ndarray], *, is_chat: bool, task: EvalTask
    ) -> _Longest:
        """How long a prompt may be that has one of these answers, or one that is generated."""
        trained = self._longest_chat if is_chat else self._converter.longest_prompt
        is_generated = self._config.rank_by is None and task.judges_answers
        most = self._model_config.max_positions
        if is_generated:
            most = self._model_config.max_answered_positions
        if most is None:
            return _Longest(trained)
        num_answer, remedy = max(map(len, answers), default=1), ""
        if is_generated and self._least_decode_length() > num_answer:
            num_answer, remedy = self._least_decode_length(), " (see --max_decode_length)"
        longest = most + 1 - num_answer
        if not self._is_continued and longest > 0:
            longest = most  # each stack has the table to itself
        if longest >= trained:
            return _Longest(trained)
        return _Longest(
            longest,
            f", whose {most} positions must hold an answer of {num_answer} tokens{remedy}",
        )

    def _least_decode_length(self) -> int:
        """Tokens that an answer must have room for.

        Where no number is given, they are those that answers had in training: `decoding_for` then
        takes more where all prompts leave more.
        """
        decoding = self._config.decoding
        if decoding.max_decode_length is not None:
            return decoding.max_decode_length
        needed = min(decoding.decode_length, self._longest_answer)
        return max(needed, decoding.min_decode_length + 1)

    def _why_too_long(self, prompt: _Prompt, longest: _Longest, *, is_chat: bool) -> str:
        """Why a model cannot be asked with a prompt; an empty text where it can."""
        num_around = len(self._converter.prompt_prefix) + len(self._converter.prompt_suffix)
        num_tokens = len(prompt.ids) + (0 if is_chat else num_around)
        if self._is_continued and not num_tokens:
            return "the prompt is empty, and this model has no token that goes before it"
        if num_tokens > longest.num_tokens:
            shots = f" with {prompt.num_shots} exemplars" if prompt.num_shots else ""
            return (
                f"the prompt has {num_tokens} tokens{shots}, and the model takes "
                f"{max(longest.num_tokens, 0)}{longest.reason}"
            )
        return ""

    def _cut(
        self, prompt: _Prompt, parts: PromptParts | None, *, longest: int, is_chat: bool
    ) -> _Prompt:
        """What is left of a prompt that is too long: of a text its beginning, of a talk its end."""
        if self._chat is not None and parts is not None:
            said = messages(parts, system_prompt=self._config.system_prompt)
            kept = self._chat.prompt(said, longest=longest)
            num_shots = sum(message["role"] == "assistant" for message in kept.messages)
            return prompt._replace(text=kept.text, ids=kept.tokens, num_shots=num_shots)
        prefix = () if is_chat else self._converter.prompt_prefix
        ids = prompt.ids[: max(longest - len(prefix), 0)]
        return prompt._replace(text=self._vocabulary.shown(ids), ids=ids, num_shots=None)


_NO_PARTS = PromptParts(question="")


def scores_targets(config: EvalConfig, task: EvalTask) -> bool:
    """Whether the likelihood of references is computed; in a ranking for metrics that need it."""
    is_needed = any("target_scores" in metric.needs for metric in task.metrics)
    return config.score_targets and (config.rank_by is None or is_needed)
