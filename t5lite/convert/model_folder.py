"""Our own model folder as one more format: what `t5lite train` writes, and `convert` too."""

import functools
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from t5lite.checkpoints.base_model import BaseModel
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.model_dir import CONVERSION_FILE, DESCRIPTION_FILE, ModelDescription
from t5lite.checkpoints.name_differences import name_differences
from t5lite.convert.checkpoint_stream import read_arrays, read_leaf, write_arrays
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.features.feature_converters import FeatureConverter, make_feature_converter
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.json_files import read_object
from t5lite.files.regular_files import has_file
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import adapter_names, flatten_names, param_shapes, unflatten_names
from t5lite.training.adafactor import AdafactorState

# Where a model's files do not say how long a text it was made for.
_USUAL_CONTEXT = {"encoder_decoder": 512, "decoder_only": 2048}


def open_model_folder(path: pathlib.Path, step: int | None = None) -> Source:
    """Opens a model folder; of a run that trained adapters these alone, see `adapter_run`.

    Args:
      path: The folder.
      step: Which checkpoint; the latest when None.

    Raises:
      ValueError: it has no such checkpoint, or one of another model than it says.
    """
    description = ModelDescription.load(path)
    checkpointer = Checkpointer(path, read_only=True)
    chosen = checkpointer.step_or_latest(step)
    saved_names = checkpointer.saved_shapes(chosen)
    checkpointer.close()
    saved = {
        name.removeprefix("params/"): shape
        for name, shape in saved_names.items()
        if name.startswith("params/")
    }
    shapes = flatten_names(param_shapes(description.model))
    if description.base is not None:
        shapes = {name: shapes[name] for name in adapter_names(description.model)}
    if problems := name_differences(saved, {name: s.shape for name, s in shapes.items()}):
        raise ValueError(
            f"checkpoint {chosen} of {path} is not of the model in {DESCRIPTION_FILE}:\n{problems}"
        )
    origin = {}
    if has_file(path / CONVERSION_FILE):
        origin = read_object(path / CONVERSION_FILE)["model"]
    return Source(
        format=FORMAT.name,
        path=path,
        config=description.model,
        arrays=read_arrays(path, chosen, list(shapes)),
        special_ids=_special_ids(description, origin),
        converter=description.converter,
        context_length=origin.get("context_length") or _context_length(description),
        model_type=origin.get("model_type"),
        vocabulary=description.vocabulary,
        chat_template=description.chat_template,
        step=chosen,
        read_optimizer_state=functools.partial(_read_adafactor, path, chosen, saved_names)
        if any(name.startswith("opt_state/") for name in saved_names)
        else None,
    )


def write_model_folder(
    folder: pathlib.Path,
    source: Source,
    *,
    optimizer_state: Any = None,
    base: BaseModel | None = None,
) -> None:
    """Writes a folder for eval, infer, generate and INITIAL_CHECKPOINT_PATH.

    Args:
      folder: An empty folder.
      source: The model, with a vocabulary; its arrays are read one after the other.
      optimizer_state: A pytree to go with the parameters.
      base: Of adapters, whose parameters alone the source then holds, their model.
    """
    assert source.vocabulary is not None
    vocabulary = vocabulary_from_spec(source.vocabulary)
    description = ModelDescription(
        model=source.config,
        vocabulary=vocabulary.spec(),
        converter=feature_converter(source, vocabulary),
        chat_template=source.chat_template,
        base=base,
    )
    description.save(folder)
    write_arrays(folder, source.arrays, step=source.step, optimizer_state=optimizer_state)


def _read_adafactor(path: pathlib.Path, step: int, names: Iterable[str]) -> AdafactorState:
    """Adafactor's accumulators out of a checkpoint, wherever in the optimizer's state they are.

    Raises:
      ValueError: the state is another optimizer's.
    """
    names = [name for name in names if name.startswith("opt_state/")]
    steps = [name.removesuffix("step") for name in names if name.split("/")[-1] == "step"]
    for prefix in steps:
        slots: dict[str, dict[str, np.ndarray]] = {"v_row": {}, "v_col": {}, "v": {}, "m": {}}
        for name in names:
            slot, _, parameter = name.removeprefix(prefix).partition("/")
            if name.startswith(prefix) and parameter and slot in slots:
                slots[slot][parameter] = read_leaf(path, step, name)
        if slots["v"] or slots["v_row"]:
            count = jnp.asarray(read_leaf(path, step, f"{prefix}step"))
            return AdafactorState(
                step=count, **{slot: unflatten_names(tree) for slot, tree in slots.items()}
            )
    raise ValueError(
        f"checkpoint {step} of {path} holds another optimizer's state than Adafactor's; convert "
        "without --optimizer_state"
    )


def feature_converter(source: Source, vocabulary: Vocabulary) -> FeatureConverter:
    """What a model's examples and prompts look like.

    Raises:
      ValueError: an id is not in the vocabulary.
    """
    if source.converter is not None:
        return source.converter
    config, prefix, suffix = source.config, source.prompt_prefix, source.prompt_suffix
    assert prefix is not None and suffix is not None, "with_frame_of comes before"
    context = source.context_length or _USUAL_CONTEXT[config.architecture]
    converter = make_feature_converter(
        config.architecture,
        task_feature_lengths=_feature_lengths(config, context, len(prefix) + len(suffix)),
        eos_id=vocabulary.eos_id,
        prompt_prefix=prefix,
        prompt_suffix=suffix,
        targets_suffix=vocabulary.eos_ids[:1],
    )
    converter.check_model(config, vocab_size=vocabulary.vocab_size)
    return converter


def _feature_lengths(config: TransformerConfig, context: int, num_around: int) -> dict[str, int]:
    """A quarter of the context for the answer; an encoder's input has a context of its own."""
    targets = max(context // 4, 1)
    if config.architecture == "encoder_decoder":
        return {"inputs": context, "targets": targets}
    # One of them is a position as the last token is none; more of them take from the inputs.
    return {"inputs": max(context - targets - max(num_around - 1, 0), 1), "targets": targets}


def _context_length(description: ModelDescription) -> int | None:
    lengths = description.converter.task_feature_lengths
    if description.model.max_positions is not None:
        return description.model.max_positions
    if description.model.architecture == "encoder_decoder":
        return max(lengths.values(), default=None)
    return sum(lengths.values()) or None


def _special_ids(description: ModelDescription, origin: Mapping[str, Any]) -> SpecialIds:
    """Those the model came with, or else its vocabulary's."""
    if "special_ids" in origin:
        ids = dict(origin["special_ids"])
        if isinstance(ids["eos"], list):
            ids["eos"] = tuple(ids["eos"])
        return SpecialIds(**ids)
    vocabulary = vocabulary_from_spec(description.vocabulary)
    eos_ids = vocabulary.eos_ids
    if description.chat_template is not None and not origin:
        template = ChatTemplate({"default": description.chat_template}, vocabulary.special_tokens)
        ends = ChatFormat(vocabulary, template).end_ids()
        eos_ids = tuple(dict.fromkeys([*eos_ids, *ends]))
    # A start token that is no BOS of the vocabulary's is one all the same.
    prefix = description.converter.prompt_prefix
    start = prefix[0] if len(prefix) == 1 else None
    return SpecialIds(
        pad=vocabulary.pad_id,
        bos=vocabulary.bos_id if start is None else start,
        eos=eos_ids[0] if len(eos_ids) == 1 else eos_ids or None,
    )


FORMAT = Format(
    name="t5lite",
    looked_for=f"{DESCRIPTION_FILE} (a t5lite model folder)",
    recognise=lambda path: has_file(path / DESCRIPTION_FILE),
    open=open_model_folder,
)
