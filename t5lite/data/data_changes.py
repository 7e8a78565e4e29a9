"""Whether a run's data are those it was stopped with, and if not, which tasks changed and how.

A checkpoint holds a digest of what decides which examples come in which rows; `mixture.json` in the
model folder holds the same task by task, so that a difference can be named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from t5lite.data.packing import PACKING
from t5lite.files import strict_json

if TYPE_CHECKING:
    from t5lite.data.corpus import Corpus
    from t5lite.data.data_config import DataConfig

_SHOWN_TASKS = 10
# What a user sets, by its name in the digest; others are fields of DataConfig.
_MACROS = {
    "batch_size": "BATCH_SIZE",
    "task_feature_lengths": "TASK_FEATURE_LENGTHS",
    "seed": "SEED (DataConfig.seed)",
    "store_epochs": "STORE_EPOCHS",
    "packing": "how this version of t5lite packs rows",
}
_OF_TASKS = ("tasks", "sizes", "rates", "tokens", "transforms")
_NO_TRANSFORMS = "none"
_PARTS = {
    "source": "its source (files, or the code that reads them)",
    "files": "files that its source reads",
    "preprocessors": "its preprocessors",
    "features": "its output features (vocabulary)",
}


def data_fingerprint(
    config: DataConfig,
    corpus: Corpus,
    *,
    rates: Sequence[float],
    tokens: Sequence[str],
    transforms: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """All that decides which examples come in which rows, in JSON's types.

    Args:
      config: the data's.
      corpus: their examples.
      rates: of each task.
      tokens: a hash of each task's tokens, '' where it is not known.
      transforms: of each task, what its transform is, and a hash of what it makes; '' for none.
    """
    return {
        "tasks": _digest(corpus.task_names),
        "sizes": _digest(corpus.sizes()),
        "rates": _digest(rates),
        **({"tokens": _digest(tokens)} if all(tokens) else {}),
        "transforms": _digest(transforms) if any(t["is"] for t in transforms) else _NO_TRANSFORMS,
        "split": config.split,
        "task_feature_lengths": dict(sorted(config.task_feature_lengths.items())),
        "batch_size": config.batch_size,
        "converter": config.converter,
        "pack": config.pack,
        **({"packing": PACKING} if config.pack else {}),
        "seed": config.seed,
        "shuffle": config.shuffle,
        "stop": config.stop,
        "num_epochs": config.num_epochs,
        # Of tasks that draw random numbers, if there are any.
        "store_epochs": 1 + max(map(len, corpus.later_passes)),
    }


def _digest(values: Sequence[Any]) -> str:
    """One short text for an entry a task, for a state is saved with each checkpoint."""
    hashed = hashlib.sha256(strict_json.dumps(values).encode()).hexdigest()
    return f"{len(values)} tasks, sha256 {hashed[:16]}"


def check_unchanged(
    saved: Mapping[str, Any],
    current: Mapping[str, Any],
    *,
    expected_before: Mapping[str, Any] | None,
    expected_now: Mapping[str, Any],
) -> None:
    """Compares the digests of a saved state with those of the data as they are now.

    Args:
      saved: of the state; entries that its version of t5lite did not save are not compared.
      current: of the data.
      expected_before: what `mixture.json` held when the state was saved, if that is known.
      expected_now: what it would hold now (`TrainData.expected`).

    Raises:
      ValueError: they differ, so the order of examples cannot be resumed; says how.
    """
    # What older states do not say.
    older = {"transforms": _NO_TRANSFORMS, "store_epochs": 1, "packing": "first fit"}
    saved = {**older, **saved}
    different = [name for name in current if name in saved and saved[name] != current[name]]
    if not different:
        return
    lines = [
        f"{_MACROS.get(name, f'DataConfig.{name}')}: {saved[name]!r} -> {current[name]!r}"
        for name in different
        if name not in _OF_TASKS
    ]
    if any(name in _OF_TASKS for name in different):
        changes = _task_changes(expected_before, expected_now) if expected_before else []
        lines += changes or [
            f"{name}: {saved[name]} -> {current[name]}" for name in different if name in _OF_TASKS
        ]
    raise ValueError(
        "the data are not those that this run was stopped with, so its order of examples cannot "
        "be resumed:\n  "
        + "\n  ".join(lines)
        + "\nRestore them, or start from the parameters in another "
        "MODEL_DIR, with INITIAL_CHECKPOINT_PATH."
    )


def _task_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line a task whose data or transform changed; else one a task whose rate did."""
    old, new = _by_task(before), _by_task(now)
    lines = [f"task {name} is no longer in the mixture" for name in old if name not in new]
    lines += [f"task {name} is new in the mixture" for name in new if name not in old]
    both = [name for name in old if name in new]
    for name in both:
        was, is_now = old[name]["transform"]["is"], new[name]["transform"]["is"]
        if was != is_now:
            lines.append(f"task {name}: its transform {was or None} -> {is_now or None}")
        if change := _data_change(old[name], new[name]):
            lines.append(f"task {name}: {change}")
    if not lines:
        lines = [
            f"task {name}: rate {old[name]['rate']:.4g} -> {new[name]['rate']:.4g}"
            for name in both
            if old[name]["rate"] != new[name]["rate"]
        ]
    if not lines:
        lines = [
            f"task {name}: its transform {new[name]['transform']['is']} makes other examples"
            for name in both
            if old[name]["transform"] != new[name]["transform"]
        ]
    rest = len(lines) - _SHOWN_TASKS
    return lines[:_SHOWN_TASKS] + ([f"and {rest:,} tasks more"] if rest > 0 else [])


def _by_task(mixture: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    made_of = mixture.get("made_of") or [{}] * len(mixture["tasks"])
    transforms = mixture.get("transforms") or [{"is": "", "makes": ""}] * len(mixture["tasks"])
    tasks, sizes, rates = (mixture[name] for name in ("tasks", "num_examples", "rates"))
    columns = zip(tasks, sizes, rates, made_of, transforms, strict=True)
    return {
        name: {"num_examples": size, "rate": rate, "made_of": parts, "transform": transform}
        for name, size, rate, parts, transform in columns
    }


def _data_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What became of a task's examples; '' where they are the same, however they came to be."""
    was, now = old["made_of"], new["made_of"]
    if old["num_examples"] != new["num_examples"]:
        change = f"{old['num_examples']:,} -> {new['num_examples']:,} examples"
    elif "tokens" in was and "tokens" in now and was["tokens"] != now["tokens"]:
        change = f"other tokens in its {old['num_examples']:,} examples"
    else:
        return ""
    parts = [part for part in _PARTS if part in was and was[part] != now.get(part)]
    if "files" in parts and "source" in parts:
        parts.remove("source")  # It may name the files, and changes with them.
    why = ", ".join(_PARTS[part] for part in parts)
    return change + (f"; changed: {why}" if why else "")
