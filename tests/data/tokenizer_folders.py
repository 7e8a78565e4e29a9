"""Chat templates, conversations and small tokenizers for tests."""

import json

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA_2 = """{% if messages[0]['role'] == 'system' %}
{% set loop_messages = messages[1:] %}
{% set system_message = messages[0]['content'] %}
{% else %}
{% set loop_messages = messages %}
{% set system_message = false %}
{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/...') }}
    {% endif %}
    {% if loop.index0 == 0 and system_message != false %}
        {% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {% else %}
        {% set content = message['content'] %}
    {% endif %}
    {% if message['role'] == 'user' %}
{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
{% generation %}{{ ' '  + content | trim + ' ' + eos_token }}{% endgeneration %}
    {% endif %}
{% endfor %}
"""
# A namespace, a macro, loop controls, `tojson`, undefined and missing names, the time.
EVERYTHING = """{%- macro show(message, i=0) -%}
{{ i }}:{{ message.role | upper }} {{ message.content | default('nothing') | tojson }}
{%- endmacro %}
{%- set ns = namespace(count=0, last='') %}
{%- for message in messages %}
{%- if message.role == 'skipped' %}{% continue %}{% endif %}
{%- set ns.count = ns.count + 1 %}
{%- set ns.last = ns.last ~ message.role[0] ~ ns.count %}
{{ show(message, i=loop.index0) }}
{%- if ns.count * 2 >= 2 ** 3 %}{% break %}{% endif %}
{%- endfor %}
{{ ns.last }} {{ unk_token }} {{ absent }} {{ strftime_now('%Y') | length }}
{%- if tools is not none %}{{ tools | tojson(indent=2) }}{% endif %}
{%- if documents is none %} no documents{% endif %}
{{- bos_token if add_generation_prompt else eos_token }}"""
TEMPLATES = {"chatml": CHATML, "llama_2": LLAMA_2, "everything": EVERYTHING}
CONVERSATIONS = [
    [{"role": "user", "content": "What is 2 + 2?"}],
    [
        {"role": "system", "content": 'Be <brief> & "kind".'},
        {"role": "user", "content": "  Hé \n"},
        {"role": "assistant", "content": "Ja?", "tool_calls": None},
        {"role": "user", "content": "<|im_end|> </s> <|endoftext|>"},
    ],
]
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write_json(path, record):
    path.write_text(json.dumps(record))


def byte_level(texts, *, vocab_size=400):
    """A small byte-level BPE tokenizer, trained on texts; its first ids are `SPECIAL`'s."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def chat_folder(folder, *, template=CHATML, vocab_size=400, **config):
    """A folder with a small tokenizer that ends its turns with `<|im_end|>`."""
    texts = ["the cat sat on the mat", "what is the sum of two and two", "user assistant system"]
    byte_level(texts, vocab_size=vocab_size).save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|im_start|>",
            "eos_token": "<|im_end|>",
            "pad_token": "<|im_end|>",
            "unk_token": "<|endoftext|>",
            "model_input_names": ["input_ids", "attention_mask"],
            "chat_template": template,
            **config,
        },
    )
    write_json(folder / "generation_config.json", {"eos_token_id": [2, 0]})
    return folder
