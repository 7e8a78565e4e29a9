"""Compiles training steps for a slice of TPUs, with kernels and without; prints them as JSON."""

import dataclasses
import json

from t5lite.data.features.feature_converters import (
    DecoderOnlyFeatureConverter,
    EncoderDecoderFeatureConverter,
)
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary
from t5lite.planning.topology import open_topology
from t5lite.training.cross_entropy import CrossEntropy
from t5lite.training.optimizers import adafactor
from t5lite.training.program import build_program

LENGTH = 1024
_SIZE = {
    "vocab_size": 512,
    "d_model": 256,
    "d_ff": 512,
    "d_kv": 64,
    "num_heads": 4,
    "num_decoder_layers": 2,
    "dtype": "bfloat16",
}
T5 = TransformerConfig(**_SIZE, num_encoder_layers=2, dropout_rate=0.1)
LLAMA = TransformerConfig(
    **_SIZE,
    architecture="decoder_only",
    num_encoder_layers=0,
    num_kv_heads=2,
    scale_attention=True,
    positions=Rotary(),
)


def main() -> None:
    """Counts kernels in each step, and the bytes that it holds for a time."""
    topology = open_topology("v5e:2x2")
    lengths = {"inputs": LENGTH, "targets": LENGTH}
    rows = {
        "t5": (T5, EncoderDecoderFeatureConverter(task_feature_lengths=lengths, eos_id=1)),
        "llama": (LLAMA, DecoderOnlyFeatureConverter(task_feature_lengths=lengths, eos_id=1)),
    }
    found = {}
    for name, (model, converter) in rows.items():
        for implementation in ("auto", "xla"):
            program = build_program(
                dataclasses.replace(model, attention_implementation=implementation),
                CrossEntropy(),
                optimizer=adafactor(learning_rate=0.01),
                parameter_groups=(),
                frozen_dtype="float32",
                max_grad_norm=None,
                seed=0,
                mesh=make_mesh(MeshConfig(fsdp=2, tensor=2), devices=topology.devices),
            )
            step = program.step(converter, batch_size=8, num_microbatches=1, frozen_models={})
            compiled = step.function.lower(*step.shapes).compile()
            found[f"{name} {implementation}"] = {
                "kernels": compiled.as_text().count('custom_call_target="tpu_custom_call"'),
                "temporaries": compiled.memory_analysis().temp_size_in_bytes,
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
