"""Plans small models for four CPU devices; prints the plans as JSON. A process of its own."""

import dataclasses
import json
import sys

from t5lite.data.data_config import DataConfig
from t5lite.decoding.config import DecodingConfig
from t5lite.inference.eval_config import EvalConfig
from t5lite.mesh import MeshConfig
from t5lite.models.config import TransformerConfig
from t5lite.plan import Assumptions, plan_answering, plan_sweep, plan_training
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
DECODER = TransformerConfig(
    architecture="decoder_only",
    vocab_size=64,
    d_model=16,
    d_ff=32,
    d_kv=8,
    num_heads=2,
    num_encoder_layers=0,
    num_decoder_layers=2,
)
BATCH_SIZE = 8
LENGTHS = {"inputs": 24, "targets": 8}
EVAL_ROWS = 8
DECODING = DecodingConfig(max_decode_length=6, strategy="beam", num_beams=2)


def evaluation(**settings):
    """An evaluation; all of them have the same sizes."""
    common = {
        "mixture_or_task_name": "a_mixture",
        "task_feature_lengths": LENGTHS,
        "batch_size": EVAL_ROWS,
    }
    return EvalConfig(**common | settings)


def main() -> None:
    """Plans training, scanned and unrolled and as copies of the model; answering; a sweep."""
    topology = open_topology("cpu:4")
    split = MeshConfig(data=1, fsdp=2, tensor=2)

    def training(model, mesh, **more):
        data = DataConfig(
            mixture_or_task_name="a_mixture", task_feature_lengths=LENGTHS, batch_size=BATCH_SIZE
        )
        return {
            "model": model,
            "model_dir": "a_folder_of_no_run",
            "train_data": data,
            "optimizer": adamw(learning_rate=0.01),
            "train_steps": "64_000 tokens",
            "mesh": mesh,
            **more,
        }

    def trained(*arguments, **more):
        return plan_training(topology, training(*arguments, **more)).to_dict()

    def answered(model, evals, **assumptions):
        return plan_answering(
            topology,
            "evaluate",
            {"model_dir": "a_folder_of_no_run", "evals": evals, "mesh": split},
            assumptions=Assumptions(model=model, task_feature_lengths=LENGTHS, **assumptions),
        ).to_dict()

    scanned = dataclasses.replace(MODEL, scan_layers=True)
    evals = (evaluation(name="generated", decoding=DECODING),)
    print(
        json.dumps(
            {
                "copies": trained(MODEL, MeshConfig(data=4)),
                "unrolled": trained(MODEL, split),
                "scanned": trained(scanned, split, evals=evals),
                "answers": answered(DECODER, evals, prefix_length=16),
                "ranked": answered(
                    MODEL, (evaluation(name="ranked", rank_by="sum"),), num_options=3
                ),
                "sweep": plan_sweep(topology, training(scanned, split), limit=1).to_dict(),
                "imported": sorted({"seqio", "tensorflow"} & set(sys.modules)),
            }
        )
    )


if __name__ == "__main__":
    main()
