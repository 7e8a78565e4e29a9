"""Which implementation of attention runs, and what stands in the way of each.

All compute the same, up to rounding: `xla` writes the weights of all queries and keys down, in
float32 or as the config says; the others never do. They sum in float32 whatever the config says.
"""

from __future__ import annotations

import dataclasses

from t5lite.models.config import TransformerConfig
from t5lite.models.layers import num_parts, traced_platform
from t5lite.models.masks import Mask

# From this many pairs of a query and a key on, `auto` takes blocks where nothing is fused.
# benchmarks/long_attention.py on two CPU cores: as fast from 1,024 x 1,024 on, at half the memory.
_LONG = 1024 * 1024
# cuDNN's widest head before Hopper.
_CUDNN_WIDTH = 128
_TPU_LANES = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What a choice is made of.

    Attributes:
      platform: of the devices, as JAX calls it.
      dtype: of queries, keys and values.
      width: of a head.
      has_prefix: whether the mask is that of a prefix language model.
      has_window: whether a query sees a window of keys only.
      query_length: positions that look.
      key_length: positions that are looked at.
      length_is_cut: whether devices hold parts of a text.
    """

    platform: str
    dtype: str
    width: int
    has_prefix: bool
    has_window: bool
    query_length: int
    key_length: int
    length_is_cut: bool


def case(config: TransformerConfig, mask: Mask) -> Case:
    """That of an attention of a model, where it is traced."""
    return Case(
        platform=traced_platform(),
        dtype=config.dtype,
        width=config.d_kv,
        has_prefix=mask.prefix_BS is not None,
        has_window=mask.window is not None,
        query_length=mask.query_length,
        key_length=mask.key_length,
        length_is_cut=num_parts("length") > 1,
    )


def choose(wanted: str, case: Case) -> str:
    """Takes what is wanted, or for `auto` what suits.

    Raises:
      ValueError: what is wanted cannot be.
    """
    if wanted != "auto":
        if problem := _problem(wanted, case):
            raise ValueError(
                f"TransformerConfig.attention_implementation = {wanted!r} "
                f"(--attention_implementation) cannot be: {problem}. 'auto' takes what can."
            )
        return wanted
    if _problem("cudnn", case) is None:
        return "cudnn"
    if case.query_length * case.key_length >= _LONG:
        for name in ("pallas", "blocked"):
            if _problem(name, case) is None:
                return name
    return "xla"


def _problem(name: str, case: Case) -> str | None:
    """Why a case is none for an implementation; None where it is."""
    needed = {"cudnn": "gpu", "pallas": "tpu"}.get(name, case.platform)
    if case.platform != needed:
        return f"it runs on a {needed.upper()}, and the devices are {case.platform.upper()}s"
    if case.length_is_cut and name != "xla":
        return "devices hold parts of a text each (mesh axis sequence)"
    lengths = case.query_length, case.key_length
    if name == "cudnn":
        if case.dtype != "bfloat16":
            return f"cuDNN computes in bfloat16, and dtype is {case.dtype} (--activation_dtype)"
        if case.width % 8 or case.width > _CUDNN_WIDTH:
            return f"d_kv is {case.width}, and cuDNN takes multiples of 8 up to {_CUDNN_WIDTH}"
        if any(length % 2 for length in lengths):
            return f"cuDNN takes even lengths, and they are {lengths[0]} and {lengths[1]}"
    if name == "pallas":
        if case.has_prefix:
            return "its kernel does not know the mask of a prefix language model"
        if case.has_window:
            return "its kernel knows no window (TransformerConfig.attention_window)"
        if case.width > _TPU_LANES and case.width % _TPU_LANES:
            return f"d_kv is {case.width}; above {_TPU_LANES} its kernel takes multiples of that"
    return None
