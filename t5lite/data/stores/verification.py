"""Whether token stores are what was written: compared with their hashes while training begins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from t5lite.files.hashes import verify_is_on

log = logging.getLogger(__name__)


class _Hashed(Protocol):
    def check_tokens(self) -> None:
        """Raises ValueError where the tokens are not those that were written."""


class StoreVerification:
    """Compares stores with their hashes, one after the other, in a thread.

    All of a store's file is read for it, so training does not wait; but nothing is saved before
    `finish`.
    """

    def __init__(self, stores: Sequence[_Hashed]) -> None:
        """Begins, unless verification is turned off."""
        self._stores = stores if verify_is_on() else ()
        self._error: Exception | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="token stores", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises ValueError where a store was found to be damaged so far."""
        if self._error is not None:
            raise ValueError(str(self._error)) from self._error

    def finish(self) -> None:
        """Waits for the last store, and says so; raises ValueError as `check`."""
        if self._thread.is_alive():
            log.info(
                "waiting until all token stores are compared with their hashes (--verify=off "
                "leaves that out)"
            )
        self._thread.join()
        self.check()

    def close(self) -> None:
        """Stops after the store at hand, without waiting for it."""
        self._stopped.set()

    def _run(self) -> None:
        for store in self._stores:
            if self._stopped.is_set():
                return
            try:
                store.check_tokens()
            except Exception as error:
                self._error = error
                return
