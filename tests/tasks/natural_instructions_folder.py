"""A small synthetic folder in the Natural Instructions v2 layout."""

import json
import pathlib
from typing import Any

TRAIN = "task001_colour_naming"
TEST = "task002-shape_naming"
OTHER = "task003_number_naming"


def task_content(
    word: str, *, num_instances: int = 40, language: str = "English"
) -> dict[str, Any]:
    """A task whose instances have one, two or three outputs."""
    return {
        "Definition": [f"Name the {word}."],
        "Input_language": [language],
        "Output_language": [language],
        "Categories": ["Naming"],
        "Positive Examples": [
            {"input": f"good {i}", "output": f"{word} {i}", "explanation": "It is."}
            for i in range(3)
        ],
        "Negative Examples": [
            {"input": f"bad {i}", "output": f"no {word} {i}", "explanation": f"Because {i}."}
            for i in range(2)
        ],
        "Instances": [
            {
                "id": f"{word}-{i}",
                "input": f"thing {i}",
                "output": [f"{word} {i} {'abc'[j]}" for j in range(1 + i % 3)],
            }
            for i in range(num_instances)
        ],
    }


def write_folder(root: pathlib.Path) -> pathlib.Path:
    """Three tasks (train, test, in no list) and split lists that also name a missing task."""
    write_task(root, TRAIN, task_content("colour"))
    write_task(root, TEST, task_content("shape", num_instances=130))
    write_task(root, OTHER, task_content("number", language="French"))
    lists = root / "splits" / "default"
    lists.mkdir(parents=True)
    (lists / "train_tasks.txt").write_text(f"{TRAIN}\ntask999_missing\n")
    (lists / "test_tasks.txt").write_text(f"{TEST}\n")
    return root


def write_task(root: pathlib.Path, name: str, content: Any) -> pathlib.Path:
    """Writes one task file."""
    path = root / "tasks" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
    return path
