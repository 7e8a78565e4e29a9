"""Rules for T5X's settings of the model, its loss and how it answers."""

from __future__ import annotations

from typing import Any

from t5lite.configuration.gin_reader import Reference
from t5lite.configuration.t5x import model_file
from t5lite.configuration.t5x.outcomes import (
    Decision,
    Fact,
    Mapped,
    NoCounterpart,
    Outcome,
    Rule,
    Run,
)

# T5X's fields, each with those of TransformerConfig that it decides.
_FIELDS = {
    "vocab_size": ("vocab_size",),
    "dtype": ("dtype",),
    "emb_dim": ("d_model",),
    "mlp_dim": ("d_ff",),
    "head_dim": ("d_kv",),
    "num_heads": ("num_heads",),
    "num_encoder_layers": ("num_encoder_layers",),
    "num_decoder_layers": ("num_decoder_layers",),
    "num_layers": ("num_decoder_layers", "num_encoder_layers", "architecture"),
    "mlp_activations": ("mlp_activations",),
    "dropout_rate": ("dropout_rate",),
    "logits_via_embedding": ("tied_embeddings", "scale_logits"),
    "float32_attention_logits": ("float32_attention_logits",),
    "remat_policy": ("remat",),
    "scale_attn_logits": ("scale_attention",),
}
_REMAT = {"none": "none", "full": "full", "minimal": "dots"}
_ACTIVATIONS = {"swish": "silu"}
_CONVERTERS = {
    "EncDecFeatureConverter": "encoder_decoder",
    "LMFeatureConverter": "decoder_only",
    "PrefixLMFeatureConverter": "prefix_lm",
}
_NO_PART = "nothing: it is of training, and this run does not train"


def describe(run: Run, *, is_scalable: bool) -> tuple[str, dict[str, Any]] | None:
    """The model file of t5lite that a run's network is, and what the run changes of it.

    Args:
      run: with the settings of its network.
      is_scalable: whether the network is T5X's scalable_t5.

    Returns:
      None where T5X's network is not one of its own, or lacks fields.
    """
    given = run.section("network")
    if "vocab_size" not in given:
        return None
    is_decoder = run.classes.get("model") in ("DecoderOnlyModel", "PrefixLanguageModel")
    if is_decoder:
        given.pop("num_encoder_layers", None)
        given.pop("num_decoder_layers", None)
    else:
        given.pop("num_layers", None)
    wanted = {
        field: value
        for name, theirs in given.items()
        for field, value in _ours(name, theirs).items()
    }
    return model_file.choose(wanted, per_layer=is_scalable)


def _ours(name: str, value: Any) -> dict[str, Any]:
    if name not in _FIELDS:
        return {}
    if name == "num_layers":
        return {
            "num_decoder_layers": value,
            "num_encoder_layers": 0,
            "architecture": "decoder_only",
        }
    if name == "remat_policy":
        value = _REMAT.get(value, "full")
    if name == "mlp_activations":
        value = tuple(_ACTIVATIONS.get(item, item) for item in value)
    return dict.fromkeys(_FIELDS[name], value)


def network(fact: Fact, run: Run) -> Outcome:
    """A field of T5X's network."""
    if run.command != "train":
        return Mapped({}, instead="the model is that of the checkpoint")
    if run.model is None:
        return NoCounterpart("the network is not known; the model is that of the checkpoint")
    file, changes = run.model
    keys = [model_file.MACROS.get(f, f"TransformerConfig.{f}") for f in _FIELDS[fact.name]]
    return Mapped({key: changes[key] for key in keys if key in changes}, instead=file)


def of_training(key: str, *, unless: Any = ...) -> Rule:
    """A setting of the loss."""

    def rule(fact: Fact, run: Run) -> Outcome:
        if run.command != "train":
            return Mapped({}, instead=_NO_PART)
        if unless is not ... and fact.value == unless:
            return Mapped({}, instead=f"{key} = {unless!r}, as it is without")
        return Mapped({key: fact.value})

    return rule


def loss_normalization(fact: Fact, run: Run) -> Outcome:
    """What T5X divides the summed loss by."""
    if run.command != "train":
        return Mapped({}, instead=_NO_PART)
    how = fact.value.lower() if isinstance(fact.value, str) else fact.value
    note = ""
    if how is None:
        note = (
            "the loss is a sum, as in T5X; what is reported as cross_entropy is of a token, and "
            "Adafactor's and Adam's steps do not depend on it"
        )
    if how == "num_real_target_tokens":
        return Mapped({}, instead="CrossEntropy.loss_normalization, as it is without")
    return Mapped({"CrossEntropy.loss_normalization": how}, note)


def converter(fact: Fact, run: Run) -> Outcome:
    """Whether the tokens of a prompt see one another both ways."""
    if run.command != "train":
        return Mapped({}, instead="as the model folder says")
    is_prefix = fact.value or run.classes.get("model") == "PrefixLanguageModel"
    return Mapped({"DataConfig.converter": "prefix_lm" if is_prefix else "decoder_only"})


def feature_converter(fact: Fact, run: Run) -> Outcome:
    """How examples become rows."""
    name = fact.value.name.rpartition(".")[2] if isinstance(fact.value, Reference) else ""
    if run.command != "train" or fact.value is None:
        return Mapped({}, instead="as the model says")
    if name in _CONVERTERS:
        return Mapped({"DataConfig.converter": _CONVERTERS[name]})
    return Decision(
        f"{fact.value!r} makes rows in a way of its own: Tasks give inputs and targets here",
        ('DataConfig.converter = "decoder_only"',),
    )


# ---- Decoding ------------------------------------------------------------------------------------


def decoding(fact: Fact, run: Run) -> Outcome:
    """How answers are generated."""
    if run.command == "train" and not run.evaluates:
        return Mapped({}, instead="nothing: this run evaluates nothing")
    settings, note = _strategy(run)
    keys = {
        "num_decodes": ("num_beams", "num_return_sequences"),
        "alpha": ("length_penalty",),
        "topk": ("top_k",),
        "topp": ("top_p",),
        "temperature": ("temperature",),
    }[fact.name]
    kept = {name: settings[name] for name in keys if name in settings}
    if not kept:
        return Mapped({}, note, instead="nothing: answers are " + _called(settings))
    kept["strategy"] = settings["strategy"]
    if run.command == "train":
        return Mapped({f"DecodingConfig.{name}": value for name, value in kept.items()}, note)
    return Mapped({name.upper(): value for name, value in kept.items()}, note)


def longest_answer(fact: Fact, run: Run) -> Outcome:
    """Most tokens of an answer."""
    if fact.value is None or (run.command == "train" and not run.evaluates):
        return Mapped({}, instead="nothing")
    return Mapped({"MAX_DECODE_LENGTH": fact.value})


def _called(settings: dict[str, Any]) -> str:
    names = {"beam": "of a beam search", "sample": "sampled"}
    return names.get(settings.get("strategy", ""), "greedy")


def _strategy(run: Run) -> tuple[dict[str, Any], str]:
    """Fields of DecodingConfig, those that its defaults are left out of."""
    given = run.section("decoding")
    count = given.get("num_decodes", 1)
    if _decode_function(run) == "beam_search":
        if count < 2:
            return {}, ""
        return {
            "strategy": "beam",
            "num_beams": count,
            "length_penalty": given.get("alpha", 0.6),
        }, ""
    temperature, top_k, top_p = (
        given.get("temperature", 1.0),
        given.get("topk", 1),
        given.get("topp") or 0.0,
    )
    if temperature == 0 or (top_k == 1 and not top_p):
        return {}, "T5X samples here from the one most likely token, which is greedy"
    note = "" if count < 2 else f"T5X draws {count} and keeps the likeliest; here one is drawn"
    drawn = {"strategy": "sample", "temperature": temperature, "top_k": 0 if top_p else top_k}
    return {**drawn, **({"top_p": top_p} if top_p else {})}, note


def _decode_function(run: Run) -> str:
    chosen = run.value("model", "decode_fn")
    if isinstance(chosen, Reference):
        return chosen.name.rpartition(".")[2]
    is_decoder = run.classes.get("model") in ("DecoderOnlyModel", "PrefixLanguageModel")
    return "temperature_sample" if is_decoder else "beam_search"


def all_decodes(fact: Fact, run: Run) -> Outcome:
    """Whether all answers are given, not only the best."""
    if not fact.value:
        return Mapped({}, instead="the best answer alone")
    if run.command != "infer":
        return NoCounterpart("an evaluation judges one answer of each example")
    return Mapped({"NUM_RETURN_SEQUENCES": run.value("decoding", "num_decodes", 1)})
