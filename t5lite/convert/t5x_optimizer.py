"""T5X's Adafactor state in and out: from accumulators by parameter to parameters by accumulator.

T5X keeps {v_row, v_col, v, m} for every parameter, what is not used being zeros of shape (1,).
`v_row` has one number a row, the mean over columns, and `v_col` the other way. Which dimension
counts as rows differs (`t5x/adafactor.py`): of a tensor with at most two dimensions it is the
shorter one, as it always is in t5lite; where T5X goes by its rules for logical axes, which is for
scanned kernels and for kernels whose heads lie apart, it is `embed`. Rows and columns enter an
update alike, so the two are exchanged where they differ, and nothing is lost.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from t5lite.convert.names import Key, LazyArray, Row, layer_shapes, stack
from t5lite.convert.t5x_arrays import StoredArray
from t5lite.convert.t5x_names import SCAN_AXIS, TreeForm, stored_place
from t5lite.convert.t5x_tree import Tree, read_step
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names
from t5lite.training.adafactor import AdafactorState

SLOTS = ("v_row", "v_col", "v", "m")
PARAM_STATES = "state/param_states"

_UNUSED = (1,)
_SHOWN_PROBLEMS = 20
_OUTPUT_KERNELS = ("out/kernel", "wo/kernel")


@dataclasses.dataclass(frozen=True)
class _Accumulator:
    """One accumulator of T5X's, for one of our parameters; shapes are those of one layer.

    Attributes:
      ours: Which of our accumulators it is.
      shape: Its shape there.
      theirs: Its shape in T5X.
      layer_axis: Where a scanned tensor has its layers; None if it is of one layer.
    """

    ours: str
    shape: tuple[int, ...]
    theirs: tuple[int, ...]
    layer_axis: int | None

    def stored_shape(self, num_layers: int) -> tuple[int, ...]:
        """Its shape in a checkpoint."""
        if self.layer_axis is None:
            return self.theirs
        return (*self.theirs[: self.layer_axis], num_layers, *self.theirs[self.layer_axis :])

    def read(self, stored: StoredArray, layer: int | None) -> LazyArray:
        """One layer's, in our shape."""
        if self.layer_axis is None or layer is None:
            array = stored.whole()
        else:
            array = stored.layer(layer, axis=self.layer_axis)
        return LazyArray(self.shape, array.dtype, lambda: array.read().reshape(self.shape))


def read_adafactor(tree: Tree, form: TreeForm, config: TransformerConfig) -> AdafactorState:
    """Reads the optimizer's state, for a run to resume from.

    The run's Adafactor must keep the same accumulators. Our defaults keep those of T5X's defaults;
    for others `beta1`, `factored` and `min_dim_size_to_factor` must be as they were there.

    Args:
      tree: The checkpoint.
      form: How it keeps its tensors.
      config: The model.

    Returns:
      The step and float32 NumPy arrays, as `training.adafactor` holds them.

    Raises:
      ValueError: it is another optimizer's state, or accumulators are missing, left over or of
        another shape.
    """
    slots: dict[str, dict[Key, LazyArray]] = {slot: {} for slot in SLOTS}
    open_array = functools.cache(lambda place: tree.array(f"{PARAM_STATES}/{place}"))
    held = set(tree.names(PARAM_STATES))
    unread = set(held)
    problems: list[str] = []
    for row, layers, shape in _rows_of(form, config):
        accumulators = _accumulators(row, form, shape, config)
        wrong: list[str] = []
        for layer in layers:
            name, scanned_layer = stored_place(row.theirs, layer)
            for slot in SLOTS:
                place = f"{name}/{slot}"
                unread.discard(place)
                if place not in held:
                    wrong.append(f"missing {place}")
                elif (stored := open_array(place)).shape != _UNUSED:
                    accumulator = accumulators.get(slot)
                    fits = accumulator and accumulator.stored_shape(len(layers)) == stored.shape
                    if accumulator is None or not fits:
                        wrong.append(f"{place} is {stored.shape}, no shape that T5X gives it")
                    else:
                        array = accumulator.read(stored, scanned_layer)
                        slots[accumulator.ours][row.names[0], layer] = array
        problems += wrong or _uneven(slots, row.names[0], layers)
    problems += [f"unused {name}" for name in sorted(unread)]
    if problems:
        raise ValueError(_no_adafactor(tree, list(dict.fromkeys(problems))))
    step = jnp.asarray(read_step(tree), jnp.int32)
    return AdafactorState(step=step, **{slot: stack(arrays) for slot, arrays in slots.items()})


def find_adafactor(opt_state: Any) -> AdafactorState:
    """Adafactor's part of an optimizer's state, which clipping of gradients may be chained before.

    Raises:
      ValueError: it is another optimizer's.
    """
    nodes = [opt_state]
    while nodes:
        node = nodes.pop()
        if isinstance(node, AdafactorState):
            return node
        nodes += node if isinstance(node, tuple) else ()
    raise ValueError(
        "the model was trained with another optimizer than Adafactor, and only Adafactor's state "
        "has a place in a T5X checkpoint; write the parameters alone"
    )


def adafactor_tensors(
    state: AdafactorState, form: TreeForm, config: TransformerConfig
) -> Iterator[tuple[str, np.ndarray]]:
    """T5X's accumulators, named below `state/param_states`; the inverse of reading, to the bit.

    Raises:
      ValueError: the state has no accumulators for some parameter (it was frozen), or factors one
        that T5X does not.
    """
    flat = {slot: flatten_names(getattr(state, slot)) for slot in SLOTS}
    for row, layers, shape in _rows_of(form, config):
        ours = row.names[0]
        accumulators = _accumulators(row, form, shape, config)
        known = {accumulator.ours for accumulator in accumulators.values()}
        kept = {slot for slot in SLOTS if ours in flat[slot]}
        if not kept or kept - known:
            found, theirs = ", ".join(sorted(kept)) or "nothing", ", ".join(sorted(known))
            raise ValueError(
                f"the optimizer's state has {found} for {ours}, T5X has {theirs}; "
                "write the parameters alone"
            )
        for slot in SLOTS:
            accumulator = accumulators.get(slot)
            value = flat[accumulator.ours].get(ours) if accumulator else None
            yield from _placed(row, slot, layers, accumulator, value)


def _placed(
    row: Row,
    slot: str,
    layers: list[int | None],
    accumulator: _Accumulator | None,
    value: Any,
) -> Iterator[tuple[str, np.ndarray]]:
    """One accumulator of all layers under T5X's names."""
    names = [f"{stored_place(row.theirs, layer)[0]}/{slot}" for layer in layers]
    if accumulator is None or value is None:
        yield from ((name, np.zeros(_UNUSED, np.float32)) for name in dict.fromkeys(names))
        return
    array = np.asarray(value)
    each = [array if layer is None else array[layer] for layer in layers]
    each = [part.reshape(accumulator.theirs) for part in each]
    if accumulator.layer_axis is None:
        yield from zip(names, each, strict=True)
    else:
        yield names[0], np.stack(each, axis=accumulator.layer_axis)


def _rows_of(
    form: TreeForm, config: TransformerConfig
) -> Iterator[tuple[Row, list[int | None], tuple[int, ...]]]:
    """Every row that the model has, its layers ([None] if not stacked), and one layer's shape."""
    shapes = layer_shapes(config)
    for row in form.table():
        layers = [layer for name, layer in shapes if name == row.names[0]]
        if layers:
            yield row, layers, shapes[row.names[0], layers[0]]


def _accumulators(
    row: Row, form: TreeForm, shape: tuple[int, ...], config: TransformerConfig
) -> dict[str, _Accumulator]:
    """What T5X may keep for a parameter, by T5X's name of it."""
    in_scan = form.scanned and row.stacked
    theirs = row.layout.join((np.broadcast_to(np.False_, shape),), config).shape
    full = SCAN_AXIS if in_scan else None
    found = {slot: _Accumulator(slot, shape, theirs, full) for slot in ("v", "m")}
    is_kernel = row.theirs.endswith("/kernel") or row.theirs.endswith("/kernel[{layer}]")
    if len(shape) != 2 or (in_scan and not is_kernel):
        return found
    shorter, longer = (int(axis) for axis in np.argsort(shape))
    is_output = row.names[0].endswith(_OUTPUT_KERNELS)
    by_rules = in_scan or len(theirs) > 2
    rows = (1 if is_output else 0) if by_rules else shorter
    # Which of their dimensions are ours: heads and their width are one.
    first = 2 if len(theirs) > 2 and is_output else 1
    dims = {0: theirs[:first], 1: theirs[first:]}
    for slot, axis in (("v_row", rows), ("v_col", 1 - rows)):
        # Averaging a dimension in front of the layers' moves them forward.
        layer_axis = None if not in_scan else (SCAN_AXIS if axis == 0 else SCAN_AXIS - 1)
        ours = "v_row" if axis == shorter else "v_col"
        found[slot] = _Accumulator(ours, (shape[axis],), dims[axis], layer_axis)
    assert {shorter, longer} == {0, 1}
    return found


def _uneven(
    slots: dict[str, dict[Key, LazyArray]], name: str, layers: list[int | None]
) -> list[str]:
    """What is wrong with the accumulators found for one parameter, all its layers together."""
    counts = {slot: sum((name, layer) in slots[slot] for layer in layers) for slot in SLOTS}
    problems = [
        f"our {name} has {slot} in {count} of {len(layers)} layers"
        for slot, count in counts.items()
        if count not in (0, len(layers))
    ]
    if not problems and not counts["v"] and not (counts["v_row"] and counts["v_col"]):
        problems.append(f"our {name} has neither v nor v_row and v_col")
    return problems


def _no_adafactor(tree: Tree, problems: list[str]) -> str:
    shown = problems[:_SHOWN_PROBLEMS]
    if len(problems) > len(shown):
        shown.append(f"... and {len(problems) - len(shown)} more")
    listed = "\n  ".join(shown)
    return (
        f"{tree.path} does not hold Adafactor's state for every parameter of this model, and "
        f"t5lite reads no other optimizer's; take the parameters alone:\n  {listed}"
    )
