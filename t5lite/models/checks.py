"""Checks of single fields of a config, which name the field, what was found, and what may stand."""

from t5lite.messages.suggest import did_you_mean


def require(holds: bool, wanted: str, found: object) -> None:
    """Raises ValueError "<wanted>, got <found>" unless something holds."""
    if not holds:
        raise ValueError(f"{wanted}, got {found!r}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raises ValueError unless a value is one of several."""
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(choices)}; "
            f"got {value!r}.{did_you_mean(str(value), choices)}"
        )
