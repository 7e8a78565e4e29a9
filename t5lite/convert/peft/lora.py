"""LoRA between `peft` and ours.

Theirs is A [rank, in] and B [out, rank] beside each linear map, of a rank and a scale of its own;
ours has one rank and one scale for a map in all layers, and an A and a B in each. Where theirs
differ between layers, ranks are filled with zeros to the largest, B takes in what scales differ by,
and a layer without has zeros: the same model, whose zeros stay zeros when it is trained on, for A
has no gradient where B is zero, nor B where A is. The way back leaves out what is zero.

Where their map is a fused one of several of ours (query, key and value), ours share its A. Ours
that have trained apart become one of the sum of their ranks.
"""

import collections
import functools
import re
from collections.abc import Mapping, Sequence

import numpy as np

from t5lite.convert.names import Arrays, Key, LazyArray, Tensors
from t5lite.convert.peft.modules import Module, Modules, key_of
from t5lite.convert.peft.settings import Settings, check_shapes, rank_of, scale_of, targets_of
from t5lite.models.adapter_config import Lora
from t5lite.models.config import TransformerConfig

_A, _B = "lora_A.weight", "lora_B.weight"
_OUR_A, _OUR_B = "lora_a", "lora_b"


def read_lora(
    settings: Settings, tensors: Tensors, *, modules: Modules, base: TransformerConfig
) -> tuple[tuple[Lora, ...], dict[Key, LazyArray]]:
    """Their LoRA as ours.

    Args:
      settings: adapter_config.json.
      tensors: All of the folder's, by names without a prefix.
      modules: The base's linear maps.
      base: The base model.

    Returns:
      The adapters, one for each rank and scale, and their parameters.

    Raises:
      ValueError: tensors are missing, left over, or of another shape; or an adapted map is one that
        t5lite gives no LoRA.
    """
    targets = targets_of(settings, modules)
    if modules.output in targets:
        settings.refuse(
            "target_modules", "it chooses the output projection, to which t5lite adds no LoRA"
        )
    if not targets:
        settings.refuse("target_modules", "the base has no linear map of such a name")
    _check_tensors(settings, tensors, targets, modules)
    kinds = _kinds(settings, targets, modules)
    arrays: dict[Key, LazyArray] = {}
    for module in modules:
        if module.ours[0] not in kinds:
            continue
        rank, scale = kinds[module.ours[0]]
        if module.name in targets:
            theirs = tuple(tensors[f"{module.name}.{name}"] for name in (_A, _B))
            factor = scale_of(settings, module.name) / scale
            arrays |= _to_ours(module, theirs, rank=rank, factor=factor, base=base)
        else:
            arrays |= _to_ours(module, (), rank=rank, factor=1.0, base=base)
    loras = tuple(
        Lora(
            rank=rank,
            alpha=scale * rank,
            dropout_rate=settings.get("lora_dropout", 0.0),
            targets=tuple(f"^{re.escape(name)}$" for name in sorted(kinds) if kinds[name] == kind),
        )
        for kind in dict.fromkeys(kinds.values())
        for rank, scale in [kind]
    )
    return loras, arrays


def write_lora(
    loras: Sequence[Lora], arrays: Arrays, *, modules: Modules, base: TransformerConfig
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Ours as theirs; the inverse of `read_lora`.

    Args:
      loras: The adapters.
      arrays: Their parameters, a layer at a time.
      modules: The base's linear maps.
      base: The base model.

    Returns:
      Fields of adapter_config.json, and the tensors by names without a prefix.

    Raises:
      ValueError: all of it is zero, so that peft has nothing to adapt; or dropout differs, of which
        peft has one.
    """
    rates = sorted({lora.dropout_rate for lora in loras})
    if len(rates) > 1:
        raise ValueError(
            f"Lora.dropout_rate is {' and '.join(map(str, rates))} of different linear maps, and a "
            "folder of peft has one"
        )
    tensors: dict[str, np.ndarray] = {}
    kinds: dict[str, tuple[int, float]] = {}
    for module in modules:
        a_RI, b_OR, scale = _to_theirs(module, arrays, loras=loras, base=base)
        if len(a_RI):
            tensors |= {f"{module.name}.{_A}": a_RI, f"{module.name}.{_B}": b_OR}
            kinds[module.name] = len(a_RI), scale * len(a_RI)
    if not kinds:
        raise ValueError("every number of the LoRA is zero: there is nothing to write for peft")
    rank, alpha = collections.Counter(kinds.values()).most_common(1)[0][0]
    fields: dict[str, object] = {
        "r": rank,
        "lora_alpha": _whole(alpha),
        "rank_pattern": _pattern({name: kind[0] for name, kind in kinds.items()}, rank, modules),
        "alpha_pattern": _pattern(
            {name: _whole(kind[1]) for name, kind in kinds.items()}, _whole(alpha), modules
        ),
        "lora_dropout": rates[0],
        "target_modules": modules.spelled(kinds),
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "fan_in_fan_out": any(module.transposed for module in modules if module.name in kinds),
        "init_lora_weights": True,
    }
    return fields, tensors


def _kinds(settings: Settings, targets: set[str], modules: Modules) -> dict[str, tuple[int, float]]:
    """Rank and scale of each of our maps that has a LoRA in some layer."""
    ranks: dict[str, list[int]] = {}
    scales: dict[str, list[float]] = {}
    for module in modules:
        for ours in module.ours if module.name in targets else ():
            ranks.setdefault(ours, []).append(rank_of(settings, module.name))
            scales.setdefault(ours, []).append(scale_of(settings, module.name))
    return {
        name: (max(ranks[name]), collections.Counter(scales[name]).most_common(1)[0][0])
        for name in ranks
    }


def _check_tensors(
    settings: Settings, tensors: Tensors, targets: set[str], modules: Modules
) -> None:
    wanted: dict[str, tuple[int, ...]] = {}
    for name in sorted(targets):
        module, rank = modules.by_name[name], rank_of(settings, name)
        wanted[f"{name}.{_A}"] = (rank, module.in_features)
        wanted[f"{name}.{_B}"] = (sum(module.out_features), rank)
    check_shapes(settings, tensors, wanted)


def _to_ours(
    module: Module,
    theirs: Sequence[LazyArray],
    *,
    rank: int,
    factor: float,
    base: TransformerConfig,
) -> dict[Key, LazyArray]:
    """The parameters of one module's LoRA; zeros where it has none."""
    found: dict[Key, LazyArray] = {}
    float32 = np.dtype(np.float32)
    for index, (ours, width) in enumerate(zip(module.ours, module.out_features, strict=True)):
        a = functools.partial(_read_a, module, theirs, rank)
        b = functools.partial(_read_b, module, theirs, rank, factor, base, index)
        found[key_of(ours, _OUR_A, module)] = LazyArray((module.in_features, rank), float32, a)
        found[key_of(ours, _OUR_B, module)] = LazyArray((rank, width), float32, b)
    return found


def _read_a(module: Module, theirs: Sequence[LazyArray], rank: int) -> np.ndarray:
    a_IR = np.zeros((module.in_features, rank), np.float32)
    if theirs:
        a_RI = theirs[0].read()
        a_IR[:, : len(a_RI)] = a_RI.T
    return a_IR


def _read_b(
    module: Module,
    theirs: Sequence[LazyArray],
    rank: int,
    factor: float,
    base: TransformerConfig,
    index: int,
) -> np.ndarray:
    b_OR = np.zeros((sum(module.out_features), rank), np.float32)
    if theirs:
        read_OR = theirs[1].read()
        b_OR[:, : read_OR.shape[1]] = read_OR.astype(np.float32) * np.float32(factor)
    return module.split(b_OR, base)[index]


def _to_theirs(
    module: Module, arrays: Arrays, *, loras: Sequence[Lora], base: TransformerConfig
) -> tuple[np.ndarray, np.ndarray, float]:
    """A, B and the scale of one module, without the ranks that are zero."""
    parts = {
        index: tuple(arrays[key_of(ours, x, module)].read() for x in (_OUR_A, _OUR_B))
        for index, ours in enumerate(module.ours)
        if key_of(ours, _OUR_A, module) in arrays
    }
    scales = {index: _scale(module.ours[index], loras) for index in parts}
    scale = next(iter(scales.values()), 1.0)
    distinct = _distinct([a_IR for a_IR, _ in parts.values()])
    starts = np.cumsum([0, *(a_IR.shape[1] for a_IR in distinct)])
    a_RI = np.concatenate([np.zeros((0, module.in_features), np.float32), *(a.T for a in distinct)])
    blocks = [np.zeros((len(a_RI), width), np.float32) for width in module.out_features]
    for index, (a_IR, b_RO) in parts.items():
        start = starts[next(i for i, a in enumerate(distinct) if np.array_equal(a, a_IR))]
        factor = np.float32(scales[index] / scale)
        blocks[index][start : start + len(b_RO)] = b_RO.astype(np.float32) * factor
    b_OR = module.join(blocks, base)
    used = a_RI.any(axis=1) | b_OR.any(axis=0)
    return a_RI[used], b_OR[:, used], scale


def _scale(ours: str, loras: Sequence[Lora]) -> float:
    """The scale of the LoRA that one of our maps has."""
    return next(
        lora.scale for lora in loras if any(re.search(pattern, ours) for pattern in lora.targets)
    )


def _distinct(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for array in arrays:
        if not any(np.array_equal(array, other) for other in found):
            found.append(array)
    return found


def _pattern(values: Mapping[str, float], usual: float, modules: Modules) -> dict[str, float]:
    """The values that are not the usual one, by the shortest names of their modules."""
    return {
        name: value
        for value in sorted(set(values.values()) - {usual})
        for name in modules.spelled([name for name, own in values.items() if own == value])
    }


def _whole(number: float) -> float:
    """A number as an integer, which peft's users write, where it is one."""
    return round(number) if abs(number - round(number)) < 1e-9 * abs(number) else number
