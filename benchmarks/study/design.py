"""What the study compares: numbers of training tasks, chains of thought, and seeds."""

import dataclasses

SEEDS = (0, 1, 2)
SIZES = (2, 5, 10, 20, 30)  # training tasks; the last is all there are
STEPS = 1000


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training.

    Attributes:
        size: how many tasks it trains on.
        seed: of the tasks' order, the parameters and the data's order.
        cot: whether it trains on the tasks' chains of thought too.
    """

    size: int
    seed: int
    cot: bool = False

    @property
    def name(self) -> str:
        """Of its mixture in the registry, and of its folder."""
        return f"lists{'_cot' if self.cot else ''}_{self.size}_{self.seed}"


def arms() -> list[Arm]:
    """Seed after seed, so that a study cut short holds whole seeds."""
    return [
        arm
        for seed in SEEDS
        for arm in (*(Arm(size, seed) for size in SIZES), Arm(SIZES[-1], seed, cot=True))
    ]
