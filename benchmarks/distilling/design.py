"""What the study compares: shares of the data, with and without rationales, and seeds."""

import dataclasses

SEEDS = (0, 1, 2)
# Settings are chosen with the data and the parameters of this seed, which is not reported.
CHOOSING_SEED = 9
EXAMPLES = 2400  # all there are, of all list tasks together
SHARES = (0.125, 0.25, 0.5, 1.0)
RATES = (1e-3, 3e-3)
CHOOSING_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to learn from records.

    Attributes:
      suffix: What its mixture adds to the name of the records.
      asked: What the name of the Task adds that it is evaluated on.
      rows: Of a batch, one example each; rationales are rows beside the labels.
      objective: Gin bindings of it; without z-loss, as the reference has none.
      steps: How long it is trained, in those of the others; longer ones take the learning rate of
        the method that is otherwise the same.
    """

    suffix: str
    asked: str
    rows: int
    objective: tuple[str, ...] = ("CrossEntropy.z_loss=0.0",)
    steps: int = 1


METHODS = {
    "labels alone": Method("_label", "_label", rows=32),
    "step by step": Method(
        "", "_label", rows=64, objective=("train.objective=@InterpolatedRationaleLoss()",)
    ),
    # As much computation as step by step.
    "labels alone, twice the steps": Method("_label", "_label", rows=32, steps=2),
    "rationale and label in one target": Method("_single", "_single", rows=32),
}
STEPS = 400


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training.

    Attributes:
      method: Of `METHODS`.
      share: Of the examples.
      seed: Of the examples, the parameters and the data's order.
      rate: Learning rate.
    """

    method: str
    share: float
    seed: int
    rate: float

    @property
    def records(self) -> str:
        """The name of what it learns from, and is evaluated on."""
        return f"lists_{self.seed}_{round(self.share * EXAMPLES)}"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.method.replace(' ', '_').replace(',', '')}_{self.records}_{self.rate:g}"
