"""Rules for T5X's settings of folders and checkpoints."""

from __future__ import annotations

from t5lite.configuration.gin_reader import Macro
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


def own_folder(macro: str) -> Rule:
    """A folder that the run writes to."""

    def rule(fact: Fact, run: Run) -> Outcome:
        del run
        if is_elsewhere(fact.value):
            return Mapped(
                {}, f"{fact.value} is not of this machine", instead=f"--{macro.lower()}=DIR"
            )
        return Mapped({macro: fact.value})

    return rule


def saving_period(fact: Fact, run: Run) -> Outcome:
    """Steps between checkpoints."""
    del run
    if fact.value is None:
        return NoCounterpart("a run always saves: CHECKPOINT_PERIOD is 1000 without")
    return Mapped({"CHECKPOINT_PERIOD": fact.value})


def keep(fact: Fact, run: Run) -> Outcome:
    """How many checkpoints stay."""
    if fact.value is not None:
        return Mapped({"KEEP_CHECKPOINTS": fact.value})
    if run.value("saving", "period") is None:
        return Mapped({}, "T5X keeps all", instead="KEEP_CHECKPOINTS = 2, as it is without")
    return Mapped({"CheckpointConfig.keep_period": Macro("CHECKPOINT_PERIOD")}, "all are kept")


def saved_dtype(fact: Fact, run: Run) -> Outcome:
    """The type that parameters are saved in."""
    del run
    if fact.value in (None, "float32"):
        return Mapped({}, instead="float32, as it always is")
    return NoCounterpart(
        f"float32, so that a run resumes to the bit; `t5lite convert --dtype={fact.value}` writes "
        "a smaller copy"
    )


def restored_path(fact: Fact, run: Run) -> Outcome:
    """The checkpoint that a run starts from, or that is evaluated."""
    macro = "INITIAL_CHECKPOINT_PATH" if run.command == "train" else "MODEL_DIR"
    path = fact.value
    if isinstance(path, list | tuple) and len(path) == 1:
        path = path[0]
    if not path:
        return Mapped({}, instead="none: the run starts from nothing")
    # A path that cannot be used is written all the same where a run would start from nothing else.
    kept = {macro: path} if run.command == "train" and isinstance(path, str) else {}
    if not isinstance(path, str):
        return Decision(
            f"{path!r}: a run starts from one checkpoint",
            (f'{macro} = "FOLDER"',),
            {macro: path[0]},
        )
    name = path.rstrip("/").removesuffix("/checkpoint").rpartition("/")[2]
    if "model.ckpt" in name:
        return Decision(
            f"{path} is a checkpoint of Mesh TensorFlow, which is not read; T5X's own form of the "
            "public ones is",
            (f'{macro} = "FOLDER/checkpoint_{name.rpartition("-")[2]}"',),
            kept,
        )
    if is_elsewhere(path):
        return Decision(
            f"copy {path} to this machine, and say where it lies",
            (f'{macro} = "FOLDER/{name}"',),
            kept,
        )
    return Mapped({macro: path})


def restored_mode(fact: Fact, run: Run) -> Outcome:
    """Which checkpoints of a folder."""
    del run
    if fact.value == "specific":
        return Mapped({}, instead="the checkpoint that is named")
    if fact.value == "latest":
        return Mapped({}, instead="the last checkpoint of the folder that is named")
    return NoCounterpart("one checkpoint a command: --model_dir names each in turn")


def fallback(fact: Fact, run: Run) -> Outcome:
    """Whether parameters that the checkpoint lacks are made afresh."""
    del run
    if not fact.value:
        return Mapped({}, instead="what the checkpoint lacks is an error")
    return Decision(
        "T5X makes afresh whatever the checkpoint lacks; here those parameters are named (the run "
        "lists what is missing)",
        ('initial_checkpoint.remap = (("NAMES OF PARAMETERS", None),)',),
    )


def assignment_map(fact: Fact, run: Run) -> Outcome:
    """Which parameters come from which."""
    del run
    if not fact.value:
        return Mapped({}, instead="none")
    rules = ", ".join(f"{pattern!r} from {other!r}" for pattern, other in fact.value)
    return Decision(
        f"rules of T5X's names of parameters: {rules}. Here they are of t5lite's names, such as "
        "encoder/layers/mlp/wo/kernel",
        ('initial_checkpoint.remap = (("NAMES HERE", "NAMES THERE"),)',),
    )
