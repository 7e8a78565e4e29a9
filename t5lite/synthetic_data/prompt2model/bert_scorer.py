"""BERTScore (Zhang et al. 2020, arXiv 1904.09675) with a model that lies in a local folder.

Each token of an answer is matched with the most similar one of the reference, and the other way;
F1 is of the two mean similarities. Matching is the library bert-score's. The model is loaded here:
the library goes by what a path looks like (one that holds "t5" is taken for T5) and asks the hub
for what is no folder.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from t5lite.files.json_files import read_object
from t5lite.files.local_paths import local_path
from t5lite.files.strict_json import encodable
from t5lite.messages.progress import progress_bar
from t5lite.messages.ranges import Range
from t5lite.messages.value_types import check_numbers

_FLAG = "--bertscore_model"
_LAYERS_FLAG = "--bertscore_layers"
_BATCH_SIZE = 64
_PAIRS_AT_ONCE = 512
# What tokenizers without a longest length say that it is.
_NO_LENGTH = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class BertScorer:
    """Which model compares, and how much of it.

    Attributes:
      model: A folder as Hugging Face's `save_pretrained` writes it, with its tokenizer; the paper's
        is xlm-roberta-base.
      num_layers: The layer whose outputs are compared, counted from 1; None for the one that
        bert-score's authors chose for a model of the folder's name.
    """

    model: str
    num_layers: Annotated[int, Range(least=1)] | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=type(self))

    def f1(self, references: Sequence[Sequence[str]], answers: Sequence[str]) -> list[float]:
        """The F1 of each answer, of several references with the nearest; no idf, no rescaling.

        Without a word in it an answer scores 0, and so does one whose references have none.

        Args:
          references: The right answers to each example; one or more.
          answers: Those to compare, in the same order.

        Returns:
          A number for each, at most 1.

        Raises:
          ValueError: The folder, or something in it, is missing or of another kind, the number of
            layers is not known, or the extra `scorers` is not installed.
        """
        model, tokenizer = self._load()
        from bert_score.utils import bert_cos_score_idf

        pairs = [
            (place, reference, answer)
            for place, (given, answer) in enumerate(zip(references, answers, strict=True))
            for reference in given
            if reference.strip() and answer.strip()
        ]
        if not pairs:
            return [0.0] * len(answers)
        # The tokens that begin and end a text do not count, though others may be matched with them.
        weights: dict[int | None, float] = collections.defaultdict(lambda: 1.0)
        weights |= {tokenizer.sep_token_id: 0.0, tokenizer.cls_token_id: 0.0}
        values: list[float] = []
        with progress_bar(total=len(pairs), desc="BERTScore", unit="ex", disable=False) as bar:
            # The library keeps the states of all tokens that it is given at once.
            for start in range(0, len(pairs), _PAIRS_AT_ONCE):
                part = pairs[start : start + _PAIRS_AT_ONCE]
                found = bert_cos_score_idf(
                    model,
                    [encodable(reference) for _, reference, _ in part],
                    [encodable(answer) for _, _, answer in part],
                    tokenizer,
                    weights,
                    batch_size=_BATCH_SIZE,
                    device=str(model.device),
                )
                values += found[:, 2].tolist()
                bar.update(len(part))
        best: dict[int, float] = {}
        for (place, _, _), value in zip(pairs, values, strict=True):
            best[place] = max(value, best.get(place, value))
        return [best.get(place, 0.0) for place in range(len(answers))]

    def check(self) -> tuple[pathlib.Path, int]:
        """Finds out what is missing before anything long is begun; loads no weights.

        Returns:
          The folder, and how many layers there are to be.

        Raises:
          ValueError: As `f1`, but for weights that cannot be read.
        """
        folder = local_path(self.model, name=_FLAG)
        if not (folder / "config.json").is_file():
            raise ValueError(
                f"{_FLAG} {self.model}: is no folder with a config.json; nothing is downloaded, so "
                "give one that holds a model of Hugging Face and its tokenizer"
            )
        try:
            from bert_score.utils import model2layers
        except ImportError as error:
            raise ValueError(
                f"{_FLAG}: BERTScore needs the extra `scorers` (pip install t5lite[scorers]): "
                f"{error}"
            ) from error
        config = read_object(folder / "config.json")
        names = [folder.name, folder.resolve().name, str(config.get("_name_or_path", ""))]
        chosen = self.num_layers or next(
            (model2layers[name] for name in names if name in model2layers), None
        )
        if chosen is None:
            raise ValueError(
                f"{_FLAG} {self.model}: bert-score knows of no model {names[0]!r} which layer to "
                f"compare; give {_LAYERS_FLAG} (9 of the 12 of xlm-roberta-base)"
            )
        if not any(path.suffix in (".safetensors", ".bin") for path in folder.iterdir()):
            raise ValueError(
                f"{_FLAG} {self.model}: there are no weights in it (.safetensors or .bin)"
            )
        return folder, chosen

    def _load(self) -> tuple[Any, Any]:
        folder, num_layers = self.check()
        import torch
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            most = config.num_hidden_layers
            if num_layers > most:
                raise ValueError(f"it has {most} layers; give {_LAYERS_FLAG} of at most {most}")
            # Layers above the one that is compared are not even read.
            config.num_hidden_layers = num_layers
            with _quiet_transformers():
                model, found = AutoModel.from_pretrained(
                    folder, config=config, local_files_only=True, output_loading_info=True
                )
            if missing := [name for name in found["missing_keys"] if "pooler" not in name]:
                raise ValueError(f"its weights lack {min(missing)}")
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, AttributeError, SafetensorError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(f"{_FLAG} {self.model}: cannot be loaded: {reason}") from error
        if tokenizer.model_max_length > _NO_LENGTH:
            # RoBERTa's positions begin behind that of padding, at 2.
            tokenizer.model_max_length = config.max_position_embeddings - 2
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without the table of weights that are not wanted; those that are missing we say ourselves."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
