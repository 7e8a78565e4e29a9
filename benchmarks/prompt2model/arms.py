"""What the study with a made teacher compares."""

import dataclasses

from benchmarks.prompt2model.made_tasks import TASKS
from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig

SEEDS = (0, 1, 2)
# The paper's figure: duplicates among so many.
NUM_ANSWERS = 200
# Of an arm whose examples are trained on; each request has 5 answers.
NUM_CALLS = 100

DIVERSITY = ("anneals_temperature", "shows_generated", "varies_template")
ALL = (*DIVERSITY, "votes", "drops_duplicates")
# Name in tables: the devices that are on.
DEVICE_SETS = {
    "none": (),
    **{f"only {device}": (device,) for device in DIVERSITY},
    "all three": DIVERSITY,
}
EXAMPLE_SETS = {
    "none": (),
    "vote": ("votes", "drops_duplicates"),
    "all": ALL,
}
# Those that students are trained on.
STUDENTS = ("none", "all")


@dataclasses.dataclass(frozen=True)
class Arm:
    """A teacher asked for examples of a task.

    Attributes:
        task: name of a made task.
        seed: of the teacher, of what is drawn and of the student.
        devices: a name of `EXAMPLE_SETS`.
        wrong_by_input: whether the teacher's errors are those of an input.
    """

    task: str
    seed: int
    devices: str
    wrong_by_input: bool = False

    @property
    def name(self) -> str:
        """Its folder's name."""
        errors = "_by_input" if self.wrong_by_input else ""
        return f"{self.task}_{self.devices}{errors}_{self.seed}"


def config(devices: tuple[str, ...], *, seed: int, num_examples: int) -> GenerationConfig:
    """A generation with these devices on, and the others off."""
    switches = {device: device in devices for device in ALL}
    return GenerationConfig(
        num_examples=num_examples,
        seed=seed,
        max_calls=num_examples // GenerationConfig.answers_per_request,
        **switches,
    )


def student_arms() -> list[Arm]:
    """Those whose examples a student is trained on, seed after seed."""
    return [
        Arm(task.name, seed, devices) for seed in SEEDS for task in TASKS for devices in STUDENTS
    ]


def example_arms(seed: int) -> list[Arm]:
    """All of a seed; with errors of inputs only those that vote."""
    return [
        Arm(task.name, seed, devices, wrong_by_input)
        for task in TASKS
        for wrong_by_input in (False, True)
        for devices in (("vote", "all") if wrong_by_input else EXAMPLE_SETS)
    ]
