"""What the study compares: sizes, seeds, and the arms that follow from them."""

import dataclasses

SEEDS = (0, 1, 2)
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
        cot: whether the tasks' chains of thought are trained on too.
        evals: names of evaluations in study.gin.
    """

    pool: str
    size: int
    seed: int
    cot: bool
    evals: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its mixture, and of its folder."""
        return f"{self.pool}{'_cot' if self.cot else ''}_{self.seed}_{self.size}"


def arms() -> list[Arm]:
    """Seed after seed, so that a study cut short holds whole seeds."""
    found = []
    for seed in SEEDS:
        found += [Arm("crossed", n, seed, False, _EVALS["crossed"]) for n in SIZES["crossed"]]
        found += [
            Arm("mini", SIZES["mini"][-1], seed, cot, _EVALS["mini"]) for cot in (False, True)
        ]
    return found
