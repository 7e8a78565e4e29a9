"""What the study compares: sizes, seeds, and the arms that follow from them."""

import dataclasses

SEEDS = (0, 1, 2)
STEPS, MORE_STEPS = 800, 2400
SIZES = {"crossed": (2, 8, 30), "mini": (34,)}  # training tasks; the last is all of the pool
_EVALS = {
    "crossed": ("known", "new_crossed"),
    "mini": ("new_mini", "known_direct", "known_cot", "new_direct", "new_cot"),
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training: a mixture of the registry, a seed, and what it is evaluated on.

    Attributes:
        pool: where the training tasks are from.
        size: how many of them.
        seed: of the tasks' order, the parameters and the data's order.
        steps: how long it trains.
        cot: whether the tasks' chains of thought are trained on too.
        evals: names of evaluations in study.gin.
    """

    pool: str
    size: int
    seed: int
    steps: int
    cot: bool
    evals: tuple[str, ...]

    @property
    def mixture(self) -> str:
        """Its name in the registry."""
        return f"{self.pool}{'_cot' if self.cot else ''}_{self.seed}_{self.size}"

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.mixture}_{self.steps}"


def arms() -> list[Arm]:
    """Seed after seed, so that a study cut short holds whole seeds; the longest at the end."""
    found = []
    for seed in SEEDS:
        found += [_crossed(size, seed, STEPS) for size in SIZES["crossed"]]
        for cot in (False, True):
            found.append(Arm("mini", SIZES["mini"][-1], seed, STEPS, cot, _EVALS["mini"]))
    return [*found, *(_crossed(size, SEEDS[0], MORE_STEPS) for size in SIZES["crossed"])]


def _crossed(size: int, seed: int, steps: int) -> Arm:
    return Arm("crossed", size, seed, steps, False, _EVALS["crossed"])
