"""What every reader gives: a checkpoint that was opened, its parameters not read yet."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from t5lite.convert.names import Arrays
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.models.config import TransformerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecialIds:
    """Token ids that mean something to decoding; None where a model has none, or none is known."""

    pad: int | None = None
    bos: int | None = None
    eos: int | tuple[int, ...] | None = None
    decoder_start: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One checkpoint of any format.

    Attributes:
      format: Its format's name, of `load.FORMATS`.
      path: Where it lies.
      config: The model.
      arrays: Its parameters, ours, a layer at a time.
      not_said: Fields of `config` that the files do not say, and that are what is usual.
      special_ids: What the files say of special tokens.
      prompt_prefix: Ids that go before every prompt; None where the tokenizer decides.
      prompt_suffix: Ids that go behind every prompt; None where the tokenizer decides.
      converter: What its examples and prompts look like, of a t5lite model folder.
      context_length: Longest text it was made for, in tokens; None where the files do not say.
      model_type: What Hugging Face calls the family, where the files say so ("mt5").
      hf_folder: A Hugging Face folder whose tokenizer and settings of generation go along.
      vocabulary: `spec()` of the vocabulary, where the files hold one.
      chat_template: jinja2 that writes its conversations, where a file of its own says it.
      write_tokenizer: Writes the tokenizer that the files describe in a way of their own, as a
        Hugging Face folder would hold it, into a folder; None where they describe none so.
      step: How many updates it was trained for, where the files say so.
      read_optimizer_state: Reads the optimizer's state as `training.state.TrainState` holds it;
        None where the files have none that t5lite reads.
    """

    format: str
    path: pathlib.Path
    config: TransformerConfig
    arrays: Arrays
    not_said: frozenset[str] = frozenset()
    special_ids: SpecialIds = SpecialIds()
    prompt_prefix: tuple[int, ...] | None = None
    prompt_suffix: tuple[int, ...] | None = None
    converter: FeatureConverter | None = None
    context_length: int | None = None
    model_type: str | None = None
    hf_folder: pathlib.Path | None = None
    vocabulary: Mapping[str, Any] | None = None
    chat_template: str | None = None
    write_tokenizer: Callable[[pathlib.Path], None] | None = None
    step: int = 0
    read_optimizer_state: Callable[[], Any] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """A way checkpoints lie on disk.

    Attributes:
      name: What messages and `--to` call it.
      looked_for: What marks it, for the message when nothing was recognised.
      recognise: Whether a path holds one; looks at names and first bytes only.
      open: Opens it without reading what is large. Raises ValueError where something in it is
        missing, left over or damaged.
    """

    name: str
    looked_for: str
    recognise: Callable[[pathlib.Path], bool]
    open: Callable[[pathlib.Path], Source]
