"""Span corruption, the denoising objective of T5.

Names: N draws, K tokens of all of them together, G spans likewise. A text of n tokens has m noise
tokens in s spans.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt

from t5lite.data.features.row_layout import places
from t5lite.data.mixing import philox
from t5lite.data.transforms.transform import Example, ExampleTransform, TaskExamples
from t5lite.messages.ranges import Range, Size
from t5lite.messages.value_types import check_numbers

# Beyond so many tokens a row, texts are not looked for that fill it.
_LONGEST_TEXT = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanCorruption(ExampleTransform):
    """Leaves spans out of a text, to be filled in; Raffel et al. (2020), section 3.1.4.

    The text is the `targets` of an example without inputs. What is left of it become the inputs,
    a sentinel in place of each span; the spans become the targets, each behind its sentinel.
    Sentinels count down from the vocabulary's last id. Numbers and lengths of spans are drawn as by
    T5's `random_spans_noise_mask`: a text begins with a span that is kept, and ends with noise.

    A text too long for its inputs and targets to fit in a row is cut into pieces as long as do, and
    each draw takes one of them (T5's `select_random_chunk`).

    Attributes:
      noise_density: share of a text's tokens that are left out, in (0, 1).
      mean_noise_span_length: of the spans, in tokens; at least 1.
      num_sentinels: how many ids at the vocabulary's end are sentinels; None is those it says
        itself (100 of T5's). A `tokenizer.json` says none.
    """

    noise_density: Annotated[float, Range(above=0, below=1)] = 0.15
    mean_noise_span_length: Annotated[float, Range(least=1)] = 3.0
    num_sentinels: Size | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=SpanCorruption)

    def lengths(
        self,
        examples: TaskExamples,
        example_N: npt.NDArray[np.int64],
        keys_N2: npt.NDArray[np.uint32],
    ) -> npt.NDArray[np.int64]:
        """See `ExampleTransform.lengths`."""
        _, length_N = self._pieces(examples, example_N, keys_N2)
        return self._corrupted_lengths(length_N)

    def __call__(
        self,
        examples: TaskExamples,
        example_N: npt.NDArray[np.int64],
        keys_N2: npt.NDArray[np.uint32],
    ) -> Sequence[Example]:
        """See `ExampleTransform.__call__`."""
        start_N, length_N = self._pieces(examples, example_N, keys_N2)
        pieces = [
            targets[start : start + length]
            for (_, targets), start, length in zip(
                examples.tokens(example_N), start_N.tolist(), length_N.tolist(), strict=True
            )
        ]
        text_K = np.concatenate([np.zeros(0, np.int32), *pieces])
        noise_N, spans_N = self._noise(length_N)
        kept_N = length_N - noise_N
        # The first word of a key chooses the piece; each token behind it has one of its own.
        words_K = philox.words(keys_N2, length_N + 1)
        words_K = words_K[places(length_N + 1) > 0]
        is_kept_K = places(length_N) < np.repeat(kept_N, length_N)
        kept_G = _random_spans(words_K[is_kept_K], kept_N, spans_N)
        noise_G = _random_spans(words_K[~is_kept_K], noise_N, spans_N)

        is_noise_K = np.repeat(
            np.tile([False, True], len(kept_G)), np.stack([kept_G, noise_G], axis=1).reshape(-1)
        )
        sentinel_G = (examples.vocabulary.vocab_size - 1 - places(spans_N)).astype(np.int32)
        inputs_K = np.insert(text_K[~is_noise_K], np.cumsum(kept_G), sentinel_G)
        targets_K = np.insert(text_K[is_noise_K], np.cumsum(noise_G) - noise_G, sentinel_G)
        ends_N2 = np.cumsum(self._corrupted_lengths(length_N), axis=0)[:-1]
        return list(
            zip(np.split(inputs_K, ends_N2[:, 0]), np.split(targets_K, ends_N2[:, 1]), strict=True)
        )

    def _noise(
        self, length_N: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Noise tokens and spans in texts of so many tokens: T5's, whose arithmetic is float32.

        A text of one token has one span of no tokens.
        """
        density, mean = np.float32(self.noise_density), np.float32(self.mean_noise_span_length)
        noise_N = np.rint(length_N.astype(np.float32) * density).astype(np.int64)
        noise_N = np.clip(noise_N, 1, np.maximum(length_N - 1, 1))
        spans_N = np.rint(noise_N.astype(np.float32) / mean).astype(np.int64)
        spans_N = np.clip(spans_N, 1, np.maximum(np.minimum(noise_N, length_N - noise_N), 1))
        return np.where(length_N > 1, noise_N, 0), np.where(length_N > 0, spans_N, 0)

    def _corrupted_lengths(self, length_N: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Tokens of inputs and targets made of texts of so many tokens, `[N, 2]`."""
        noise_N, spans_N = self._noise(length_N)
        return np.stack([length_N - noise_N + spans_N, noise_N + spans_N], axis=1)

    def _pieces(
        self,
        examples: TaskExamples,
        example_N: npt.NDArray[np.int64],
        keys_N2: npt.NDArray[np.uint32],
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the piece that each draw takes of its text begins, and its length."""
        self._check(examples)
        stored_N2 = examples.lengths(example_N)
        if stored_N2[:, 0].any():
            raise ValueError(
                "SpanCorruption corrupts the targets of examples without inputs, and some have "
                "inputs; let the Task give its text as targets and empty inputs"
            )
        longest = self._longest_text(examples.room["inputs"], examples.room["targets"])
        num_N = np.maximum(-(-stored_N2[:, 1] // longest), 1)
        word_N = philox.words(keys_N2, np.ones(len(keys_N2), np.int64)).astype(np.int64)
        start_N = ((word_N * num_N) >> 32) * longest
        return start_N, np.minimum(stored_N2[:, 1] - start_N, longest)

    def _check(self, examples: TaskExamples) -> None:
        """Raises ValueError where there is nothing to corrupt, or no sentinels for it."""
        if examples.features != ("inputs", "targets") or examples.is_chat:
            raise ValueError(
                "SpanCorruption makes inputs and targets of a plain text; found "
                + ("conversations" if examples.is_chat else f"features {examples.features}")
            )
        room = examples.room
        longest = self._longest_text(room["inputs"], room["targets"])
        spans = int(self._noise(np.array([longest]))[1][0])
        sentinels = self.num_sentinels
        if sentinels is None:
            sentinels = examples.vocabulary.num_sentinels
        if spans > sentinels:
            raise ValueError(
                f"SpanCorruption leaves {spans} spans out of a text that fills a row, and the "
                f"vocabulary has {sentinels} sentinels. Raise mean_noise_span_length, shorten "
                'TASK_FEATURE_LENGTHS, give a VOCABULARY with more ("bytes:EXTRA_IDS", '
                '"FILE.model:EXTRA_IDS"), or say SpanCorruption.num_sentinels if its last ids are '
                "sentinels under another name"
            )

    def _longest_text(self, inputs: int, targets: int) -> int:
        """Tokens of the longest text of which, as of all shorter ones, both halves fit."""
        return _longest_text(self, inputs, targets)


@functools.cache
def _longest_text(transform: SpanCorruption, inputs: int, targets: int) -> int:
    lengths_L = np.arange(min(inputs + targets, _LONGEST_TEXT) + 1)
    fits_L = (transform._corrupted_lengths(lengths_L) <= [inputs, targets]).all(axis=1)
    longest = int(np.argmin(np.append(fits_L, False))) - 1
    if longest < 2:
        raise ValueError(
            f"SpanCorruption: rows have room for {inputs} tokens of inputs and {targets} of "
            "targets, which is too little for any text. Raise TASK_FEATURE_LENGTHS"
        )
    return longest


def _random_spans(
    words_K: npt.NDArray[np.uint32], num_N: npt.NDArray[np.int64], spans_N: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Divides each of several numbers of tokens into spans, every division equally likely.

    Args:
      words_K: a random word for each token.
      num_N: how many tokens there are to divide.
      spans_N: into how many spans, none of them empty unless there is no token at all.

    Returns:
      Tokens of each span, int64 `[G]`.
    """
    owner_K = np.repeat(np.arange(len(num_N)), num_N)
    place_K = places(num_N)
    # The first token begins a span; the others do whose words are the smallest.
    order_K = np.lexsort((np.where(place_K == 0, -1, words_K.astype(np.int64)), owner_K))
    begins_K = np.empty(len(owner_K), np.int64)
    begins_K[order_K] = place_K < np.repeat(spans_N, num_N)
    before_N = np.cumsum(spans_N) - spans_N
    begun_K = np.cumsum(begins_K)
    first_K = np.cumsum(num_N) - num_N
    begun_before_N = np.append(0, begun_K)[first_K]
    span_K = begun_K - 1 + np.repeat(before_N - begun_before_N, num_N)
    return np.bincount(span_K, minlength=int(spans_N.sum()))
