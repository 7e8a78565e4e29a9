"""What a computation holds in memory at the least, counted from sizes, and what a device has left.

Nothing is allocated, traced or compiled, so sizes beyond all memory are refused at once. Counted is
only what is there in full at one moment, whatever a compiler does: what is refused could not have
run, and what is not refused may still be too large.

What devices cut, and what computes attention on them, is that of the traced placement
(`models.layers.traced_placement`).

Shapes: B rows, L prompt length, S slots, T target length, V vocabulary.
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import psutil

from t5lite.models.attention_choice import case, choose
from t5lite.models.config import TransformerConfig
from t5lite.models.masks import Mask

# What is held at one moment, in bytes, by what a message calls it.
Held = Mapping[str, int]

_CGROUPS = pathlib.Path("/sys/fs/cgroup")
# Of each version of control groups, the files with a group's limit, what it has, and what of that
# can be taken back.
_CGROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


class Free(NamedTuple):
    """Memory that is left.

    Attributes:
      num_bytes: how much.
      where: whose, for messages.
    """

    num_bytes: int
    where: str


# ---- What is needed ------------------------------------------------------------------------------


def tree_bytes(shapes: Any) -> int:
    """Bytes of a tree of arrays or shapes; of those with a sharding, what one device holds."""
    return sum(math.prod(_local_shape(x)) * x.dtype.itemsize for x in jax.tree.leaves(shapes))


def cache_bytes(
    config: TransformerConfig, *, batch_size: int, num_slots: int, source_length: int = 0
) -> int:
    """Bytes of keys and values; see `models.transformer` for what a cache holds.

    Args:
      config: the model's.
      batch_size: B.
      num_slots: S, of the decoder's own tokens.
      source_length: L of an encoder-decoder's inputs.
    """
    length = num_slots + (source_length if config.architecture == "encoder_decoder" else 0)
    width = config.num_decoder_layers * config.kv_heads * config.d_kv
    return 2 * batch_size * length * width * _itemsize(config.dtype)


def logits_bytes(config: TransformerConfig, *, num_tokens: int) -> int:
    """Bytes of the float32 logits of so many tokens."""
    return 4 * num_tokens * config.vocab_size


def attention_bytes(config: TransformerConfig, *, batch_size: int, queries: int, keys: int) -> int:
    """Bytes of one layer's attention logits."""
    size = 4 if config.float32_attention_logits else _itemsize(config.dtype)
    return batch_size * config.num_heads * queries * keys * size


def _text_attention(
    config: TransformerConfig, *, batch_size: int, queries: int, keys: int
) -> dict[str, int]:
    """Attention logits of a text that is read from its beginning, where all are there at once."""
    mask = Mask.of_text(queries, is_causal=True, window=config.attention_window)
    found = case(config, dataclasses.replace(mask, key_length=keys))
    if choose(config.attention_implementation, found) != "xla":
        return {}
    num_bytes = attention_bytes(config, batch_size=batch_size, queries=queries, keys=keys)
    return {"attention logits": num_bytes}


def generation_moments(
    config: TransformerConfig,
    *,
    batch_size: int,
    prompt_length: int,
    num_branches: int,
    decode_length: int,
    prefix_length: int = 0,
) -> list[Held]:
    """What generation holds besides parameters when it reads prompts, and at each step.

    Args:
      config: the model's.
      batch_size: rows of a batch.
      prompt_length: tokens of the longest prompt, behind a prefix.
      num_branches: beams, or draws, of a row.
      decode_length: most tokens of an answer.
      prefix_length: tokens that all prompts begin with, which were read before, once.

    Raises:
      ValueError: attention cannot be computed as the config wants.
    """
    num_slots = 1 + num_branches * (decode_length - 1)
    is_pair = config.architecture == "encoder_decoder"
    num_keys = prompt_length if is_pair else prompt_length + num_slots - 1
    sizes = {"batch_size": batch_size, "queries": prompt_length, "keys": prefix_length + num_keys}
    if prefix_length:  # What goes on from a cache is never computed in blocks.
        reads = {"attention logits": attention_bytes(config, **sizes)}
    else:
        reads = _text_attention(config, **sizes)
    keys_and_values = {
        "keys and values": cache_bytes(
            config,
            batch_size=batch_size,
            num_slots=num_slots if is_pair else num_keys,
            source_length=prompt_length,
        )
    }
    steps = keys_and_values | {
        "logits": logits_bytes(config, num_tokens=batch_size * num_branches),
        "answers": 8 * batch_size * num_branches * decode_length,
    }
    # An encoder is done before the cache is made.
    return [reads if is_pair else reads | keys_and_values, steps]


def forward_moments(
    config: TransformerConfig, *, batch_size: int, capacities: Sequence[int], num_logits_chunks: int
) -> list[Held]:
    """What reading whole rows holds besides parameters: attention in each stack, then logits.

    Args:
      config: the model's.
      batch_size: B.
      capacities: positions of a row: (encoder, decoder), or (decoder,).
      num_logits_chunks: parts of T, one after another, whose logits are there at once.

    Raises:
      ValueError: as `generation_moments`.
    """
    attention: list[Held] = [
        _text_attention(config, batch_size=batch_size, queries=length, keys=length)
        for length in capacities
    ]
    num_tokens = batch_size * -(-capacities[-1] // num_logits_chunks)
    return [*attention, {"logits": logits_bytes(config, num_tokens=num_tokens)}]


# ---- What is there -------------------------------------------------------------------------------


def host_free() -> Free:
    """What this machine, and the control groups of this process, have left, swap included."""
    found = [psutil.virtual_memory().available, *_cgroups_free()]
    return Free(min(found) + psutil.swap_memory().free, "this machine")


def device_free(device: jax.Device) -> Free | None:
    """What a device has left; None where it does not say."""
    if device.platform == "cpu":
        return host_free()
    stats = device.memory_stats() or {}
    if "bytes_limit" not in stats:
        return None
    return Free(stats["bytes_limit"] - stats.get("bytes_in_use", 0), f"device {device}")


def used() -> dict[str, int]:
    """What is in use, by the names that logs have for it.

    Returns:
      `host_memory_bytes`, of this process now; `device_memory_peak_bytes`, the most that one of
      its devices has held at a time, where they say.
    """
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]
    return {
        "host_memory_bytes": psutil.Process().memory_info().rss,
        **({"device_memory_peak_bytes": max(peaks)} if peaks else {}),
    }


def check(
    moments: Sequence[Held],
    *,
    mesh: jax.sharding.Mesh | None,
    held: Held | None = None,
    what: str,
    remedy: str,
) -> None:
    """Compares what a computation holds with what the devices have left.

    Args:
      moments: bytes on all devices together, at one moment after the other.
      mesh: the devices that share it; None for the first one alone.
      held: bytes on each device that are still to be allocated and stay there all the time.
      what: what needs it, for the message.
      remedy: the settings that decide it, with their values, and what to do.

    Raises:
      ValueError: more is needed than there is; says both, and what needs the most.
    """
    num_devices = 1 if mesh is None else mesh.size
    shared = [{name: -(-n // num_devices) for name, n in moment.items()} for moment in moments]
    largest = max(shared, key=lambda moment: sum(moment.values()), default={})
    check_on_devices({**(held or {}), **largest}, mesh=mesh, what=what, remedy=remedy)


def check_on_devices(held: Held, *, mesh: jax.sharding.Mesh | None, what: str, remedy: str) -> None:
    """Compares what each device is to hold with what it has left; see `check`.

    Raises:
      ValueError: more is needed than there is.
    """
    devices = jax.local_devices()[:1] if mesh is None else mesh.local_devices
    on_cpu = [device for device in devices if device.platform == "cpu"]
    for device in devices:
        # Devices of a CPU have the machine's memory together.
        num_sharing = len(on_cpu) if device in on_cpu else 1
        _compare(held, device_free(device), what=what, remedy=remedy, num_sharing=num_sharing)


def check_on_host(held: Held, *, what: str, remedy: str) -> None:
    """Compares what is to lie in this machine's memory with what it has left; see `check`.

    Raises:
      ValueError: more is needed than there is.
    """
    _compare(held, host_free(), what=what, remedy=remedy)


def _compare(
    held: Held, free: Free | None, *, what: str, remedy: str, num_sharing: int = 1
) -> None:
    needed = sum(held.values())
    if free is None or needed * num_sharing <= free.num_bytes:
        return
    parts = ", ".join(f"{name} {readable(n)}" for name, n in held.items() if n)
    each = "" if num_sharing == 1 else f" on each of {num_sharing} devices"
    raise ValueError(
        f"{what} needs {readable(needed)} of memory{each} at the least ({parts}), and "
        f"{free.where} has {readable(free.num_bytes)} left. {remedy}"
    )


def readable(num_bytes: int) -> str:
    """Bytes as a person reads them: 12.3 GiB."""
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    if num_bytes < 1024:
        return f"{num_bytes} bytes"
    power = min(int(math.log2(num_bytes)) // 10, len(units))
    return f"{num_bytes / 1024**power:,.1f} {units[power - 1]}"


def _itemsize(dtype: str) -> int:
    return np.dtype(jax.numpy.dtype(dtype)).itemsize


def _local_shape(x: Any) -> tuple[int, ...]:
    sharding = getattr(x, "sharding", None)
    return tuple(x.shape) if sharding is None else tuple(sharding.shard_shape(x.shape))


def _cgroups_free() -> list[int]:
    """What each control group that limits this process has left; none where there are none."""
    try:
        lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUPS / "memory" if controllers else _CGROUPS
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            if group == _CGROUPS.parent or not group.is_relative_to(root):
                break
            left += [n for files in _CGROUP_FILES if (n := _group_free(group, *files)) is not None]
    return left


def _group_free(group: pathlib.Path, limit: str, used: str, reclaimable: str) -> int | None:
    try:
        most, current = (group / limit).read_text().strip(), int((group / used).read_text())
        stats = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if most == "max" else int(most) - current + int(stats.get(reclaimable, 0))
