"""Jinja templates that strangers wrote, run where they can do no harm.

That is jinja2's immutable sandbox (no attribute that leads out, nothing changed in place), with an
end to loops and to what can be built up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

# Far beyond any template's needs: turns of loops and calls of macros, characters, bits of a number.
MAX_STEPS = 100_000
MAX_LENGTH = 10_000_000
_MAX_BITS = 10_000


class Sandbox(ImmutableSandboxedEnvironment):
    """jinja2's sandbox with counted steps and bounded values."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self, **options: Any) -> None:
        """`options` are those of `jinja2.Environment`."""
        super().__init__(**options)
        self._steps_left = MAX_STEPS
        self.filters["count_step"] = self._count_step

    def write(self, template: jinja2.Template, variables: Mapping[str, Any]) -> str:
        """What one of the sandbox's templates writes.

        Raises:
          SecurityError: it does what a template must not.
        """
        self._steps_left = MAX_STEPS
        written: list[str] = []
        length = 0
        for piece in template.generate(**variables):
            written.append(piece)
            length += len(piece)
            refuse_if(length > MAX_LENGTH, "it writes without an end")
        return "".join(written)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """jinja2's hook between parsing and compiling."""
        return super()._generate(_CountSteps().visit(source), *args, **kwargs)

    @jinja2.pass_context  # or it would run once, when compiled
    def _count_step(self, _: Any, value: None) -> None:
        """At each turn of a loop and at each call of a macro; a filter, for calls are slow."""
        self._steps_left -= 1
        refuse_if(self._steps_left < 0, f"it runs on after {MAX_STEPS:,} steps")

    def join(self, *values: Any) -> str:
        """What `~` does."""
        return _not_too_big("".join(map(str, values)))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """What the intercepted operators do."""
        if operator == "*":
            for many, times in ((left, right), (right, left)):
                if hasattr(many, "__len__") and isinstance(times, int):
                    refuse_if(len(many) * times > MAX_LENGTH, "it builds something too big")
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            refuse_if(left.bit_length() * right > _MAX_BITS, "it builds something too big")
        refuse_if(operator == "%" and isinstance(left, str), "it formats text by %")
        return _not_too_big(super().call_binop(context, operator, left, right))


class _CountSteps(NodeTransformer):
    """Makes loops and macros count, and `~` go through `Sandbox.join`."""

    def _counted(self, node: Any) -> Any:
        self.generic_visit(node)
        count = nodes.Filter(nodes.Const(None), "count_step", [], [], None, None)
        node.body.insert(0, nodes.ExprStmt(count).set_lineno(node.lineno))
        return node

    visit_For = visit_Macro = visit_CallBlock = _counted

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        join = nodes.EnvironmentAttribute("join")
        return nodes.Call(join, node.nodes, [], None, None).set_lineno(node.lineno)


def _not_too_big(value: Any) -> Any:
    big = (isinstance(value, int) and value.bit_length() > _MAX_BITS) or (
        hasattr(value, "__len__") and len(value) > MAX_LENGTH
    )
    refuse_if(big, "it builds something too big")
    return value


def refuse_if(condition: bool, reason: str) -> None:
    """Raises jinja2's SecurityError with the reason."""
    if condition:
        raise SecurityError(reason)
