"""What came of something tried: it works, is an error in words, or else is a bug of t5lite's."""

import dataclasses
import signal
import traceback
from collections.abc import Callable

from t5lite.messages.error_origin import raised_by_us

WORKS, ERROR = "works", "error"
BUGS = ("traceback", "hang", "wrong")
SECONDS = 30


class WrongError(Exception):
    """Something was read without a word, and is not what was there."""


class RefusedError(Exception):
    """It was refused in words, by other means than a ValueError."""


class _HangError(BaseException):
    pass


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
      name: "works", "error", or one of `BUGS`.
      said: the error's message, or the traceback.
    """

    name: str
    said: str = ""


def attempt(run: Callable[[], object], *, seconds: int = SECONDS) -> Outcome:
    """Runs something in this, the main, thread."""

    def ring(*_: object) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        run()
    except (_HangError, MemoryError):
        return Outcome("hang", traceback.format_exc())
    except WrongError as error:
        return Outcome("wrong", str(error))
    except RefusedError as error:
        return Outcome(ERROR if is_sentence(str(error)) else "traceback", str(error))
    except OSError as error:
        return Outcome(ERROR if error.filename else "traceback", traceback.format_exc())
    except ValueError as error:
        if raised_by_us(error) and is_sentence(str(error)):
            return Outcome(ERROR, str(error))
        return Outcome("traceback", traceback.format_exc())
    except BaseException:
        return Outcome("traceback", traceback.format_exc())
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return Outcome(WORKS)


def is_sentence(message: str) -> bool:
    """Whether a message is short enough to be read, and no traceback."""
    return 0 < len(message) < 3000 and "Traceback" not in message
