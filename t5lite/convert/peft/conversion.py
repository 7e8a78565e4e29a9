"""Adapters converted: a folder of `peft` into one as a run of adapters leaves it, and back."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import t5lite
from t5lite.checkpoints.base_model import BaseModel
from t5lite.checkpoints.model_dir import (
    CONVERSION_FILE,
    DESCRIPTION_FILE,
    ModelDescription,
    add_hashes,
    check_files,
)
from t5lite.convert.adapter_run import check_is_whole, hash_of
from t5lite.convert.checkpoint_stream import read_arrays
from t5lite.convert.finite import check, noting
from t5lite.convert.hf import folder as hf_folder
from t5lite.convert.load import FORMATS, open_any
from t5lite.convert.model_folder import feature_converter, write_model_folder
from t5lite.convert.names import Arrays, Key, LazyArray, layer_shapes, stack
from t5lite.convert.new_folder import new_folder
from t5lite.convert.peft.folder import read_folder, write_folder
from t5lite.convert.peft.settings import CONFIG_FILE, base_named
from t5lite.convert.source import Source
from t5lite.convert.verify import Verification, summary, verify, why_not
from t5lite.convert.vocabulary import with_vocabulary
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.files.buckets import local_copy
from t5lite.files.hashes import FileHashes
from t5lite.files.json_files import read_object, write_object
from t5lite.files.local_paths import storage_path
from t5lite.files.regular_files import has_file
from t5lite.models.config import TransformerConfig
from t5lite.models.finite import NonFinite
from t5lite.models.parameters import adapter_names

_PACKAGES = ("torch", "transformers", "peft")
_DAMAGED = "It comes of training that went astray, or of a damaged file; take an earlier one"


def with_adapter(base: pathlib.Path, adapter: pathlib.Path) -> Source:
    """A model of any format, with an adapter of peft.

    Args:
      base: The model.
      adapter: Peft's folder.

    Raises:
      ValueError: the base is not there or is another one, or the adapter is damaged or not of a
        kind that t5lite does.
    """
    model = _open_base(base, adapter=str(adapter))
    config, arrays = _read_adapter(adapter, model)
    return dataclasses.replace(model, config=config, arrays={**model.arrays, **arrays})


def from_peft(
    src: pathlib.Path,
    dst: str | pathlib.Path,
    *,
    base: str | None = None,
    vocabulary: str | None = None,
    verified: bool | None = None,
    say: Callable[[str], Any] = print,
) -> None:
    """Writes an adapter of peft as a run of adapters leaves it; behind `t5lite convert`.

    Args:
      src: Peft's folder.
      dst: The folder to write; it must not exist, or be empty.
      base: Where the adapter's model lies, in any format; None where adapter_config.json says.
      vocabulary: The vocabulary, as `--vocabulary` gives it, of a base that holds none.
      verified: Whether to run the result and peft's on the same ids; None does where that is
        possible.
      say: Prints what is converted, and what the verification gave.

    Raises:
      ValueError: the base is not there or is another one, the adapter is damaged, not finite or not
        of a kind that t5lite does, or the result is not the same model; then nothing is left
        behind.
    """
    path = base_of(src) if base is None else storage_path(base, name="--model_dir")
    model = _open_base(path, adapter=str(src))
    with contextlib.ExitStack() as at_end:
        model = with_vocabulary(model, vocabulary, target="t5lite", at_end=at_end)
        config, arrays = _read_adapter(src, model)
        say(_announcement(src, "peft", config, arrays, dst=dst))
        not_finite: dict[str, NonFinite] = {}
        work = at_end.enter_context(new_folder(dst))
        _write_run(work, model, config, noting(arrays, not_finite), path=path)
        check(not_finite, source=str(src), remedy=_DAMAGED)
        written = read_arrays(work, 0, adapter_names(config))
        whole = {**model.arrays, **written}
        outcome = _verify(config, whole, model, peft_folder=src, verified=verified)
        _finish(work, outcome, src=src, formats=("peft", "t5lite"), model=model, say=say)
        add_hashes(work, CONVERSION_FILE)


def to_peft(
    run: Source,
    dst: str | pathlib.Path,
    *,
    verified: bool | None = None,
    say: Callable[[str], Any] = print,
) -> None:
    """Writes the adapters of a model as a folder of peft; behind `t5lite convert --to=peft`.

    Args:
      run: The model with its adapters, as `adapter_run.with_base` gives it.
      dst: The folder to write; it must not exist, or be empty.
      verified: As in `from_peft`.
      say: Prints what is converted, and what the verification gave.

    Raises:
      ValueError: there are no adapters, or of no kind that peft has; or the result is not the same
        model; then nothing is left behind.
    """
    config = run.config
    if not config.adapters:
        raise ValueError(f"{run.path} is a whole model, and a folder of peft holds adapters of one")
    names = set(adapter_names(config))
    not_finite: dict[str, NonFinite] = {}
    own = {key: array for key, array in run.arrays.items() if key[0] in names}
    own = dict(noting(own, not_finite))
    say(_announcement(run.path, "t5lite", config, own, dst=dst))
    shapes = layer_shapes(config.base)
    of_base = {key: array for key, array in run.arrays.items() if key in shapes}
    model = dataclasses.replace(run, config=config.base, arrays=of_base)
    record = ModelDescription.load(run.path).base if run.format == "t5lite" else None
    if record is not None and record.dtype != "float32":
        # The run has rounded its base, whose folder has other numbers.
        model = dataclasses.replace(model, hf_folder=None)
    with new_folder(dst) as work:
        write_folder(work, config, own, base_path=_hf_path(run), model_type=run.model_type)
        check(not_finite, source=str(run.path), remedy=_DAMAGED)
        outcome = _verify(config, run.arrays, model, peft_folder=work, verified=verified)
        _finish(work, outcome, src=run.path, formats=("t5lite", "peft"), model=model, say=say)
        FileHashes.of(work).save()


def no_adapters(path: pathlib.Path) -> str:
    """What is wrong with a folder that `--adapter` names."""
    if not path.exists():
        return f"--adapter {path} is not there. Give the folder of a t5lite run, or one of peft"
    return (
        f"--adapter {path} holds no adapters: neither those of a t5lite run ({DESCRIPTION_FILE}), "
        f"nor one of peft ({CONFIG_FILE})"
    )


def base_of(src: pathlib.Path) -> pathlib.Path:
    """Where the base lies by adapter_config.json.

    Raises:
      ValueError: that is nowhere on this machine.
    """
    named = base_named(src)
    if named is None or not pathlib.Path(named).exists():
        raise ValueError(
            f"{src} is an adapter of peft to the model {named!r}, which is no folder on this "
            "machine (nothing is downloaded). Give --model_dir, the folder where it lies; eval, "
            f"infer and generate want --adapter={src} beside it"
        )
    return pathlib.Path(named)


def _open_base(path: pathlib.Path, *, adapter: str) -> Source:
    if not path.exists():
        raise ValueError(
            f"{adapter} is an adapter of the model in {path}, which is not there. Give "
            "--model_dir, where it lies now"
        )
    check_is_whole(path)
    # Files are mapped, which those of a bucket cannot be.
    return open_any(local_copy(path), FORMATS)


def _read_adapter(
    folder: pathlib.Path, model: Source
) -> tuple[TransformerConfig, dict[Key, LazyArray]]:
    if has_file(folder / CONVERSION_FILE):  # Of a conversion of ours, whose hashes.json compares.
        check_files(folder)
    return read_folder(folder, base=model)


def _write_run(
    folder: pathlib.Path,
    model: Source,
    config: TransformerConfig,
    arrays: Arrays,
    *,
    path: pathlib.Path,
) -> None:
    assert model.vocabulary is not None
    converter = feature_converter(model, vocabulary_from_spec(model.vocabulary))
    is_ours = model.format == "t5lite"
    write_model_folder(
        folder,
        dataclasses.replace(
            model, config=config, arrays=arrays, converter=converter.for_model(config), step=0
        ),
        base=BaseModel(
            path=str(path.absolute()),
            step=model.step if is_ours else None,
            parameter_hash=hash_of(model.arrays),
        ),
    )


def _verify(
    config: TransformerConfig,
    arrays: Arrays,
    model: Source,
    *,
    peft_folder: pathlib.Path,
    verified: bool | None,
) -> Verification | str:
    """Runs base and adapter here and in peft; the reason where that was not done."""
    reason = why_not(config.base, verified, packages=_PACKAGES)
    if reason is not None:
        if verified:
            raise ValueError(f"--verify cannot be done: {reason}")
        return reason
    with tempfile.TemporaryDirectory() as scratch:
        theirs = model.hf_folder
        if theirs is None:
            theirs = pathlib.Path(scratch)
            hf_folder.write_folder(theirs, dataclasses.replace(model, vocabulary=None))
        return verify(config, stack(arrays), theirs, adapter=peft_folder)


def _finish(
    folder: pathlib.Path,
    outcome: Verification | str,
    *,
    src: pathlib.Path,
    formats: tuple[str, str],
    model: Source,
    say: Callable[[str], Any],
) -> None:
    """Says what the verification gave, and writes it down.

    Raises:
      ValueError: the result is another model.
    """
    say(summary(outcome, against="peft"))
    if isinstance(outcome, Verification) and not outcome.holds:
        raise ValueError(
            f"the result is not the adapter in {src}, and was not kept. If you want to look at it, "
            "convert with --noverify"
        )
    record = {
        "t5lite": t5lite.__version__,
        "source": {"path": str(src), "format": formats[0], "base": str(model.path)},
        "target": {"format": formats[1]},
        "model": {
            "model_type": model.model_type,
            "context_length": model.context_length,
            "special_ids": dataclasses.asdict(model.special_ids),
        },
        "verification": outcome.to_dict() if isinstance(outcome, Verification) else outcome,
    }
    write_object(folder / CONVERSION_FILE, record)


def _hf_path(run: Source) -> str | None:
    """Where a base lies in Hugging Face's format, from which peft loads it; None if nowhere."""
    if run.hf_folder is not None:
        return str(run.hf_folder.absolute())
    record = ModelDescription.load(run.path).base if run.format == "t5lite" else None
    if record is None or not has_file(pathlib.Path(record.path) / CONVERSION_FILE):
        return None
    source = read_object(pathlib.Path(record.path) / CONVERSION_FILE).get("source", {})
    is_there = source.get("format") == "hf" and has_file(
        pathlib.Path(str(source.get("path"))) / hf_folder.CONFIG_FILE
    )
    return str(pathlib.Path(source["path"]).absolute()) if is_there else None


def _announcement(
    src: pathlib.Path,
    format_: str,
    config: TransformerConfig,
    arrays: Arrays,
    *,
    dst: str | pathlib.Path,
) -> str:
    kinds = ", ".join(type(adapter).__name__ for adapter in config.adapters)
    size = sum(array.size for array in arrays.values())
    target = "t5lite" if format_ == "peft" else "peft"
    return f"{src}: {format_}, {kinds}, {size:,} parameters. To {target}: {dst}"
