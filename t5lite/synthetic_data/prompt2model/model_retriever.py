"""Which model to start from: a search of model cards, weighed by downloads, within a size.

As in Prompt2Model (arXiv 2308.12261, section 3.4): BM25 of the cards, times log10(downloads + 2),
of encoder-decoders of at most 3 GB.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.files.json_files import write_object
from t5lite.files.local_paths import local_path
from t5lite.messages.ranges import Positive, Size
from t5lite.messages.streams import say
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.tables import format_table
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.extras import check_installed
from t5lite.synthetic_data.prompt2model.bm25 import Bm25, ranked
from t5lite.synthetic_data.prompt2model.descriptions import say_problems
from t5lite.synthetic_data.prompt2model.model_cards import (
    ENCODER_DECODER,
    DescribedModel,
    described_models,
)
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.teachers.requests import Request

if TYPE_CHECKING:
    from t5lite.synthetic_data.teachers.asking import Asking

FOUND_FILE = "found_models.json"

# Cards that are found by their words before downloads are looked at.
FIRST_STAGE = 1000

_MAX_CARD_TOKENS = 300
_SYSTEM = """You write cards of small models that were trained for one task each. Somebody wants \
a model that does what an instruction asks for. Write the card that the best model for it would \
have: two to five sentences on the task, its inputs and outputs, the data it learned from and the \
languages. Write nothing but the card, and do not do what the instruction asks for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelRetrieval:
    """Where a model is looked for, and which may be taken.

    Attributes:
      model_folders: Folders of models and cards, as `model_cards` finds them.
      size_limit: Bytes of parameters that a model may have; one whose size nobody says may too.
      encoder_decoder_only: Leaves out what is no encoder-decoder, or may be none.
      num_models: How many are shown.
      hypothetical_card: Has the teacher write the card that the best model would have, and searches
        with it (HyDE, arXiv 2212.10496) instead of the instruction.
      model: The one to take: its name, or any folder.
    """

    model_folders: tuple[str, ...] = ()
    size_limit: Positive = 3e9
    encoder_decoder_only: bool = True
    num_models: Size = 5
    hypothetical_card: bool = False
    model: str | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=ModelRetrieval)


@dataclasses.dataclass(frozen=True)
class FoundModel:
    """A model that the search found.

    Attributes:
      model: The model.
      score: The share that BM25 gives its card, times log10(downloads + 2).
      text_score: That share alone.
    """

    model: DescribedModel
    score: float
    text_score: float

    def to_json(self) -> dict[str, Any]:
        """Its record in `found_models.json`."""
        return {
            "name": self.model.name,
            "score": round(self.score, 4),
            "text_score": round(self.text_score, 4),
            "path": None if self.model.path is None else str(self.model.path),
            "downloads": self.model.downloads,
            "size_bytes": self.model.size_bytes,
            "architecture": self.model.architecture,
            "license": self.model.license or None,
            "description": self.model.text,
        }


def retrieve_models(
    spec: PromptSpec, *, settings: ModelRetrieval, asking: Asking | None = None
) -> list[FoundModel]:
    """The models whose cards are nearest to the prompt's instruction, the best first.

    Args:
      spec: The prompt.
      settings: What is searched.
      asking: The teacher, for `hypothetical_card`.

    Raises:
      ValueError: A folder cannot be searched, there is none, or the teacher wrote no card.
    """
    query = _query(spec, settings, asking)
    return _search(query, _described(settings.model_folders), settings=settings)


def _search(
    query: str, models: Sequence[DescribedModel], *, settings: ModelRetrieval
) -> list[FoundModel]:
    """The models whose cards are nearest to a text, of those that may be taken."""
    allowed = [model for model in models if not _why_not(model, settings)]
    scores = Bm25([model.text for model in allowed]).scores(query)
    found = [
        FoundModel(allowed[i], float(scores[i]) * weight(allowed[i].downloads), float(scores[i]))
        for i in ranked(scores)[:FIRST_STAGE]
    ]
    return sorted(found, key=lambda one: -one.score)[: settings.num_models]


def weight(downloads: int | None) -> float:
    """What a model's downloads make of its score: log10(downloads + 2), as in Prompt2Model.

    Of one whose downloads nobody says, as of one that nobody downloaded, it is 0.3.
    """
    return math.log10((downloads or 0) + 2)


def hypothetical_card(spec: PromptSpec, asking: Asking) -> str:
    """The card of the model that would fit a prompt best, as a teacher imagines it.

    Raises:
      ValueError: The teacher wrote none.
    """
    (answered,) = asking.ask([card_request(spec)], desc="imagine a model's card")
    text = answered.reply.choices[0].text.strip() if answered.reply else ""
    if not text:
        why = answered.problem or "the answer was empty"
        raise ValueError(
            f"{asking.teacher_name} wrote no hypothetical card: {why}; leave --hypothetical_card "
            "out to search with the instruction"
        )
    return text


def card_request(spec: PromptSpec) -> Request:
    """The question by which a teacher imagines a card."""
    examples = "".join(
        f"\n\nFor instance, it makes of: {one.input}\nthis: {one.output}"
        for one in spec.demonstrations[:1]
    )
    return Request.of_text(
        f"The instruction: {spec.instruction.strip()}{examples}",
        system=_SYSTEM,
        temperature=0,
        max_tokens=_MAX_CARD_TOKENS,
    )


def retrieve_models_step(
    spec: PromptSpec,
    *,
    settings: ModelRetrieval,
    output: pathlib.Path,
    asking: Asking | None = None,
) -> dict[str, int]:
    """Searches, shows what was found, chooses, and writes `found_models.json`.

    Chosen is the model that the settings name, or else the best that lies on disk: no other can be
    trained. Where there is none, `chosen` is null.

    Args:
      spec: The prompt.
      settings: What is searched.
      output: The folder.
      asking: The teacher, for `hypothetical_card`.

    Returns:
      Counts to show.

    Raises:
      ValueError: As `retrieve_models`; or the model that is named is not there, or lies elsewhere.
    """
    query, models, found = spec.instruction, [], []
    if settings.model_folders:
        query = _query(spec, settings, asking)
        models = _described(settings.model_folders)
        found = _search(query, models, settings=settings)
        print(table(found) if found else "no model that may be taken has a word of it in its card")
        _say_left_out(models, settings)
    elif settings.model is None:
        say("no models are searched; --model_folder=DIR names a folder of models and cards")
    chosen, path = _choose(found, models, settings)
    record = {
        "query": query,
        "chosen": chosen,
        "path": path,
        "models": [one.to_json() for one in found],
    }
    write_object(output / FOUND_FILE, record, ensure_ascii=False)
    return {"models searched": len(models), "models shown": len(found)}


def table(found: Sequence[FoundModel]) -> str:
    """The models with what their scores are made of."""
    rows = [
        (
            f"{one.score:.3f}",
            f"{one.text_score:.3f}",
            "?" if one.model.downloads is None else f"{one.model.downloads:,}",
            "?" if one.model.size_bytes is None else f"{one.model.size_bytes / 1e9:.2f} GB",
            one.model.architecture or "?",
            "yes" if one.model.path else "no",
            one.model.name,
        )
        for one in found
    ]
    titles = ("score", "of the text", "downloads", "size", "architecture", "on disk", "model")
    return format_table(titles, rows, right=range(4))


def _query(spec: PromptSpec, settings: ModelRetrieval, asking: Asking | None) -> str:
    if not settings.hypothetical_card:
        return spec.instruction
    if asking is None:
        raise ValueError("--hypothetical_card needs a teacher, who writes it: give --teacher")
    return hypothetical_card(spec, asking)


def _described(folders: Sequence[str]) -> list[DescribedModel]:
    """All models of folders, those of one name joined."""
    check_installed(
        *("bm25s", "snowballstemmer", "yaml"), extra="synthetic", purpose="searching models"
    )
    if not folders:
        raise ValueError(
            "there are no models to search: give --model_folder=DIR, a folder of models and cards"
        )
    problems: list[str] = []
    by_name: dict[str, DescribedModel] = {}
    for text in folders:
        folder = local_path(text, name="--model_folder")
        for model in described_models(folder, problems=problems):
            by_name[model.name] = _joined(by_name.get(model.name), model)
    say_problems(problems)
    return [*by_name.values()]


def _joined(first: DescribedModel | None, second: DescribedModel) -> DescribedModel:
    """One model of two of its name: the first that lies on disk, with the downloads of either."""
    if first is None:
        return second
    model, other = (first, second) if first.path or not second.path else (second, first)
    downloads = other.downloads if model.downloads is None else model.downloads
    return dataclasses.replace(model, downloads=downloads)


def _why_not(model: DescribedModel, settings: ModelRetrieval) -> str:
    """Why a model may not be taken; "" if it may."""
    if model.size_bytes is not None and model.size_bytes > settings.size_limit:
        return f"larger than {settings.size_limit / 1e9:g} GB (--max_model_bytes)"
    if settings.encoder_decoder_only and model.architecture is None:
        return "whose card does not say what they are (tags, or architecture in a .json beside it)"
    if settings.encoder_decoder_only and model.architecture != ENCODER_DECODER:
        return "no encoder-decoders (--noencoder_decoder_only)"
    return ""


def _say_left_out(models: Sequence[DescribedModel], settings: ModelRetrieval) -> None:
    for why, count in collections.Counter(_why_not(model, settings) for model in models).items():
        if why:
            say(f"left out of {len(models)} models: {count} {why}")


def _choose(
    found: Sequence[FoundModel], models: Sequence[DescribedModel], settings: ModelRetrieval
) -> tuple[str | None, str | None]:
    """The name and the folder of the model that is taken; None of none."""
    if settings.model is not None:
        return named_model(settings.model, {model.name: model for model in models})
    here = next((one.model for one in found if one.model.path is not None), None)
    if here is None:
        if found:
            say(
                "none of these models lies on disk; copy one into a folder that --model_folder "
                "names, or give one with --model"
            )
        return None, None
    print(f"\ntaken: {here.name}")
    return here.name, str(here.path)


def named_model(name: str, models: Mapping[str, DescribedModel]) -> tuple[str, str]:
    """The name and the folder of the model that `--model` names.

    Args:
      name: Its name among those that are searched, or any folder.
      models: Those that are searched, by their names.

    Raises:
      ValueError: It is not there, or its card alone is.
    """
    if name in models:
        path = models[name].path
        if path is None:
            raise ValueError(
                f"--model={name}: only its card is here; copy the model to this machine, and give "
                "its folder"
            )
        return name, str(path)
    path = local_path(name, name="--model")
    if not path.exists():
        raise ValueError(
            f"--model={name} is neither a folder nor a model of --model_folder."
            f"{did_you_mean(name, models)}"
        )
    return path.name, str(path)
