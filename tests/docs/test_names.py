"""docs/names.md: every name of ours is one."""

import dataclasses
import functools
import importlib
import inspect
import re

import numpy as np
import pytest

from t5lite.configuration import config
from t5lite.configuration.flags import make_parser
from t5lite.data.features.feature_converters import make_feature_converter
from tests.docs.pages import DOCS, PAGES, commands, table_rows

PAGE = DOCS / "names.md"
# In words, not names.
WORDS = {"hugging_face", "metrics.jsonl"}


def names_of_ours():
    text = PAGE.read_text(encoding="utf-8")
    prose = " ".join(line for line in text.splitlines() if line[:1] != "|")
    # In the prose, what both call the same.
    same = {n for n in re.findall(r"`([^`]+)`", prose) if n == n.upper() or "coder_" in n}
    cells = " ".join(row[1] for row in table_rows(PAGE))
    return sorted(same | set(re.findall(r"`([^`]+)`", cells)))


@pytest.fixture(scope="module")
def flags():
    (verbs,) = [a for a in make_parser()._actions if a.dest == "verb"]
    return {flag for parser in verbs.choices.values() for flag in parser._option_string_actions}


@functools.cache
def features():
    """Feature names of packed rows, of an encoder-decoder and of a prefix language model."""
    found = set()
    for name in ("encoder_decoder", "prefix_lm"):
        arguments = {"task_feature_lengths": {"inputs": 4, "targets": 4}, "eos_id": 1}
        converter = make_feature_converter(name, prompt_prefix=(0,), **arguments)
        tokens, lengths_NF = np.array([5], np.int32), np.array([[1, 1]])
        rows = converter.convert(
            [tokens, tokens], lengths_NF=lengths_NF, row_N=np.array([0]), num_rows=1
        )
        found |= set(rows)
    return found


def exists(name, flags):
    head, _, rest = name.partition(".")
    if name.startswith("t5lite "):
        return name.split()[1] in {c.words[0] for page in PAGES for c in commands(page)}
    if name.startswith("--"):
        return name in flags
    if name.endswith(".gin"):
        return (config.packaged_gin_dir() / name).is_file()
    if name == name.upper():
        return name in config.shipped_macros()
    if head in ("t5lite", "tasks"):
        return _is_importable(name)
    if name in WORDS or name in features():
        return True
    registered = config.register_configurables()
    if head not in registered:
        return False
    known = inspect.signature(registered[head]).parameters
    if dataclasses.is_dataclass(registered[head]):
        known = {field.name for field in dataclasses.fields(registered[head])}
    return not rest or rest in known


def _is_importable(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return hasattr(importlib.import_module(module), attribute)
    return True


@pytest.mark.parametrize("name", names_of_ours())
def test_a_name_of_ours_exists(name, flags):
    assert exists(name, flags)


def test_a_name_that_is_none_would_be_found(flags):
    wrong = ("--epochs", "EPOCHS", "DataConfig.packed", "t5lite.train.fit", "runs/tune.gin")
    assert not any(exists(name, flags) for name in (*wrong, "input_ids"))
