"""A teacher of known habits and errors, behind OpenAI's protocol on 127.0.0.1.

It is a model of a teacher, and this is all of it. Asked for an example, it writes one of the task's
catalogue of 4,000 inputs:

- Its habit is a law of Zipf: the r-th of its favourites has a probability in proportion to
  r ** (-EXPONENT / temperature). The wording of a request, without the examples in it, decides the
  order of its favourites.
- Half of the time it starts from a random example that the request shows instead (the user's or a
  generated one), and writes one that stands near to it in the catalogue, by the same law.
- It never repeats an input that the request shows.
- Its output is right with a probability of 0.8, whatever the temperature. Where it is wrong by
  chance, it is wrong anew at each answer; where by input, an input of which it knows no better has
  the same wrong output always.
- Two answers in a hundred are no JSON.

Asked for JSON it writes examples; else it answers the input on the last line of the request, with
the same errors.
"""

import collections
import contextlib
import dataclasses
import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.prompt2model.made_tasks import CATALOGUE_SIZE, TASKS, MadeTask

ACCURACY = 0.8
EXPONENT = 0.67
STARTS_FROM_EXAMPLE = 0.5
NO_JSON = 0.02


@dataclasses.dataclass(frozen=True)
class Habits:
    """What may differ between two teachers.

    Attributes:
        seed: of all that it draws.
        wrong_by_input: whether its errors are those of an input, not of an answer.
    """

    seed: int
    wrong_by_input: bool = False


class MadeTeacher:
    """Writes the answers; the same to the same requests in the same order."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._asked: collections.Counter[str] = collections.Counter()
        self._places = {
            task.name: {text: place for place, text in enumerate(task.catalogue)} for task in TASKS
        }

    def answers(self, body: dict[str, Any]) -> list[str]:
        """The texts of all choices."""
        key = json.dumps(body, sort_keys=True)
        rng = self._rng(key, self._asked[key])
        self._asked[key] += 1
        text = body["messages"][-1]["content"]
        (task,) = (task for task in TASKS if task.instruction in text)
        number = body.get("n", 1)
        if "response_format" not in body:
            input = text.rstrip().split("\n")[-1]
            return [self._output(task, input, rng) for _ in range(number)]
        temperature = body.get("temperature", 1.0)
        return [self._example(task, text, temperature, rng) for _ in range(number)]

    def _example(
        self, task: MadeTask, text: str, temperature: float, rng: np.random.Generator
    ) -> str:
        if rng.random() < NO_JSON:
            return "Here is another example, as you asked for."
        shown, wording = self._shown(task, text)
        while True:
            rank = _zipf(temperature, rng)
            if shown and rng.random() < STARTS_FROM_EXAMPLE:
                start = shown[rng.integers(len(shown))]
                step = (rank + 2) // 2 * (1 if rank % 2 else -1)
                place = (start + step) % CATALOGUE_SIZE
            else:
                place = self._favourites(wording)[rank]
            if place not in shown:
                break
        input = task.catalogue[place]
        return json.dumps({"input": input, "output": self._output(task, input, rng)})

    def _output(self, task: MadeTask, input: str, rng: np.random.Generator) -> str:
        if self._habits.wrong_by_input:
            rng = self._rng(f"{task.name}/{input}", 0)
        if rng.random() < ACCURACY:
            return task.right(input)
        mistakes = task.mistakes(input)
        return mistakes[rng.integers(len(mistakes))]

    def _shown(self, task: MadeTask, text: str) -> tuple[list[int], str]:
        """The places of the examples in a request, and its other lines."""
        places, others = [], []
        for line in text.split("\n"):
            place = None
            if line.startswith('{"input": '):
                with contextlib.suppress(ValueError):
                    place = self._places[task.name].get(json.loads(line)["input"])
            if place is None:
                others.append(line)
            else:
                places.append(place)
        return places, "\n".join(others)

    def _favourites(self, wording: str) -> np.ndarray:
        return _permutation(_digest(f"{self._habits.seed}/{wording}"))

    def _rng(self, *parts: object) -> np.random.Generator:
        return np.random.default_rng(_digest(repr((self._habits.seed, *parts))))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


@functools.lru_cache(maxsize=64)
def _permutation(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(CATALOGUE_SIZE)


def _zipf(temperature: float, rng: np.random.Generator) -> int:
    """A rank from 0 on, of the law's probabilities at a temperature."""
    shares = np.cumsum(np.arange(1, CATALOGUE_SIZE + 1) ** (-EXPONENT / temperature))
    return int(np.searchsorted(shares, rng.random() * shares[-1]))


@contextlib.contextmanager
def serve(habits: Habits) -> Iterator[str]:
    """Serves such a teacher while the context lasts; gives its base URL."""
    teacher, lock = MadeTeacher(habits), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits for the client to acknowledge its head.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                texts = teacher.answers(body)
            content = json.dumps(_completion(body, texts)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(body: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        for index, text in enumerate(texts)
    ]
    words = [len(message["content"].split()) for message in body["messages"]]
    usage = {
        "prompt_tokens": sum(words),
        "completion_tokens": sum(len(text.split()) for text in texts),
    }
    return {
        "id": "made",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": choices,
        "usage": usage | {"total_tokens": sum(usage.values())},
    }
