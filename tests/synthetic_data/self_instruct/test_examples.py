"""Which instances of an instruction are kept."""

import pytest

from t5lite.synthetic_data.self_instruct.examples import FILTERS, Answer, filter_instances
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.seeds import Instance

_INSTRUCTION = KeptInstruction(id="machine_1", instruction="Sort.", round=0, request="r")


@pytest.mark.parametrize(
    ("instances", "was_cut", "wanted"),
    [
        ([Instance("a", "b"), Instance("c", "d")], False, ["", ""]),
        ([Instance("a", "b"), Instance("c", "d")], True, ["", "cut"]),
        ([Instance("a", "b"), None], True, ["", "format"]),
        ([Instance("a", "b"), Instance("a", "b")], False, ["", "duplicate"]),
        (
            [Instance("a", "b"), Instance("c", "d"), Instance("a", "e")],
            False,
            ["other_output", "", "other_output"],
        ),
        # Without an input several outputs may be right.
        ([Instance("", "b"), Instance("", "c")], False, ["", ""]),
        # One that is dropped for itself contradicts nothing.
        ([Instance("a", "b"), Instance("a", "")], False, ["", "empty_output"]),
        ([Instance("a", "b"), Instance("a", "a")], False, ["", "same_as_input"]),
        ([Instance("", "b"), Instance("a", "c"), Instance("d", "e")], False, ["", "", "too_many"]),
        ([], False, ["format"]),
    ],
)
def test_verdicts(instances, was_cut, wanted):
    found = filter_instances(_INSTRUCTION, Answer(instances, was_cut, "x"), max_instances=2)
    dropped = [[v.filter for v in one.verdicts if not v.kept] for one in found]
    assert dropped == [[name] if name else [] for name in wanted]
    assert [one.id for one in found] == [f"machine_1.{n + 1}" for n in range(len(wanted))]
    for one in found:
        names = [verdict.filter for verdict in one.verdicts]
        assert names == list(FILTERS[: len(names)])
