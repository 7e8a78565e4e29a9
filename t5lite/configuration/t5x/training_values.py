"""Rules for T5X's settings of steps, schedules, optimizers and devices."""

from __future__ import annotations

import math
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
)

OPTAX_OPTIMIZERS = (
    *("adabelief", "adagrad", "adam", "adamw", "amos", "dpsgd", "fromage", "lamb", "lars", "lion"),
    *("noisy_sgd", "radam", "rmsprop", "sgd", "yogi"),
)

# ---- Steps ---------------------------------------------------------------------------------------


def total_steps(fact: Fact, run: Run) -> Outcome:
    """T5X's last step, which counts those of the checkpoint that a run starts from."""
    if run.value("train", "relative_steps") is not None:
        return Mapped({}, instead="nothing: the steps to add are given")
    if not isinstance(fact.value, int):
        return Decision(f"{fact.value!r} is no number of steps", ("TRAIN_STEPS = 1000",))
    if run.start == 0:
        return Mapped({"TRAIN_STEPS": fact.value})
    if run.start is None:
        return Decision(
            f"T5X's {fact.value:,} count the steps of the checkpoint, and its path does not say "
            "how many; here a run's own steps are counted. Give "
            "--gin.INITIAL_CHECKPOINT_PATH with the path that T5X had, or the difference",
            (f"TRAIN_STEPS = 1000  # {fact.value:_} less the checkpoint's steps",),
        )
    left = fact.value - run.start
    if left <= 0:
        return Decision(
            f"T5X's {fact.value:,} count the steps of the checkpoint, which has {run.start:,}, so "
            "nothing is left to train",
            ("TRAIN_STEPS = 1000",),
        )
    return Mapped(
        {"TRAIN_STEPS": left, "initial_checkpoint.train_steps_are_relative": True},
        f"T5X's {fact.value:,} less the {run.start:,} of the checkpoint: steps are this run's, and "
        "the optimizer's state begins afresh, which T5X takes from the checkpoint",
    )


def relative_steps(fact: Fact, run: Run) -> Outcome:
    """Steps that T5X adds to those of the checkpoint."""
    if fact.value is None:
        return Mapped({}, instead="nothing")
    relative = {"initial_checkpoint.train_steps_are_relative": True} if run.start != 0 else {}
    return Mapped({"TRAIN_STEPS": fact.value, **relative})


# ---- Schedule ------------------------------------------------------------------------------------

_USED_BY = {
    "warmup_steps": (
        *("linear_warmup", "linear_decay", "rsqrt_decay", "rsqrt_normalized_decay"),
        "cosine_decay",
    ),
    "decay_factor": ("linear_decay", "decay_every"),
    "steps_per_decay": ("decay_every",),
    "steps_per_cycle": ("cosine_decay",),
}


def schedule(fact: Fact, run: Run) -> Outcome:
    """A setting of the learning rate; the formulas are the same in both."""
    factors = [f.strip() for f in str(run.value("schedule", "factors", "constant")).split("*")]
    depends = factors != ["constant"]
    if run.uses_other_schedule:
        return Mapped({}, instead="nothing: the optimizer's own learning rate is taken")
    if fact.name == "base_learning_rate":
        return Mapped({"LEARNING_RATE": fact.value})
    if fact.name == "factors":
        return Mapped({"schedule.factors": fact.value} if depends else {}, instead="constant")
    if fact.name == "step_offset":
        return _step_offset(fact, run) if depends else Mapped({}, instead="nothing: it is constant")
    if fact.name == "min_learning_rate":
        return Mapped({} if fact.value == 1e-8 else {f"schedule.{fact.name}": fact.value})
    if not set(_USED_BY[fact.name]) & set(factors):
        return Mapped({}, instead=f"nothing: no part of {' * '.join(factors)!r}")
    return Mapped({f"schedule.{fact.name}": fact.value})


def _step_offset(fact: Fact, run: Run) -> Outcome:
    """The offset that gives a step here the rate of T5X's, which counts on from the checkpoint."""
    if run.start is None:
        return Decision(
            "T5X's schedule goes on at the checkpoint's step, which its path does not say",
            (f"schedule.step_offset = {fact.value}  # less the checkpoint's step",),
        )
    offset = fact.value - run.start
    if offset == 0:
        return Mapped({}, instead="nothing: steps begin at 0")
    note = f"step 0 here is T5X's step {run.start:,}" if run.start else ""
    return Mapped({"schedule.step_offset": offset}, note)


# ---- Optimizers ----------------------------------------------------------------------------------


def optimizer(fact: Fact, run: Run) -> Outcome:
    """The optimizer by its name."""
    if run.command != "train":
        return Mapped({}, instead="nothing: this run does not train")
    name = run.classes.get("optax optimizer")
    if name:
        made = "adamw" if name in ("adam", "adamw") else "optax_optimizer"
        settings: dict[str, Any] = {"train.optimizer": Reference(made, True)}
        if made == "optax_optimizer":
            settings["optax_optimizer.name"] = name
            settings["optax_optimizer.decay_norms_and_biases"] = True
        else:
            settings["adamw.decay_norms_and_biases"] = True
            if name == "adamw" and run.value("optax optimizer", "weight_decay") is None:
                settings["adamw.weight_decay"] = 1e-4
        if run.value("optax optimizer", "learning_rate") is None:
            return Decision(
                f"optax.{name} has no learning rate; LEARNING_RATE is taken until you choose",
                ("LEARNING_RATE = 1e-4",),
                {**settings, f"{made}.learning_rate": Reference("schedule", True)},
            )
        return Mapped(settings)
    if run.classes.get("adafactor"):
        note = (
            "its state begins afresh, where T5X takes it from the checkpoint"
            if run.start != 0
            else ""
        )
        return Mapped({}, note, instead="adafactor, as it is without")
    return Decision(
        f"{fact.value!r} is no optimizer of T5X's or optax's; Adafactor is taken until you choose",
        ("train.optimizer = @adamw()", "adamw.learning_rate = @schedule()"),
    )


def optax_setting(fact: Fact, run: Run) -> Outcome:
    """A setting of optax's optimizer, or of its schedule."""
    name = run.classes["optax optimizer"]
    ours = "adamw" if name in ("adam", "adamw") else "optax_optimizer"
    if fact.section == "optax schedule":
        return _warmup_cosine(fact, run)
    if fact.name == "learning_rate":
        rate = {f"{ours}.learning_rate": Reference("schedule", True)}
        if isinstance(fact.value, int | float):
            return Mapped({**rate, "LEARNING_RATE": fact.value})
        if run.has_known_schedule:
            return Mapped(rate)
        return Decision(
            f"{fact.value!r} is a schedule of optax's; those here are products of factors",
            ('schedule.factors = "constant * linear_warmup * cosine_decay"',),
            rate,
        )
    if ours == "adamw" and fact.name not in ("b1", "b2", "eps", "weight_decay"):
        return NoCounterpart("adamw here has b1, b2, eps and weight_decay")
    return Mapped({f"{ours}.{fact.name}": fact.value})


def _warmup_cosine(fact: Fact, run: Run) -> Outcome:
    key = {
        "peak_value": "LEARNING_RATE",
        "warmup_steps": "schedule.warmup_steps",
        "decay_steps": "schedule.total_steps",
    }.get(fact.name)
    if fact.name == "peak_value":
        return Mapped(
            {
                "LEARNING_RATE": fact.value,
                "schedule.factors": "constant * linear_warmup * cosine_decay",
            }
        )
    if fact.name == "decay_steps" and fact.value == run.value("train", "total_steps"):
        return Mapped({"schedule.total_steps": Macro("TRAIN_STEPS")})
    if key:
        return Mapped({key: fact.value})
    if fact.value == 0:
        return Mapped({}, instead="nothing: the rate begins and ends at 0")
    return NoCounterpart("the rate begins and ends near 0, schedule.min_learning_rate")


def chain(fact: Fact, run: Run) -> Outcome:
    """What T5X's optimizer is made of."""
    known = {"clipping", "clipping of values", "optax optimizer"}
    names = [v.name for v in fact.value if isinstance(v, Reference)]
    others = [n for n in names if run.section_of(n) not in known]
    if others:
        return NoCounterpart(f"{', '.join(others)} have none; clipping and one optimizer have")
    return Mapped({}, instead="train.optimizer and MAX_GRAD_NORM")


def clipped_values(fact: Fact, run: Run) -> Outcome:
    """The largest value of a gradient."""
    del fact, run
    return NoCounterpart("single values of gradients are not clipped; MAX_GRAD_NORM clips the norm")


def of_adafactor(*, unless: Any = ...) -> Rule:
    """A setting of Adafactor with the same name."""

    def rule(fact: Fact, run: Run) -> Outcome:
        del run
        if unless is not ... and fact.value == unless:
            return Mapped({}, instead=f"adafactor.{fact.name} = {unless!r}, as it is without")
        return Mapped({f"adafactor.{fact.name}": fact.value})

    return rule


def adafactor_offset(fact: Fact, run: Run) -> Outcome:
    """The step at which the second moment begins anew."""
    if fact.value == 0 or fact.value == run.start:
        return Mapped({}, instead="nothing: it begins with the run")
    if run.start is None:
        return Decision(
            f"T5X's {fact.value:,} counts the checkpoint's steps, which its path does not say",
            ("adafactor.step_offset = 0",),
        )
    later = fact.value - run.start
    return Mapped({"adafactor.step_offset": later} if later > 0 else {}, instead="nothing")


def weight_decay(fact: Fact, run: Run) -> Outcome:
    """Adafactor's decay, which in T5X is of every parameter."""
    del run
    if fact.value is None:
        return Mapped({}, instead="none")
    return Mapped(
        {"adafactor.weight_decay_rate": fact.value, "adafactor.decay_norms_and_biases": True}
    )


def parameter_scale(fact: Fact, run: Run) -> Outcome:
    """Whether the learning rate is relative to a parameter's size."""
    if isinstance(fact.value, bool):
        return of_adafactor(unless=True)(fact, run)
    return NoCounterpart("one choice for all parameters here: they are scaled")


# ---- Devices -------------------------------------------------------------------------------------


def trainer_class(fact: Fact, run: Run) -> Outcome:
    """What T5X's loop is."""
    if run.classes.get("trainer"):
        return Mapped({}, instead="train")
    return NoCounterpart(
        f"{fact.value!r} is a loop of its own; a loss can be, see docs/objective.md"
    )


def microbatches(fact: Fact, run: Run) -> Outcome:
    """Parts of a batch."""
    del run
    if not fact.value or fact.value == 1:
        return Mapped({}, instead="NUM_MICROBATCHES = 1, as it is without")
    return Mapped({"NUM_MICROBATCHES": fact.value})


def partitions(fact: Fact, run: Run) -> Outcome:
    """Devices that each layer is split over."""
    submesh = run.value("partitioner", "model_parallel_submesh")
    count = run.value("partitioner", "num_partitions") or 1
    if submesh:
        count = math.prod(submesh)
    is_said_here = bool(submesh) == (fact.name == "model_parallel_submesh")
    if not is_said_here:
        return Mapped({}, instead="nothing: the other of the two says it")
    if count == 1:
        return Mapped({}, instead="MESH_TENSOR = 1, as it is without")
    return Mapped({"MESH_TENSOR": count}, "the number of devices must be a multiple of it")


def partitioning_dims(fact: Fact, run: Run) -> Outcome:
    """Along how many axes of the mesh T5X splits."""
    if fact.value == 1:
        return Mapped({}, instead="as the mesh is")
    if fact.name == "activation_partitioning_dims":
        return NoCounterpart("activations are split as batch and heads are; it changes no number")
    return Decision(
        "T5X splits parameters over the data-parallel devices too: say over how many. It saves "
        "memory and changes no number",
        ("MESH_FSDP = 1  # devices",),
    )


def mesh_shape(fact: Fact, run: Run) -> Outcome:
    """T5X's mesh within a slice, spelled out."""
    del run
    if fact.value is None:
        return Mapped({}, instead="none")
    return Decision(
        f"{fact.value!r}: the mesh here has the axes data, fsdp, sequence and tensor",
        ("MESH_FSDP = 1  # devices", "MESH_TENSOR = 1  # devices"),
    )


def slices(fact: Fact, run: Run) -> Outcome:
    """How many slices T5X's mesh runs over."""
    del run
    if fact.value is None:
        return Mapped({}, instead="none")
    return Mapped(
        {"NUM_SLICES": math.prod(fact.value)},
        "data, then fsdp, runs from slice to slice; TPUs say their slices themselves",
    )
