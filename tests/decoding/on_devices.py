"""Infers on eight devices, of one process or of two, with TensorFlow and seqio blocked.

python -m tests.decoding.on_devices MODEL_DIR INPUT OUTPUT_DIR PROCESS NUM_PROCESSES PORT
"""

import pathlib
import sys

sys.modules["tensorflow"] = sys.modules["seqio"] = None  # importing them raises

import jax  # noqa: E402

from t5lite.infer import infer  # noqa: E402
from t5lite.mesh import MeshConfig  # noqa: E402
from tests.decoding.ways import WAYS  # noqa: E402


def main():
    model_dir, source, output_dir = sys.argv[1:4]
    process, num_processes, port = map(int, sys.argv[4:])
    if num_processes > 1:
        jax.distributed.initialize(f"localhost:{port}", num_processes, process)
    assert len(jax.devices()) == 8
    for name, decoding in WAYS[num_processes].items():
        infer(
            model_dir=model_dir,
            output=str(pathlib.Path(output_dir) / f"{name}.jsonl"),
            input=source,
            batch_size=6,
            decoding=decoding,
            mesh=MeshConfig(data=2, fsdp=2, tensor=2),
            progress=False,
        )


if __name__ == "__main__":
    main()
