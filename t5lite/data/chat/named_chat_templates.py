"""Chat templates to begin with, where a vocabulary brings none of its own."""

from __future__ import annotations

from collections.abc import Mapping

from t5lite.data.sources import local_files
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.files.local_paths import storage_path
from t5lite.messages.suggest import did_you_mean

# `{% generation %}` marks what is learned, for trainers that go by it.
_CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' }}"
    "{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message.content + '<|im_end|>' }}{% endif %}"
    "{{ '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_PLAIN = (
    "{% for message in messages %}"
    "{{ message.role | capitalize + ':\n' }}"
    "{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content + eos_token }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}"
    "{{ '\n\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}"
)
_INSTRUCTION = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}"
    "{{ '### Response:\n' }}"
    "{% generation %}{{ message.content + eos_token }}{% endgeneration %}"
    "{% elif message.role == 'user' %}{{ '### Instruction:\n' + message.content }}"
    "{% else %}{{ message.content }}{% endif %}"
    "{{ '\n\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)
NAMED_TEMPLATES: Mapping[str, str] = {
    "chatml": _CHATML,
    "plain": _PLAIN,
    "instruction": _INSTRUCTION,
}


def choose_template(choice: str | None, vocabulary: Vocabulary) -> ChatTemplate:
    """The template that a Task's conversations are written with.

    Args:
      choice: one of `NAMED_TEMPLATES`, a path that ends in `.jinja`, or None for the vocabulary's.
      vocabulary: what the text is tokenised with.

    Raises:
      ValueError: there is no such template, or the vocabulary lacks the tokens it ends turns with.
    """
    names = ", ".join(NAMED_TEMPLATES)
    if choice is None:
        if vocabulary.chat_template is None:
            raise ValueError(
                "the vocabulary brings no chat template; name one with chat_template=...: "
                f"{names}, or the path of a .jinja file"
            )
        return vocabulary.chat_template
    if choice.endswith(".jinja"):
        source = local_files.read_text(
            storage_path(choice, name="chat_template"), wanted_by="chat_template"
        )
    elif choice in NAMED_TEMPLATES:
        # A model that has a start token before every text has it before a conversation.
        has_start = vocabulary.bos_id is not None and vocabulary.prefix_ids == (vocabulary.bos_id,)
        source = ("{{ bos_token }}" if has_start else "") + NAMED_TEMPLATES[choice]
    else:
        raise ValueError(
            f"chat_template is {choice!r}; it must be one of {names}, or the path of a .jinja "
            f"file.{did_you_mean(choice, NAMED_TEMPLATES)}"
        )
    if choice == "chatml" and len(vocabulary.encode_special("<|im_end|>")) != 1:
        raise ValueError(
            "chat_template='chatml' ends a turn with <|im_end|>, and the vocabulary has no such "
            "token; take 'plain', which ends it with the vocabulary's own end of sequence"
        )
    files = {"default": choice} if choice.endswith(".jinja") else {}
    return ChatTemplate({"default": source}, vocabulary.special_tokens, files)
