"""Goes on with an evaluation on eight devices of two processes.

python -m tests.inference.on_devices MODEL_DIR OUTPUT_DIR PROCESS NUM_PROCESSES PORT
"""

import sys

import jax

from t5lite.evaluate import evaluate
from t5lite.inference import evaluator
from tests.inference.test_evaluator import INTERRUPTED


def main():
    model_dir, output_dir, process, count, port = sys.argv[1:]
    jax.distributed.initialize(f"localhost:{port}", int(count), int(process))
    assert len(jax.devices()) == 8
    evaluator._BATCHES_PER_CHUNK = 1  # as the run that was interrupted
    (result,) = evaluate(model_dir=model_dir, evals=[INTERRUPTED], output_dir=output_dir).values()
    assert len(result.predictions) == 7


if __name__ == "__main__":
    main()
