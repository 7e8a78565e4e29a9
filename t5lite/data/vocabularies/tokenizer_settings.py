"""What the files beside a tokenizer say of its tokens, read as transformers reads them.

`tokenizer_config.json` holds the token of each role, tokens to be added with their flags, and chat
templates; of older folders `special_tokens_map.json` and `added_tokens.json` hold the first two.
`generation_config.json`, or else `config.json`, names further ids that end an answer.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import tokenizers

from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file, read_text
from t5lite.messages.ranges import NumExtraIds
from t5lite.messages.value_types import check_fields, check_type

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
_FLAGS = {
    "content": str,
    **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), bool),
}

# What is read of tokenizer_config.json; a role's token may be `false`.
_TOKEN = str | bool | None | Mapping[str, Any]
_SWITCHES = (
    *("add_bos_token", "add_eos_token", "add_prefix_space", "clean_up_tokenization_spaces"),
    *("legacy", "split_special_tokens"),
)
_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(_SWITCHES, bool),
    **dict.fromkeys(_ROLES, _TOKEN),
    "tokenizer_class": str,
    "extra_ids": NumExtraIds,
    "added_tokens_decoder": Mapping[str, Mapping[str, Any]],
    "additional_special_tokens": list[str | Mapping[str, Any]],
    "extra_special_tokens": list[str | Mapping[str, Any]] | Mapping[str, _TOKEN],
    "chat_template": str | list[Mapping[str, str]] | Mapping[str, str],
}
# What a field of generation_config.json, or of config.json, says of a token.
TOKEN_IDS = int | list[int] | None
# More than any tokenizer has; each id up to the highest takes time and memory.
MAX_IDS = 1 << 23


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
        if is_old := config.get("added_tokens_decoder") is None:
            config |= read_object(folder / MAP_FILE, missing_ok=True)
        place = str(folder / CONFIG_FILE)
        check_fields(config, _FIELDS, name=place)
        extra = config.get("extra_special_tokens") or config.get("additional_special_tokens")
        roles: dict[str, Any] = {role: config.get(role) for role in _ROLES}
        roles |= {role: token for role, token in config.items() if role.endswith("_token")}
        if isinstance(extra, Mapping):
            roles, extra = {**roles, **extra}, None
        read = functools.partial(_token, place=place)
        named = {r: read(t, special=True) for r, t in roles.items() if _has_text(t)}
        extras = None if extra is None else tuple(read(token, special=True) for token in extra)
        special = {token.content for token in (*named.values(), *(extras or ()))}
        if is_old:
            record = read_object(folder / ADDED_FILE, missing_ok=True)
            check_type(record, Mapping[str, int], name=str(folder / ADDED_FILE))
            places = sorted((i, token) for token, i in record.items())
            added = [read(token, special=token in special) for _, token in places]
        else:
            decoder = {_id(i, place): token for i, token in config["added_tokens_decoder"].items()}
            added = [read(token) for _, token in sorted(decoder.items())]
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

    def get(self, name: str, default: Any = None) -> Any:
        """A field of `record`; the default where it is absent or null."""
        value = self.record.get(name)
        return default if value is None else value

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


def _id(text: str, place: str) -> int:
    """An id that is a key of an object."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) < MAX_IDS):
        raise ValueError(
            f"{place}: added_tokens_decoder has the key {text[:40]!r}, expected an id below "
            f"{MAX_IDS:,}"
        )
    return int(text)


def _token(token: Any, *, special: bool | None = None, place: str) -> tokenizers.AddedToken:
    if isinstance(token, str):
        token = {"content": token}
    if not isinstance(token, Mapping) or token.get("content") is None:
        raise ValueError(
            f"{place}: a token is {token!r:.80}, expected a text or an object with content"
        )
    check_fields(token, _FLAGS, name=f"{place}: a token")
    flags = {name: token[name] for name in _FLAGS if token.get(name) is not None}
    if special is not None:
        flags["special"] = special
    return tokenizers.AddedToken(**flags)


def _generation_ids(folder: pathlib.Path) -> dict[str, tuple[int, ...]]:
    """Ids by role, of generation_config.json where there is one, else of config.json."""
    place = folder / GENERATION_FILE
    record = read_object(place, missing_ok=True)
    if not record:
        place = folder / "config.json"
        record = read_object(place, missing_ok=True)
    roles = ("bos_token", "eos_token", "pad_token")
    check_fields(record, {f"{role}_id": TOKEN_IDS for role in roles}, name=str(place))
    found = {}
    for role in roles:
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
        if any(not {"name", "template"} <= template.keys() for template in templates):
            raise ValueError(
                f"{folder / CONFIG_FILE}: chat_template is a list, each of which must have a name "
                "and a template"
            )
        return {template["name"]: template["template"] for template in templates}
    return dict(templates)
