"""Models that can be searched, each with its card: models on disk, and cards of models elsewhere.

A folder of models holds any of

- models, as `t5lite train` leaves them or Hugging Face saves them, with a card `README.md`;
- cards alone: `ORG/NAME/README.md`, `ORG/NAME.md` or `ORG--NAME.md`;
- beside a model's folder or a card, under the same name, a `.json` of what the hub says:
  `downloads`, `size_bytes`, `architecture`;
- records as Prompt2Model keeps them, a `.json` file each or lines of a `.jsonl`:
  `pretrained_model_name`, `description`, `size_bytes`, `downloads`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from t5lite.files.json_files import read_lines, read_object
from t5lite.files.strict_json import encodable
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.prompt2model.cards import CARD_FILE, Card, entries, read_card
from t5lite.synthetic_data.prompt2model.descriptions import name_words

ENCODER_DECODER = "encoder-decoder"
DECODER_ONLY = "decoder-only"
ENCODER_ONLY = "encoder-only"
ARCHITECTURES = (ENCODER_DECODER, DECODER_ONLY, ENCODER_ONLY)

# Organisations whose models programs made, a thousand alike; Prompt2Model leaves them out too.
LEFT_OUT_ORGANISATIONS = ("huggingtweets",)

_MODEL_FILES = ("config.json", "t5lite.json")
# What is counted of a model on disk: float32, as it is trained.
_BYTES_PER_PARAMETER = 4
# Of the front matter of a model's card, what says what it is about.
_SEARCHED_FACTS = ("model_name", "pipeline_tag", "tags", "datasets", "language", "base_model")
# Tags and kinds of models, by Hugging Face's names, that tell the architecture.
_TAGS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("text2text-generation", "t5", "mt5", "umt5", "longt5", "switch_transformers", "ul2"),
            *("bart", "mbart", "mvp", "plbart", "led", "bigbird_pegasus", "pegasus", "pegasus_x"),
            *("marian", "m2m_100", "nllb_moe", "prophetnet", "xlm_prophetnet", "blenderbot"),
            *("blenderbot-small", "fsmt", "encoder-decoder", "t5gemma"),
        ),
        ENCODER_DECODER,
    ),
    **dict.fromkeys(
        (
            *("gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "bloom", "llama", "mistral", "mixtral"),
            *("gemma", "gemma2", "qwen2", "qwen3", "phi", "phi3", "falcon", "mpt", "codegen"),
        ),
        DECODER_ONLY,
    ),
    **dict.fromkeys(
        (
            *("bert", "roberta", "distilbert", "albert", "electra", "deberta", "deberta-v2"),
            *("xlm-roberta", "mpnet", "camembert", "fill-mask", "sentence-similarity"),
        ),
        ENCODER_ONLY,
    ),
}
_FACTS = {
    "pretrained_model_name": str,
    "description": str,
    "downloads": int,
    "size_bytes": int,
    "architecture": str,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DescribedModel:
    """A model that can be searched.

    Attributes:
      name: As the hub calls it, or as it lies in the folder.
      text: What is searched.
      path: Its folder, if it lies on disk and can be trained.
      downloads: Of the last month, as the hub counts them; None where nobody says.
      size_bytes: Of its parameters; None where nobody says.
      architecture: One of `ARCHITECTURES`; None where nobody says.
      license: As its card has it; "" where that is not known.
    """

    name: str
    text: str
    path: pathlib.Path | None = None
    downloads: int | None = None
    size_bytes: int | None = None
    architecture: str | None = None
    license: str = ""


def described_models(folder: pathlib.Path, *, problems: list[str]) -> list[DescribedModel]:
    """The models that a folder holds, and those below it.

    Args:
      folder: What `--model_folder` names.
      problems: Gets a sentence for each that is left out, or is searched without its card.

    Raises:
      ValueError: It is no folder, or holds no model at all.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "is not there"
        raise ValueError(
            f"--model_folder {folder} {found}; give a folder of models or of their cards"
        )
    models = list(_inside(folder, folder, problems))
    if not models:
        why = f": {problems[0]}" if problems else ""
        raise ValueError(
            f"--model_folder {folder} holds no model{why}. It may hold folders of models, cards "
            f"(ORG/NAME/{CARD_FILE}, ORG--NAME.md), or records of models (.json, .jsonl)"
        )
    return models


def _inside(
    folder: pathlib.Path, root: pathlib.Path, problems: list[str]
) -> Iterator[DescribedModel]:
    if any((folder / file).is_file() for file in _MODEL_FILES):
        yield from _noting(problems, folder, functools.partial(_of_model, folder, root))
        return
    for path in entries(folder):
        if path.is_dir():
            yield from _inside(path, root, problems)
        elif path.suffix == ".md":
            yield from _noting(problems, path, functools.partial(_of_card, path, root))
        elif path.suffix == ".json" and not _is_beside(path):
            yield from _noting(problems, path, functools.partial(_of_record, path))
        elif path.suffix == ".jsonl":
            yield from _of_lines(path, problems)


def _noting(
    problems: list[str],
    path: pathlib.Path,
    read: Callable[[], tuple[DescribedModel | None, Card | None]],
) -> Iterator[DescribedModel]:
    """What a function reads, or a sentence on why it cannot; and one on a card with a problem."""
    try:
        model, card = read()
    except (ValueError, OSError) as error:
        problems.append(f"model {path} is left out: {error}")
        return
    if card is not None and card.problem:
        problems.append(f"the card of {path} is searched by its text alone: {card.problem}")
    if model is not None and not model.name.startswith(
        tuple(f"{organisation}/" for organisation in LEFT_OUT_ORGANISATIONS)
    ):
        yield model


def _of_model(folder: pathlib.Path, root: pathlib.Path) -> tuple[DescribedModel, Card]:
    """A model on disk, opened as far as to know that it can be trained."""
    from t5lite.initialization.saved_model import open_saved_model

    saved = open_saved_model(str(folder), named_by="--model_folder")
    file = folder / CARD_FILE
    card = read_card(file) if file.exists() else Card({}, "")
    num_parameters = sum(math.prod(shape) for shape in saved.shapes.values())
    name = str(folder.relative_to(root)) if folder != root else folder.name
    facts = _facts(folder.with_name(f"{folder.name}.json"))
    model = DescribedModel(
        name=name,
        text=_text(name, card),
        path=folder,
        downloads=facts.get("downloads"),
        size_bytes=num_parameters * _BYTES_PER_PARAMETER,
        architecture=saved.model.architecture.replace("_", "-"),
        license=", ".join(card.listed("license")),
    )
    return model, card


def _of_card(file: pathlib.Path, root: pathlib.Path) -> tuple[DescribedModel | None, Card | None]:
    """A model elsewhere, of which the card is here; none of a folder's own README."""
    if file.name == CARD_FILE and file.parent == root:
        return None, None
    card = read_card(file)
    if file.name == CARD_FILE:
        name = file.parent.relative_to(root).as_posix()
        facts = _facts(file.parent.with_name(f"{file.parent.name}.json"))
    else:
        name = file.relative_to(root).as_posix().removesuffix(".md").replace("--", "/")
        facts = _facts(file.with_suffix(".json"))
    model = DescribedModel(
        name=facts.get("pretrained_model_name") or name,
        text=_text(name, card),
        downloads=facts.get("downloads"),
        size_bytes=facts.get("size_bytes"),
        architecture=_architecture(facts, card),
        license=", ".join(card.listed("license")),
    )
    return model, card


def _of_record(file: pathlib.Path) -> tuple[DescribedModel, None]:
    return _of_facts(read_object(file), name=str(file))


def _of_lines(file: pathlib.Path, problems: list[str]) -> Iterator[DescribedModel]:
    try:
        lines = list(read_lines(file, any_text=True))
    except (ValueError, OSError) as error:
        problems.append(f"models of {file} are left out: {error}")
        return
    for where, record in lines:
        read = functools.partial(_of_facts, record, name=where)
        yield from _noting(problems, pathlib.Path(where), read)


def _of_facts(facts: dict[str, Any], *, name: str) -> tuple[DescribedModel, None]:
    _checked(facts, name=name)
    for field in ("pretrained_model_name", "description"):
        if not facts.get(field):
            raise ValueError(f"{name}: no record of a model: it has no {field}")
    own = encodable(facts["pretrained_model_name"])
    model = DescribedModel(
        name=own,
        text=encodable(f"{name_words(own)}\n{facts['description']}"),
        downloads=facts.get("downloads"),
        size_bytes=facts.get("size_bytes"),
        architecture=_architecture(facts, Card({}, "")),
    )
    return model, None


def _is_beside(file: pathlib.Path) -> bool:
    """Whether a `.json` stands beside a card or a folder of its name."""
    name = file.name.removesuffix(".json")
    return file.with_name(f"{name}.md").exists() or file.with_name(name).is_dir()


def _facts(file: pathlib.Path) -> dict[str, Any]:
    """What the `.json` beside a card says; nothing where there is none."""
    return _checked(read_object(file, missing_ok=True), name=str(file))


def _checked(record: dict[str, Any], *, name: str) -> dict[str, Any]:
    check_fields(record, _FACTS, name=name)
    for field in ("downloads", "size_bytes"):
        if (record.get(field) or 0) < 0:
            raise ValueError(f"{name}: {field} is {record[field]}, below 0")
    return record


def _architecture(facts: Mapping[str, Any], card: Card) -> str | None:
    """What a record says, or else the tags of a card."""
    said = facts.get("architecture")
    if said is not None:
        said = said.replace("_", "-").lower()
        return said if said in ARCHITECTURES else _TAGS.get(said)
    for tag in card.listed("pipeline_tag", "tags", "model_type"):
        if tag.lower() in _TAGS:
            return _TAGS[tag.lower()]
    return None


def _text(name: str, card: Card) -> str:
    return f"{name_words(name)}\n{card.searched(*_SEARCHED_FACTS)}"
