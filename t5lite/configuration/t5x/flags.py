"""The flags of T5X's commands, and what each is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

COMMAND = "t5lite config --from_t5x FILE"


class T5XFlag(NamedTuple):
    """A flag of T5X.

    Attributes:
      here: what it is here: flags of ours, or a sentence.
      takes_value: whether a value follows where none stands behind `=`.
    """

    here: str
    takes_value: bool = True

    @property
    def is_flag(self) -> bool:
        """Whether flags of ours take its place."""
        return self.here.startswith("--")


_LOG = T5XFlag("the log goes to stderr by itself", takes_value=False)
FLAGS = {
    "tfds_data_dir": T5XFlag("--data_dir"),
    "seqio_additional_cache_dirs": T5XFlag(
        "what seqio cached is not read; token stores are built on first use (--cache_dir)"
    ),
    "module_import": T5XFlag("--tasks"),
    "gin_bindings": T5XFlag("--gin.NAME=VALUE"),
    "run_mode": T5XFlag("the command says it: t5lite train, t5lite eval or t5lite infer"),
    "dry_run": T5XFlag("`t5lite config` builds everything and runs nothing", takes_value=False),
    "multiprocess_gpu": T5XFlag("--multi_host", takes_value=False),
    "coordinator_address": T5XFlag("--coordinator"),
    "process_count": T5XFlag("--num_processes"),
    "process_index": T5XFlag("--process_id"),
    "initialization_timeout": T5XFlag("jax's own time is taken"),
    "alsologtostderr": _LOG,
    "logtostderr": _LOG,
    "verbosity": T5XFlag(_LOG.here),
    "stderrthreshold": T5XFlag(_LOG.here),
    "log_dir": T5XFlag(_LOG.here),
    "v": T5XFlag(_LOG.here),
}


def take(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Takes T5X's flags out of a command's words.

    Returns:
      The other words, and T5X's flags as names and values, "" for those without one.
    """
    others: list[str] = []
    taken: list[tuple[str, str]] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or name not in FLAGS:
            others.append(word)
            continue
        if not equals and FLAGS[name].takes_value:
            value = next(waiting, "")
        taken.append((name, value))
    return others, taken
