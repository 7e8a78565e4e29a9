"""What the files beside a tokenizer say of its tokens, read as transformers reads them.

`tokenizer_config.json` holds the token of each role, tokens to be added with their flags, and chat
templates; of older folders `special_tokens_map.json` and `added_tokens.json` hold the first two.
`generation_config.json`, or else `config.json`, names further ids that end an answer.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import tokenizers

from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file, read_text

CONFIG_FILE = "tokenizer_config.json"
GENERATION_FILE = "generation_config.json"
MAP_FILE = "special_tokens_map.json"
ADDED_FILE = "added_tokens.json"
TEMPLATE_FILE = "chat_template.jinja"
TEMPLATE_FOLDER = "additional_chat_templates"

# In the order in which they get ids where a tokenizer lacks them; other `*_token` follow.
_ROLES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)
_FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


@dataclasses.dataclass(frozen=True)
class TokenizerSettings:
    """The settings of one folder.

    Attributes:
      record: tokenizer_config.json, and special_tokens_map.json where that counts.
      added: tokens whose flags are given, in the order of their ids.
      named: the token of each role, `eos_token` and so on.
      extra: further special tokens; None where the files do not speak of any.
      generation_ids: ids of each role by the model's own configuration.
      templates: chat templates by name.
    """

    record: Mapping[str, Any]
    added: tuple[tokenizers.AddedToken, ...]
    named: Mapping[str, tokenizers.AddedToken]
    extra: tuple[tokenizers.AddedToken, ...] | None
    generation_ids: Mapping[str, tuple[int, ...]]
    templates: Mapping[str, str]

    @classmethod
    def read(cls, folder: pathlib.Path) -> TokenizerSettings:
        """Reads the files of a folder; those that are absent say nothing.

        Raises:
          ValueError: one is no JSON object, or a token in it has no text.
        """
        config = read_object(folder / CONFIG_FILE, missing_ok=True)
        if is_old := "added_tokens_decoder" not in config:
            config |= read_object(folder / MAP_FILE, missing_ok=True)
        extra = config.get("extra_special_tokens") or config.get("additional_special_tokens")
        roles: dict[str, Any] = {role: config.get(role) for role in _ROLES}
        roles |= {role: token for role, token in config.items() if role.endswith("_token")}
        if isinstance(extra, Mapping):
            roles, extra = {**roles, **extra}, None
        named = {r: _token(t, special=True) for r, t in roles.items() if _has_text(t)}
        extras = None if extra is None else tuple(_token(token, special=True) for token in extra)
        special = {token.content for token in (*named.values(), *(extras or ()))}
        if is_old:
            places = sorted(
                (i, token) for token, i in read_object(folder / ADDED_FILE, missing_ok=True).items()
            )
            added = [_token(token, special=token in special) for _, token in places]
        else:
            decoder = {int(i): token for i, token in config["added_tokens_decoder"].items()}
            added = [_token(token) for _, token in sorted(decoder.items())]
        for token in added:
            token.special = token.special or token.content in special
        return cls(
            record=config,
            added=tuple(added),
            named={
                r: next((a for a in added if a.content == t.content), t) for r, t in named.items()
            },
            extra=extras,
            generation_ids=_generation_ids(folder),
            templates=_templates(folder, config),
        )

    @property
    def roles(self) -> dict[str, str]:
        """The text of each role's token."""
        return {role: token.content for role, token in self.named.items()}

    def add_to(self, tokenizer: tokenizers.Tokenizer) -> None:
        """Adds the tokens that a tokenizer lacks, and gives those it has the flags that count."""
        tokenizer.add_tokens(list(self.added))
        present = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
        # Of one text given several flags the last counts.
        others = (*self.named.values(), *(self.extra or ()))
        tokenizer.add_tokens([token for token in others if token.content not in present])
        tokenizer.encode_special_tokens = bool(self.record.get("split_special_tokens"))


def extra_templates(folder: pathlib.Path) -> list[pathlib.Path]:
    """Files of chat templates beside the default one."""
    return sorted((folder / TEMPLATE_FOLDER).glob("*.jinja"))


def template_file(folder: pathlib.Path, name: str) -> pathlib.Path:
    """The file of a folder that holds the chat template of a name."""
    own = folder / (TEMPLATE_FILE if name == "default" else f"{TEMPLATE_FOLDER}/{name}.jinja")
    return own if has_file(own) else folder / CONFIG_FILE


def _has_text(token: Any) -> bool:
    """Whether a role's value is a token; some files hold `false`, null or an empty text there."""
    return bool(
        token.get("content") if isinstance(token, Mapping) else isinstance(token, str) and token
    )


def _token(token: Any, *, special: bool | None = None) -> tokenizers.AddedToken:
    if isinstance(token, str):
        token = {"content": token}
    if not isinstance(token, Mapping) or not isinstance(token.get("content"), str):
        raise ValueError(
            f"a token in {CONFIG_FILE} or near it is {token!r}, expected a text or an object with "
            "content"
        )
    flags = {name: token[name] for name in _FLAGS if name in token}
    if special is not None:
        flags["special"] = special
    return tokenizers.AddedToken(**flags)


def _generation_ids(folder: pathlib.Path) -> dict[str, tuple[int, ...]]:
    """Ids by role, of generation_config.json where there is one, else of config.json."""
    record = read_object(folder / GENERATION_FILE, missing_ok=True) or read_object(
        folder / "config.json", missing_ok=True
    )
    found = {}
    for role in ("bos_token", "eos_token", "pad_token"):
        value = record.get(f"{role}_id")
        ids = value if isinstance(value, list) else [value]
        # A negative number says that there is none.
        found[role] = tuple(i for i in ids if isinstance(i, int) and i >= 0)
    return {role: ids for role, ids in found.items() if ids}


def _templates(folder: pathlib.Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Chat templates by name; files win over tokenizer_config.json."""
    found = {file.stem: read_text(file) for file in extra_templates(folder)}
    if has_file(folder / TEMPLATE_FILE):
        found["default"] = read_text(folder / TEMPLATE_FILE)
    if found:
        return found
    templates = config.get("chat_template") or {}
    if isinstance(templates, str):
        return {"default": templates}
    if isinstance(templates, list):
        return {template["name"]: template["template"] for template in templates}
    return dict(templates)
