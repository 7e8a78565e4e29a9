"""A teacher who knows which of two letters comes first, behind a local endpoint."""

import hashlib
import json
import random
from typing import Any

from tests.synthetic_data.prompt2model.folders import SPEC
from tests.synthetic_data.scripted import Answer

PROMPT = "Say which of two letters comes first.\n\nInput: b a\nOutput: a\nInput: c d\nOutput: c\n"


def script(body: dict[str, Any]) -> Answer:
    """Takes the prompt apart, writes examples, or answers; the same for the same request."""
    text = body["messages"][-1]["content"]
    if text.strip() == PROMPT.strip():
        demonstrations = [{"input": d.input, "output": d.output} for d in SPEC.demonstrations]
        return Answer(
            (json.dumps({"Instruction": SPEC.instruction, "Demonstrations": demonstrations}),)
        )
    if text.endswith("Output:"):
        first, second = text.split("Input: ")[-1].split("\n")[0].split()
        return Answer((min(first, second),))
    rng = random.Random(hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest())
    pairs = [rng.sample("abcdefghijklmnop", 2) for _ in range(body["n"])]
    return Answer(
        tuple(json.dumps({"input": " ".join(pair), "output": min(pair)}) for pair in pairs)
    )
