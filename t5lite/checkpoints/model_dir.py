"""The model folder: what lies where in it, what the model is, and who may write to it.

In MODEL_DIR:
- `t5lite.json`: what the model is, as a `ModelDescription`
- `vocabulary.model`: the SentencePiece model, where the vocabulary is one; or `tokenizer.json` and
  the files beside it, where it is that
- `chat_template.jinja`: how it was taught to read conversations, if it was
- `config.gin`: the operative gin configuration of the last start; `configs/<n>.gin`: those before
  it that were different; `starts.jsonl`: what each start changed (configuration/run_record.py)
- `hashes.json`: the hashes of the files above it here (t5lite/files/hashes.py)
- `checkpoints/<step>`: parameters, optimizer and data state (t5lite/checkpoints/checkpointer.py);
  of a model with adapters, theirs alone
- `mixture.json`: what the run was asked to draw (t5lite/training/draws.py)
- `placement.txt`: how parameters, optimizer state and batches are cut over the devices
- `missing_tasks.json`: which tasks the run continues without, and why, if any
- `metrics.jsonl`: one line per logged step and per evaluation
- `tensorboard/`: the same figures as TensorBoard events, and traces of steps
- `wandb.json`, `wandb/`: the run of Weights & Biases, and what was recorded of it, if any
- `eval/<name>/`: metrics and predictions of the last evaluation
- `report.png`, `report.html`: drawn at the end of training
- `audit.png`: drawn by `t5lite tasks audit`
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import pathlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import jax

from t5lite.checkpoints.base_model import BaseModel
from t5lite.data.features.feature_converters import FeatureConverter, feature_converter_from_dict
from t5lite.data.vocabularies.load import (
    check_spec,
    moved_to,
    same_vocabulary,
    vocabulary_files,
    vocabulary_from_spec,
)
from t5lite.files.buckets import is_in_bucket, local_copy
from t5lite.files.hashes import HASHES_FILE, FileHashes, verify_is_on
from t5lite.files.json_files import read_object, write_object
from t5lite.files.local_paths import storage_path
from t5lite.files.locks import Lock, delete_lock, take_lock
from t5lite.files.regular_files import has_file, read_text
from t5lite.messages.value_types import check_type
from t5lite.models.config import TransformerConfig
from t5lite.models.nested_config import differences

DESCRIPTION_FILE = "t5lite.json"
# What a conversion writes beside its result.
CONVERSION_FILE = "conversion.json"
CHAT_TEMPLATE_FILE = "chat_template.jinja"
FORMAT = 1
LOCK_FILE = ".lock"

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Fields of a TransformerConfig that change how a model is run, never what its parameters mean.
RUNTIME_FIELDS = frozenset(
    {"dropout_rate", "dtype", "scan_layers", "remat", "float32_attention_logits"}
    | {"attention_implementation"}
)

# Fields of a feature converter that change what a model is asked.
PROMPT_FIELDS = ("converter", "prompt_prefix", "prompt_suffix", "targets_suffix", "prefix_lm")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """All that eval, infer and generate must know of a model besides its parameters.

    Attributes:
      model: the model's config.
      vocabulary: `spec()` of the vocabulary the model was trained with.
      converter: what its examples and prompts look like; of a converted model, what its tokenizer
        puts around a text.
      chat_template: jinja2 that writes its conversations, where that came with its training;
        a vocabulary may bring one too.
      base: of a model with adapters, the model that they were trained on, whose parameters lie
        elsewhere.
    """

    model: TransformerConfig
    vocabulary: Mapping[str, Any]
    converter: FeatureConverter
    chat_template: str | None = None
    base: BaseModel | None = None

    def __post_init__(self) -> None:
        self.converter.check_model(self.model)

    def save(self, model_dir: str | pathlib.Path) -> None:
        """Writes `t5lite.json`, atomically, copies of the vocabulary's files, and their hashes."""
        path = storage_path(model_dir, name="MODEL_DIR") / DESCRIPTION_FILE
        files = vocabulary_files(self.vocabulary)
        for name, content in files.items():
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_bytes(content)
        if self.chat_template is not None:
            (path.parent / CHAT_TEMPLATE_FILE).write_bytes(self.chat_template.encode())
        model = self.model.to_dict()
        del model["attention_implementation"]  # which devices the model runs on next is not known
        record = {
            "format": FORMAT,
            "model": model,
            # As seen from the folder, which may be moved.
            "vocabulary": moved_to(self.vocabulary, pathlib.Path()),
            **self.converter.to_dict(),
        }
        if self.base is not None:
            record["base"] = dataclasses.asdict(self.base)
        write_object(path, record)
        template = [] if self.chat_template is None else [CHAT_TEMPLATE_FILE]
        FileHashes.of(path.parent, [DESCRIPTION_FILE, *files, *template]).save()

    @classmethod
    def load(cls, model_dir: str | pathlib.Path) -> ModelDescription:
        """Reads `t5lite.json`.

        Raises:
          ValueError: the folder holds no readable description, or a file of it is damaged.
        """
        path = storage_path(model_dir, name="--model_dir") / DESCRIPTION_FILE
        if not has_file(path):
            raise ValueError(
                f"{model_dir} is not a t5lite model folder: it holds no {DESCRIPTION_FILE}. "
                "Give --model_dir the folder that `t5lite train` wrote."
            )
        check_files(path.parent)
        try:
            record = read_object(path)
            if record["format"] != FORMAT:
                raise ValueError(
                    f"{path} has format {record['format']}; this t5lite reads {FORMAT}"
                )
            check_type(record["model"], Mapping[str, Any], name="model")
            check_type(record["vocabulary"], Mapping[str, Any], name="vocabulary")
            check_spec(record["vocabulary"])
            vocabulary = _vocabulary_here(record["vocabulary"], path.parent)
            if "prompt_suffix" not in record:
                record |= _of_before_suffixes(record, path.parent, vocabulary)
            return cls(
                model=TransformerConfig.from_dict(record["model"]),
                vocabulary=vocabulary,
                converter=feature_converter_from_dict(record),
                chat_template=read_chat_template(path.parent),
                base=BaseModel.from_dict(record["base"]) if "base" in record else None,
            )
        except KeyError as error:
            raise ValueError(f"{path} is damaged (no {error}); restore it or retrain") from error
        except ValueError as error:
            if f"{path} has format" in str(error):
                raise
            reason = str(error).removeprefix(f"{path}: ")
            raise ValueError(f"{path} is damaged ({reason}); restore it or retrain") from error

    def check_same_model(self, other: ModelDescription, *, model_dir: str) -> None:
        """Refuses to resume in a folder that holds another model.

        Raises:
          ValueError: listing every field that differs between the folder's model and the run's.
        """
        found = [
            f"  {d.field}: {d.first!r} in the folder, {d.second!r} in this run"
            for d in differences(self.model, other.model)
            if d.field not in RUNTIME_FIELDS
        ]
        if not same_vocabulary(self.vocabulary, other.vocabulary):
            found.append(
                f"  vocabulary: {self.vocabulary} in the folder, {other.vocabulary} in this run"
            )
        mine, theirs = self.converter.to_dict(), other.converter.to_dict()
        found += [
            f"  {name}: {mine.get(name)!r} in the folder, {theirs.get(name)!r} in this run"
            for name in PROMPT_FIELDS
            if mine.get(name) != theirs.get(name)
        ]
        if other.chat_template is not None and other.chat_template != self.chat_template:
            found.append("  chat template: another one in this run than in the folder")
        if found:
            raise ValueError(
                f"MODEL_DIR {model_dir} holds checkpoints of another model:\n"
                + "\n".join(found)
                + "\nGive this run a MODEL_DIR of its own, or the config it was started with."
            )


def add_hashes(folder: pathlib.Path, *names: str) -> None:
    """Keeps the hashes of further files of a model folder that was written before."""
    hashes = FileHashes.read(folder)
    known = {} if hashes is None else hashes.files
    FileHashes(folder, {**known, **FileHashes.of(folder, names).files}).save()


def _vocabulary_here(spec: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The spec of a model folder's vocabulary, with files that lie on this machine."""
    if is_in_bucket(folder) and "path" in moved_to(spec, folder):
        hashes = FileHashes.read(folder)
        folder = local_copy(folder, None if hashes is None else list(hashes.files))
    return moved_to(spec, folder)


def check_files(folder: pathlib.Path) -> None:
    """Compares the files of a folder with the hashes kept in it.

    Raises:
      ValueError: one is not as it was written; names it, and what to do.
    """
    if not verify_is_on():
        return
    try:
        hashes = FileHashes.read(folder)
    except ValueError as error:
        raise ValueError(
            f"{error}. Delete it: the files beside it are then read as they are."
        ) from error
    for name, what in ({} if hashes is None else hashes.differences()).items():
        again = " or convert it again" if has_file(folder / CONVERSION_FILE) else ""
        raise ValueError(
            f"{folder / name} {what}. Restore the folder from a copy{again}; if the file was "
            f"changed on purpose, delete {folder / HASHES_FILE}."
        )


def read_chat_template(folder: pathlib.Path) -> str | None:
    """What `chat_template.jinja` of a folder says, if there is one."""
    path = folder / CHAT_TEMPLATE_FILE
    return read_text(path) if has_file(path) else None


def _of_before_suffixes(
    record: Mapping[str, Any], folder: pathlib.Path, vocabulary: Mapping[str, Any]
) -> dict[str, Any]:
    """What a `t5lite.json` without `prompt_suffix` meant.

    Training then left the Tasks' end token behind the inputs of language models too; converted
    language models never had one there.
    """
    eos_id = vocabulary_from_spec(vocabulary).eos_id
    is_pair = record["converter"] == "encoder_decoder"
    is_converted = has_file(folder / CONVERSION_FILE)
    return {
        "eos_id": eos_id,
        "prompt_prefix": record.get("prompt_prefix", [] if is_pair else [0]),
        "prompt_suffix": [eos_id] if is_pair or not is_converted else [],
        "targets_suffix": [eos_id],
        "pack": True,
        "prefix_lm": record["converter"] == "prefix_lm",
        "loss_on_targets_only": True,
    }


def lock(model_dir: str | pathlib.Path) -> Lock:
    """Takes the folder for this process; the system releases it however the process ends.

    Raises:
      ValueError: another run holds the folder.
    """
    return take_lock(
        storage_path(model_dir, name="MODEL_DIR") / LOCK_FILE,
        held=f"another run is training in MODEL_DIR {model_dir}",
        remedy="stop it, or give this run another --model_dir.",
    )


def leaves_no_empty_folder(run: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes what runs in `model_dir` give back what it took where it is refused.

    That is its lock and the folders that were not there, as long as nothing else was written; and
    what variables of its package hold, the lock and arrays too, even where somebody keeps the
    error, as notebooks do.
    """
    package = run.__module__.partition(".")[0]

    @functools.wraps(run)
    def run_and_tidy(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        folder = storage_path(str(kwargs.get("model_dir", "")), name="MODEL_DIR").absolute()
        places = (folder / LOCK_FILE, folder, *folder.parents)
        made = [] if is_in_bucket(folder) else [p for p in places if not p.exists()]
        try:
            return run(*args, **kwargs)
        except BaseException as error:
            for frame, _ in itertools.islice(traceback.walk_tb(error.__traceback__), 1, None):
                if frame.f_globals.get("__name__", "").partition(".")[0] == package:
                    with contextlib.suppress(RuntimeError):  # Another thread's, not at its end yet.
                        frame.clear()
            is_main = jax.process_index() == 0
            if is_main and made and not any(path.name != LOCK_FILE for path in folder.glob("*")):
                with contextlib.suppress(OSError, ValueError):  # Another run's, or never made.
                    if folder.exists():
                        delete_lock(lock(folder))
                    for place in made[1:]:
                        place.rmdir()
            raise

    return run_and_tidy
