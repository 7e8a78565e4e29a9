"""`t5lite convert`: one checkpoint into another format, verified to be the same model."""

import contextlib
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

import t5lite
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import add_hashes
from t5lite.convert import model_folder
from t5lite.convert.adapter_run import merged, with_base
from t5lite.convert.finite import check, noting
from t5lite.convert.hf import folder as hf_folder
from t5lite.convert.load import FORMATS, open_any, open_external
from t5lite.convert.names import Arrays, LazyArray, stack
from t5lite.convert.new_folder import check_new, new_folder
from t5lite.convert.peft.conversion import (
    base_of,
    from_peft,
    no_adapters,
    to_peft,
    with_adapter,
)
from t5lite.convert.peft.folder import is_peft_folder
from t5lite.convert.source import Source
from t5lite.convert.t5x_write import write_checkpoint
from t5lite.convert.verify import (
    Merge,
    Verification,
    compare_merged,
    is_too_large,
    summary,
    verify,
    why_not,
)
from t5lite.convert.vocabulary import with_vocabulary
from t5lite.files.buckets import is_in_bucket, local_copy
from t5lite.files.hashes import FileHashes
from t5lite.files.json_files import write_object
from t5lite.files.local_paths import storage_path
from t5lite.messages.progress import progress_bar
from t5lite.models.config import TransformerConfig
from t5lite.models.finite import NonFinite, describe
from t5lite.models.parameters import Params

DTYPES = {
    "float32": np.dtype(np.float32),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float16": np.dtype(np.float16),
}
_KEEP = (
    "It comes of training that went astray, or of a damaged file. Take an earlier checkpoint or "
    "copy the file again; with --keep_nonfinite the numbers go over as they are"
)


def convert(
    src: str,
    dst: str,
    *,
    to: str | None = None,
    dtype: str | None = None,
    max_shard_bytes: int = hf_folder.DEFAULT_MAX_SHARD_BYTES,
    vocabulary: str | None = None,
    adapter: str | None = None,
    model_dir: str | None = None,
    step: int | None = None,
    context_length: int | None = None,
    optimizer_state: bool = False,
    keep_nonfinite: bool = False,
    verified: bool | None = None,
    progress: bool = True,
    say: Callable[[str], Any] = print,
) -> None:
    """Writes a checkpoint in another format; behind `t5lite convert`.

    Parameters go over one after the other, so that a model need not fit into memory. Beside the
    result lies `conversion.json`: what was converted, and what the verification gave.

    Args:
      src: What to convert; its format is recognised by its content.
      dst: The folder to write; it must not exist, or be empty.
      to: "hf", "t5lite", "t5x", or "peft" for adapters that are not to be merged; None writes `hf`
        out of ours, and ours out of all others.
      dtype: Type to store parameters in, of `DTYPES`; None keeps it.
      max_shard_bytes: Size of a file of weights, of those in Hugging Face's format.
      vocabulary: The vocabulary, as `--vocabulary` gives it; None takes the source's own.
      adapter: The folder of a run that trained adapters of the model in `src`, or of peft; LoRA is
        merged into its weights. None where `src` is such a folder itself, or a whole model.
      model_dir: Where the model of an adapter of peft lies, where `src` is that; None where it
        says.
      step: Which checkpoint of a t5lite model folder, of the adapters where there are any; the
        latest when None.
      context_length: Longest text that the model is for, in tokens, where another is meant than
        the files say; not of a t5lite model folder.
      optimizer_state: Whether the optimizer's state goes along; between T5X and t5lite.
      keep_nonfinite: Whether to continue where parameters are NaN or infinite; such a result is not
        verified.
      verified: Whether to run the result and the source, one of them in transformers, on the same
        ids; None does where that is possible.
      progress: Show a progress bar.
      say: Prints what is converted, and what the verification gave.

    Raises:
      ValueError: the source is unknown, damaged, not finite or not of a kind that the target can
        hold, or the result is not the same model; then nothing is left behind.
    """
    check_new(dst)
    path = _here(src)
    if to == "peft" or (is_peft_folder(path) and to in (None, "t5lite")):
        flags: dict[str, object] = {"--dtype": dtype, "--optimizer_state": optimizer_state}
        flags |= {"--keep_nonfinite": keep_nonfinite, "--context_length": context_length}
        _check_not_given(flags, "adapters go over as they are")
        if not is_peft_folder(path):
            source = _open(path, adapter, step, base=model_dir)
            _check_not_given({"--vocabulary": vocabulary}, "a folder of peft holds none")
            to_peft(source, dst, verified=verified, say=say)
            return
        if to == "peft":
            raise ValueError(f"{src} is an adapter of peft already")
        _check_not_given({"--step": step, "--adapter": adapter}, f"{src} is an adapter of peft")
        from_peft(path, dst, base=model_dir, vocabulary=vocabulary, verified=verified, say=say)
        return
    source = _open(path, adapter, step, base=model_dir)
    if context_length is not None:
        source = _with_context_length(source, context_length)
    unmerged = None
    if source.config.adapters:
        unmerged, source = source, merged(source)
    target = to or ("hf" if source.format == "t5lite" else "t5lite")
    if target != "t5lite":
        reason = "only a model folder of t5lite is made for a length"
        _check_not_given({"--context_length": context_length}, reason)
    num_parameters = sum(array.size for array in source.arrays.values())
    family = source.model_type or source.config.architecture
    say(f"{src}: {source.format}, {family}, {num_parameters:,} parameters. To {target}: {dst}")
    with contextlib.ExitStack() as at_end:
        source = with_vocabulary(source, vocabulary, target=target, at_end=at_end)
        not_finite: dict[str, NonFinite] = {}
        source = dataclasses.replace(source, arrays=noting(source.arrays, not_finite))
        state = _read_optimizer_state(source, target) if optimizer_state else None
        cast = _cast(source, dtype)
        work = at_end.enter_context(new_folder(dst))
        written_as = _write(
            *(cast, work),
            target=target,
            max_shard_bytes=max_shard_bytes,
            optimizer_state=state,
            progress=progress,
        )
        if not keep_nonfinite:
            check(not_finite, source=src, remedy=_KEEP)
        outcome = _verify(
            source,
            work,
            target=target,
            verified=verified,
            rounded_to=dtype,
            not_finite=bool(not_finite),
        )
        if not_finite:
            say(f"Kept, though not finite:\n{describe(list(not_finite.values()))}")
        say(summary(outcome))
        merge = None
        if unmerged is not None:
            merge = _compare_merged(unmerged, source)
            say(merge if isinstance(merge, str) else merge.summary)
        if isinstance(outcome, Verification) and not outcome.holds:
            raise ValueError(
                f"the result is not the model in {src}, and was not kept. If you want to look at "
                "it, convert with --noverify"
            )
        record = _record(
            *(src, cast, outcome),
            target=target,
            model_type=written_as or source.model_type,
            not_finite=not_finite.values(),
            merge=merge,
        )
        write_object(work / model_folder.CONVERSION_FILE, record)
        if target == model_folder.FORMAT.name:
            add_hashes(work, model_folder.CONVERSION_FILE)
        else:
            FileHashes.of(work).save()


def _here(src: str) -> pathlib.Path:
    """What to convert, copied to this machine where it lies in a bucket, as files are mapped."""
    path = storage_path(src, name="SRC")
    if is_in_bucket(path) and not path.exists():
        raise ValueError(f"SRC {src} does not exist")
    return local_copy(path)


def _check_not_given(flags: Mapping[str, object], reason: str) -> None:
    """Raises ValueError, with the reason, where a flag was given that means nothing here."""
    for flag, value in flags.items():
        if value is not None and value is not False:
            raise ValueError(f"{flag} was given, and {reason}; leave it out")


def _open(path: pathlib.Path, adapter: str | None, step: int | None, *, base: str | None) -> Source:
    """Opens what to convert, with its adapters.

    Args:
      path: SRC.
      adapter: `--adapter`, SRC then being its model.
      step: `--step`.
      base: `--model_dir`, SRC then being an adapter of peft.
    """
    model = None
    if adapter is not None:
        path, model = storage_path(adapter, name="--adapter"), path
    if is_peft_folder(path):
        _check_not_given({"--step": step}, f"{path} is an adapter of peft")
        if model is None:
            model = base_of(path) if base is None else storage_path(base, name="--model_dir")
        return with_adapter(model, path)
    _check_not_given({"--model_dir": base}, f"{path} is no adapter of peft")
    is_ours = model_folder.FORMAT.recognise(path)
    if adapter is not None and not is_ours:
        raise ValueError(no_adapters(path))
    if step is not None and not is_ours:
        raise ValueError(
            f"--step chooses a checkpoint of a t5lite model folder, and {path} is none; give "
            "the checkpoint itself as SRC"
        )
    source = model_folder.open_model_folder(path, step) if is_ours else open_any(path, FORMATS)
    if source.config.adapters:
        return with_base(source, model)
    if model is not None:
        raise ValueError(f"--adapter {path} is a whole model: give it as SRC, without --adapter")
    return source


def _with_context_length(source: Source, context_length: int) -> Source:
    """A model of another format, for texts of other lengths than its files say."""
    if source.converter is not None:
        given = {"--context_length": context_length}
        _check_not_given(given, f"{source.path} is a t5lite model folder, made for other lengths")
    most = source.config.max_positions
    if most is not None and context_length > most:
        raise ValueError(
            f"--context_length is {context_length}, and the model has learned {most} positions; "
            "give no more"
        )
    return dataclasses.replace(source, context_length=context_length)


def _compare_merged(unmerged: Source, source: Source) -> Merge | str:
    """Runs a model with its LoRA and merged; the reason where memory does not do."""
    if reason := is_too_large(unmerged.config, num_models=2):
        return f"The merged model was not compared with the unmerged one: {reason}."
    return compare_merged(
        unmerged.config, stack(unmerged.arrays), source.config, stack(source.arrays)
    )


def _read_optimizer_state(source: Source, target: str) -> Any:
    if target == "hf":
        raise ValueError("a Hugging Face folder has no place for --optimizer_state")
    if source.read_optimizer_state is None:
        raise ValueError(f"{source.path} holds no optimizer state that t5lite reads")
    return source.read_optimizer_state()


def _cast(source: Source, dtype: str | None) -> Source:
    if dtype is None:
        return source
    arrays = {
        key: dataclasses.replace(
            array,
            dtype=DTYPES[dtype],
            read=functools.partial(_read_as, array, DTYPES[dtype], key[0]),
        )
        for key, array in source.arrays.items()
    }
    return dataclasses.replace(source, arrays=arrays)


def _read_as(array: LazyArray, dtype: np.dtype, name: str) -> np.ndarray:
    value = array.read()
    finite = np.where(np.isfinite(value), value, 0)
    if dtype == np.float16 and np.abs(finite).max(initial=0) > np.finfo(np.float16).max:
        raise ValueError(
            f"{name} holds {np.abs(finite).max():.4g}, more than float16 can (65504); use bfloat16"
        )
    return value.astype(dtype)


def _counted(arrays: Arrays, count: Callable[[int], Any]) -> Arrays:
    """The same arrays, each telling its size when it has been read."""

    def read(array: LazyArray) -> np.ndarray:
        value = array.read()
        count(array.num_bytes)
        return value

    return {
        key: dataclasses.replace(array, read=functools.partial(read, array))
        for key, array in arrays.items()
    }


def _write(
    source: Source,
    folder: pathlib.Path,
    *,
    target: str,
    max_shard_bytes: int,
    optimizer_state: Any,
    progress: bool,
) -> str | None:
    """Writes the result; gives its `model_type`, where it is Hugging Face's."""
    total = sum(array.num_bytes for array in source.arrays.values())
    with progress_bar(
        total=total, unit="B", unit_scale=True, desc="convert", disable=not progress
    ) as bar:
        source = dataclasses.replace(source, arrays=_counted(source.arrays, bar.update))
        if target == "hf":
            result = hf_folder.write_folder(folder, source, max_shard_bytes=max_shard_bytes)
            return result.model_type
        if target == "t5x":
            write_checkpoint(
                folder, source.config, source.arrays, step=source.step, opt_state=optimizer_state
            )
        else:
            model_folder.write_model_folder(folder, source, optimizer_state=optimizer_state)
    return None


def _verify(
    source: Source,
    result: pathlib.Path,
    *,
    target: str,
    verified: bool | None,
    rounded_to: str | None,
    not_finite: bool,
) -> Verification | str:
    """Runs our model against Hugging Face's; the reason where that was not done.

    What was written is read again, and stands on one side. On the other stands the source, as
    transformers reads it where it is Hugging Face's, else as we do. Where neither is Hugging
    Face's, the source is exported for the comparison. Where parameters were rounded, they are on
    both sides, and what the rounding does is reported separately.

    Raises:
      ValueError: `verified` is True and it cannot be done.
    """
    reason = why_not(source.config, verified, num_models=2 if rounded_to is None else 3)
    if not_finite and reason is None:
        reason = "its parameters are not all finite"
    if reason is not None:
        if verified:
            raise ValueError(f"--verify cannot be done: {reason}")
        return reason
    rounded = _cast(source, rounded_to)
    remarks: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory() as work:
        if target == "hf":
            config, params, theirs = source.config, stack(rounded.arrays), result
        else:
            config, params = _load_result(result, target)
            theirs = source.path
            if source.format != hf_folder.FORMAT.name:
                theirs = pathlib.Path(work)
                hf_folder.write_folder(theirs, dataclasses.replace(rounded, vocabulary=None))
                remarks = ("neither is Hugging Face's: the source was exported to compare",)
        verification = verify(
            config,
            params,
            theirs,
            rounded_to=rounded_to,
            unrounded=stack(source.arrays) if rounded_to else None,
        )
    return dataclasses.replace(verification, remarks=(*remarks, *verification.remarks))


def _load_result(folder: pathlib.Path, target: str) -> tuple[TransformerConfig, Params]:
    if target == "t5lite":
        model = load_model_dir(folder)
        return model.config, model.params
    source = open_external(folder)
    return source.config, stack(source.arrays)


def _record(
    src: str,
    written: Source,
    outcome: Verification | str,
    *,
    target: str,
    model_type: str | None,
    not_finite: Iterable[NonFinite],
    merge: Merge | str | None,
) -> dict[str, Any]:
    """What `conversion.json` says of a result."""
    arrays = written.arrays.values()
    record = {
        "t5lite": t5lite.__version__,
        "source": {"path": src, "format": written.format, "step": written.step},
        "target": {"format": target, "dtypes": sorted({array.dtype.name for array in arrays})},
        "num_parameters": sum(array.size for array in arrays),
        "num_bytes": sum(array.num_bytes for array in arrays),
        "model": {
            "model_type": model_type,
            "context_length": written.context_length,
            "special_ids": dataclasses.asdict(written.special_ids),
        },
        "not_finite": [dataclasses.asdict(item) for item in not_finite],
        "verification": outcome.to_dict() if isinstance(outcome, Verification) else outcome,
    }
    if merge is not None:
        record["merged"] = merge if isinstance(merge, str) else dataclasses.asdict(merge)
    return record
