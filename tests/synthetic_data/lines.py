"""JSON Lines as tests write and read them."""

import json

from t5lite.files import json_files


def write_lines(path, rows):
    """Writes a line a row, in a folder that need not be there; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    json_files.write_lines(path, rows)
    return path


def lines_of(path):
    """What stands in each line of a file."""
    return [json.loads(line) for line in path.read_text().split("\n") if line]
