"""How the parameters of a checkpoint differ from those that are wanted, in words."""

from collections.abc import Mapping

SHOWN_NAMES = 20


def name_differences(
    saved: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> str:
    """Lists names missing in `saved`, names it has too much, and differing shapes; '' if none."""
    parts = []
    for title, names in (
        ("missing in the checkpoint", sorted(wanted.keys() - saved.keys())),
        ("only in the checkpoint", sorted(saved.keys() - wanted.keys())),
    ):
        if names:
            parts.append(f"  {title} ({len(names)}):")
            parts += [f"    {name}" for name in names[:SHOWN_NAMES]]
            if len(names) > SHOWN_NAMES:
                parts.append(f"    ... and {len(names) - SHOWN_NAMES} more")
    for name in sorted(saved.keys() & wanted.keys()):
        if saved[name] != wanted[name]:
            parts.append(f"  {name}: {saved[name]} in the checkpoint, {wanted[name]} wanted")
    return "\n".join(parts)
