"""The model folder describes its model by itself."""

import dataclasses
import json
import shutil

import pytest

from t5lite.checkpoints.model_dir import (
    CHAT_TEMPLATE_FILE,
    CONVERSION_FILE,
    DESCRIPTION_FILE,
    ModelDescription,
    lock,
)
from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.load import (
    format_vocabulary,
    parse_vocabulary,
    same_vocabulary,
    vocabulary_from_spec,
)
from t5lite.files.hashes import HASHES_FILE
from tests.conftest import shared_path
from tests.data.tokenizer_folders import chat_folder, write_json
from tests.feature_converters import converter
from tests.toy_run import MODEL


def describe(vocabulary: dict) -> ModelDescription:
    return ModelDescription(
        model=MODEL,
        vocabulary=vocabulary,
        converter=converter(task_feature_lengths={"inputs": 8, "targets": 4}),
    )


def test_round_trip(tmp_path):
    description = describe({"kind": "bytes", "extra_ids": 0})
    description.save(tmp_path)
    assert ModelDescription.load(tmp_path) == description


def test_the_vocabulary_travels_with_the_folder(tmp_path):
    original = tmp_path / "elsewhere.model"
    shutil.copy(shared_path("data", "vocab", "seqio_test_sentencepiece.model"), original)
    folder = tmp_path / "run"
    folder.mkdir()
    spec = parse_vocabulary(f"{original}:10").spec()
    describe(spec).save(folder)
    original.unlink()
    moved = folder.rename(tmp_path / "moved")
    description = ModelDescription.load(moved)
    vocabulary = vocabulary_from_spec(description.vocabulary)
    assert vocabulary.vocab_size == 36
    description.check_same_model(describe(spec), model_dir=str(moved))


def _task_vocabularies(folder):
    """Every way in which a Task of seqio's brings a vocabulary."""
    seqio = pytest.importorskip("seqio")
    plain = str(shared_path("data", "vocab", "seqio_test_sentencepiece.model"))
    held = folder / "26.100extra.model"
    held.write_bytes(seqio.SentencePieceVocabulary(plain, extra_ids=100).sp_model)
    return [
        seqio.SentencePieceVocabulary(plain),
        seqio.SentencePieceVocabulary(plain, extra_ids=7),
        seqio.SentencePieceVocabulary(plain, extra_ids=100),
        seqio.SentencePieceVocabulary(str(held)),
        seqio.ByteVocabulary(),
        seqio.ByteVocabulary(extra_ids=100),
        seqio.PassThroughVocabulary(30, eos_id=1),
        seqio.PassThroughVocabulary(30),
        seqio.vocabularies.UnigramVocabulary(["what", "is"], split_on_space=True),
    ]


def test_the_vocabularies_of_tasks_read_back_as_themselves(tmp_path):
    for number, theirs in enumerate(_task_vocabularies(tmp_path)):
        ours = seqio_adapter.from_seqio(theirs)
        folder = tmp_path / str(number)
        folder.mkdir()
        describe(ours.spec()).save(folder)
        folder.rename(tmp_path / "moved")
        spec = ModelDescription.load(tmp_path / "moved").vocabulary
        read = vocabulary_from_spec(spec)
        assert same_vocabulary(read.spec(), ours.spec())
        assert read.vocab_size == theirs.vocab_size
        named = format_vocabulary(read)  # What eval and infer import Tasks with.
        assert (named is None) == (spec["kind"] in ("pass_through", "class"))
        if named is not None:
            assert parse_vocabulary(named) == read
            text = "what is <extra_id_0>?"
            assert read.encode(text) == list(theirs.encode(text))
        shutil.rmtree(tmp_path / "moved")


def test_a_chat_template_travels_with_the_folder(tmp_path):
    taught = dataclasses.replace(
        describe({"kind": "bytes", "extra_ids": 0}), chat_template="{{ eos_token }}\r\né"
    )
    taught.save(tmp_path)
    assert (tmp_path / "chat_template.jinja").read_bytes().decode() == taught.chat_template
    folder = ModelDescription.load(tmp_path)
    assert folder == taught
    # A run without conversations resumes in the folder, one with other templates does not.
    folder.check_same_model(dataclasses.replace(taught, chat_template=None), model_dir="x")
    with pytest.raises(ValueError, match="chat template: another one in this run"):
        folder.check_same_model(dataclasses.replace(taught, chat_template="{{ x }}"), model_dir="x")


def test_a_tokenizer_travels_with_the_folder(tmp_path):
    original, folder = tmp_path / "original", tmp_path / "run"
    original.mkdir()
    folder.mkdir()
    chat_folder(original)
    (original / "generation_config.json").unlink()
    write_json(original / "config.json", {"eos_token_id": [0, 1]})
    (original / "additional_chat_templates").mkdir()
    (original / "additional_chat_templates" / "rag.jinja").write_text("r")
    spec = parse_vocabulary(str(original)).spec()
    describe(spec).save(folder)
    shutil.rmtree(original)
    moved = folder.rename(tmp_path / "moved")
    description = ModelDescription.load(moved)
    vocabulary = vocabulary_from_spec(description.vocabulary)
    assert vocabulary.spec() == spec | {"path": str(moved / "tokenizer.json")}
    assert vocabulary.eos_ids == (2, 0, 1)
    assert set(vocabulary.chat_template.sources) == {"rag"}
    # The name that tasks get of it gives the same.
    assert parse_vocabulary(description.vocabulary["path"]) == vocabulary
    description.check_same_model(describe(spec), model_dir=str(moved))


LM = dataclasses.replace(MODEL, architecture="decoder_only", num_encoder_layers=0)


@pytest.mark.parametrize("name", ["encoder_decoder", "decoder_only", "prefix_lm"])
def test_the_feature_converter_is_kept(name, tmp_path):
    description = dataclasses.replace(
        describe({"kind": "bytes", "extra_ids": 0}),
        model=MODEL if name == "encoder_decoder" else LM,
        converter=converter(name, prompt_prefix=(1, 5), prompt_suffix=(7,), targets_suffix=()),
    )
    description.save(tmp_path)
    assert ModelDescription.load(tmp_path) == description


def test_folders_of_before_there_were_suffixes(tmp_path):
    describe({"kind": "bytes", "extra_ids": 0}).save(tmp_path)
    (tmp_path / HASHES_FILE).unlink()
    path = tmp_path / DESCRIPTION_FILE
    record = json.loads(path.read_text())
    for name in ("eos_id", "prompt_suffix", "targets_suffix", "pack"):
        del record[name]
    record["prompt_prefix"] = [3]

    def load(name):
        config = MODEL if name == "encoder_decoder" else LM
        write_json(path, record | {"converter": name, "model": config.to_dict()})
        found = ModelDescription.load(tmp_path).converter
        return found, (found.prompt_prefix, found.prompt_suffix, found.targets_suffix)

    # Language models that t5lite trained had the end token behind their inputs, too.
    assert load("decoder_only")[1] == ((3,), (1,), (1,))
    assert load("prefix_lm")[0].prefix_lm
    (tmp_path / CONVERSION_FILE).touch()
    assert load("decoder_only")[1] == ((3,), (), (1,))
    # Older still: language models began with 0.
    del record["prompt_prefix"]
    assert load("decoder_only")[1] == ((0,), (), (1,))
    assert load("encoder_decoder")[1] == ((), (1,), (1,))


def test_another_architecture_and_ids_that_are_not_there():
    mine = describe({"kind": "bytes", "extra_ids": 0})
    with pytest.raises(ValueError, match=r"'encoder_decoder'.*architecture is 'decoder_only'"):
        dataclasses.replace(mine, model=LM)
    with pytest.raises(ValueError, match="prompt_prefix holds the id 264, which the vocabulary"):
        dataclasses.replace(mine, model=LM, converter=converter("prefix_lm", prompt_prefix=(264,)))


def test_other_prompts_are_another_model():
    mine = describe({"kind": "bytes", "extra_ids": 0})
    other = dataclasses.replace(
        mine, converter=dataclasses.replace(mine.converter, prompt_suffix=())
    )
    with pytest.raises(ValueError, match=r"prompt_suffix: \[1\] in the folder, \[\] in this run"):
        mine.check_same_model(other, model_dir="x")


def test_damaged_and_foreign_descriptions(tmp_path):
    describe({"kind": "bytes", "extra_ids": 0}).save(tmp_path)
    (tmp_path / HASHES_FILE).unlink()
    path = tmp_path / DESCRIPTION_FILE
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        ModelDescription.load(tmp_path)
    path.write_text(text.replace('"format": 1', '"format": 9'))
    with pytest.raises(ValueError, match="has format 9; this t5lite reads 1"):
        ModelDescription.load(tmp_path)


def test_a_file_that_says_another_model_than_was_saved_is_refused(tmp_path, monkeypatch):
    description = dataclasses.replace(
        describe({"kind": "bytes", "extra_ids": 0}), chat_template="{{ messages }}"
    )
    description.save(tmp_path)
    for name, old, new in ((DESCRIPTION_FILE, "64", "65"), (CHAT_TEMPLATE_FILE, "{{", "{ ")):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=rf"{name} is not what was written .*from a copy; if"):
            ModelDescription.load(tmp_path)
        (tmp_path / name).write_text(text)
    (tmp_path / DESCRIPTION_FILE).write_text(
        (tmp_path / DESCRIPTION_FILE).read_text().replace("0.1", "0.2", 1)
    )
    (tmp_path / CONVERSION_FILE).write_text("{}")
    with pytest.raises(ValueError, match=r"or convert it again; if .* delete .*hashes\.json"):
        ModelDescription.load(tmp_path)
    (tmp_path / HASHES_FILE).unlink()
    assert ModelDescription.load(tmp_path).model.dropout_rate == 0.2


def test_another_model_and_another_vocabulary_are_reported(tmp_path):
    mine = describe({"kind": "bytes", "extra_ids": 0})
    other = dataclasses.replace(
        mine,
        model=dataclasses.replace(MODEL, d_ff=128, dropout_rate=0.5),
        vocabulary={"kind": "bytes", "extra_ids": 100},
    )
    with pytest.raises(ValueError, match=r"(?s)d_ff: 64 in the folder, 128.*extra_ids': 100") as e:
        mine.check_same_model(other, model_dir="x")
    assert "dropout_rate" not in str(e.value)


def test_lock_is_for_one(tmp_path):
    held = lock(tmp_path)
    with pytest.raises(ValueError, match="another run"):
        lock(tmp_path)
    held.release()
    lock(tmp_path).release()
