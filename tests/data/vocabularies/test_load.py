import pickle
import random

import pytest

from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.id_vocabularies import PassThroughVocabulary
from t5lite.data.vocabularies.load import (
    check_spec,
    format_vocabulary,
    parse_vocabulary,
    same_vocabulary,
    vocabulary_from_spec,
)
from t5lite.data.vocabularies.sentencepiece_vocabulary import (
    SentencePieceVocabulary,
    _serialised_sentinel,
)
from tests.conftest import shared_path

SPECIAL = ["", " ", "\n", "  two  spaces ", "<extra_id_0> a <extra_id_99>.", "naïve 東京 🙂 \u200b"]


def random_texts(count=200):
    rng = random.Random(0)
    ranges = [(0x20, 0x7F), (0xA0, 0x17F), (0x4E00, 0x4F00), (0x1F600, 0x1F640), (0x09, 0x0E)]
    return SPECIAL + [
        "".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(40)))
        for _ in range(count)
    ]


def assert_same_as_seqio(ours, theirs):
    assert ours.vocab_size == theirs.vocab_size
    assert (ours.pad_id, ours.eos_id, ours.unk_id) == (theirs.pad_id, theirs.eos_id, theirs.unk_id)
    rng = random.Random(1)
    for text in random_texts():
        ids = list(theirs.encode(text))
        assert ours.encode(text) == ids
        assert ours.decode(ids) == theirs.decode(ids)
        noise = [rng.randrange(ours.vocab_size + 5) for _ in range(20)]
        assert ours.decode(noise) == theirs.decode(noise)
        assert ours.decode([*ids, 1, *noise]) == theirs.decode([*ids, 1, *noise])


@pytest.mark.parametrize("extra_ids", [0, 100])
def test_bytes_are_those_of_seqio(extra_ids):
    seqio = pytest.importorskip("seqio")
    assert_same_as_seqio(ByteVocabulary(extra_ids), seqio.ByteVocabulary(extra_ids))


@pytest.mark.parametrize("extra_ids", [0, 100])
def test_sentencepiece_is_that_of_seqio(extra_ids):
    seqio = pytest.importorskip("seqio")
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    ours = SentencePieceVocabulary(path, extra_ids)
    assert_same_as_seqio(ours, seqio.SentencePieceVocabulary(path, extra_ids))


def test_sentinels_count_down_to_the_last_id():
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    vocabulary = SentencePieceVocabulary(path)
    assert vocabulary.vocab_size == 32100
    assert vocabulary.encode("<extra_id_0>") == [32099]
    assert vocabulary.encode("<extra_id_99>") == [32000]


def test_a_model_of_llamas_kind():
    path = str(shared_path("weights", "stories260k", "tok512.model"))
    vocabulary = parse_vocabulary(f"{path}:0")
    assert (vocabulary.bos_id, vocabulary.eos_ids, vocabulary.unk_id) == (1, (2,), 0)
    assert vocabulary.prefix_ids == (1,)
    # Unknown characters are spelled in bytes; only the space put before the text is taken back.
    for text in ("Once upon a time", " two  spaces ", "naïve 東京 🙂\n", ""):
        ids = vocabulary.encode(text)
        assert 1 not in ids
        assert vocabulary.decode(ids) == vocabulary.decode([1, *ids, 2, 300]) == text
    assert vocabulary.encode("東")[1:] == [3 + 0xE6, 3 + 0x9D, 3 + 0xB1]


def test_what_only_some_vocabularies_have():
    t5 = parse_vocabulary(str(shared_path("data", "vocab", "t5_spiece.model")))
    for vocabulary in (ByteVocabulary(), t5):
        assert vocabulary.eos_ids == (1,)
        assert (vocabulary.bos_id, vocabulary.prefix_ids) == (None, ())
        assert vocabulary.chat_template is None


def test_bytes_by_hand():
    assert ByteVocabulary().encode("aé") == [100, 198, 172]
    assert ByteVocabulary().decode([100, 1, 101]) == "a"


def test_specs_rebuild_equal_vocabularies(tmp_path):
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    held = with_sentinels(tmp_path)
    for vocabulary in (
        ByteVocabulary(7),
        SentencePieceVocabulary(path, 10),
        SentencePieceVocabulary(path, 0),
        SentencePieceVocabulary(held, 0),
        PassThroughVocabulary(500, 1),
    ):
        rebuilt = vocabulary_from_spec(vocabulary.spec())
        assert rebuilt == vocabulary == pickle.loads(pickle.dumps(vocabulary))
        assert hash(rebuilt) == hash(vocabulary)
        assert rebuilt.encode("3 4") == vocabulary.encode("3 4")
        text = format_vocabulary(vocabulary)
        assert (text and parse_vocabulary(text)) == (text and vocabulary)
    assert ByteVocabulary(7) != ByteVocabulary(8)


def test_another_model_file_is_refused(tmp_path):
    spec = SentencePieceVocabulary(str(shared_path("data", "vocab", "t5_spiece.model"))).spec()
    with pytest.raises(ValueError, match="not the one this was made with"):
        vocabulary_from_spec({**spec, "sha256": "0" * 64})
    with pytest.raises(ValueError, match=r"gone\.model.*--vocabulary"):
        vocabulary_from_spec({**spec, "path": str(tmp_path / "gone.model")})
    with pytest.raises(ValueError, match="'words'"):
        vocabulary_from_spec({"kind": "words"})


def test_parsing():
    assert parse_vocabulary("bytes") == ByteVocabulary(0)
    assert parse_vocabulary("bytes:100") == ByteVocabulary(100)
    path = str(shared_path("data", "vocab", "t5_spiece.model"))
    assert parse_vocabulary(path).spec()["extra_ids"] == 100
    assert parse_vocabulary(f"{path}:3").spec()["extra_ids"] == 3
    assert parse_vocabulary(f"{path}:0").vocab_size == 32000


def with_sentinels(folder):
    """T5's model with its 100 sentinels in the file, as `cc_all.32000.100extra` has them."""
    plain = shared_path("data", "vocab", "t5_spiece.model").read_bytes()
    path = folder / "100extra.model"
    path.write_bytes(plain + b"".join(map(_serialised_sentinel, reversed(range(100)))))
    return str(path)


def test_a_file_may_hold_its_sentinels(tmp_path):
    seqio = pytest.importorskip("seqio")
    path = with_sentinels(tmp_path)
    held = parse_vocabulary(path)
    assert held.spec()["extra_ids"] == 0
    assert_same_as_seqio(held, seqio.SentencePieceVocabulary(path))
    with pytest.raises(ValueError, match=r"holds its sentinels itself.*Give .*100extra\.model:0"):
        parse_vocabulary(f"{path}:100")
    added = parse_vocabulary(str(shared_path("data", "vocab", "t5_spiece.model")))
    assert held.num_sentinels == added.num_sentinels == 100
    assert same_vocabulary(held.spec(), added.spec())
    fewer = SentencePieceVocabulary(added.path, 99)
    assert fewer.num_sentinels == 99
    assert not same_vocabulary(held.spec(), fewer.spec())
    assert not same_vocabulary(held.spec(), {**added.spec(), "path": "gone.model"})


@pytest.mark.parametrize("text", ["byte", "bytes:many", "words:3", ""])
def test_unknown_names_say_what_is_known(text):
    with pytest.raises(ValueError, match=r"--vocabulary.*VOCABULARY.*T5LITE_VOCABULARY"):
        parse_vocabulary(text)


@pytest.mark.parametrize("name", ["bytes", "words.model"])
@pytest.mark.parametrize("count", ["100001", "999999999999", "9" * 5000])
def test_too_many_extra_ids_are_refused_before_they_are_made(name, count):
    with pytest.raises(ValueError, match=rf"'{name}:\d+'? has \d+ extra ids.*from 0 to 100000"):
        parse_vocabulary(f"{name}:{count}")


@pytest.mark.parametrize(
    ("field", "value"),
    [("extra_ids", 10**15), ("extra_ids", -7), ("size", 0), ("size", 10**12), ("eos_id", -2)],
)
def test_numbers_of_a_record_have_ranges(field, value):
    with pytest.raises(ValueError, match=rf"vocabulary\.{field} must be an integer .*got {value}"):
        check_spec({"kind": "pass_through", "size": 5, "eos_id": -1, field: value})


def test_extra_ids_given_in_python_have_a_range():
    for make in (ByteVocabulary, lambda count: SentencePieceVocabulary("absent.model", count)):
        for count in (-1, 10**12):
            with pytest.raises(ValueError, match=f"extra_ids must be .*got {count}"):
                make(count)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "x.model").write_text("not a model")
    with pytest.raises(ValueError, match="not a SentencePiece model"):
        parse_vocabulary(str(tmp_path / "x.model"))
