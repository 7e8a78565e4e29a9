"""A Hugging Face model folder: config.json, weights, tokenizer and settings of generation."""

import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from t5lite.checkpoints.model_dir import CHAT_TEMPLATE_FILE, read_chat_template
from t5lite.convert.hf import tokenizer, weights
from t5lite.convert.hf.bloom import BLOOM
from t5lite.convert.hf.family import Family, Fields, normalise, without_leftovers
from t5lite.convert.hf.frame import with_frame
from t5lite.convert.hf.gemma import GEMMA
from t5lite.convert.hf.gpt2 import GPT2
from t5lite.convert.hf.gpt_neox import GPT_NEOX
from t5lite.convert.hf.llama import LLAMA
from t5lite.convert.hf.mistral import MISTRAL
from t5lite.convert.hf.mpt import MPT
from t5lite.convert.hf.opt import OPT
from t5lite.convert.hf.qwen2 import QWEN2
from t5lite.convert.hf.t5 import MT5, T5, UMT5
from t5lite.convert.names import LazyArray, to_ours, to_theirs
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.data.features.feature_converters import DecoderOnlyFeatureConverter
from t5lite.data.vocabularies.load import format_vocabulary, vocabulary_from_spec
from t5lite.data.vocabularies.tokenizer_settings import TOKEN_IDS
from t5lite.files.json_files import read_object, write_object
from t5lite.files.regular_files import has_file
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig

log = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
_GENERATION_FILE = "generation_config.json"
_ID_FIELDS = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")

# Where several could be a model, the first is written, unless it came as another.
FAMILIES = (T5, MT5, UMT5, GPT2, OPT, GPT_NEOX, LLAMA, MISTRAL, QWEN2, GEMMA, MPT, BLOOM)

DEFAULT_MAX_SHARD_BYTES = 5 * 10**9


def open_folder(path: pathlib.Path) -> Source:
    """Opens a folder that `save_pretrained` wrote; no weights are read but to compare embeddings.

    Raises:
      ValueError: config.json or the weights are of a kind that t5lite does not do, or something in
        them is missing, left over or damaged.
    """
    record = read_object(path / CONFIG_FILE)
    family = _family_of(record, path)
    fields = Fields(record, file=str(path / CONFIG_FILE))
    fields.expect_nothing_not_done(but=family.unread)
    tensors, tied = normalise(family, weights.read_tensors(path), fields)
    try:
        config = family.read_config(fields, tied)
    except ValueError as error:
        raise ValueError(f"{path / CONFIG_FILE} describes no model: {error}") from error
    fields.check_size(config, tensors)
    tensors = without_leftovers(family, tensors, config)
    weights.check_floats(tensors)
    return Source(
        format=FORMAT.name,
        path=path,
        config=config,
        arrays=to_ours(family.table, tensors, config=config),
        special_ids=_read_special_ids(path, record, config.vocab_size),
        context_length=fields.get(family.context_field),
        model_type=family.model_type,
        hf_folder=path,
        chat_template=read_chat_template(path),
    )


def write_folder(
    folder: pathlib.Path,
    source: Source,
    *,
    max_shard_bytes: int = DEFAULT_MAX_SHARD_BYTES,
) -> Family:
    """Writes a folder that transformers' `from_pretrained` loads, with the same logits.

    Args:
      folder: An empty folder.
      source: The model; its arrays are read one after the other.
      max_shard_bytes: Weights that do not fit into one file of this size get several.

    Returns:
      The family it was written as.

    Raises:
      ValueError: no class of transformers can be this model.
    """
    if isinstance(source.converter, DecoderOnlyFeatureConverter) and source.converter.prefix_lm:
        raise ValueError(
            "transformers has no prefix language model: its classes would let no token of a prompt "
            "see the ones behind it, and answer otherwise than this model. Train with "
            'DataConfig.converter = "decoder_only" for one that can be exported.'
        )
    family = choose_family(source.config, source.model_type)
    theirs: dict[str, LazyArray] = dict(
        to_theirs(family.table, source.arrays, config=source.config)
    )
    record = _config_record(family, source)
    if source.config.tied_embeddings and not record["tie_word_embeddings"]:
        theirs[family.output] = theirs[family.embedding]
    write_object(folder / CONFIG_FILE, record)
    write_object(folder / _GENERATION_FILE, _generation_record(source))
    for name, content in _tokenizer_files(source).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    weights.write_tensors(folder, theirs, max_shard_bytes=max_shard_bytes)
    return family


def choose_family(config: TransformerConfig, model_type: str | None = None) -> Family:
    """The family to write a model as: the one it came from if it still can be, or the first.

    Raises:
      ValueError: it can be none; says what keeps it from the nearest ones.
    """
    mismatches = {family.name: family.mismatches(config) for family in FAMILIES}
    able = [family for family in FAMILIES if not mismatches[family.name]]
    for family in able:
        if family.model_type == model_type:
            return family
    if able:
        return able[0]
    # Of another architecture is none that some other fields would make it.
    kin = {name: reasons for name, reasons in mismatches.items() if not _is_of_another(reasons)}
    fewest = min(map(len, kin.values()))
    nearest = "\n".join(
        f"  {name}: {'; '.join(reasons)}" for name, reasons in kin.items() if len(reasons) == fewest
    )
    raise ValueError(
        f"transformers has no class that can be this model. Nearest:\n{nearest}\nThese are fields "
        "of TransformerConfig, which the parameters were learned with: to export a model, train it "
        "with them as that class has them, as the files of models/ do (such as models/t5_1_1, "
        "models/llama, models/gpt2)."
    )


def _is_of_another(reasons: Sequence[str]) -> bool:
    return any(reason.startswith("architecture is ") for reason in reasons)


def _family_of(record: Mapping[str, Any], path: pathlib.Path) -> Family:
    model_type = record.get("model_type")
    for family in FAMILIES:
        if family.model_type == model_type:
            return family
    known = ", ".join(family.model_type for family in FAMILIES)
    raise ValueError(f"{path / CONFIG_FILE}: model_type is {model_type!r}; t5lite reads {known}")


def _read_special_ids(path: pathlib.Path, record: Mapping[str, Any], vocab_size: int) -> SpecialIds:
    """What generation_config.json says, or else config.json.

    Nothing that a prompt is made of, so that ids of other vocabularies, which published models
    name, and negative ones do no harm: they count as none.

    Raises:
      ValueError: an id is no integer.
    """
    said = {name: (CONFIG_FILE, record.get(name)) for name in _ID_FIELDS}
    if has_file(path / _GENERATION_FILE):
        generation = read_object(path / _GENERATION_FILE)
        named = {name for name in _ID_FIELDS if generation.get(name) is not None}
        said |= {name: (_GENERATION_FILE, generation[name]) for name in named}
    found: dict[str, tuple[int, ...]] = {}
    for name, (file, value) in said.items():
        ids = value if isinstance(value, list) else [] if value is None else [value]
        check_type(value, TOKEN_IDS, name=f"{path / file}: {name}")
        for token in ids:
            if token >= vocab_size:
                log.warning(
                    "%s: %s is %d, and the model has %d ids: taken as none",
                    path / file,
                    name,
                    token,
                    vocab_size,
                )
        found[name] = tuple(token for token in ids if 0 <= token < vocab_size)
    pad, bos, eos, start = (found[name] for name in _ID_FIELDS)
    return SpecialIds(
        pad=next(iter(pad), None),
        bos=next(iter(bos), None),
        eos=(eos if len(eos) > 1 else eos[0]) if eos else None,
        decoder_start=next(iter(start), None),
    )


def _config_record(family: Family, source: Source) -> dict[str, Any]:
    dtype = max((array.dtype for array in source.arrays.values()), key=lambda d: d.itemsize)
    record = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        **family.write_config(source.config),
        # The name in transformers 5, and in 4.
        "dtype": dtype.name,
        "torch_dtype": dtype.name,
        **_special_ids(source),
    }
    if source.context_length is not None:
        record.setdefault(family.context_field, source.context_length)
    return record


def _generation_record(source: Source) -> dict[str, Any]:
    carried: dict[str, Any] = {}
    if source.hf_folder is not None and has_file(source.hf_folder / _GENERATION_FILE):
        carried = read_object(source.hf_folder / _GENERATION_FILE)
    ours = {name: value for name, value in _special_ids(source).items() if value is not None}
    return carried | ours


def _tokenizer_files(source: Source) -> dict[str, bytes]:
    if source.vocabulary is None:
        return {} if source.hf_folder is None else tokenizer.carried_files(source.hf_folder)
    vocabulary = vocabulary_from_spec(source.vocabulary)
    if format_vocabulary(vocabulary) is None:
        log.warning(
            "no tokenizer is written beside the weights, for only Tasks know the model's ids: %s",
            vocabulary.spec(),
        )
        return {}
    files = tokenizer.written_files(vocabulary)
    if source.chat_template is not None:
        files[CHAT_TEMPLATE_FILE] = source.chat_template.encode()
    asked = source if source.converter is None else source.converter
    if asked.prompt_prefix is None or asked.prompt_suffix is None:
        return files
    return with_frame(files, asked.prompt_prefix, suffix=asked.prompt_suffix)


def _special_ids(source: Source) -> dict[str, Any]:
    """By the names of config.json; null where there is none, or transformers would invent one."""
    ids = source.special_ids
    if source.config.architecture == "encoder_decoder":
        # Our T5 pads with 0 and starts with it.
        ids = dataclasses.replace(
            ids, pad=0, decoder_start=0, eos=1 if ids.eos is None else ids.eos
        )
    eos = list(ids.eos) if isinstance(ids.eos, tuple) else ids.eos
    record = {"bos_token_id": ids.bos, "eos_token_id": eos, "pad_token_id": ids.pad}
    if source.config.architecture == "encoder_decoder":
        record["decoder_start_token_id"] = ids.decoder_start
    return record


FORMAT = Format(
    name="hf",
    looked_for=f"{CONFIG_FILE} (a Hugging Face folder)",
    recognise=lambda path: has_file(path / CONFIG_FILE),
    open=open_folder,
)
