"""SVAMP's answers: an equation is right where its value is."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence

# Longer ones are no answers, and Python's parser would take its time.
_MAX_CHARS = 200
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def value(equation: str | None) -> float:
    """The value of numbers joined by + - * / and brackets; NaN where a text is nothing of the kind.

    The reference has Python evaluate whatever a model writes; nothing is run here.
    """
    if equation is None or len(equation) > _MAX_CHARS:
        return math.nan
    try:
        return _value(ast.parse(equation.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return math.nan


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("no arithmetic")


def equation_accuracy(
    targets: Sequence[str], predictions: Sequence[str | None]
) -> dict[str, float]:
    """Share of predicted equations whose value is that of the right one.

    Args:
      targets: the right equations, such as "( 76.0 - 25.0 )".
      predictions: as many texts; None, or no equation, is wrong.

    Returns:
      `{"accuracy": share, 0 to 1}`.

    Raises:
      ValueError: there are none, or the numbers of the two differ.
    """
    if len(targets) != len(predictions) or not targets:
        raise ValueError(f"{len(targets)} targets for {len(predictions)} predictions")
    pairs = zip(targets, predictions, strict=True)
    return {"accuracy": sum(value(a) == value(b) for a, b in pairs) / len(targets)}
