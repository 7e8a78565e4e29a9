"""Every format that t5lite reads, and whole models out of them and into Hugging Face's."""

import pathlib
from collections.abc import Mapping
from typing import Any

from t5lite import memory
from t5lite.checkpoints.model_dir import CONVERSION_FILE, check_files
from t5lite.convert import gguf, llama2_c, meta_llama, model_folder, t5x
from t5lite.convert.finite import check, noting
from t5lite.convert.hf import folder
from t5lite.convert.names import stack, unstack
from t5lite.convert.new_folder import new_folder
from t5lite.convert.source import Format, Source, SpecialIds
from t5lite.files.regular_files import check_regular, has_file
from t5lite.models.config import TransformerConfig
from t5lite.models.finite import NonFinite
from t5lite.models.parameters import Params

# In the order in which they are asked whether a path is theirs.
EXTERNAL_FORMATS: tuple[Format, ...] = (
    folder.FORMAT,
    t5x.FORMAT,
    meta_llama.FORMAT,
    gguf.FORMAT,
    llama2_c.FORMAT,
)

FORMATS = (model_folder.FORMAT, *EXTERNAL_FORMATS)


def open_external(path: str | pathlib.Path) -> Source:
    """Opens a checkpoint that other programs made, its format recognised by its content.

    Raises:
      ValueError: it is of no format in `EXTERNAL_FORMATS`; or it is, and something in it is
        missing, left over or damaged.
    """
    return open_any(pathlib.Path(path), EXTERNAL_FORMATS)


def open_any(path: pathlib.Path, formats: tuple[Format, ...]) -> Source:
    """Opens a checkpoint of one of these formats; one that t5lite exported is compared with hashes.

    Raises:
      ValueError: it is of none of them, or damaged.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    for format_ in formats:
        if format_.recognise(path):
            # Only where a conversion of ours says so is hashes.json ours.
            if format_.name != "t5lite" and has_file(path / CONVERSION_FILE):
                check_files(path)
            return format_.open(path)
    raise ValueError(unrecognised(path, formats))


def unrecognised(path: pathlib.Path, formats: tuple[Format, ...]) -> str:
    """Says what was looked for and what is there.

    Raises:
      ValueError: there is a pipe or a device, which no format asked.
    """
    if not path.is_dir():
        check_regular(path)
    held = sorted(entry.name for entry in path.iterdir())[:8] if path.is_dir() else []
    looked_for = "; ".join(format_.looked_for for format_ in formats)
    found = f" Found: {', '.join(held) or 'nothing'}." if path.is_dir() else ""
    return f"{path} is no checkpoint that t5lite can read. Looked for: {looked_for}.{found}"


def load_external(path: str | pathlib.Path) -> tuple[TransformerConfig, Params, str]:
    """Reads a whole checkpoint that other programs made.

    Args:
      path: A folder or file of any format in `EXTERNAL_FORMATS`.

    Returns:
      The config, the parameters as float32 NumPy arrays, and the format's name.

    Raises:
      ValueError: as `open_external`, a parameter is not finite, or there are more of them than
        this machine has memory for.
    """
    source = open_external(path)
    # One in files of a narrower type grows.
    needed = {"parameters": 4 * sum(array.size for array in source.arrays.values())}
    memory.check_on_host(needed, what=f"the model in {path}", remedy="Take a larger machine.")
    not_finite: dict[str, NonFinite] = {}
    params = stack(noting(source.arrays, not_finite))
    check(not_finite, source=str(path), remedy="Take an earlier checkpoint, or copy it again")
    return source.config, params, source.format


def export_hf(
    config: TransformerConfig,
    params: Params,
    dst: str | pathlib.Path,
    *,
    vocabulary_spec: Mapping[str, Any] | None = None,
    special_ids: SpecialIds | None = None,
) -> None:
    """Writes a folder that transformers' `from_pretrained` loads, with the same logits.

    It is as transformers would write it, without the record of a conversion and the hashes that
    `t5lite convert` adds, which it compares where they are.

    Args:
      config: The model.
      params: Its parameters.
      dst: The folder; it must not exist, or be empty.
      vocabulary_spec: `spec()` of its vocabulary; where given, the folder has a tokenizer too.
      special_ids: Ids of its special tokens.

    Raises:
      ValueError: no class of transformers can be this model, or `dst` has files in it.
    """
    source = Source(
        format="memory",
        path=pathlib.Path(dst),
        config=config,
        arrays=unstack(params),
        special_ids=special_ids or SpecialIds(),
        vocabulary=vocabulary_spec,
    )
    with new_folder(dst) as work:
        folder.write_folder(work, source)
