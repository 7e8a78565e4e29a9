"""A model that learned conversations answers them as it learned, here and after export."""

import io
import json

import pytest

from t5lite.checkpoints.checkpointer import CheckpointConfig
from t5lite.checkpoints.load import load_model_dir
from t5lite.convert.convert import convert
from t5lite.data.data_config import DataConfig
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.decoding.config import DecodingConfig
from t5lite.files.json_files import write_lines
from t5lite.generate import generate
from t5lite.infer import infer
from t5lite.inference.prompts import chat_prompt
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary
from t5lite.train import train
from t5lite.training.optimizers import adafactor
from tests.data.tokenizer_folders import chat_folder, write_json

TALK = ["hello", "hi there", "what is two and two?", "four", "and one?", "five\nof them"]
OTHER = ["who are you?", "a cat"]
MODULE = """
from tasks.chat import add_chat_task

add_chat_task("run_chat", files={"train": "talk.jsonl"}, chat_template="chatml")
"""


def messages(talk):
    roles = ("user", "assistant") * len(talk)
    return [{"role": r, "content": t} for r, t in zip(roles, talk, strict=False)]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """A tiny decoder-only model that knows two conversations by heart.

    Its tokenizer ends texts with another token than `chatml` ends turns.
    """
    root = tmp_path_factory.mktemp("chat")
    (root / "tokenizer").mkdir()
    chat_folder(root / "tokenizer", eos_token="<|endoftext|>", chat_template=None)
    write_json(root / "tokenizer" / "generation_config.json", {"eos_token_id": 0})
    write_lines(root / "talk.jsonl", ({"messages": messages(talk)} for talk in (TALK, OTHER)))
    (root / "run_chat_tasks.py").write_text(MODULE)
    vocabulary = parse_vocabulary(str(root / "tokenizer"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("T5LITE_DATA_DIR", str(root))
        patch.setenv("T5LITE_VOCABULARY", "bytes")
        patch.syspath_prepend(str(root))
        train(
            model=TransformerConfig(
                architecture="decoder_only",
                vocab_size=vocabulary.vocab_size,
                d_model=64,
                d_ff=128,
                d_kv=16,
                num_heads=4,
                num_encoder_layers=0,
                num_decoder_layers=2,
                mlp_activations=("silu", "linear"),
                positions=Rotary(),
                scale_attention=True,
                dropout_rate=0.0,
            ),
            model_dir=str(root / "model"),
            train_data=DataConfig(
                mixture_or_task_name="run_chat",
                task_feature_lengths={"inputs": 100, "targets": 100},
                batch_size=2,
                task_modules=("run_chat_tasks",),
                data_dir=str(root),
                cache_dir=str(root / "cache"),
                vocabulary=str(root / "tokenizer"),
                converter="decoder_only",
                num_build_workers=1,
            ),
            optimizer=adafactor(learning_rate=0.02),
            train_steps=60,
            checkpoint=CheckpointConfig(period=60),
        )
    return root / "model"


def test_it_answers_as_it_learned_and_stops(model_dir):
    out = io.StringIO()
    generate(model_dir=str(model_dir), chat=True, prompts=TALK[::2], stdout=out)
    assert out.getvalue() == "hi there\nfour\nfive\nof them\n"


def test_infer_asks_the_same(model_dir, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    asked = [messages(TALK)[:3], messages(OTHER)[:1]]
    lines = [{"messages": asked[0]}, {"conversations": asked[1]}]
    write_lines(source, lines)
    decoding = DecodingConfig(max_decode_length=30)
    infer(model_dir=str(model_dir), input=str(source), output=str(output), decoding=decoding)
    found = [json.loads(line)["prediction"] for line in output.read_text().splitlines()]
    assert found == ["four", "a cat"]


@pytest.mark.peers
def test_transformers_asks_the_same_of_the_exported_folder(model_dir, tmp_path):
    transformers = pytest.importorskip("transformers")
    convert(str(model_dir), str(tmp_path / "hf"), to="hf", verified=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    model = load_model_dir(model_dir)
    for end in (1, 3, 5):
        said = messages(TALK)[:end]
        ids = tokenizer.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
        assert ids == chat_prompt(said, model).tokens.tolist()
    generation = json.loads((tmp_path / "hf" / "generation_config.json").read_text())
    ends = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_end|>"])
    assert sorted(generation["eos_token_id"]) == sorted(ends)
    masked = tokenizer.apply_chat_template(
        messages(TALK), return_assistant_tokens_mask=True, return_dict=True
    )
    learned = [
        token
        for token, is_learned in zip(masked["input_ids"], masked["assistant_masks"], strict=True)
        if is_learned
    ]
    text = tokenizer.decode(learned)
    assert text == "hi there<|im_end|>four<|im_end|>five\nof them<|im_end|>"
