"""A pipe, device, folder or link to nothing where a model has a file: one sentence, no wait."""

import os
import signal

import pytest

from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.checkpoints.verification import check_step
from t5lite.configuration.folder_config import model_folder_defaults
from t5lite.configuration.gin_reader import find_file
from t5lite.data.chat.named_chat_templates import choose_template
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import parse_vocabulary
from tests.convert.foreign_models import MODELS, read_all
from tests.feature_converters import converter
from tests.models.tiny import encoder_decoder

KINDS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
}
# What a Hugging Face folder may have beside what the tiny LLaMA has.
OPTIONAL = (
    *("spiece.model", "tokenizer.model", "vocab.json", "special_tokens_map.json"),
    *("chat_template.jinja", "additional_chat_templates/a.jinja", "pytorch_model.bin"),
)


@pytest.fixture(autouse=True)
def alarm():
    def ring(*_):
        raise AssertionError("waits for a pipe or a device")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def files_of(folder):
    """All files, but of zarr arrays those of the first only."""
    arrays = sorted(path.parent for path in folder.rglob(".zarray"))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if path.parent not in arrays[1:]]


def remove(path):
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize("name", MODELS)
def test_every_file_of_every_format(tmp_path, name):
    model = MODELS[name](tmp_path)
    read_all(model)
    for path in files_of(tmp_path):
        content = path.read_bytes()
        for kind, make in KINDS.items():
            path.unlink()
            make(path)
            with pytest.raises(ValueError) as error:
                read_all(model)
            said = str(error.value)
            named = path if ".zarray" not in path.name else path.parent
            assert str(named) in said or str(model) in said, (kind, said)
            assert "\n" not in said, (kind, said)
            remove(path)
            path.write_bytes(content)


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_need_not_be_there_is_not_passed_over(tmp_path, name):
    folder = MODELS["hf_llama"](tmp_path)
    if name == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    os.mkfifo(folder / name)
    if name == "spiece.model" or name.endswith(".jinja") or name == "pytorch_model.bin":
        with pytest.raises(ValueError, match=f"{folder / name} is no regular file"):
            read_all(folder)
    else:  # Another file says it already, so that this one is not opened.
        read_all(folder)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("weights", read_all),
        ("a.model", lambda path: parse_vocabulary(str(path))),
        ("tokenizer.json", lambda path: parse_vocabulary(str(path))),
        ("a.jinja", lambda path: choose_template(str(path), ByteVocabulary())),
        ("a.gin", lambda path: find_file(str(path), (), wanted_by="--gin_file")),
        ("7", lambda path: check_step(path.parent, 7)),
    ],
)
def test_what_is_named_by_hand(tmp_path, name, read):
    path = tmp_path / name
    if name == "7":  # A checkpoint, whose files orbax opens.
        (path / "state").mkdir(parents=True)
        path = path / "state/manifest.ocdbt"
    os.mkfifo(path)
    with pytest.raises(ValueError, match=f"{path} is no regular file"):
        read(tmp_path / name)


def test_files_of_a_model_folder(tmp_path):
    ModelDescription(
        model=encoder_decoder(),
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(task_feature_lengths={"inputs": 24, "targets": 12}),
    ).save(tmp_path)
    ModelDescription.load(tmp_path)
    for name in ("t5lite.json", "hashes.json", "chat_template.jinja", "config.gin"):
        path = tmp_path / name
        content = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        with pytest.raises(ValueError, match=f"{path} is (no regular file|missing)"):
            ModelDescription.load(tmp_path)
            model_folder_defaults(str(tmp_path))
        path.unlink()
        if content is not None:
            path.write_bytes(content)
