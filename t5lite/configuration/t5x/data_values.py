"""Rules for T5X's settings of data, vocabularies, evaluations and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from t5lite.configuration.gin_reader import Macro, Reference
from t5lite.configuration.t5x.outcomes import (
    Decision,
    Fact,
    Mapped,
    NoCounterpart,
    Outcome,
    Rule,
    Run,
    is_elsewhere,
)

_SEEDLESS = "T5X draws another seed at each start; here it is SEED, so that a run can be repeated"
_EXAMPLE_FEATURES = ("inputs", "targets")


def mixture(fact: Fact, run: Run) -> Outcome:
    """The Task or Mixture by its name."""
    del run
    if isinstance(fact.value, str):
        return Mapped({"MIXTURE_OR_TASK_NAME": fact.value})
    return Decision(
        f"{fact.value!r} is no name: register the Task, and name it",
        ('MIXTURE_OR_TASK_NAME = "NAME"',),
    )


def lengths(fact: Fact, run: Run) -> Outcome:
    """The lengths of training examples."""
    proposal = ('TASK_FEATURE_LENGTHS = {"inputs": 512, "targets": 128}',)
    if not isinstance(fact.value, Mapping):
        return Decision(
            "T5X takes the longest that the data have; here lengths are given, for rows are packed",
            proposal,
        )
    kept, note = _known_lengths(fact.value)
    is_pair = run.classes.get("model") == "EncoderDecoderModel"
    if len(kept) < 2 and (is_pair or "targets" not in kept):
        return Decision(f"{fact.value!r}: an encoder-decoder has inputs and targets", proposal)
    return Mapped({"TASK_FEATURE_LENGTHS": kept}, note)


def asked_lengths(fact: Fact, run: Run) -> Outcome:
    """The lengths of examples that are only answered."""
    if not isinstance(fact.value, Mapping):
        return Mapped(
            {},
            "T5X takes the longest that the data have: give --task_feature_lengths and "
            "--max_decode_length (64 without) where the model's are shorter",
            instead="those of the model folder",
        )
    kept, note = _known_lengths(fact.value)
    longest = {"MAX_DECODE_LENGTH": kept["targets"]} if "targets" in kept else {}
    if run.command == "infer":
        return Mapped(longest, note, instead="inputs: as long as the model folder says")
    return Mapped({"TASK_FEATURE_LENGTHS": kept, **longest}, note)


def _known_lengths(given: Mapping[str, int]) -> tuple[dict[str, int], str]:
    kept = {name: given[name] for name in _EXAMPLE_FEATURES if name in given}
    others = ", ".join(name for name in given if name not in _EXAMPLE_FEATURES)
    return kept, f"without {others}: features are inputs and targets here" if others else ""


def data_seed(fact: Fact, run: Run) -> Outcome:
    """The seed of mixing and shuffles."""
    if fact.value is None:
        return Mapped({}, _SEEDLESS, instead="SEED")
    if fact.value == run.value("train", "random_seed"):
        return Mapped({}, instead="SEED")
    return Mapped({"DataConfig.seed": fact.value})


def seed(fact: Fact, run: Run) -> Outcome:
    """The seed of everything that is random in training."""
    del run
    if fact.value is None:
        return Mapped({}, _SEEDLESS, instead="SEED = 0, as it is without")
    return Mapped({"SEED": fact.value})


def task_module(fact: Fact, run: Run) -> Outcome:
    """A module that registers Tasks."""
    del run
    if fact.value is None:
        return Mapped({}, instead="none")
    if not isinstance(fact.value, str):
        raise TypeError(fact.value)
    return Mapped({"TASK_MODULES": (fact.value,)})


# ---- Evaluations during training -----------------------------------------------------------------


def evaluation(scope: str) -> dict[str, Rule]:
    """The rules of one of T5X's two evaluations.

    Args:
      scope: what the evaluation is called: "infer_eval" or "train_eval". The second is only of the
        loss, which the first gives too where both are of the same examples.
    """

    def unless_covered(rule: Rule) -> Rule:
        def checked(fact: Fact, run: Run) -> Outcome:
            if scope == "train_eval" and _is_of_infer_eval(run):
                return Mapped({}, instead="infer_eval/EvalConfig, which gives the loss too")
            return rule(fact, run)

        return checked

    def name(fact: Fact, run: Run) -> Outcome:
        trained = run.value("training data", "mixture_or_task_name")
        value = fact.value
        if fact.is_missing or value == trained:
            value = Macro("MIXTURE_OR_TASK_NAME")
        elif not isinstance(value, str):
            return Decision(
                f"{value!r} is no name: register the Task, and name it",
                (f'{scope}/EvalConfig.mixture_or_task_name = "NAME"',),
            )
        note = "answers are generated too where Tasks have metrics of them"
        return Mapped(
            {
                "EVALS": (Reference(f"{scope}/EvalConfig", True),),
                f"{scope}/EvalConfig.name": scope,
                f"{scope}/EvalConfig.mixture_or_task_name": value,
            },
            note if scope == "train_eval" else "",
        )

    def longest(fact: Fact, run: Run) -> Outcome:
        trained = run.value("training data", "task_feature_lengths") or {}
        settings: dict[str, Any] = {}
        note = ""
        kept = trained
        if isinstance(fact.value, Mapping):
            kept, note = _known_lengths(fact.value)
            if kept != trained:
                settings[f"{scope}/EvalConfig.task_feature_lengths"] = kept
        else:
            note = "T5X takes the longest that the data have; here longer ones are cut"
        if scope == "infer_eval" and "targets" in kept:
            settings["MAX_DECODE_LENGTH"] = kept["targets"]
        return Mapped(settings, note, instead="TASK_FEATURE_LENGTHS")

    def split(fact: Fact, run: Run) -> Outcome:
        if fact.value == "validation":
            return Mapped({}, instead='"validation", as it is without')
        return Mapped({f"{scope}/EvalConfig.split": fact.value})

    def batch_size(fact: Fact, run: Run) -> Outcome:
        is_only = scope == "infer_eval" or ("evaluated data", "split") not in run.facts
        return Mapped(
            {"EVAL_BATCH_SIZE" if is_only else f"{scope}/EvalConfig.batch_size": fact.value}
        )

    rules = {
        "mixture_or_task_name": name,
        "task_feature_lengths": longest,
        "split": split,
        "batch_size": batch_size,
    }
    return {parameter: unless_covered(rule) for parameter, rule in rules.items()}


def _is_of_infer_eval(run: Run) -> bool:
    names = ("mixture_or_task_name", "split")
    held_out = [run.value("held-out data", name) for name in names]
    return held_out == [run.value("evaluated data", name) for name in names]


def held_out_batches(fact: Fact, run: Run) -> Outcome:
    """How many batches T5X's evaluation of the loss takes."""
    rows = run.value("held-out data", "batch_size")
    if rows is None or _is_of_infer_eval(run):
        return Mapped({}, instead="every example of an evaluation counts")
    return Mapped(
        {"train_eval/EvalConfig.max_examples_per_task": fact.value * rows},
        "examples of each Task, where T5X counts batches of rows",
    )


def evaluated_examples(fact: Fact, run: Run) -> Outcome:
    """How many examples T5X's evaluation with answers takes."""
    if fact.value is None:
        return Mapped({}, instead="every example")
    if run.command == "eval":
        return Mapped({"MAX_EXAMPLES_PER_TASK": fact.value})
    if ("evaluated data", "mixture_or_task_name") not in run.facts:
        return Mapped({}, instead="nothing: there is no evaluation with answers")
    return Mapped({"infer_eval/EvalConfig.max_examples_per_task": fact.value})


# ---- Vocabularies --------------------------------------------------------------------------------


def vocabulary(fact: Fact, run: Run) -> Outcome:
    """The vocabulary of a model."""
    name = fact.value.name.rpartition(".")[2] if isinstance(fact.value, Reference) else ""
    if name == "ByteVocabulary":
        extra = run.value("byte vocabulary", "extra_ids", 0)
        return _given(f"bytes:{extra}" if extra else "bytes", run)
    if name == "SentencePieceVocabulary":
        return Mapped({}, instead="VOCABULARY")
    return NoCounterpart(f"{fact.value!r} is no vocabulary of seqio's; the Tasks' own is taken")


def _given(name: str, run: Run) -> Outcome:
    """The vocabulary by its name; `infer` takes it of the command alone."""
    if run.command == "infer":
        return Mapped({}, instead=f"--vocabulary={name}")
    return Mapped({"VOCABULARY": name})


def bytes_vocabulary(fact: Fact, run: Run) -> Outcome:
    """Ids above the bytes."""
    del run
    return Mapped({}, instead=f'VOCABULARY = "bytes:{fact.value}"')


def vocabulary_file(fact: Fact, run: Run) -> Outcome:
    """The file of a SentencePiece vocabulary, with the ids that are added to it."""
    path = run.value("SentencePiece vocabulary", "sentencepiece_model_file")
    extra = run.value("SentencePiece vocabulary", "extra_ids") or 0
    if fact.name == "extra_ids" or not isinstance(path, str):
        return Mapped({}, instead=f"VOCABULARY with :{extra} behind it")
    if not is_elsewhere(path):
        return _given(f"{path}:{extra}", run)
    copy = f"FOLDER/{path.rpartition('/')[2]}:{extra}"
    if run.takes_model_of_checkpoint:
        return Decision(
            f"copy {path} to this machine, and say where: a checkpoint of T5X holds no vocabulary",
            (f'VOCABULARY = "{copy}"',),
        )
    return Mapped(
        {},
        f"for Tasks that leave it open give --vocabulary={copy}, a copy of {path}",
        instead="the vocabulary of the Tasks, as seqio's Tasks have it",
    )


# ---- Answering -----------------------------------------------------------------------------------


def infer_mode(fact: Fact, run: Run) -> Outcome:
    """Whether T5X answers or scores."""
    del run
    if fact.value in ("predict", "predict_with_aux"):
        return Mapped({}, instead="t5lite infer")
    return NoCounterpart(
        "`t5lite eval` gives the loss of targets, and `t5lite infer --options_field=FIELD` scores "
        "answers that are given"
    )


def infer_shards(fact: Fact, run: Run) -> Outcome:
    """Which part of the examples a process of T5X's takes."""
    del run
    if fact.value in ((None, 1) if fact.name == "num_shards" else (None, 0)):
        return Mapped({}, instead="all examples")
    return NoCounterpart("one command answers all examples; its devices and hosts share them")


def answers_file(fact: Fact, run: Run) -> Outcome:
    """Where answers go: a folder of T5X's, a file here."""
    del run
    if is_elsewhere(fact.value):
        return Mapped({}, f"{fact.value} is not of this machine", instead="--output=FILE.jsonl")
    return Mapped({"OUTPUT": f"{str(fact.value).rstrip('/')}/answers.jsonl"})
