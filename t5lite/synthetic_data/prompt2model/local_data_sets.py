"""Data sets in a folder: files of records, with the cards that describe them.

A data set is

- a folder with a card `README.md` that has front matter, or with a `README.md` and files of records
  beside it or in `data/`, laid out as on Hugging Face's hub; each configuration of its card is one;
- a folder that `datasets` saved, or whose files are named after splits (`train.jsonl`);
- else any file of records; its card is the `.md` file of the same name beside it.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources import split_files
from t5lite.data.sources.record_files import SUFFIXES, suffix_of
from t5lite.messages.value_types import fits
from t5lite.synthetic_data.prompt2model.cards import CARD_FILE, Card, entries, read_card
from t5lite.synthetic_data.prompt2model.descriptions import (
    SPLITS,
    DatasetDescription,
    example_text,
    name_words,
)

# Of the front matter of a data set's card, what says what it is about.
_SEARCHED_FACTS = ("pretty_name", "description", "task_categories", "task_ids", "tags", "language")
_SAVED = ("dataset_dict.json", "state.json")


def local_data_sets(folder: pathlib.Path, *, problems: list[str]) -> list[DatasetDescription]:
    """The data sets in a folder and in those below it.

    Args:
      folder: What `--dataset_folder` names.
      problems: Gets a sentence for each that is left out, or is searched without its card.

    Raises:
      ValueError: It is no folder, or holds no data set at all.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "is not there"
        raise ValueError(f"--dataset_folder {folder} {found}; give a folder of data sets")
    descriptions = list(_inside(folder, problems))
    if not descriptions:
        why = f": {problems[0]}" if problems else ""
        raise ValueError(
            f"--dataset_folder {folder} holds no data set{why}. It may hold {', '.join(SUFFIXES)} "
            f"files, or folders of them with a card, {CARD_FILE}"
        )
    return descriptions


def _inside(folder: pathlib.Path, problems: list[str]) -> Iterator[DatasetDescription]:
    files = entries(folder)
    data = [p for p in files if suffix_of(p) in SUFFIXES and p.is_file()]
    card = _card(folder / CARD_FILE, problems)
    has_data = data or (folder / "data").is_dir()
    if card is not None and (card.facts or card.problem or has_data):
        yield from _described(_configurations(folder, card, problems), card, problems)
        return
    has_splits = any(_stem(path).lower() in split_files.SPLIT_NAMES for path in data)
    if has_splits or any(path.name in _SAVED for path in files):
        yield from _described({str(folder): {"": (str(folder),)}}, None, problems)
        return
    for path in data:
        own = _card(path.with_name(f"{_stem(path)}.md"), problems)
        yield from _described({str(path): {"train": (str(path),)}}, own, problems)
    for path in files:
        if path.is_dir():
            yield from _inside(path, problems)


def _described(
    configurations: Mapping[str, Mapping[str, tuple[str, ...]]],
    card: Card | None,
    problems: list[str],
) -> Iterator[DatasetDescription]:
    """A description of each configuration: its name, and its files by split ("": a folder)."""
    for name, places in configurations.items():
        try:
            split, files = _first_split(places)
            description = DatasetDescription(
                name=name,
                kind="files",
                text=card.searched(*_SEARCHED_FACTS) if card else "",
                split=split,
                files=files,
                class_names=_class_names(card, name) if card else {},
                license=", ".join(card.listed("license")) if card else "",
            )
            # The first record says that it can be read, and what it is about if no card does.
            example = example_text(description.records(max_records=1))
        except (ValueError, OSError) as error:
            problems.append(f"data set {name} is left out: {error}")
            continue
        said = description.text or example
        text = f"{name_words(pathlib.PurePath(name).name)}\n{said}"
        yield DatasetDescription(**{**vars(description), "text": text})


def _first_split(places: Mapping[str, tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
    """The first split there is, and its files.

    Raises:
      ValueError: There is none.
    """
    if "" not in places:
        split = next((split for split in SPLITS if split in places), min(places))
        return split, places[split]
    (folder,) = places[""]
    errors = []
    for split in SPLITS:
        try:
            split_files.find_files(folder, split)
        except ValueError as error:
            errors.append(error)
            continue
        return split, places[""]
    raise errors[0]


def _configurations(
    folder: pathlib.Path, card: Card, problems: list[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """What a card's `configs` say: files by split, by name; else the folder alone."""
    listed = card.facts.get("configs")
    found = {}
    for config in listed if isinstance(listed, list) else []:
        if not isinstance(config, dict) or "data_files" not in config:
            continue
        name = str(config.get("config_name", "default"))
        files = _files_by_split(config["data_files"])
        if not files or not all(_is_inside(path) for paths in files.values() for path in paths):
            problems.append(
                f"{folder / CARD_FILE}: data_files of configuration {name!r} are no paths inside "
                "the folder; it is left out"
            )
            continue
        label = str(folder) if len(listed or []) == 1 else f"{folder} ({name})"
        found[label] = {
            split: tuple(str(folder / path) for path in paths) for split, paths in files.items()
        }
    return found or {str(folder): {"": (str(folder),)}}


def _files_by_split(data_files: Any) -> dict[str, tuple[str, ...]]:
    """The three ways in which a card names files: paths, splits of paths, a list of splits."""
    if fits(data_files, str | list[str]):
        data_files = {"train": data_files}
    if fits(data_files, list[dict]):
        data_files = {str(entry.get("split")): entry.get("path") for entry in data_files}
    if not isinstance(data_files, dict) or not fits([*data_files.values()], list[str | list[str]]):
        return {}
    return {
        str(split): (paths,) if isinstance(paths, str) else tuple(paths)
        for split, paths in data_files.items()
    }


def _is_inside(path: str) -> bool:
    parts = pathlib.PurePath(path)
    return bool(path) and not parts.is_absolute() and ".." not in parts.parts


def _class_names(card: Card, name: str) -> dict[str, tuple[str, ...]]:
    """What `dataset_info` of a card says that the numbers of columns are called."""
    info = card.facts.get("dataset_info")
    listed = _objects(info if isinstance(info, list) else [info])
    named = [entry for entry in listed if name.endswith(f" ({entry.get('config_name')})")]
    found = {}
    for entry in named or listed[:1]:
        for feature in _objects(entry.get("features")):
            kind = feature.get("dtype")
            label = kind.get("class_label") if isinstance(kind, dict) else None
            names = label.get("names") if isinstance(label, dict) else None
            if isinstance(names, dict):
                names = [names[key] for key in sorted(names, key=_as_number)]
            if isinstance(names, list) and names:
                found[str(feature.get("name"))] = tuple(map(str, names))
    return found


def _as_number(text: Any) -> tuple[int, str]:
    return (int(text), "") if str(text).isdecimal() else (0, str(text))


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _card(path: pathlib.Path, problems: list[str]) -> Card | None:
    """A card, if it is there and can be read."""
    try:
        if not path.exists():
            return None
        card = read_card(path)
    except (ValueError, OSError) as error:
        problems.append(f"card {path} is passed over: {error}")
        return None
    if card.problem:
        problems.append(f"card {path} is searched by its text alone: {card.problem}")
    return card


def _stem(path: pathlib.Path) -> str:
    return pathlib.PurePath(path.name.removesuffix(".gz")).stem
