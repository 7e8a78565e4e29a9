"""The linear maps of a model by the names that `peft` gives them, and how it chooses among them."""

import dataclasses
import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from t5lite.convert.hf.family import Family
from t5lite.convert.layouts import Layout
from t5lite.convert.names import Key, layer_shapes
from t5lite.models.config import TransformerConfig

# Expressions of others' files are matched with names of some 60 letters. One without repeated
# groups, and with few repetitions, cannot take long.
_MOST_REPETITIONS = 4
_LONGEST_PATTERN = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Module:
    """One linear map of theirs, which is one of ours, or several where theirs is fused.

    Attributes:
      name: Theirs, e.g. `model.layers.3.self_attn.q_proj`.
      ours: Names of ours, e.g. `decoder/layers/self_attention/query`.
      layer: Which layer; None where ours is not stacked.
      layout: How their weight lies in ours.
      transposed: Whether their weight is [in, out], as in GPT-2's Conv1D, not [out, in].
      in_features: Width in.
      out_features: Widths out of ours, in their order.
    """

    name: str
    ours: tuple[str, ...]
    layer: int | None
    layout: Layout
    transposed: bool
    in_features: int
    out_features: tuple[int, ...]

    def split(self, b_OR: np.ndarray, config: TransformerConfig) -> tuple[np.ndarray, ...]:
        """Their B [out, rank] as ours, [rank, out] each."""
        return self.layout.split(b_OR.T if self.transposed else b_OR, config)

    def join(self, parts: Sequence[np.ndarray], config: TransformerConfig) -> np.ndarray:
        """The inverse of `split`."""
        joined = self.layout.join(tuple(parts), config)
        return joined.T if self.transposed else joined


@dataclasses.dataclass(frozen=True)
class Modules:
    """All linear maps of a model.

    Attributes:
      by_name: Them by their names.
      output: Name of the output projection, where it is one of them.
    """

    by_name: Mapping[str, Module]
    output: str | None

    def __iter__(self) -> Iterator[Module]:
        return iter(self.by_name.values())

    def chosen(
        self,
        targets: str | Collection[str],
        *,
        excluded: str | Collection[str] = (),
        layers: int | Collection[int] | None = None,
        layers_pattern: str | Collection[str] = (),
    ) -> set[str]:
        """Names of those that peft would adapt.

        Args:
          targets: A regular expression of whole names; or names, or their ends; or "all-linear",
            which leaves the output projection out.
          excluded: The same, of those that are left out.
          layers: Of `targets` that are a list, only these layers; none or empty: all.
          layers_pattern: What a layer's number stands behind, as "layers"; empty: anything.
        """
        if isinstance(targets, str) and targets.lower() == "all-linear":
            found = set(self.by_name) - {self.output}
        else:
            found = {name for name in self.by_name if _is_named(name, targets)}
            if layers is not None and layers != [] and not isinstance(targets, str):
                kept = {layers} if isinstance(layers, int) else set(layers)
                found = {name for name in found if _layer_of(name, layers_pattern) in kept}
        return {name for name in found if not (excluded and _is_named(name, excluded))}

    def spelled(self, names: Collection[str]) -> list[str]:
        """The shortest list that chooses just these: their ends, of one part or two, or whole."""
        for parts in (1, 2):
            ends = sorted({".".join(name.split(".")[-parts:]) for name in names})
            if self.chosen(ends) == set(names):
                return ends
        return sorted(names)


def modules_of(family: Family, config: TransformerConfig) -> Modules:
    """The linear maps of a model, by peft's names of transformers 5's modules.

    Args:
      family: The model's family.
      config: The model without adapters.
    """
    shapes = layer_shapes(config)
    counts: dict[str, int] = {}
    for name, layer in shapes:
        counts[name] = counts.get(name, 0) + (layer is not None)
    found = {}
    for row in family.table:
        if not all(name.endswith("/kernel") and name in counts for name in row.names):
            continue
        is_output = row.theirs == family.output
        for layer in range(counts[row.names[0]]) if row.stacked else (None,):
            # The class of every family calls its output so, whatever files call it.
            name = "lm_head" if is_output else row.name_of(layer).removesuffix(".weight")
            kernels = [shapes[kernel, layer] for kernel in row.names]
            found[name] = Module(
                name=name,
                ours=tuple(kernel.removesuffix("/kernel") for kernel in row.names),
                layer=layer,
                layout=row.layout,
                transposed=_is_transposed(row.layout, tuple(k[1] for k in kernels), config),
                in_features=kernels[0][0],
                out_features=tuple(kernel[1] for kernel in kernels),
            )
    return Modules(found, "lm_head" if "lm_head" in found else None)


def key_of(ours: str, parameter: str, module: Module) -> Key:
    """The key of an adapter's parameter beside one of a module's kernels."""
    return f"{ours}/{parameter}", module.layer


def check_pattern(pattern: str, *, name: str) -> None:
    """Raises ValueError for a regular expression that is none, or that may take for ever."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{name}: {pattern[:80]!r} is no regular expression: {error}") from error
    repetitions = len(re.findall(r"(?<!\\)[*+{]", pattern))
    nested = re.search(r"\)\s*[*+{]", pattern)
    if nested or repetitions > _MOST_REPETITIONS or len(pattern) > _LONGEST_PATTERN:
        raise ValueError(
            f"{name}: {pattern[:80]!r} repeats so much that matching it may take for ever; write "
            "the modules' names instead"
        )


def matches_pattern(pattern: str, module: str) -> bool:
    """Whether a key of rank_pattern or alpha_pattern is meant for a module, or for its end."""
    return re.match(rf"(.*\.)?({pattern})$", module) is not None


def _is_named(name: str, by: str | Collection[str]) -> bool:
    if isinstance(by, str):
        return re.fullmatch(by, name) is not None
    return name in by or any(name.endswith(f".{end}") for end in by)


def _layer_of(name: str, layers_pattern: str | Collection[str]) -> int | None:
    """The first number of a name that stands behind a pattern."""
    patterns = [layers_pattern] if isinstance(layers_pattern, str) else list(layers_pattern)
    for pattern in patterns or [r"[^.]*"]:
        before = r".*?\." if not patterns else r"(?:^|.*?\.)"
        if match := re.match(rf"{before}{pattern}\.(\d+)\.", name):
            return int(match.group(match.lastindex or 1))
    return None


@functools.lru_cache(maxsize=64)
def _is_transposed(
    layout: Layout, out_features: tuple[int, ...], config: TransformerConfig
) -> bool:
    """Whether a layout leaves kernels [in, out], found by joining stand-ins of one width in."""
    stand_ins = tuple(np.zeros((1, width), np.bool_) for width in out_features)
    return layout.join(stand_ins, config).shape[0] == 1
