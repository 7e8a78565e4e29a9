"""Follows what T5X would read in a run: from its function to every setting that is reached."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.configuration.gin_reader import Binding, Macro, Reference, uses
from t5lite.configuration.t5x import model_values, shipped_files
from t5lite.configuration.t5x.outcomes import Fact, Run, step_in_name
from t5lite.configuration.t5x.reading import Problem, Statement, T5XImport
from t5lite.configuration.t5x.rules import DATA_SECTIONS, IMPLIED, SECTION_OF
from t5lite.initialization.saved_model import open_saved_model

# T5X's functions, with the command that does their work.
COMMANDS = {"train": "train", "evaluate": "eval", "infer": "infer"}
# What T5X takes where a class is given less.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "EncoderDecoderModel": {"z_loss": 0.0, "label_smoothing": 0.0, "loss_normalizing_factor": None},
    "DecoderOnlyModel": {
        **{"z_loss": 0.0, "label_smoothing": 0.0, "loss_normalizing_factor": None},
        "inputs_bidirectional_attention": False,
    },
    "PrefixLanguageModel": {
        **{"z_loss": 0.0, "label_smoothing": 0.0, "loss_normalizing_factor": None},
        "inputs_bidirectional_attention": True,
    },
    "T5Config": {
        **{"dtype": "float32", "emb_dim": 512, "num_heads": 8, "head_dim": 64, "mlp_dim": 2048},
        **{"num_encoder_layers": 6, "num_decoder_layers": 6, "mlp_activations": ("relu",)},
        **{"dropout_rate": 0.1, "logits_via_embedding": False},
    },
    "TransformerConfig": {
        **{"dtype": "float32", "emb_dim": 512, "num_heads": 8, "head_dim": 64, "mlp_dim": 2048},
        **{"num_layers": 6, "mlp_activations": ("relu",)},
        **{"dropout_rate": 0.1, "logits_via_embedding": False},
    },
    "create_learning_rate_scheduler": {
        **{"factors": "constant * linear_warmup * rsqrt_decay", "base_learning_rate": 0.5},
        **{"warmup_steps": 1000, "step_offset": 0},
    },
    "DatasetConfig": {"pack": False},
    "SaveCheckpointConfig": {"keep": None},
    "warmup_cosine_decay_schedule": {"init_value": 0.0, "end_value": 0.0},
}


class Followed:
    """One run of T5X, with every setting that it reaches.

    Attributes:
      run: the settings, by what they are settings of.
      live: the bindings that hold, by scope, short name and parameter.
      macros: those of them that are macros, by name.
      imports: import statements.
      problems: what could not be read.
      assumed: the run file of T5X whose settings are taken, for none is included; "" where one is.
    """

    def __init__(self, statements: Sequence[Statement]) -> None:
        """Follows the settings.

        Args:
          statements: of all files and flags, in their order.
        """
        self.problems = [s for s in statements if isinstance(s, Problem)]
        self.imports = [s for s in statements if isinstance(s, T5XImport)]
        found = [s for s in statements if isinstance(s, Binding)]
        self.assumed = _assumed_run(found)
        if self.assumed:
            name = f"t5x/configs/runs/{self.assumed}.gin"
            found = [*(shipped_files.statements(name) or []), *found]
        root = _root(found)
        self.live = {_key(b): b for b in found}
        self.macros = {b.name: b for b in self.live.values() if b.is_macro}
        self.run = Run(COMMANDS[root], lambda name: SECTION_OF.get(short_name(name)))
        self._uses: dict[tuple[str, str, str], list[Fact]] = {}
        self._follow(root, root, "")
        self.run.start = self._start()
        if self.run.command == "train":
            self.run.model = self._model()

    def facts_of(self, binding: Binding) -> list[Fact]:
        """The settings that a binding decides: a macro's are those that lead to it."""
        facts = self._uses.get(_key(binding), [])
        return [fact for fact in facts if self.run.facts[fact.section, fact.name] is fact]

    def _model(self) -> tuple[str, dict[str, Any]] | None:
        try:
            return model_values.describe(self.run, is_scalable=self.is_scalable())
        except (TypeError, ValueError, LookupError):  # of a value that no network has
            return None

    def is_scalable(self) -> bool:
        """Whether the network is T5X's scalable_t5, which has a table of biases in each layer."""
        named = [*(b.place for b in self.live.values()), *(i.module for i in self.imports)]
        return any("scalable_t5" in name for name in named)

    def _follow(self, section: str, configurable: str, scope: str) -> None:
        """Takes in the settings of a configurable in a scope, and of all that they name."""
        short = short_name(configurable)
        if section in self.run.classes:
            return
        self.run.classes[section] = short
        for name, binding in self._bound(short, scope).items():
            self._add(section, name, binding, scope)
        for function, inner in IMPLIED.get(section, {}).items():
            for name, binding in self._bound(function, scope).items():
                # A model's own setting of its answers goes before a search's.
                if (inner, name) not in self.run.facts:
                    self._add(inner, name, binding, scope)
        for name, value in _DEFAULTS.get(short, {}).items():
            if (section, name) not in self.run.facts:
                default = Binding(scope, short, name, value, "T5X's default", is_ours=True)
                self._add(section, name, default, scope)

    def _bound(self, short: str, scope: str) -> dict[str, Binding]:
        """A configurable's settings in a scope: the nearest scope wins."""
        fitting = [
            b
            for b in self.live.values()
            if not b.is_macro
            and short_name(b.configurable) == short
            and (not b.scope or f"{scope}/".startswith(f"{b.scope}/"))
        ]
        return {b.name: b for b in sorted(fitting, key=lambda b: len(b.scope))}

    def _add(self, section: str, name: str, binding: Binding, scope: str) -> None:
        value = self.resolved(binding.value)
        origin, chain = binding, [binding]
        while isinstance(origin.value, Macro) and origin.value.name in self.macros:
            if self.macros[origin.value.name] in chain:
                break
            origin = self.macros[origin.value.name]
            chain.append(origin)
        fact = Fact(section, name, value, binding, origin)
        self.run.facts[section, name] = fact
        chain += [self.macros[m] for m in _macros_in(binding.value) if m in self.macros]
        for link in dict.fromkeys(map(_key, chain)):
            self._uses.setdefault(link, []).append(fact)
        for reference in uses(value):
            if isinstance(reference, Reference):
                inner = DATA_SECTIONS.get(name) or SECTION_OF.get(short_name(reference.name))
                if inner:
                    self._follow(inner, reference.name, reference.scope or scope)

    def resolved(self, value: Any, parents: tuple[str, ...] = ()) -> Any:
        """A value with its macros filled in; what nothing defines stays."""
        if isinstance(value, Macro) and value.name in self.macros and value.name not in parents:
            return self.resolved(self.macros[value.name].value, (*parents, value.name))
        if isinstance(value, dict):
            return {k: self.resolved(v, parents) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.resolved(item, parents) for item in value)
        return value

    def _start(self) -> int | None:
        """The step of the checkpoint that training starts from."""
        fact = self.run.facts.get(("restoring", "path"))
        if self.run.command != "train" or fact is None:
            return 0
        path = fact.value
        if isinstance(path, list | tuple):
            path = path[0] if path else None
        if not path:
            return 0
        if not isinstance(path, str):
            return None
        step = step_in_name(path)
        if step is None and "://" not in path and pathlib.Path(path).expanduser().exists():
            try:
                return open_saved_model(path, named_by="INITIAL_CHECKPOINT_PATH").step
            except ValueError:
                return None
        return step


def _root(bindings: Sequence[Binding]) -> str:
    """Which of T5X's functions the files configure; "" for none."""
    named = {short_name(b.configurable) for b in bindings}
    return next((name for name in COMMANDS if name in named), "")


def _assumed_run(bindings: Sequence[Binding]) -> str:
    """The run file of T5X that settings are of, where none is included; "" where one is."""
    root = _root(bindings)
    data = "train_dataset_cfg" if root == "train" else "dataset_cfg"
    if any((short_name(b.configurable), b.name) == (root, data) for b in bindings):
        return ""
    if root in ("evaluate", "infer"):
        return COMMANDS[root]
    macros = {b.name for b in bindings if b.is_macro}
    wanted = {"INITIAL_CHECKPOINT_PATH": "finetune"}
    if not root:
        wanted |= {
            "INFER_OUTPUT_DIR": "infer",
            "EVAL_OUTPUT_DIR": "eval",
            "CHECKPOINT_PATH": "eval",
        }
    return next((run for macro, run in wanted.items() if macro in macros), "pretrain")


def short_name(name: str) -> str:
    """A configurable's name without its modules."""
    return name.rpartition(".")[2]


def _key(binding: Binding) -> tuple[str, str, str]:
    return (binding.scope, short_name(binding.configurable), binding.name)


def _macros_in(value: Any) -> list[str]:
    return [use.name for use in uses(value) if isinstance(use, Macro)]
