"""The page's server in a thread of a test."""

import contextlib
import threading

from t5lite.evaluation.preference.blind_session import BlindSession
from t5lite.evaluation.preference.server import Server
from t5lite.files.appended_lines import AppendedLines


@contextlib.contextmanager
def serving(compared, path):
    """Serves pairs, and ends it."""
    with (
        AppendedLines(path, name="--output") as lines,
        Server(BlindSession(compared, lines, seed=0), port=0) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
