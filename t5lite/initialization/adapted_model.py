"""Adapters, and the model they were trained on, which lies elsewhere: found, compared, joined."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import jax

from t5lite import memory, sharding
from t5lite.checkpoints.base_model import BaseModel, parameter_hash
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.load import LoadedModel, load_model_dir, param_shapes_on
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, PROMPT_FIELDS, ModelDescription
from t5lite.convert.cached import adapter_folder, model_folder
from t5lite.data.vocabularies.load import same_vocabulary
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.initialization.model_differences import model_differences
from t5lite.initialization.restore import InitialCheckpoint, RestoreConfig
from t5lite.initialization.saved_model import SavedModel, open_saved_model
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.models.config import TransformerConfig
from t5lite.models.lora_bank import make_bank
from t5lite.models.parameters import (
    added_names,
    flatten_names,
    only,
    param_shapes,
    unflatten_names,
)


def check_base_is_given(
    model: TransformerConfig, initial: RestoreConfig | None, *, resumes: bool
) -> None:
    """Refuses to train adapters of no model, or of one that could not be found again.

    Args:
      model: the run's.
      initial: what a fresh run starts from.
      resumes: whether the run's own folder says what it started from.

    Raises:
      ValueError: there is none, or it is not taken as it is.
    """
    if not model.adapters or resumes:
        return
    if initial is None:
        raise ValueError(
            "TransformerConfig.adapters are trained on a model that is trained already, and there "
            "is none: give --initial_checkpoint_path (macro INITIAL_CHECKPOINT_PATH)."
        )
    if initial.remap or initial.restore_optimizer or initial.interpolate_positions:
        raise ValueError(
            "TransformerConfig.adapters are trained on the model of INITIAL_CHECKPOINT_PATH as it "
            "is, for their checkpoints do not hold it: leave initial_checkpoint.remap, "
            "restore_optimizer and interpolate_positions out."
        )


def reopen_base(
    base: BaseModel, model: TransformerConfig, *, given: RestoreConfig | None, model_dir: str
) -> InitialCheckpoint:
    """Opens the model that a run's adapters are trained on, for the run to go on.

    Args:
      base: as the run's folder says.
      model: the run's.
      given: INITIAL_CHECKPOINT_PATH, where that model may lie now.
      model_dir: the run's folder.

    Raises:
      ValueError: it is not there, or is another.
    """
    saved = _open_base(
        base,
        model,
        given=None if given is None else given.path,
        adapter=model_dir,
        remedy="Give --initial_checkpoint_path, where it lies now.",
    )
    return InitialCheckpoint(config=RestoreConfig(path=saved.path, step=saved.step), saved=saved)


def own_folder(model_dir: str, adapter: str | None) -> tuple[str, str | None]:
    """The folder that describes what is asked for, and where the model of adapters lies.

    Args:
      model_dir: a model folder, or a checkpoint of another format, which is converted; or the
        folder of a run that trained adapters, or an adapter of peft.
      adapter: such a folder, `model_dir` then being their model.

    Returns:
      A t5lite model folder, and the model's path where `adapter` is given.

    Raises:
      ValueError: it is no model folder.
    """
    is_alone = jax.process_count() == 1
    if adapter is not None:
        return str(adapter_folder(adapter, base=model_dir, is_alone=is_alone)), model_dir
    return str(model_folder(model_dir, is_alone=is_alone)), None


def load_model(
    model_dir: str | pathlib.Path,
    step: int | None = None,
    *,
    base: str | None = None,
    mesh: jax.sharding.Mesh | None = None,
    attention_implementation: str = "auto",
) -> LoadedModel:
    """As `load_model_dir`; a run of adapters is loaded together with the model they are of.

    Args:
      model_dir: folder that `t5lite train` wrote.
      step: which checkpoint; the latest when None.
      base: where the adapters' model lies, a checkpoint of any format; None where the run says.
      mesh: shard the parameters over it; one device when None.
      attention_implementation: see TransformerConfig.

    Raises:
      ValueError: as `load_model_dir`; the model is not there, or it is another than the one that
        the adapters were trained on; or `base` is given and there are no adapters.
    """
    description = ModelDescription.load(model_dir)
    of = description.base
    if of is None:
        if base is not None:
            raise ValueError(
                f"--adapter {model_dir} is a whole model, not adapters of one: give it as "
                "--model_dir, without --adapter."
            )
        return load_model_dir(
            model_dir, step, mesh=mesh, attention_implementation=attention_implementation
        )
    mesh = mesh or make_mesh(MeshConfig(), devices=jax.devices()[:1])
    saved = _open_base(
        of,
        description.model,
        given=base,
        adapter=str(model_dir),
        remedy=f"Give --model_dir, where it lies now, and --adapter={model_dir}.",
    )
    wanted = flatten_names(param_shapes_on(description.model.base, mesh, base_dtype=of.dtype))
    memory.check_on_devices(
        {"parameters": memory.tree_bytes(wanted)},
        mesh=mesh,
        what=f"the model in {saved.path}",
        remedy="Split it over more devices (MeshConfig.fsdp), or take larger ones.",
    )
    params = saved.read(wanted)
    of.check_hash(parameter_hash(unflatten_names(params)), path=saved.path, adapter=str(model_dir))
    return load_model_dir(
        model_dir,
        step,
        mesh=mesh,
        attention_implementation=attention_implementation,
        base_params=params,
    )


def load_adapters(
    base: str,
    adapters: Mapping[str, str],
    *,
    mesh: jax.sharding.Mesh | None = None,
    attention_implementation: str = "auto",
) -> LoadedModel:
    """Loads several LoRAs of one model side by side, for batches whose rows have one each.

    Args:
      base: where their model lies, a checkpoint of any format.
      adapters: folders of runs that trained them, by the names that rows call them.
      mesh: shard the parameters over it; one device when None.
      attention_implementation: see TransformerConfig.

    Returns:
      A model whose LoRAs are a bank: 0 changes nothing, and 1, 2, ... are `adapters` in order.

    Raises:
      ValueError: as `load_model`, or they are of different models, read prompts in different
        ways, or are not LoRA alone.
    """
    folders = list(adapters.values())
    first = load_model(
        folders[0], base=base, mesh=mesh, attention_implementation=attention_implementation
    )
    known = ModelDescription.load(folders[0])
    assert known.base is not None, "load_model refuses others"
    loaded = [(first.config, only(first.params, added_names(first.config)))]
    for folder in folders[1:]:
        description = ModelDescription.load(folder)
        _check_alike(known, description, folders[0], folder)
        more = load_model_dir(folder, mesh=mesh, base_params={})
        loaded.append((more.config, only(more.params, added_names(more.config))))
    config, bank = make_bank(loaded)
    own = flatten_names(param_shapes(config.base))
    params = {name: leaf for name, leaf in flatten_names(first.params).items() if name in own}
    if mesh is not None:
        bank = jax.device_put(bank, sharding.replicated(mesh))
    return dataclasses.replace(
        first, config=config, params=unflatten_names(params | flatten_names(bank))
    )


def _check_alike(a: ModelDescription, b: ModelDescription, a_path: str, b_path: str) -> None:
    """Refuses adapters that cannot share a batch."""
    if b.base is None:
        raise ValueError(f"--adapters: {b_path} is a whole model, not adapters of one.")
    assert a.base is not None, "load_model refuses others"
    found = []
    if (a.base.parameter_hash, a.base.dtype) != (b.base.parameter_hash, b.base.dtype):
        found.append(
            f"their models have the hashes {a.base.parameter_hash} ({a.base.dtype}) and "
            f"{b.base.parameter_hash} ({b.base.dtype})"
        )
    found += [
        f"{d.field} is {d.first!r} and {d.second!r}"
        for d in model_differences(a.model.base, b.model.base)
    ]
    if not same_vocabulary(a.vocabulary, b.vocabulary):
        found.append("their vocabularies differ")
    rows = a.converter.to_dict(), b.converter.to_dict()
    found += [
        f"{n} is {rows[0].get(n)!r} and {rows[1].get(n)!r}"
        for n in PROMPT_FIELDS
        if rows[0].get(n) != rows[1].get(n)
    ]
    if found:
        raise ValueError(
            f"--adapters: {a_path} and {b_path} cannot share a batch: {'; '.join(found)}."
        )


def _open_base(
    base: BaseModel, model: TransformerConfig, *, given: str | None, adapter: str, remedy: str
) -> SavedModel:
    """Opens the model that adapters were trained on, and compares what is known without reading.

    Raises:
      ValueError: it is not there, or cannot be the one.
    """
    path = given or base.path
    folder = storage_path(path, name="the base model")
    if not folder.exists():
        raise ValueError(
            f"{adapter} holds adapters of the model in {path}, which is not there. {remedy}"
        )
    step = base.step
    if step is not None and (
        not has_file(folder / DESCRIPTION_FILE)
        or step not in Checkpointer(folder, read_only=True).all_steps()
    ):
        step = None
    saved = open_saved_model(path, named_by="the base model", step=step)
    wanted = {n: tuple(s.shape) for n, s in flatten_names(param_shapes(model.base)).items()}
    offered = {name: tuple(shape) for name, shape in saved.shapes.items()}
    base.check_shapes(offered, wanted, path=path, adapter=adapter)
    return saved
