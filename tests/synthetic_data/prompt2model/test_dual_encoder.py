"""Dual encoders of folders, beside transformers: tiny random BERTs, with each way of pooling."""

import json

import numpy as np
import pytest

from t5lite.synthetic_data.prompt2model import dual_encoder
from t5lite.synthetic_data.prompt2model.dual_encoder import DualEncoder
from tests.synthetic_data.lines import write_lines

TEXTS = ["a cat sat on the mat", "the dog", "a mat"]
QUERY = "a dog on a mat"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is not there"),
        ({"file": ""}, "is a file"),
        ({"folder/a.txt": ""}, "neither modules.json.* nor config.json"),
        ({"folder/modules.json": "[]", "folder/0/pytorch_model.bin": ""}, "0/pytorch_model.bin"),
        ({"folder/config.json": "{"}, "malformed JSON"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, files, message, monkeypatch):
    monkeypatch.setattr(dual_encoder, "check_installed", lambda *_, **__: None)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    name = "file" if "file" in files else "folder"
    with pytest.raises(ValueError, match=message):
        DualEncoder(str(tmp_path / name))


def test_an_address_is_no_folder(monkeypatch):
    monkeypatch.setattr(dual_encoder, "check_installed", lambda *_, **__: None)
    with pytest.raises(ValueError, match="--dual_encoder"):
        DualEncoder("https://nowhere.test/model")


def test_without_the_extra_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"sentence_transformers.*pip install 't5lite\[scorers\]'"):
        DualEncoder(str(tmp_path))


# --------------------------------------------------------------------- beside the libraries


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A folder of transformers: a BERT of random numbers."""
    pytest.importorskip("sentence_transformers")
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += ["a", "cat", "sat", "on", "the", "mat", "dog"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        initializer_range=0.5,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def token_vectors(folder, text):
    """What transformers gives: `[tokens, D]`, [CLS] first."""
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        return model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


POOLED = {"mean": lambda tokens: tokens.mean(0), "cls": lambda tokens: tokens[0]}


@pytest.mark.peers
@pytest.mark.parametrize(
    ("pooling", "similarity"), [(None, None), ("cls", "cosine"), ("cls", "dot"), ("mean", "dot")]
)
def test_scores_are_those_of_transformers(bert, tmp_path, pooling, similarity):
    folder = bert
    if pooling is not None:
        from sentence_transformers import SentenceTransformer, models

        transformer = models.Transformer(str(bert))
        pool = models.Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling)
        folder = tmp_path / "model"
        SentenceTransformer(
            modules=[transformer, pool], similarity_fn_name=similarity, device="cpu"
        ).save(str(folder))
    pooled = POOLED[pooling or "mean"]
    compare = np.dot if similarity == "dot" else cosine
    query = pooled(token_vectors(bert, QUERY))
    wanted = [compare(query, pooled(token_vectors(bert, text))) for text in TEXTS]
    # Batches are padded, which sums in another order: a few units in the last place of float32.
    np.testing.assert_allclose(DualEncoder(str(folder)).scores(QUERY, TEXTS), wanted, rtol=1e-4)


@pytest.mark.peers
def test_vectors_of_texts_are_kept_by_what_is_in_model_and_text(bert, tmp_path, monkeypatch):
    encoder = DualEncoder(str(bert), cache_dir=tmp_path)
    wanted = encoder.scores(QUERY, TEXTS)
    (file,) = tmp_path.iterdir()
    encoded = []
    encode = encoder._model.encode_document

    def noting(texts, **more):
        encoded.extend(texts)
        return encode(texts, **more)

    monkeypatch.setattr(encoder._model, "encode_document", noting)
    np.testing.assert_array_equal(encoder.scores(QUERY, TEXTS[::-1]), wanted[::-1])
    encoder.scores(QUERY, [*TEXTS, "the mat", "the mat"])
    assert encoded == ["the mat"]
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(encoder.scores(QUERY, TEXTS), wanted)
    assert encoded[1:] == TEXTS
    # Another model under the same name has vectors of its own.
    other = tmp_path / "other" / bert.name
    other.mkdir(parents=True)
    for path in bert.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    settings = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**settings, "layer_norm_eps": 0.1}))
    assert not np.allclose(DualEncoder(str(other), cache_dir=tmp_path).scores(QUERY, TEXTS), wanted)
    assert len(list(tmp_path.glob("*.npz"))) == 2


@pytest.mark.peers
def test_a_search_with_a_dual_encoder_ranks_all(bert, tmp_path):
    from t5lite.synthetic_data.prompt2model.dataset_retriever import retrieve_datasets
    from t5lite.synthetic_data.prompt2model.found_datasets import DatasetRetrieval
    from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec

    for place, text in enumerate(TEXTS):
        rows = [{"input": f"{place} {i}", "output": "x"} for i in range(3)]
        write_lines(tmp_path / f"{place}.jsonl", rows)
        (tmp_path / f"{place}.md").write_text(text)
    found = retrieve_datasets(
        PromptSpec(instruction=QUERY),
        settings=DatasetRetrieval(dataset_folders=(str(tmp_path),), dual_encoder=str(bert)),
    )
    texts = [one.description.text for one in found]
    scores = DualEncoder(str(bert)).scores(QUERY, texts)
    assert len(found) == len(TEXTS) and (np.diff(scores) <= 0).all()
    np.testing.assert_allclose([one.score for one in found], scores, rtol=1e-5)


@pytest.mark.peers
def test_a_folder_that_cannot_be_loaded_is_told(tmp_path):
    pytest.importorskip("sentence_transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="sentence-transformers cannot load it"):
        DualEncoder(str(tmp_path))
