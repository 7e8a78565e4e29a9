"""A configuration with the place of every value: what a verb reaches, what it lacks, its table."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import logging
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gin

from t5lite.configuration.external_names import MACROS, counterpart
from t5lite.configuration.gin_reader import (
    MOST_NESTED,
    Binding,
    Macro,
    Reference,
    filled_in,
    uses,
)
from t5lite.configuration.gin_types import parameter_hints
from t5lite.messages.error_origin import raised_by_us
from t5lite.messages.suggest import did_you_mean, is_misspelt

log = logging.getLogger(__name__)

_REQUIRED = Macro("gin.REQUIRED")

# What gin appends to an error's message, once for every configurable it passes through.
_GIN_NOISE = re.compile(
    r"\n  In call to configurable '([^']+)' \(.*?\)(?: in scope '([^']*)')?$", re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class ParsedConfig:
    """A whole configuration, with the place of every value.

    Attributes:
      bindings: what holds, by key ("TRAIN_STEPS", "train.seed", "new_tasks/EvalConfig.split").
      overridden: earlier values of the same keys, in the order they were written.
      registered: what `config.register_configurables` knows, by gin name.
      shipped_macros: macros of t5lite's own files, whether or not this configuration has them.
      imports: modules that gin files import, in their order.
      remedies: for macros that may be missing, what to give: {"MODEL_DIR": "--model_dir=VALUE"}.
    """

    bindings: Mapping[str, Binding]
    overridden: Mapping[str, Sequence[Binding]]
    registered: Mapping[str, Callable[..., Any]]
    shipped_macros: frozenset[str] = frozenset()
    imports: Sequence[str] = ()
    remedies: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def macro(self, name: str, default: Any = None) -> Any:
        """A macro's value with other macros filled in; `default` where it is not set."""
        binding = self.bindings.get(name)
        if binding is None or self.resolved(binding.value) == _REQUIRED:
            return default
        return self.resolved(binding.value)

    def lacks(self, name: str) -> bool:
        """Whether a macro must be given, and is not."""
        binding = self.bindings.get(name)
        if binding is None:
            return any(Macro(name) in uses(other.value) for other in self.bindings.values())
        return self.resolved(binding.value) == _REQUIRED

    def resolved(self, value: Any) -> Any:
        """A value with its macros filled in; undefined ones and references stay."""
        return filled_in(value, self.bindings)

    def arguments(self, verb: str) -> dict[str, Any]:
        """Builds the arguments of `train`, `evaluate` or `infer`.

        Raises:
          ValueError: a value is missing, a flag has no effect, or an object refuses its arguments;
            the message names files and lines.
        """
        built = self.tried(verb)
        for binding in self.unused(verb):
            if not binding.is_ours:
                kind = "macro " if binding.is_macro else ""
                log.warning("%s: %s%s has no effect on %s", binding.place, kind, binding.key, verb)
        return built

    def tried(self, verb: str) -> dict[str, Any]:
        """As `arguments`, without warning of what has no effect."""
        self.check(verb)
        try:
            return gin.get_configurable(verb)()
        except (ValueError, TypeError) as error:
            raise ValueError(self._without_gin_noise(error)) from error

    def parameter(self, configurable: str, name: str) -> Any:
        """One parameter as gin gives it to a configurable; None where nothing sets it.

        Raises:
          ValueError: an object refuses its arguments.
        """
        try:
            value = gin.query_parameter(f"{configurable}.{name}")
        except ValueError:
            return None
        try:
            return copy.deepcopy(value)  # which makes what a reference names
        except (ValueError, TypeError) as error:
            raise ValueError(self._without_gin_noise(error)) from error

    def operative_config(self) -> str:
        """What `arguments` used, defaults included, as text that `--gin_file` reads back."""
        imports = "".join(f"import {module}\n" for module in self.imports)
        return imports + gin.operative_config_str(max_line_length=100)

    def check(self, verb: str) -> None:
        """Checks that everything a verb needs is set, that every flag reaches it, and the spelling.

        Raises:
          ValueError: naming the macro or parameter, and the files and lines that use it.
        """
        self._require_run_file(verb)
        used = list(self._used_by(verb))
        reached = {binding.key for binding in used}
        remedies = self._nested_configs(verb)
        for binding in self.bindings.values():
            is_flag = binding.place.startswith("--")
            is_nested = binding.configurable in remedies and not binding.is_ours
            if binding.key not in reached and (is_flag or is_nested):
                self._refuse_unused(binding, verb, used, remedies)
        self._refuse_misspelt_macros(used)
        self._refuse_circles(Reference(verb, True), frozenset(), {})
        self._check_macros(verb, used)
        self._check_parameters(verb, used)

    def unused(self, verb: str) -> list[Binding]:
        """Bindings that have no effect on a verb."""
        reached = {binding.key for binding in self._used_by(verb)}
        return [b for b in self.bindings.values() if b.key not in reached]

    def _used_by(self, verb: str) -> Iterator[Binding]:
        """The verb's bindings and those of everything they name, each once."""
        yielded = set()
        for _, found in self._walk(verb):
            for binding in found:
                if binding.key not in yielded:
                    yielded.add(binding.key)
                    yield binding

    def _walk(self, verb: str) -> Iterator[tuple[Reference | Macro, list[Binding]]]:
        """Each configurable and macro a verb reaches, with the bindings that apply to it there.

        Follows gin's rules: a reference with scopes runs in them, one without in those of its user,
        and a macro's value in a scope of the macro's name.
        """
        waiting: list[Reference | Macro] = [Reference(verb, True)]
        seen: set[Reference | Macro] = set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            found = _innermost(b for b in self.bindings.values() if _applies(b, node))
            yield node, found
            for binding in found:
                waiting += _used_in(binding, node)

    def _require_run_file(self, verb: str) -> None:
        """Refuses gin files of a model alone; all verbs but train begin with a file of runs/."""
        wanted = [f"train.{name}" for name in ("train_data", "optimizer", "train_steps")]
        if verb == "train" and not any(name in self.bindings for name in wanted):
            raise ValueError(
                f"no gin file sets {', '.join(wanted)}: one of runs/ is missing. Give "
                "--gin_file=runs/train.gin too, behind the others."
            )

    def _check_macros(self, verb: str, used: Sequence[Binding]) -> None:
        defined = [b.name for b in self.bindings.values() if b.is_macro]
        for binding in used:
            for use in uses(binding.value):
                if not isinstance(use, Macro) or use == _REQUIRED:
                    continue
                value = self.resolved(use)
                if value != _REQUIRED and not isinstance(value, Macro):
                    continue
                missing = self._end_of(use)
                users = [b.place for b in used if use in set(uses(b.value))]
                hint = did_you_mean(missing, defined) if missing not in defined else ""
                remedy = self.remedies.get(missing, f"--gin.{missing}=VALUE")
                raise ValueError(
                    f"{verb} needs a value for the macro {missing}, used at "
                    f"{', '.join(users)}.{hint} Set it in a gin file, or give {remedy}."
                )

    def _end_of(self, macro: Macro) -> str:
        """The macro without a value that a macro's value leads to."""
        while macro.name in self.bindings:
            value = self.bindings[macro.name].value
            if not isinstance(value, Macro) or value == _REQUIRED:
                break
            macro = value
        return macro.name

    def _check_parameters(self, verb: str, used: Sequence[Binding]) -> None:
        for node, found in self._walk(verb):
            if isinstance(node, Macro) or not node.is_called:
                continue
            function = self.registered.get(node.name, None)
            if function is None:  # registered by a module that a gin file imports
                continue
            bound = {b.name for b in found if self.resolved(b.value) != _REQUIRED}
            for name, parameter in inspect.signature(function).parameters.items():
                optional = parameter.default is not parameter.empty or parameter.kind in (
                    parameter.VAR_KEYWORD,
                    parameter.VAR_POSITIONAL,
                )
                if optional or name in bound:
                    continue
                users = [b.place for b in used if _names(b.value, node)]
                raise ValueError(
                    f"{verb} needs {node.scoped_name}.{name}, which no gin file and no flag sets"
                    + (f" ({node!r} is used at {', '.join(users)})." if users else ".")
                    + f" Set it in a gin file, or give --gin.{node.scoped_name}.{name}=VALUE."
                )

    def _refuse_circles(
        self,
        node: Reference | Macro,
        parents: frozenset[Reference | Macro],
        heights: dict[Reference | Macro, int],
    ) -> int:
        """Refuses what is made of itself, which gin would make for ever, and what nests too deep.

        Returns how deep; `parents` lead to the node, and each of `heights` was looked at before.
        """
        inside = parents | {node}
        heights[node] = 0
        for binding in (b for b in self.bindings.values() if _applies(b, node)):
            for use in _used_in(binding, node):
                if use in inside:
                    raise ValueError(
                        f"{binding.place}: {binding.key} = {binding.value!r}: {use!r} is made of "
                        "itself here. Give a value, or another configurable."
                    )
                known = len(inside) > MOST_NESTED or use in heights
                height = (
                    heights.get(use, 0) if known else self._refuse_circles(use, inside, heights)
                )
                if len(inside) + height > MOST_NESTED:
                    raise ValueError(
                        f"{binding.place}: {binding.key} is nested more than {MOST_NESTED} deep in "
                        "macros and configurables. Write it out."
                    )
                heights[node] = max(heights[node], height + 1)
        return heights[node]

    def _refuse_misspelt_macros(self, used: Sequence[Binding]) -> None:
        """Refuses macros of a user's file that nothing uses and that resemble one that is used.

        Those that t5lite ships, or that another part of the file uses, are for another verb.
        """
        macros = {u.name for b in used for u in uses(b.value) if isinstance(u, Macro)}
        named = {
            u.name for b in self.bindings.values() for u in uses(b.value) if isinstance(u, Macro)
        }
        for binding in self.bindings.values():
            if not binding.is_macro or binding.is_ours or binding.name in named:
                continue
            hint = counterpart(binding.name, MACROS)
            if not hint and is_misspelt(binding.name, macros):
                hint = did_you_mean(binding.name, macros)
            if hint and binding.name not in self.shipped_macros:
                raise ValueError(
                    f"{binding.place}: nothing uses the macro {binding.name}.{hint} Otherwise "
                    "remove the line."
                )

    def _nested_configs(self, verb: str) -> dict[str, str]:
        """Configs that a verb does not use, though others may hold them, and what puts them there.

        Gin files may have lines for several verbs, but lines of such a config are meant for this.
        """
        nodes = (node for node, _ in self._walk(verb) if isinstance(node, Reference))
        used = dict.fromkeys(node.name for node in nodes if node.is_called)
        found = dict[str, str]()
        waiting = [(name, "") for name in used]
        for holder, line in waiting:
            if holder not in self.registered:
                continue
            for parameter, hint in parameter_hints(self.registered[holder]).items():
                kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
                for kind in kinds:
                    name = getattr(kind, "__name__", "")
                    is_config = dataclasses.is_dataclass(kind) and name in self.registered
                    if is_config and parameter != "return" and name not in {**used, **found}:
                        found[name] = f"{line}{holder}.{parameter} = @{name}()"
                        waiting.append((name, f"{found[name]} and "))
        return found

    def _refuse_unused(
        self,
        binding: Binding,
        verb: str,
        used: Sequence[Binding],
        remedies: Mapping[str, str],
    ) -> None:
        if binding.is_macro:
            macros = {u.name for b in used for u in uses(b.value) if isinstance(u, Macro)}
            raise ValueError(
                f"{binding.place}: nothing that {verb} uses has a macro of this name."
                + (counterpart(binding.name, MACROS) or did_you_mean(binding.name, macros))
            )
        owner = binding.key.rpartition(".")[0]
        where = "" if binding.place.startswith("--") else f": {binding.key}"
        own = [b for b in used if (b.configurable, b.name) == (binding.configurable, binding.name)]
        if own:
            raise ValueError(
                f"{binding.place}{where} has no effect: each {binding.configurable} that {verb} "
                f"uses has a value of its own, such as {own[0].key} ({own[0].place})."
            )
        remedy = "`t5lite config` shows what it uses."
        if owner in remedies:
            remedy = f"Set {remedies[owner]}, or leave it out."
        raise ValueError(
            f"{binding.place}{where} has no effect: {verb} as configured does not use {owner}. "
            f"{remedy}"
        )

    def _without_gin_noise(self, error: Exception) -> str:
        """The error's own words, and where the values it speaks of were written."""
        text = str(error)
        calls = _GIN_NOISE.findall(text)  # the innermost first
        text = _GIN_NOISE.sub("", text).split("\n  No values supplied by Gin")[0]
        own: list[Binding] = []
        if calls:
            name, scope = calls[0]
            node = Reference(f"{scope}/{name}" if scope else name, True)
            own = [b for b in self.bindings.values() if _applies(b, node)]
        # The value it names, or those it speaks of, or all of them where it names none.
        named = (
            [b for b in own if re.match(rf"{re.escape(f'{b.configurable}.{b.name}')}\b", text)]
            or [b for b in own if re.search(rf"\b{re.escape(b.name)}\b", text)]
            or own
        )
        return "".join([text, *(f"\n  {self._origin(b)}" for b in named)])

    @contextlib.contextmanager
    def places_named(self, verb: str) -> Iterator[None]:
        """Adds to an error of ours inside where the settings that it speaks of were written.

        It is for what a verb refuses when it runs: most settings can only be compared there.

        Raises:
          ValueError: with those places, a line each.
        """
        try:
            yield
        except ValueError as error:
            places = self._settings_in(str(error), verb) if raised_by_us(error) else []
            if not places:
                raise
            raise ValueError("\n  ".join([str(error), *places])) from error

    def _settings_in(self, text: str, verb: str) -> list[str]:
        """The settings that a message is about, with their places.

        Those whose value it shows; else those that it names by their gin names or their flags; else
        those with a parameter that it names. What is not set, None or empty, is none of them; and
        none is given where the message names the place of one itself, a flag.
        """
        text = text.split(" Did you mean ")[0]
        shown, named, similar = list[str](), list[str](), list[str]()
        for binding in self._used_by(verb):
            value = self.resolved(binding.value)
            origin = binding
            while isinstance(origin.value, Macro) and origin.value.name in self.bindings:
                origin = self.bindings[origin.value.name]
            if value in (None, (), [], _REQUIRED):
                continue
            if origin.place in text:
                return []
            words = [binding.name if binding.is_macro else f"{binding.configurable}.{binding.name}"]
            if binding.is_macro:
                words.append(self.remedies.get(binding.name, binding.name).partition("=")[0])
            is_named = any(re.search(rf"(?<![\w.]){re.escape(word)}\b", text) for word in words)
            is_quoted = isinstance(value, str) and len(value) > 1 and repr(value) in text
            if is_quoted or (is_named and str(value) in text):
                shown.append(self._origin(origin))
            elif is_named:
                named.append(self._origin(origin))
            elif "_" in binding.name and re.search(rf"\b{re.escape(binding.name)}\b", text):
                similar.append(self._origin(origin))
        return list(dict.fromkeys(shown or named or similar))

    def _origin(self, binding: Binding) -> str:
        """`DataConfig.batch_size = %BATCH_SIZE at file:56; BATCH_SIZE = 0 at --gin.BATCH_SIZE`."""
        written = [f"{binding.key} = {binding.value!r} at {binding.place}"]
        for use in uses(binding.value):
            if isinstance(use, Macro) and use.name in self.bindings:
                written.append(self._origin(self.bindings[use.name]))
        return "; ".join(written)

    def table(self, verb: str) -> str:
        """Every value a verb uses, with its place; then what has no effect on it."""
        unused = {binding.key for binding in self.unused(verb)}
        macros = [b for b in self.bindings.values() if b.is_macro and b.key not in unused]
        others = [b for b in self.bindings.values() if not b.is_macro and b.key not in unused]
        sections = [("Macros", macros), (f"What {verb} is given", others)]
        if unused:
            sections.append(("No effect", [self.bindings[key] for key in sorted(unused)]))
        return "\n".join(line for title, rows in sections for line in self._section(title, rows))

    def _section(self, title: str, rows: Sequence[Binding]) -> Iterator[str]:
        yield f"# {title}"
        lines = []
        for binding in sorted(rows, key=lambda b: (b.configurable, b.scope, b.name)):
            value, resolved = binding.value, self.resolved(binding.value)
            shown = f"{binding.key} = {value!r}"
            lines.append((shown + (f" -> {resolved!r}" if resolved != value else ""), binding))
        width = min(max((len(text) for text, _ in lines), default=0), 72)
        for text, binding in lines:
            earlier = ", ".join(b.place for b in reversed(self.overridden.get(binding.key, ())))
            yield f"{text:{width}}  {binding.place}" + (f" (over {earlier})" if earlier else "")
        yield ""


def _applies(binding: Binding, node: Reference | Macro) -> bool:
    """Whether gin would use a binding when it calls `node`."""
    if isinstance(node, Macro):
        return binding.is_macro and binding.name == node.name
    if binding.is_macro or not _is_same(binding.configurable, node.name):
        return False
    return not binding.scope or f"{node.scope}/".startswith(f"{binding.scope}/")


def _is_same(name: str, other: str) -> bool:
    """Whether two names are of one configurable; its module may be left out in either."""
    return f".{name}".endswith(f".{other}") or f".{other}".endswith(f".{name}")


def _innermost(bindings: Iterable[Binding]) -> list[Binding]:
    """Of the bindings of one parameter that apply, the one that gin takes."""
    found: dict[str, Binding] = {}
    for binding in bindings:
        other = found.get(binding.name)
        if other is None or len(binding.scope) > len(other.scope):
            found[binding.name] = binding
    return list(found.values())


def _used_in(binding: Binding, node: Reference | Macro) -> list[Reference | Macro]:
    """What a binding of `node` names, in the scopes that gin calls it in."""
    scope = node.name if isinstance(node, Macro) else node.scope
    return [
        Reference(f"{scope}/{use.name}", use.is_called)
        if isinstance(use, Reference) and not use.scope and scope
        else use
        for use in uses(binding.value)
    ]


def _names(value: Any, node: Reference) -> bool:
    return any(isinstance(use, Reference) and _is_same(use.name, node.name) for use in uses(value))
