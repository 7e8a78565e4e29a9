"""`t5lite convert`: one checkpoint into another format, verified to be the same model."""

import contextlib
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

import t5lite
from t5lite.checkpoints.load import load_model_dir
from t5lite.checkpoints.model_dir import add_hashes
from t5lite.convert import model_folder
from t5lite.convert.adapter_run import merged, with_base
from t5lite.convert.finite import check, noting
from t5lite.convert.frame import with_frame_of
from t5lite.convert.hf import folder as hf_folder
from t5lite.convert.hf.tokenizer import read_vocabulary
from t5lite.convert.load import EXTERNAL_FORMATS, open_any, open_external
from t5lite.convert.names import Arrays, LazyArray, stack
from t5lite.convert.new_folder import check_new, new_folder
from t5lite.convert.source import Source
from t5lite.convert.t5x_write import write_checkpoint
from t5lite.convert.verify import (
    Merge,
    Verification,
    compare_merged,
    is_too_large,
    missing_packages,
    verify,
)
from t5lite.data.vocabularies.load import parse_vocabulary, vocabulary_from_spec
from t5lite.data.vocabularies.vocabulary import Vocabulary
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
_FORMATS = (model_folder.FORMAT, *EXTERNAL_FORMATS)


def convert(
    src: str,
    dst: str,
    *,
    to: str | None = None,
    dtype: str | None = None,
    max_shard_bytes: int = hf_folder.DEFAULT_MAX_SHARD_BYTES,
    vocabulary: str | None = None,
    adapter: str | None = None,
    step: int | None = None,
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
      to: "hf", "t5lite" or "t5x"; None writes `hf` out of ours, and ours out of all others.
      dtype: Type to store parameters in, of `DTYPES`; None keeps it.
      max_shard_bytes: Size of a file of weights, of those in Hugging Face's format.
      vocabulary: The vocabulary, as `--vocabulary` gives it; None takes the source's own.
      adapter: The folder of a run that trained adapters of the model in `src`; LoRA is merged into
        its weights. None where `src` is such a folder itself, or a whole model.
      step: Which checkpoint of a t5lite model folder, of the adapters where there are any; the
        latest when None.
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
    source = _open(_here(src), adapter, step)
    unmerged = None
    if source.config.adapters:
        unmerged, source = source, merged(source)
    target = to or ("hf" if source.format == "t5lite" else "t5lite")
    num_parameters = sum(array.size for array in source.arrays.values())
    family = source.model_type or source.config.architecture
    say(f"{src}: {source.format}, {family}, {num_parameters:,} parameters. To {target}: {dst}")
    with contextlib.ExitStack() as at_end:
        source = _with_vocabulary(source, vocabulary, target=target, at_end=at_end)
        not_finite: dict[str, NonFinite] = {}
        source = dataclasses.replace(source, arrays=noting(source.arrays, not_finite))
        state = _read_optimizer_state(source, target) if optimizer_state else None
        cast = _cast(source, dtype)
        num_bytes = sum(array.num_bytes for array in cast.arrays.values())
        work = at_end.enter_context(new_folder(dst))
        with progress_bar(
            total=num_bytes, unit="B", unit_scale=True, desc="convert", disable=not progress
        ) as bar:
            counted = dataclasses.replace(cast, arrays=_counted(cast.arrays, bar.update))
            written_as = _write(
                counted,
                work,
                target=target,
                max_shard_bytes=max_shard_bytes,
                optimizer_state=state,
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
        say(_summary(outcome))
        merge = None
        if unmerged is not None:
            merge = _compare_merged(unmerged, source)
            say(merge if isinstance(merge, str) else merge.summary)
        if isinstance(outcome, Verification) and not outcome.holds:
            raise ValueError(
                f"the result is not the model in {src}, and was not kept. If you want to look at "
                "it, convert with --noverify"
            )
        record = {
            "t5lite": t5lite.__version__,
            "source": {"path": src, "format": source.format, "step": source.step},
            "target": {"format": target, "dtypes": _dtypes(cast)},
            "num_parameters": num_parameters,
            "num_bytes": num_bytes,
            "model": {
                "model_type": written_as or source.model_type,
                "context_length": source.context_length,
                "special_ids": dataclasses.asdict(source.special_ids),
            },
            "not_finite": [dataclasses.asdict(item) for item in not_finite.values()],
            "verification": outcome.to_dict() if isinstance(outcome, Verification) else outcome,
        }
        if merge is not None:
            record["merged"] = merge if isinstance(merge, str) else dataclasses.asdict(merge)
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


def _open(path: pathlib.Path, adapter: str | None, step: int | None) -> Source:
    base = None
    if adapter is not None:
        path, base = storage_path(adapter, name="--adapter"), path
    if step is not None or adapter is not None:
        if not model_folder.FORMAT.recognise(path):
            raise ValueError(
                f"{path} is no t5lite model folder, of which --step chooses a checkpoint and "
                "--adapter names one; give the checkpoint itself as SRC"
            )
        source = model_folder.open_model_folder(path, step)
    else:
        source = open_any(path, _FORMATS)
    if source.config.adapters:
        return with_base(source, base)
    if base is not None:
        raise ValueError(f"--adapter {path} is a whole model: give it as SRC, without --adapter")
    return source


def _compare_merged(unmerged: Source, source: Source) -> Merge | str:
    """Runs a model with its LoRA and merged; the reason where memory does not do."""
    if reason := is_too_large(unmerged.config, num_models=2):
        return f"The merged model was not compared with the unmerged one: {reason}."
    return compare_merged(
        unmerged.config, stack(unmerged.arrays), source.config, stack(source.arrays)
    )


def _with_vocabulary(
    source: Source, name: str | None, *, target: str, at_end: contextlib.ExitStack
) -> Source:
    """The source with the vocabulary that was asked for, or else with its own.

    That of a Hugging Face folder is read only if ours needs it: its files go along as they are.

    Raises:
      ValueError: ours needs one and there is none, or it has more ids than the model.
    """
    if name is not None:
        vocabulary = parse_vocabulary(name)
    elif source.vocabulary is not None:
        vocabulary = vocabulary_from_spec(source.vocabulary)
    elif target == "t5lite" or source.write_tokenizer is not None:
        vocabulary = _own_vocabulary(source, at_end)
    else:
        return source
    size, rows = vocabulary.vocab_size, source.config.vocab_size
    if size > rows:
        raise ValueError(
            f"the vocabulary has {size} ids, but the model's embedding only {rows} rows: it is "
            "not this model's"
        )
    source = with_frame_of(source, vocabulary, is_own=name is None)
    return dataclasses.replace(source, vocabulary=vocabulary.spec())


def _own_vocabulary(source: Source, at_end: contextlib.ExitStack) -> Vocabulary:
    """The vocabulary that the source's files hold."""
    scratch = pathlib.Path(at_end.enter_context(tempfile.TemporaryDirectory()))
    vocabulary = own_vocabulary(source, scratch=scratch)
    if vocabulary is None:
        raise ValueError(
            f"{source.path} holds no tokenizer, and a t5lite model folder needs one: say which "
            "with --vocabulary (bytes, PATH.model or PATH/tokenizer.json)"
        )
    return vocabulary


def own_vocabulary(source: Source, *, scratch: pathlib.Path) -> Vocabulary | None:
    """The vocabulary that a source's files hold; None where they hold none.

    Args:
      source: The source.
      scratch: An empty folder, where a tokenizer.json is put together if there is none. Keep it
        until the vocabulary's files have been copied.

    Raises:
      ValueError: The tokenizer's files are damaged.
    """
    if source.vocabulary is not None:
        return vocabulary_from_spec(source.vocabulary)
    if source.hf_folder is not None:
        return read_vocabulary(source.hf_folder, scratch=scratch)
    if source.write_tokenizer is None:
        return None
    source.write_tokenizer(scratch)
    return read_vocabulary(scratch, scratch=scratch)


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
) -> str | None:
    """Writes the result; gives its `model_type`, where it is Hugging Face's."""
    if target == "hf":
        return hf_folder.write_folder(folder, source, max_shard_bytes=max_shard_bytes).model_type
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
    reason = _why_not(source, verified, rounded=rounded_to is not None)
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


def _why_not(source: Source, verified: bool | None, *, rounded: bool) -> str | None:
    if verified is False:
        return "--noverify was given"
    if absent := missing_packages():
        return f"{' and '.join(absent)} not installed"
    try:
        hf_folder.choose_family(source.config)
    except ValueError as error:
        return str(error)
    # Asked for by hand, it is tried whatever the memory.
    return None if verified else is_too_large(source.config, num_models=3 if rounded else 2)


def _load_result(folder: pathlib.Path, target: str) -> tuple[TransformerConfig, Params]:
    if target == "t5lite":
        model = load_model_dir(folder)
        return model.config, model.params
    source = open_external(folder)
    return source.config, stack(source.arrays)


def _dtypes(source: Source) -> list[str]:
    return sorted({array.dtype.name for array in source.arrays.values()})


def _summary(outcome: Verification | str) -> str:
    if isinstance(outcome, str):
        return f"Not verified: {outcome}."
    verdict = "the same model" if outcome.holds else "NOT THE SAME MODEL"
    text = (
        f"Verified against transformers: {verdict}. Largest difference of {outcome.num_logits:,} "
        f"logits {outcome.difference:.2g}, {outcome.relative:.2g} of the largest logit"
    )
    if outcome.rounding is not None:
        text += f"; by rounding the parameters {outcome.rounding:.2g}"
    return ". ".join((text, *outcome.remarks)) + "."
