"""The loss of a converted model on a Task beside transformers', on the ids of its own tokenizer."""

import numpy as np
import pytest

from t5lite.convert.convert import convert
from t5lite.data.tasks import seqio_adapter
from t5lite.evaluate import evaluate
from t5lite.inference.eval_config import EvalConfig
from tests.data.tokenizer_folders import chat_folder, write_json

seqio = pytest.importorskip("seqio")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers

PAIRS = [("what is the cat", "a cat"), ("count: 1 2 3", "4 5"), ("x", "y z w"), ("user", "system")]
LENGTHS = {"inputs": 40, "targets": 12}


def llama(folder):
    chat_folder(folder)
    config = transformers.LlamaConfig(
        vocab_size=320,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        rope_theta=500.0,
    )
    return transformers.LlamaForCausalLM(config)


def t5(folder):
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 5, "eos_token": "</s>"},
    )
    config = transformers.T5Config(
        vocab_size=264,
        d_model=24,
        d_ff=40,
        d_kv=8,
        num_heads=3,
        num_layers=2,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=0,
    )
    return transformers.T5ForConditionalGeneration(config)


def their_loss(model, tokenizer):
    """Nats a token of the answers and their end tokens, asked as their tokenizer writes."""
    total, count = 0.0, 0
    for text, answer in PAIRS:
        prompt = tokenizer(text).input_ids
        ids = tokenizer(answer, add_special_tokens=False).input_ids
        target = [*ids, tokenizer.eos_token_id]
        if model.config.is_encoder_decoder:
            inputs = {"input_ids": prompt, "decoder_input_ids": [0, *target[:-1]]}
        else:
            inputs = {"input_ids": [*prompt, *target[:-1]]}
        with torch.inference_mode():
            logits = model(**{n: torch.tensor([v]) for n, v in inputs.items()}).logits[0]
        log_probs = torch.log_softmax(logits[-len(target) :].double(), dim=-1)
        total -= float(log_probs[range(len(target)), target].sum())
        count += len(target)
    return total / count


@pytest.mark.parametrize("make", [llama, t5])
def test_it_is_transformers_loss(make, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    torch.manual_seed(0)
    model = make(folder).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # far from uniform, so that another prompt is another loss
    model.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = str(tmp_path / "ours")
    convert(str(folder), ours, verified=False)

    def examples(split, shuffle_files, seed=None):
        import tensorflow as tf

        inputs, targets = map(list, zip(*PAIRS, strict=True))
        return tf.data.Dataset.from_tensor_slices({"inputs": inputs, "targets": targets})

    task = f"evaluation_loss_{make.__name__}"
    vocabulary = seqio_adapter.to_seqio(_vocabulary(ours))
    seqio.TaskRegistry.add(
        task,
        source=seqio.FunctionDataSource(examples, splits=["validation"]),
        preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
        output_features={name: seqio.Feature(vocabulary) for name in ("inputs", "targets")},
    )
    config = EvalConfig(name="e", mixture_or_task_name=task, task_feature_lengths=LENGTHS)
    result = evaluate(model_dir=ours, evals=[config], output_dir=str(tmp_path / "eval"))["e"]
    # Float32 on both sides, sums of a few dozen terms.
    np.testing.assert_allclose(
        result.metrics[f"e/{task}/loss"], their_loss(model, tokenizer), rtol=1e-5
    )


def _vocabulary(folder):
    from t5lite.checkpoints.load import load_model_dir

    return load_model_dir(folder).vocabulary
