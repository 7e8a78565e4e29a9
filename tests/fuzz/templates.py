"""Programs of jinja2 made at random, with what makes texts grow among them."""

from random import Random

_ATOMS = ("s", "'a'", "[s]", "n", "10 ** 9", "range(n)", "{'a': s}", "none", "-1", "messages")
_FILTERS = (
    *("center", "tojson", "batch", "slice", "indent", "wordwrap", "join", "format", "replace"),
    *("list", "truncate", "round", "sum", "sort", "map", "groupby", "first", "string", "length"),
    *("int", "attr", "xmlattr", "urlize", "pprint", "random", "select", "unique", "dictsort"),
)
_METHODS = (
    *("zfill", "ljust", "center", "join", "replace", "split", "format", "items", "__class__"),
    *("encode", "append", "pop", "format_map", "mro", "expandtabs", "translate"),
)
_OPERATORS = ("~", "+", "*", "**", "%", "//", "==", "in")


def random_template(chosen: Random) -> str:
    """A template of a few nested statements, or a text that is none."""
    if chosen.random() < 0.1:
        pieces = ["{{", "}}", "{%", "%}", "{#", "for", "endfor", "x", " ", "'", "|", "\0", "é"]
        return "".join(chosen.choices(pieces, k=chosen.randrange(20)))
    return _program(chosen, depth=chosen.randrange(4))


def _program(chosen: Random, depth: int) -> str:
    expression = _expression(chosen, depth=chosen.randrange(4))
    if depth == 0:
        return f"{{{{ {expression} }}}}"
    inner = _program(chosen, depth - 1)
    return chosen.choice(
        [
            f"{{% for a in {expression} %}}{inner}{{% endfor %}}",
            f"{{% set s = {expression} %}}{inner}{{{{ s }}}}",
            f"{{% set s = s ~ s %}}{inner * 3}",
            f"{{% macro f(s) %}}{inner}{{{{ f(s) }}}}{{% endmacro %}}{{{{ f(1) }}}}",
            f"{{% if {expression} %}}{inner}{{% endif %}}",
            f"{{% filter {chosen.choice(_FILTERS)} %}}{inner}{{% endfilter %}}",
        ]
    )


def _expression(chosen: Random, depth: int) -> str:
    if depth == 0:
        return chosen.choice(_ATOMS)
    first, second = (_expression(chosen, depth - 1) for _ in range(2))
    return chosen.choice(
        [
            f"({first} {chosen.choice(_OPERATORS)} {second})",
            f"({first} | {chosen.choice(_FILTERS)}({second}))",
            f"({first} | {chosen.choice(_FILTERS)})",
            f"({first}).{chosen.choice(_METHODS)}({second})",
            f"({first})[{second}]",
        ]
    )
