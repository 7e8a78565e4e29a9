"""The model folder: what lies where in it, what the model is, and who may write to it.

In MODEL_DIR:
- `t5lite.json`: what the model is, as a `ModelDescription`
- `vocabulary.model`: the SentencePiece model, where the vocabulary is one; or `tokenizer.json` and
  the files beside it, where it is that
- `config.gin`: the operative gin configuration of the run
- `checkpoints/<step>`: parameters, optimizer state and data state (t5lite/checkpoints.py)
- `mixture.json`: what the run was asked to draw (t5lite/training/draws.py)
- `missing_tasks.json`: which tasks the run goes on without, and why, if any
- `metrics.jsonl`: one line per logged step and per evaluation
- `tensorboard/`: the same figures as TensorBoard events
- `eval/<name>/`: metrics and predictions of the last evaluation
- `report.png`, `report.html`: drawn at the end of training
- `audit.png`: drawn by `t5lite tasks audit`
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import filelock

from t5lite.data.vocabularies import moved_to, vocabulary_files
from t5lite.models.config import TransformerConfig

DESCRIPTION_FILE = "t5lite.json"
FORMAT = 1

# Fields of a TransformerConfig that change how a model is run, never what its parameters mean.
RUNTIME_FIELDS = frozenset(
    {"dropout_rate", "dtype", "scan_layers", "remat", "float32_attention_logits"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """All that eval, infer and generate must know of a model besides its parameters.

    Attributes:
      model: the model's config.
      vocabulary: `spec()` of the vocabulary the model was trained with.
      task_feature_lengths: longest sequence of each feature in tokens, e.g. {"inputs": 512}.
      converter: how examples became model features: encoder_decoder, decoder_only or prefix_lm.
      prompt_prefix: ids that go before every prompt, as `trained_prompt_prefix` says of models
        that t5lite trained; of converted ones, those of their tokenizer.
    """

    model: TransformerConfig
    vocabulary: Mapping[str, Any]
    task_feature_lengths: Mapping[str, int]
    converter: str
    prompt_prefix: tuple[int, ...] = ()

    def save(self, model_dir: str | pathlib.Path) -> None:
        """Writes `t5lite.json`, atomically, and copies of the vocabulary's files beside it."""
        path = pathlib.Path(model_dir) / DESCRIPTION_FILE
        for name, content in vocabulary_files(self.vocabulary).items():
            (path.parent / name).parent.mkdir(exist_ok=True)
            (path.parent / name).write_bytes(content)
        record = {
            "format": FORMAT,
            "model": self.model.to_dict(),
            # As seen from the folder, which may be moved.
            "vocabulary": moved_to(self.vocabulary, pathlib.Path()),
            "task_feature_lengths": dict(self.task_feature_lengths),
            "converter": self.converter,
            "prompt_prefix": list(self.prompt_prefix),
        }
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, model_dir: str | pathlib.Path) -> ModelDescription:
        """Reads `t5lite.json`.

        Raises:
          ValueError: the folder holds no readable description.
        """
        path = pathlib.Path(model_dir) / DESCRIPTION_FILE
        if not path.exists():
            raise ValueError(
                f"{model_dir} is not a t5lite model folder: it holds no {DESCRIPTION_FILE}. "
                "Give --model_dir the folder that `t5lite train` wrote."
            )
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                raise ValueError(
                    f"{path} has format {record['format']}; this t5lite reads {FORMAT}"
                )
            converter = record["converter"]
            return cls(
                model=TransformerConfig.from_dict(record["model"]),
                vocabulary=moved_to(record["vocabulary"], path.parent),
                task_feature_lengths=record["task_feature_lengths"],
                converter=converter,
                prompt_prefix=tuple(record.get("prompt_prefix", trained_prompt_prefix(converter))),
            )
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error!r}); restore it or retrain") from error

    def check_same_model(self, other: ModelDescription, *, model_dir: str) -> None:
        """Refuses to go on in a folder that holds another model.

        Raises:
          ValueError: listing every field that differs between the folder's model and the run's.
        """
        mine, theirs = self.model.to_dict(), other.model.to_dict()
        differences = [
            f"  {name}: {mine[name]!r} in the folder, {theirs[name]!r} in this run"
            for name in mine
            if name not in RUNTIME_FIELDS and mine[name] != theirs[name]
        ]
        if not same_vocabulary(self.vocabulary, other.vocabulary):
            differences.append(
                f"  vocabulary: {self.vocabulary} in the folder, {other.vocabulary} in this run"
            )
        if differences:
            raise ValueError(
                f"MODEL_DIR {model_dir} holds checkpoints of another model:\n"
                + "\n".join(differences)
                + "\nGive this run a MODEL_DIR of its own, or the config it was started with."
            )


def trained_prompt_prefix(converter: str) -> tuple[int, ...]:
    """What t5lite's training puts before a prompt: the start token of language models."""
    return () if converter == "encoder_decoder" else (0,)


def same_vocabulary(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two vocabulary specs give the same ids; where the file lies does not matter."""
    return {k: v for k, v in a.items() if k != "path"} == {
        k: v for k, v in b.items() if k != "path"
    }


def lock(model_dir: str | pathlib.Path) -> filelock.BaseFileLock:
    """Takes the folder for this process; the system releases it however the process ends.

    Raises:
      ValueError: another run holds the folder.
    """
    path = pathlib.Path(model_dir) / ".lock"
    file_lock = filelock.FileLock(path, timeout=0)
    try:
        file_lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            f"another run is training in MODEL_DIR {model_dir} (it holds {path}). "
            "Stop it, or give this run another --model_dir."
        ) from None
    return file_lock
