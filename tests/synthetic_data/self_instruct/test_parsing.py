"""What is read from answers, numbered and worded as teachers do."""

import pytest

from t5lite.synthetic_data.self_instruct.parsing import (
    Fields,
    read_instances,
    read_list,
    read_whole_tasks,
    read_yes_or_no,
)
from t5lite.synthetic_data.self_instruct.seeds import Instance


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("9. Write a poem.\n10. Sort\n the list.", ["Write a poem.", "Sort the list."]),
        ("Sure! Here are eight:\n\n1) Write a poem.\n\n1) Sort.", ["Write a poem.", "Sort."]),
        ("**1.** Write a **bold** poem.\n**2.** *Sort.*", ["Write a **bold** poem.", "Sort."]),
        ("### 3: Task: Write.\n4 . Instruction 4: Sort.", ["Write.", "Sort."]),
        ("7. Write.\n8. \n9.\n10. Sort.\n\nI hope this helps!", ["Write.", "Sort."]),
        ("1. Use 3.5 liters.\n2.5 is a number.", ["Use 3.5 liters. 2.5 is a number."]),
        ("１. 海についての詩を書く。\n2. 並べる。", ["海についての詩を書く。", "並べる。"]),
        (
            "1. 海についての詩を書く。\r\n2. Écris un poème.",
            ["海についての詩を書く。", "Écris un poème."],
        ),
        ("1. 3. Turn it down.\n**2.** 4) Sort.", ["Turn it down.", "Sort."]),
        ("no list at all", []),
        ("- Write.\n- Sort.", []),
        ("", []),
        ("\n\n", []),
    ],
)
def test_lists_of_a_conversation(answer, wanted):
    assert read_list(answer, goes_on=False) == wanted


def test_a_list_that_goes_on_begins_with_an_item():
    assert read_list(" Write a poem.\n10. Sort.", goes_on=True) == ["Write a poem.", "Sort."]
    assert read_list("", goes_on=True) == []
    assert read_list("\n9. Write.", goes_on=True) == ["Write."]
    assert read_list(" 3. Write.\n10. 4. Sort.", goes_on=True) == ["Write.", "Sort."]


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (" Yes", True),
        ("**No**, it is not.", False),
        ("Classification: yes", True),
        ("\nNO", False),
        ("Yesterday", None),
        ("It is.", None),
        ("", None),
    ],
)
def test_yes_or_no(answer, wanted):
    assert read_yes_or_no(answer) is wanted


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (
            "Input: a\nb\nOutput: c\n\nExample 2\nInput: (none)\nOutput: d",
            [Instance("a\nb", "c"), Instance("", "d")],
        ),
        # The request ends with the heading, which some repeat.
        ("Example 1:\n**Input:** a\n**Output:** b", [Instance("a", "b")]),
        ("Example 1. Input: a\nOutput: b\nExample 2. Input: c", [Instance("a", "b"), None]),
        ("Label: yes\nInput: a\nLabel: no\nInput: b", [Instance("a", "yes"), Instance("b", "no")]),
        ("Output: a\nExample 2\nOutput: b", [Instance("", "a"), Instance("", "b")]),
        ("Input: N/A\nOutput: a", [Instance("", "a")]),
        ("Just an answer.", [Instance("", "Just an answer.")]),
        ("Input: a\nOutput:", [Instance("a", "")]),
        ("Input: 1\nOutput: 2\nInput: 3\nOutput: 4", [Instance("1", "2"), Instance("3", "4")]),
        ("", []),
        ("Example 1\n\nExample 2\n", []),
    ],
)
def test_instances(answer, wanted):
    assert read_instances(answer) == wanted


def test_whole_tasks():
    answer = (
        "Here they are.\n\n### Task 4\nInstruction: Make a\nlist.\nInput: (none)\nOutput: 1. Milk\n"
        "2. Eggs\n\nTask 5:\n5. Instruction: Sort.\n5. Input: b, a\n5. Output: a, b\n###\n"
        "**Instruction:** Cut off"
    )
    assert read_whole_tasks(answer, goes_on=False) == [
        Fields("Make a list.", "", "1. Milk\n2. Eggs"),
        Fields("Sort.", "b, a", "a, b"),
        Fields("Cut off", ""),
    ]
    assert read_whole_tasks(" Sort.\nOutput: a", goes_on=True) == [Fields("Sort.", "", "a")]
    assert read_whole_tasks("nothing of the kind", goes_on=False) == []
