"""The model behind the page: answers to one text at a time, as `t5lite infer` gives them."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

from t5lite.decoding.config import DecodingConfig
from t5lite.files.strict_json import encodable


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageAnswer:
    """What the page shows.

    Attributes:
      text: The answer.
      num_prompt_tokens: What the model was asked, all that it has around an input counted.
      num_answer_tokens: What it answered, without the token that ends it.
      seconds: From the question to the answer.
      warning: What should be known of it, such as that the input was too long; else empty.
    """

    text: str
    num_prompt_tokens: int
    num_answer_tokens: int
    seconds: float
    warning: str = ""

    @property
    def numbers(self) -> str:
        """Tokens and time, as text."""
        return (
            f"{self.num_prompt_tokens:,} tokens in, {self.num_answer_tokens:,} out, "
            f"{self.seconds:.2f} s"
        )


class PageModel:
    """A loaded model that answers one text at a time; threads wait for each other."""

    def __init__(
        self,
        model_dir: str,
        *,
        template: Callable[[str], str],
        step: int | None = None,
        decoding: DecodingConfig | None = None,
    ) -> None:
        """Loads the model.

        Args:
          model_dir: As `t5lite infer --model_dir` takes it.
          template: Makes the text that the model is asked of an input, as in training.
          step: Which checkpoint; the latest when None.
          decoding: How to decode; as `t5lite infer` does when None.

        Raises:
          ValueError: It cannot be loaded.
        """
        from t5lite.inference.prompts import make_generator
        from t5lite.initialization.adapted_model import load_model, own_folder

        folder, base = own_folder(model_dir, None)
        self._model = load_model(folder, step, base=base)
        self._generator = make_generator(self._model, batch_size=1)
        self._params = self._generator.prepare(self._model.params)
        self._template, self._decoding = template, decoding
        self._lock = threading.Lock()

    def answer(self, text: str) -> PageAnswer:
        """Answers a text, as typed.

        Raises:
          ValueError: Answers cannot be generated as was asked for.
        """
        from t5lite.inference.prompts import (
            answer_text,
            answer_was_cut,
            decoding_for,
            text_prompt,
        )

        model = self._model
        with self._lock:
            start = time.perf_counter()
            prompt = text_prompt(self._template(encodable(text)), model)
            decoding = decoding_for(self._decoding, model.config, [prompt.tokens], is_chat=False)
            self._generator.check([prompt.tokens], config=decoding)
            ((generation, *_),) = self._generator.generate(
                self._params, [prompt.tokens], config=decoding, indices=[0]
            )
            seconds = time.perf_counter() - start
        warnings = []
        if prompt.was_cut:
            warnings.append(
                f"The input is too long: with the instruction it has more than the "
                f"{model.converter.longest_prompt:,} tokens that the model takes, and was cut at "
                "its end."
            )
        tokens = generation.tokens.tolist()
        if answer_was_cut(tokens, model, decoding):
            warnings.append(f"The answer was cut after {len(tokens):,} tokens.")
        return PageAnswer(
            text=encodable(answer_text(generation, model, decoding)),
            num_prompt_tokens=len(prompt.tokens),
            num_answer_tokens=len(tokens),
            seconds=seconds,
            warning=" ".join(warnings),
        )
