"""Perplexity in sliding windows beside transformers' way, of a small random LLaMA."""

import pytest

from t5lite.convert.convert import convert
from t5lite.evaluate import evaluate
from t5lite.files.json_files import write_lines
from t5lite.inference.eval_config import EvalConfig
from tasks.long_context.perplexity import add_perplexity_tasks
from tests.data.tokenizer_folders import chat_folder

seqio = pytest.importorskip("seqio")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

WINDOWS, STRIDE, MOST = (8, 16), 4, 41
TEXTS = ["what is the cat? " * 9, "count: 1 2 3\n" * 2, "a"]


LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 500.0,
    "short_factor": [1.0, 1.2, 1.4],
    "long_factor": [1.5, 4.0, 8.0],
    "factor": 4.0,
    "original_max_position_embeddings": 10,
}


# Windows of 16 tokens are longer than longrope's original length, those of 8 are not.
@pytest.fixture(scope="module", params=[{"rope_theta": 500.0}, {"rope_parameters": LONGROPE}])
def llama(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    chat_folder(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=320,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **request.param,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # far from uniform
    model.save_pretrained(folder)
    return folder, model, transformers.AutoTokenizer.from_pretrained(folder)


def their_sums(model, tokenizer, window, texts):
    """Nats and tokens, by the loop of transformers' page on perplexity."""
    nats, number = 0.0, 0
    begins = tokenizer("").input_ids
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False).input_ids[:MOST]
        before = 1  # whose likelihood nothing says
        for start in range(0, len(ids), STRIDE):
            end = min(start + window, len(ids))
            inputs = torch.tensor([[*begins, *ids[start:end]]])
            labels = inputs.clone()
            labels[:, : len(begins) + before - start] = -100
            with torch.inference_mode():
                loss = model(inputs, labels=labels).loss
            scored = end - before
            if scored > 0:
                nats, number = nats + float(loss) * scored, number + scored
            before = end
            if end == len(ids):
                break
    return nats, number


def test_it_is_that_of_transformers_windows(llama, tmp_path, monkeypatch):
    folder, model, tokenizer = llama
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", str(folder / "tokenizer.json"))
    ours = str(tmp_path / "ours")
    convert(str(folder), ours, verified=False)
    write_lines(tmp_path / "x.jsonl", ({"text": text} for text in TEXTS))
    mixture = f"perplexity_{folder.name}"
    names = add_perplexity_tasks(
        mixture,
        files={"test": "x.jsonl"},
        windows=WINDOWS,
        stride=STRIDE,
        max_tokens=MOST,
    )
    config = EvalConfig(
        name="e",
        mixture_or_task_name=mixture,
        split="test",
        task_feature_lengths={"inputs": 16, "targets": 16},
        batch_size=4,
    )
    result = evaluate(model_dir=ours, evals=[config], output_dir=str(tmp_path / "eval"))["e"]
    for window, name in zip(WINDOWS, names, strict=True):
        nats, number = their_sums(model, tokenizer, window, TEXTS)
        assert number > 60  # of every document but its first token
        expected = torch.tensor(nats / number).exp()
        # Float32 on both sides.
        assert result.metrics[f"e/{name}/perplexity"] == pytest.approx(float(expected), rel=1e-4)
    assert f"e/{names[0]}/best_constant" not in result.metrics  # nothing was answered
    assert len({*(round(result.metrics[f"e/{n}/perplexity"], 3) for n in names)}) == 2
