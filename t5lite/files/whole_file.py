"""Files that come to be as a whole or not at all."""

import pathlib


def write_whole(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file, text as UTF-8; who reads it finds all of it, or what was there before."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
