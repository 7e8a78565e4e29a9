"""Adapters of random numbers on tiny models, and folders of peft made without peft."""

import json
import pathlib
import re

import numpy as np
from safetensors.numpy import save_file

from t5lite.convert.names import LazyArray, layer_shapes
from t5lite.convert.source import Source
from t5lite.models.parameters import adapter_names, flatten_names, param_shapes, unflatten_names

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."


def random_adapter(config, *, seed=0):
    """The parameters of a config's adapters, as a nested dict of normal numbers."""
    rng = np.random.default_rng(seed)
    shapes = flatten_names(param_shapes(config))
    names = adapter_names(config)
    return unflatten_names(
        {name: rng.normal(size=shapes[name].shape).astype(np.float32) for name in names}
    )


def source_of(config, *, model_type=None):
    """A base model that is opened, its parameters zero."""
    arrays = {key: LazyArray.of(np.zeros(s, np.float32)) for key, s in layer_shapes(config).items()}
    return Source(
        format="memory",
        path=pathlib.Path("base"),
        config=config,
        arrays=arrays,
        model_type=model_type,
    )


def write(folder, record, tensors):
    """A folder with these fields, and these tensors by names without a prefix."""
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(record))
    save_file({PREFIX + name: array for name, array in tensors.items()}, folder / WEIGHTS)
    return folder


def products(config, arrays):
    """scale A B of every map and layer that has a LoRA."""
    return {
        (name.removesuffix("/lora_a"), layer): a.read()
        @ arrays[name.removesuffix("a") + "b", layer].read()
        * next(
            lora.scale
            for lora in config.adapters
            if any(re.search(target, name.removesuffix("/lora_a")) for target in lora.targets)
        )
        for (name, layer), a in arrays.items()
        if name.endswith("/lora_a")
    }
