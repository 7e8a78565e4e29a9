"""Records of JSON with something else in one place."""

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

Path = tuple[str | int, ...]

# Texts of JSON that Python would not write, by the value that stands for them.
_WRITTEN = {
    "<huge>": "9" * 5000,
    "<deep>": "[" * 100_000 + "]" * 100_000,
    "<deep object>": '{"a":' * 5000 + "1" + "}" * 5000,
    "<surrogate>": '"a \\ud83d"',
    "<infinite>": "1e999",
}
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 10**30, 1 << 62, 1 << 31, 70_000),
    *(float("nan"), float("inf"), "", "x", "2", "../x", "/etc/passwd", "a\0b", "\u2028", "</s>"),
    *([], [1], ["a"], [[1]], [None], {}, {"a": 1}, {"content": 1}, {"content": "<s>"}),
    *({"rope_type": "linear"}, {"rope_type": ["linear"]}, {"rope_theta": "1"}, {"rope_theta": 0}),
    *({"rope_type": "linear", "factor": x} for x in (None, "2", 0, -1, 2, float("inf"))),
    *_WRITTEN,
    Ellipsis,  # the field is taken out
]


def paths(record: Any, before: Path = ()) -> Iterator[Path]:
    """Where there are values in a record, by keys and places; of long lists the first and last."""
    if isinstance(record, dict):
        inner = list(record.items())
    elif isinstance(record, list):
        inner = list(enumerate(record))
        inner = inner[:2] + inner[-1:] if len(inner) > 3 else inner
    else:
        return
    for name, value in inner:
        yield (*before, name)
        yield from paths(value, (*before, name))


def changed(record: Any, path: Path, value: Any) -> Any:
    """A copy with another value in one place, or without it for Ellipsis."""
    record = copy.deepcopy(record)
    inner = record
    for name in path[:-1]:
        inner = inner[name]
    if value is Ellipsis:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return record


def written(record: Any) -> str:
    """The record as JSON, with what stands for other texts replaced by them."""
    text = json.dumps(record)
    for name, value in _WRITTEN.items():
        text = text.replace(json.dumps(name), value)
    return text


def mutated(text: str, chosen: Random) -> tuple[bytes, str]:
    """A JSON file with a field changed, or with its text damaged; and what was done."""
    if chosen.random() < 0.15:
        return damaged(text.encode(), chosen)
    record = json.loads(text)
    places = list(paths(record))
    if not places or chosen.random() < 0.05:
        value = chosen.choice([value for value in VALUES if value is not Ellipsis])
        return written(value).encode(), f"all is {value!r:.40}"
    # Fields near the top are read more than words of a vocabulary.
    shallow = [place for place in places if len(place) <= 2]
    path = chosen.choice(shallow if chosen.random() < 0.5 else places)
    value = chosen.choice(VALUES)
    return written(changed(record, path, value)).encode(), f"{path} is {value!r:.40}"


def damaged(content: bytes, chosen: Random) -> tuple[bytes, str]:
    """Bytes with one bit flipped, cut short, or with something put in."""
    if not content:
        return b"\xff", "a byte"
    place = chosen.randrange(len(content))
    kind = chosen.choice(["flip", "flip", "flip", "cut", "insert", "blank"])
    if kind == "flip":
        flipped = content[place] ^ 1 << chosen.randrange(8)
        return content[:place] + bytes([flipped]) + content[place + 1 :], f"flip at {place}"
    if kind == "cut":
        return content[:place], f"cut at {place}"
    if kind == "blank":
        end = min(place + chosen.choice([4, 64, 512]), len(content))
        return content[:place] + bytes(end - place) + content[end:], f"zeros at {place}"
    junk = chosen.choice(
        [b"\xff", b"\0", b"\xef\xbb\xbf", b"\n", b"\xe2\x80\xa8", b'"', b"\x80" * 9]
    )
    return content[:place] + junk + content[place:], f"{junk!r} at {place}"
