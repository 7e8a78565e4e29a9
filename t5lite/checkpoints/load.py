"""A model folder, loaded for evaluation or inference."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import jax

from t5lite import memory, sharding
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import CHAT_TEMPLATE_FILE, ModelDescription
from t5lite.data.features.feature_converters import FeatureConverter
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.local_paths import storage_path
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models import finite
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import (
    adapter_names,
    flatten_names,
    only,
    param_axes,
    param_shapes,
    unflatten_names,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model folder, loaded for evaluation or inference.

    Attributes:
      config: the model's config.
      params: nested dict of arrays, sharded as asked.
      vocabulary: the vocabulary it was trained with.
      converter: what its examples and prompts look like.
      step: the checkpoint's step.
      chat_template: how its conversations are written, where that is known.
    """

    config: TransformerConfig
    params: Any
    vocabulary: Vocabulary
    converter: FeatureConverter
    step: int
    chat_template: ChatTemplate | None = None


def load_model_dir(
    model_dir: str | pathlib.Path,
    step: int | None = None,
    *,
    mesh: jax.sharding.Mesh | None = None,
    attention_implementation: str = "auto",
    base_params: Mapping[str, jax.Array] | None = None,
) -> LoadedModel:
    """Loads a trained model: parameters, config and vocabulary.

    A run of adapters holds theirs alone: `initialization.adapted_model.load_model` finds the rest.

    Args:
      model_dir: folder that `t5lite train` wrote.
      step: which checkpoint; the latest when None.
      mesh: shard the parameters over it; one device when None.
      attention_implementation: see TransformerConfig.
      base_params: by name, what a run of adapters does not hold.

    Raises:
      ValueError: not a model folder, no such step, a damaged checkpoint, parameters that are not
        finite, or more of them than the devices have memory for.
    """
    description = ModelDescription.load(model_dir)
    if description.base is not None and base_params is None:
        raise ValueError(
            f"{model_dir} holds adapters of the model in {description.base.path}, and nothing of "
            "that: load them with t5lite.initialization.adapted_model.load_model."
        )
    checkpointer = Checkpointer(model_dir, read_only=True)
    step, steps = checkpointer.step_or_latest(step), checkpointer.all_steps()
    mesh = mesh or make_mesh(MeshConfig(), devices=jax.devices()[:1])
    wanted = param_shapes_on(description.model, mesh)
    if base_params is not None:
        wanted = only(wanted, adapter_names(description.model))
    memory.check_on_devices(
        {"parameters": memory.tree_bytes(wanted)},
        mesh=mesh,
        what=f"the model in {model_dir}",
        remedy="Split it over more devices (MeshConfig.fsdp), or take larger ones.",
    )
    params = checkpointer.restore_params(step, wanted)
    checkpointer.close()
    if not_finite := finite.find(params):
        raise ValueError(
            f"checkpoint {step} of {model_dir} holds parameters that are not finite, with which a "
            f"model gives no answers:\n{finite.describe(not_finite)}\n"
            f"Take another checkpoint with --step; the folder has {steps}"
        )
    if base_params is not None:
        params = unflatten_names({**base_params, **flatten_names(params)})
    vocabulary = vocabulary_from_spec(description.vocabulary)
    return LoadedModel(
        config=dataclasses.replace(
            description.model, attention_implementation=attention_implementation
        ),
        params=params,
        vocabulary=vocabulary,
        converter=description.converter,
        step=step,
        chat_template=_chat_template(description, vocabulary, model_dir=model_dir),
    )


def param_shapes_on(
    config: TransformerConfig, mesh: jax.sharding.Mesh, *, base_dtype: str = "float32"
) -> Any:
    """A model's parameters as they are loaded, with shapes and shardings in place of arrays.

    Args:
      config: the model.
      mesh: where they lie.
      base_dtype: the type of what is not its adapters', where it has any.

    Raises:
      ValueError: the mesh does not divide them.
    """
    shapes = param_shapes(config)
    if base_dtype != "float32":
        own = set(adapter_names(config))
        shapes = unflatten_names(
            {
                name: leaf if name in own else jax.ShapeDtypeStruct(leaf.shape, base_dtype)
                for name, leaf in flatten_names(shapes).items()
            }
        )
    return sharding.abstract(shapes, sharding.param_shardings(shapes, param_axes(config), mesh))


def provenance(model_dir: str | pathlib.Path, step: int) -> dict[str, Any]:
    """Whose answers are kept, in JSON's types: folder, step, and the checkpoint's own hash.

    Args:
      model_dir: folder that `t5lite train` wrote.
      step: of a checkpoint that is there.
    """
    state_hash = Checkpointer(model_dir, read_only=True).state_hash(step)
    folder = str(storage_path(model_dir, name="--model_dir").absolute())
    return {"model_dir": folder, "step": step, "state_hash": state_hash}


def latest_provenance(model_dir: str | pathlib.Path) -> dict[str, Any]:
    """`provenance` of a folder's latest checkpoint."""
    return provenance(model_dir, Checkpointer(model_dir, read_only=True).step_or_latest(None))


def _chat_template(
    description: ModelDescription, vocabulary: Vocabulary, *, model_dir: str | pathlib.Path
) -> ChatTemplate | None:
    """A tokenizer reads the folder's template itself, with others that may be there by name."""
    if vocabulary.chat_template is not None or description.chat_template is None:
        return vocabulary.chat_template
    files = {"default": str(storage_path(model_dir, name="--model_dir") / CHAT_TEMPLATE_FILE)}
    return ChatTemplate({"default": description.chat_template}, vocabulary.special_tokens, files)
