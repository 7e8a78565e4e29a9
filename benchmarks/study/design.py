"""What the study compares: numbers of training tasks, chains of thought, and seeds."""

import dataclasses

SEEDS = (0, 1, 2)
SIZES = (2, 5, 10, 20, 30)  # training tasks; the last is all there are
STEPS, LONG_STEPS = 1000, 3000


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training.

    Attributes:
        size: how many tasks it trains on.
        seed: of the tasks' order, the parameters and the data's order.
        cot: whether it trains on the tasks' chains of thought too.
        steps: how long.
    """

    size: int
    seed: int
    cot: bool = False
    steps: int = STEPS

    @property
    def mixture(self) -> str:
        """Its name in the registry."""
        return f"lists{'_cot' if self.cot else ''}_{self.size}_{self.seed}"

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.mixture}_{self.steps}"


def arms() -> list[Arm]:
    """Seed after seed, so that a study cut short holds whole seeds; the long ones at the end."""
    found = []
    for seed in SEEDS:
        found += [Arm(size, seed) for size in SIZES]
        found.append(Arm(SIZES[-1], seed, cot=True))
    return [*found, *(Arm(SIZES[-1], SEEDS[0], cot, LONG_STEPS) for cot in (False, True))]
