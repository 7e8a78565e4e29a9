"""What the study reads: long documents of real text, and short texts with a hidden number."""

import json
import pathlib

from tasks.long_context.passkey import prompt, random_key

FILES = ("shakespeare_input.txt", "botchan.txt", "wikitext2_train_5k.txt")
# Tokens, here bytes, of the model's window, and of those that it is extended to.
TRAINED = 256
EXTENDED = (2048, 4096, 8192)
# Characters; 8,192 bytes are 5 to a document.
DOCUMENT = 40_000
# Of every twenty documents these are held out.
HELD_OUT = {7: "validation", 17: "test"}
NUM_KEYS = 20_000
# Filler lines in a text of less than 256 bytes.
MOST_LINES = 3


def write_documents(source: pathlib.Path, folder: pathlib.Path) -> None:
    """Cuts texts into documents, which end with a line, and writes them by split.

    Args:
      source: holds `FILES`.
      folder: where `train.jsonl`, `validation.jsonl` and `test.jsonl` go.
    """
    splits: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    documents = [text for name in FILES for text in _documents(source / name)]
    for index, text in enumerate(documents):
        splits[HELD_OUT.get(index % 20, "train")].append(text)
    for split, texts in splits.items():
        _write(texts, folder / f"{split}.jsonl")


def write_keys(folder: pathlib.Path) -> None:
    """Writes `keys.jsonl`: texts with a hidden number, the question for it and the answer."""
    texts = []
    for index in range(NUM_KEYS):
        key = random_key("training", index)
        number = index % (MOST_LINES + 1)
        before = index // (MOST_LINES + 1) % (number + 1)
        text = prompt(key, num_before=before, num_after=number - before)
        texts.append(f"{text} {key}")
    _write(texts, folder / "keys.jsonl")


def _write(texts: list[str], path: pathlib.Path) -> None:
    lines = (json.dumps({"text": text}) + "\n" for text in texts)
    path.write_text("".join(lines), encoding="utf-8")


def _documents(path: pathlib.Path) -> list[str]:
    """Pieces of a file of at least `DOCUMENT` characters; what is left at its end is left out."""
    found, lines, size = [], [], 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            lines.append(line)
            size += len(line)
            if size >= DOCUMENT:
                found.append("".join(lines))
                lines, size = [], 0
    return found
