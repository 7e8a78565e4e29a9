"""Writes a translated run as a gin file that loads, and lists what became of everything."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from t5lite.configuration.gin_reader import Macro, Reference
from t5lite.configuration.t5x.outcomes import Decision, Mapped, NoCounterpart
from t5lite.configuration.t5x.translation import Entry, Translation
from t5lite.files import strict_json

_WIDTH = 100


def gin_text(translation: Translation, *, made_of: Sequence[str]) -> str:
    """The gin file.

    Args:
      translation: what it is to say.
      made_of: names of T5X's files, for its first line.
    """
    lines = _comment(f"What {', '.join(made_of)} of T5X says, by `t5lite config --from_t5x`.")
    lines += [f"# It is for `t5lite {translation.command}`.", ""]
    decisions = translation.of(Decision)
    if decisions:
        lines[-1:] = [f"# {len(decisions)} to decide: the lines with DECIDE at the end.", ""]
    lines += [f'include "{name}"' for name in translation.includes]
    lines += [""] if translation.includes else []
    macros = {k: v for k, v in translation.settings.items() if "." not in k}
    others = {k: v for k, v in translation.settings.items() if "." in k}
    lines += [f"{name} = {literal(value)}" for name, value in macros.items()]
    lines += _blocks(others)
    for question, entry in {_outcome(e, Decision).question: e for e in decisions}.items():
        said = f"{entry.said}: " if entry.said else ""
        lines += ["", *_comment(f"DECIDE: {said}{question}")]
        lines += [f"# {line}" for line in _outcome(entry, Decision).proposal]
    return "\n".join(lines).rstrip("\n") + "\n"


def _blocks(settings: Mapping[str, Any]) -> Iterator[str]:
    owners: dict[str, list[str]] = {}
    for key, value in settings.items():
        owner, _, name = key.rpartition(".")
        owners.setdefault(owner, []).append(f"{name} = {literal(value)}")
    for owner, lines in owners.items():
        yield ""
        if len(lines) == 1:
            yield f"{owner}.{lines[0]}"
            continue
        yield f"{owner}:"
        yield from (f"  {line}" for line in lines)


def literal(value: Any) -> str:
    """A value as it is written in a gin file."""
    if isinstance(value, str):
        return strict_json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool) or value is None or isinstance(value, Macro | Reference):
        return repr(value)
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:_}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside}{',' if len(value) == 1 else ''})"
    return repr(value)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="#   ")


def listing(translation: Translation, *, file: str, made_of: Sequence[str]) -> str:
    """The list of everything.

    Args:
      translation: what became of it.
      file: the gin file that is written, for the command.
      made_of: names of T5X's files.
    """
    mapped, without = translation.of(Mapped), translation.of(NoCounterpart)
    decisions = translation.of(Decision)
    lines = [
        f"{', '.join(made_of)} of T5X, for `t5lite {translation.command}`: {len(mapped)} mapped, "
        f"{len(without)} without counterpart, {len(decisions)} to decide."
    ]
    written = [entry for entry in mapped if _outcome(entry, Mapped).settings]
    others = [entry for entry in mapped if entry not in written]
    lines += ["", "Mapped", *(line for entry in written for line in _mapped(entry))]
    if others:
        lines += ["", "Mapped, with nothing to write"]
        lines += [line for entry in others for line in _mapped(entry)]
    if without:
        lines += ["", "Without counterpart"]
        lines += _by_reason(without)
    if decisions:
        lines += ["", "To decide"]
        for entry in decisions:
            outcome = _outcome(entry, Decision)
            lines += _lines(entry, outcome.question, mark="?")
            lines += [f"      {line}" for line in outcome.proposal]
    command = [f"t5lite {translation.command} --gin_file={file}", *translation.given_later.values()]
    lines += ["", "Run it with", "  " + " ".join(command)]
    return "\n".join(lines)


def _by_reason(entries: Sequence[Entry]) -> Iterator[str]:
    """What has no counterpart, each reason once."""
    for why in dict.fromkeys(_outcome(entry, NoCounterpart).why for entry in entries):
        yield from textwrap.wrap(why, _WIDTH, initial_indent="  - ", subsequent_indent="    ")
        for entry in entries:
            if _outcome(entry, NoCounterpart).why == why:
                yield f"      {entry.said}  ({entry.place})"


def _mapped(entry: Entry) -> Iterator[str]:
    outcome = _outcome(entry, Mapped)
    settings = [f"{key} = {literal(value)}" for key, value in outcome.settings.items()]
    first, *more = settings or [outcome.instead or "nothing"]
    yield from _lines(entry, first, mark="->")
    yield from (f"       {setting}" for setting in more)
    if outcome.note:
        yield from textwrap.wrap(
            outcome.note, _WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7
        )


def _lines(entry: Entry, text: str, *, mark: str) -> Iterator[str]:
    place = f"  ({entry.place})" if entry.place else ""
    yield f"  {entry.said}{place}"
    yield from textwrap.wrap(text, _WIDTH, initial_indent=f"    {mark} ", subsequent_indent=" " * 7)


def _outcome(entry: Entry, kind: type[Any]) -> Any:
    assert isinstance(entry.outcome, kind)
    return entry.outcome
