"""Files of two models' answers, as `t5lite infer` writes them."""

from t5lite.evaluation.preference.pairs import read_pairs
from t5lite.files.json_files import write_lines


def write(path, answers, **fields):
    """Writes a file of answers, `{id: answer}`, to prompts that follow from the id."""
    lines = [
        {"id": name, "category": name[0], "inputs": f"Prompt {name}", "prediction": answer} | fields
        for name, answer in answers.items()
    ]
    write_lines(path, lines)
    return str(path)


def write_both(folder, ids="p1 p2 p3 q1 q2", *, same=()):
    """Files of models x and y, whose answers to the ids in `same` are equal."""
    names = ids.split()
    return (
        write(folder / "x.jsonl", {name: f"X says {name}" for name in names}),
        write(
            folder / "y.jsonl",
            {name: f"X says {name} " if name in same else f"Y says {name}" for name in names},
        ),
    )


def pairs(folder, *arguments, **options):
    """The pairs of `write_both`."""
    return read_pairs(*write_both(folder, *arguments, **options))
