"""`t5lite trace ID`: shows how one example came to be."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from t5lite.files import strict_json
from t5lite.files.local_paths import storage_path
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.tables import format_table
from t5lite.synthetic_data.provenance import Origin, read_trace
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER, Answer, Answers
from t5lite.synthetic_data.teachers.requests import Request


def trace(id: str, *, folder: str, answers: str | None = None) -> None:
    """Prints an example, its demonstrations, its request, the raw answer, and the verdicts.

    Args:
      id: The example's, as in the data and in trace.jsonl.
      folder: What a verb that makes data wrote.
      answers: Folder of the answers, where it is not FOLDER/answers.

    Raises:
      ValueError: There is no such example, or a file is malformed.
    """
    origins = read_trace(folder)
    if id not in origins:
        raise ValueError(
            f"{folder} has no example {id!r} among {len(origins):,}.{did_you_mean(id, origins)}"
        )
    print("\n".join(_shown(origins[id], origins, folder=folder, answers=answers)))


def _shown(
    origin: Origin, origins: Mapping[str, Origin], *, folder: str, answers: str | None
) -> Iterator[str]:
    yield f"{origin.id}: {'kept' if origin.kept else 'left out'}"
    yield from _fields(origin.example)
    if origin.verdicts:
        rows = [(v.filter, "kept" if v.kept else "left out", v.why) for v in origin.verdicts]
        yield ""
        yield format_table(["filter", "verdict", "why"], rows)
    if origin.demonstrations:
        yield ""
        yield f"Demonstrations: {len(origin.demonstrations)}"
        for name in origin.demonstrations:
            yield f"  {name}" + ("" if name in origins else ": not in this trace")
            if name in origins:
                yield textwrap.indent("\n".join(_fields(origins[name].example)), "  ")
    yield ""
    if origin.request is None:
        yield "No teacher was asked for it."
        return
    place = storage_path(answers if answers is not None else folder, name="--answers")
    if answers is None:
        place /= ANSWERS_FOLDER
    must_exist = answers is not None
    with Answers(place, writes=False, must_exist=must_exist, name="--answers") as kept:
        found = kept.find(origin.request)
    if found is None:
        yield (
            f"Request {origin.request}: its answer is not in {place}; give the folder of answers "
            "with --answers."
        )
        return
    yield from _asked(origin, found)


def _asked(origin: Origin, answer: Answer) -> Iterator[str]:
    yield f"Request {origin.request} to {answer.teacher}"
    settings = _settings(answer.request)
    if origin.template is not None:
        settings = {"template": origin.template} | settings
    yield from _fields(settings)
    yield ""
    if answer.request.prompt is not None:
        yield "Prompt:"
        yield _indented(answer.request.prompt)
    for turn in answer.request.messages:
        yield f"{turn.role.capitalize()}:"
        yield _indented(turn.content)
    choices = answer.reply.choices
    yield ""
    if origin.choice >= len(choices):
        yield f"Answer {origin.choice + 1} of {len(choices)}: there is none."
        return
    choice = choices[origin.choice]
    cut = ", cut short" if choice.was_cut else ""
    yield f"Answer {origin.choice + 1} of {len(choices)}{cut}:"
    yield _indented(choice.text)


def _settings(request: Request) -> dict[str, Any]:
    """The settings of a request, those of sampling always, others where they are set."""
    always = ("temperature", "top_p", "max_tokens")
    return {
        field.name: getattr(request, field.name)
        for field in dataclasses.fields(request)
        if field.name not in ("messages", "prompt")
        and (field.name in always or getattr(request, field.name) != field.default)
    }


def _fields(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        text = value if isinstance(value, str) else strict_json.dumps(value, ensure_ascii=False)
        yield f"  {name}: {_printable(text)}" if "\n" not in text else f"  {name}:"
        if "\n" in text:
            yield textwrap.indent(_indented(text), "  ")


def _indented(text: str) -> str:
    return textwrap.indent(_printable(text), "    ", lambda _: True)


def _printable(text: str) -> str:
    """A text without what would steer a terminal: control characters become escapes."""
    return "".join(
        c if c in "\n\t" or (c.isprintable() and not 0xD800 <= ord(c) < 0xE000) else ascii(c)[1:-1]
        for c in text
    )
