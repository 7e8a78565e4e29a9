"""Plans a small model for four CPU devices; prints them as JSON. A process of its own."""

import dataclasses
import json
import sys

from t5lite.data.data_config import DataConfig
from t5lite.mesh import MeshConfig
from t5lite.models.config import TransformerConfig
from t5lite.plan import plan
from t5lite.planning.topology import open_topology
from t5lite.training.optimizers import adamw

MODEL = TransformerConfig(
    vocab_size=64,
    d_model=16,
    d_ff=32,
    d_kv=8,
    num_heads=2,
    num_encoder_layers=3,
    num_decoder_layers=3,
    scan_layers=False,
)
BATCH_SIZE = 8
LENGTHS = {"inputs": 24, "targets": 8}


def main() -> None:
    """Plans it scanned and unrolled, and as copies of the model."""
    topology = open_topology("cpu:4")

    def planned(model, mesh):
        return plan(
            topology,
            model=model,
            model_dir="a_folder_of_no_run",
            train_data=DataConfig(
                mixture_or_task_name="a_mixture",
                task_feature_lengths=LENGTHS,
                batch_size=BATCH_SIZE,
            ),
            optimizer=adamw(learning_rate=0.01),
            train_steps="64_000 tokens",
            mesh=mesh,
        ).to_dict()

    scanned = dataclasses.replace(MODEL, scan_layers=True)
    split = MeshConfig(data=1, fsdp=2, tensor=2)
    print(
        json.dumps(
            {
                "copies": planned(MODEL, MeshConfig(data=4)),
                "unrolled": planned(MODEL, split),
                "scanned": planned(scanned, split),
                "imported": sorted({"seqio", "tensorflow"} & set(sys.modules)),
            }
        )
    )


if __name__ == "__main__":
    main()
