"""BERTScore beside its definition, of tiny random models, and what is said of bad folders."""

import json
import sys

import numpy as np
import pytest

from t5lite.synthetic_data.prompt2model.bert_scorer import BertScorer

pytestmark = pytest.mark.peers

WORDS = ["the", "cat", "sat", "on", "a", "mat", "dog", "ran", "日", "本"]
ANSWERS = ["the cat sat", "a dog ran on the mat", "日 本", "", "cat", "mat mat"]
REFERENCES = [
    ["the cat sat on the mat"],
    ["a dog ran"],
    ["日 本 cat"],
    ["x"],
    ["dog", "cat"],
    [" "],
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A BERT and an XLM-RoBERTa of random weights, in folders whose names hold `t5`."""
    transformers = pytest.importorskip("transformers", reason="the extra scorers is not installed")
    pytest.importorskip("bert_score")
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing

    found = {}
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    for name, kind in (("bert", "Bert"), ("xlm", "XLMRoberta")):
        torch.manual_seed(0)
        specials = ["<s>", "<pad>", "</s>", "<unk>"]
        vocabulary = {word: id for id, word in enumerate([*specials, *WORDS])}
        tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
        tokenizer.pre_tokenizer = WhitespaceSplit()
        tokenizer.post_processor = TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
        config = getattr(transformers, f"{kind}Config")(
            vocab_size=len(vocabulary),
            num_hidden_layers=3,
            max_position_embeddings=24,
            pad_token_id=1,
            **sizes,
        )
        folder = tmp_path_factory.mktemp("t5lite") / f"t5-{name}"
        getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            cls_token="<s>",
            sep_token="</s>",
            pad_token="<pad>",
            unk_token="<unk>",
        ).save_pretrained(folder)
        found[name] = folder
    return found


def by_definition(folder, answer, reference, *, num_layers):
    """F1 of greedily matched cosine similarities, one pair at a time, without padding.

    As the authors' code has it, a token may be matched with the one that begins or ends the other
    text, while these themselves do not count.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    def unit(text):
        ids = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            layers = model.eval()(**ids, output_hidden_states=True).hidden_states
        states = layers[num_layers][0].numpy()
        return states / np.linalg.norm(states, axis=-1, keepdims=True)

    similarity = unit(answer) @ unit(reference).T
    precision, recall = similarity.max(1)[1:-1].mean(), similarity.max(0)[1:-1].mean()
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("name", ["bert", "xlm"])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_f1_is_that_of_greedy_matching(folders, name, num_layers):
    folder = folders[name]
    found = BertScorer(model=str(folder), num_layers=num_layers).f1(REFERENCES, ANSWERS)
    expected = [
        max(
            by_definition(folder, answer, reference, num_layers=num_layers)
            if answer.strip() and reference.strip()
            else 0.0
            for reference in references
        )
        for answer, references in zip(ANSWERS, REFERENCES, strict=True)
    ]
    # float32, in batches with padding and without; the values differ by far more.
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert len({round(value, 4) for value in found}) > 3
    assert found[4] == pytest.approx(1, abs=1e-6), "one of the references"


def test_no_text_at_all_and_a_text_that_is_too_long(folders):
    scorer = BertScorer(model=str(folders["xlm"]), num_layers=2)
    assert scorer.f1([["a"], [""]], ["", "a"]) == [0, 0]
    long = " ".join(WORDS * 9)
    assert scorer.f1([[long], ["cat \ud800"]], [long, "cat"])[0] == pytest.approx(1, abs=1e-5)


def test_the_layer_is_that_of_a_model_of_this_name(folders):
    folder = folders["xlm"]
    scorer = BertScorer(model=str(folder))
    with pytest.raises(ValueError, match=r"knows of no model 't5-xlm'.*give --bertscore_layers"):
        scorer.check()
    named = folder.parent / "xlm-roberta-base"
    named.symlink_to(folder)
    scorer = BertScorer(model=str(named))
    scorer.check()
    with pytest.raises(ValueError, match=r"has 3 layers; give --bertscore_layers of at most 3"):
        scorer.f1([["a"]], ["a"])  # 9, of 12, is what the library has for the name


def test_what_cannot_be_loaded_is_named(folders, tmp_path, monkeypatch):
    missing = BertScorer(model=str(tmp_path / "none"), num_layers=1)
    with pytest.raises(ValueError, match=r"--bertscore_model .*none: is no folder with a config"):
        missing.check()
    with pytest.raises(ValueError, match="is no folder with a config"):
        BertScorer(model="xlm-roberta-base").check()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    broken = BertScorer(model=str(tmp_path), num_layers=1)
    with pytest.raises(ValueError, match="there are no weights in it"):
        broken.check()
    (tmp_path / "model.safetensors").write_text("none")
    broken.check()
    with pytest.raises(ValueError, match=r"--bertscore_model .*: cannot be loaded: "):
        broken.f1([["a"]], ["a"])
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"config.json holds a list"):
        broken.check()
    with pytest.raises(ValueError, match="num_layers"):
        BertScorer(model=str(tmp_path), num_layers=0)
    for name in ("bert_score", "bert_score.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"the extra `scorers` \(pip install t5lite\[scorers\]\)"):
        BertScorer(model=str(folders["bert"]), num_layers=1).check()
