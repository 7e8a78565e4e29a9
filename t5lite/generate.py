"""Answers to typed prompts, as they are generated: one by one, or as one conversation."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from t5lite.checkpoints.load import LoadedModel
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.stopping import cut, pieces
from t5lite.inference.prompts import (
    Prompt,
    answer_text,
    answer_was_cut,
    chat_format,
    chat_prompt,
    decoding_for,
    make_generator,
    room_for,
    text_prompt,
    warn_cut,
)
from t5lite.initialization.adapted_model import load_model, own_folder
from t5lite.messages.ranges import Count
from t5lite.messages.streams import input_lines
from t5lite.messages.value_types import numbers_checked


@numbers_checked
def generate(
    *,
    model_dir: str,
    prompts: Sequence[str] = (),
    adapter: str | None = None,
    chat: bool = False,
    system: str | None = None,
    decoding: DecodingConfig | None = None,
    step: Count | None = None,
    attention_implementation: str = "auto",
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
) -> None:
    """Prints the answer to each prompt as it is generated; behind `t5lite generate`.

    Args:
      model_dir: Folder that `t5lite train` or `t5lite convert` wrote, or a checkpoint of any
        format that holds its tokenizer too.
      prompts: What to ask, one answer each. `-` stands for the lines of `stdin`, and so does no
        prompt at all.
      adapter: Folder of a run that trained adapters of the model in `model_dir`. None where
        `model_dir` is such a folder itself, or a whole model.
      chat: Take the prompts for the turns of one conversation, which the model's chat template
        writes; otherwise each goes to the model alone and as it is. An answer that was cut because
        it was too long is marked.
      system: What the conversation begins with, in the role `system`.
      decoding: How to decode; greedy when None. Sampling differs from prompt to prompt. Several
        answers, and that of a beam search, are printed when they are done, one a line; a
        conversation continues with the first.
      step: Which checkpoint, of the adapters where there are any; the latest when None.
      attention_implementation: What computes attention over prompts; see TransformerConfig.
      stdin: Standard input when None.
      stdout: Standard output when None.

    Raises:
      ValueError: `system` is given without `chat`, or there is no chat template, or it refuses
        the conversation.
    """
    if system is not None and not chat:
        raise ValueError("--system begins a conversation; give --chat with it.")
    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    model_dir, base = own_folder(model_dir, adapter)
    model = load_model(
        *(model_dir, step), base=base, attention_implementation=attention_implementation
    )
    writer = _Writer(model, decoding or DecodingConfig(), stdout, chat=chat)
    texts = itertools.chain.from_iterable(
        _lines(stdin, stdout) if prompt == "-" else [prompt] for prompt in (prompts or ["-"])
    )
    turns = [] if system is None else [{"role": "system", "content": system}]
    for text in texts:
        if not chat:
            writer.answer(text_prompt(text, model))
            continue
        turns.append({"role": "user", "content": text})
        answer = writer.answer(chat_prompt(turns, model))
        turns.append({"role": "assistant", "content": answer})


class _Writer:
    """Answers prompts on a terminal; each has a number of its own, which sampling depends on."""

    def __init__(self, model: LoadedModel, decoding: DecodingConfig, stdout: TextIO, *, chat: bool):
        self._model = model
        self._decoding = decoding
        self._stdout = stdout
        self._chat = chat
        end_ids = chat_format(model).end_ids() if chat else ()
        self._generator = make_generator(model, batch_size=1, end_ids=end_ids)
        self._params = self._generator.prepare(model.params)
        self._numbers = itertools.count()

    def answer(self, prompt: Prompt) -> str:
        """Writes the answer, or all answers, and a newline; returns the (first) answer."""
        if prompt.was_cut:
            warn_cut(1, 1, self._model)
        decoding = self._fitted(prompt)
        if decoding.num_branches > 1:
            texts = self._whole_answers(prompt, decoding)
            return texts[0]
        stop_strings, decode = decoding.stop_strings, self._model.vocabulary.decode
        stream = self._generator.stream(
            self._params, prompt.tokens, config=decoding, index=next(self._numbers)
        )
        kept, shown = itertools.tee(stream)
        for piece in pieces(shown, decode=decode, stop_strings=stop_strings):
            self._stdout.write(piece)
            self._stdout.flush()
        tokens = list(kept)
        self._stdout.write(self._mark(tokens, decoding) + "\n")
        return cut(decode(tokens), stop_strings)

    def _fitted(self, prompt: Prompt) -> DecodingConfig:
        """How to decode; in a conversation, which grows, no more than the model has room for."""
        config, prompts = self._model.config, [prompt.tokens]
        decoding = decoding_for(self._decoding, config, prompts, is_chat=self._chat)
        room = room_for(config, prompts)
        if not self._chat or room is None:
            return decoding
        length = min(decoding.decode_length, max(room, 1))
        return dataclasses.replace(decoding, max_decode_length=length)

    def _mark(self, tokens: Sequence[int], decoding: DecodingConfig) -> str:
        """What says that an answer in a conversation did not come to its end; else nothing."""
        if not self._chat or not answer_was_cut(tokens, self._model, decoding):
            return ""
        return f" [cut after {len(tokens)} tokens; see --max_decode_length]"

    def _whole_answers(self, prompt: Prompt, decoding: DecodingConfig) -> list[str]:
        (answers,) = self._generator.generate(
            self._params, [prompt.tokens], config=decoding, indices=[next(self._numbers)]
        )
        texts = [answer_text(answer, self._model, decoding) for answer in answers]
        for text, answer in zip(texts, answers, strict=True):
            self._stdout.write(text + self._mark(answer.tokens.tolist(), decoding) + "\n")
        return texts


def _lines(stdin: TextIO | None, stdout: TextIO) -> Iterator[str]:
    """Lines without their ends; asks for each where a person types them."""

    def ask() -> None:
        stdout.write("> ")
        stdout.flush()

    is_typed = stdin is not None and stdin.isatty()
    return input_lines(stdin, before_each=ask if is_typed else None)
