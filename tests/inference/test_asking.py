"""What a model is asked for an example: as its Task gives it, with other exemplars, as a talk."""

import dataclasses
import functools

import numpy as np
import pytest

from t5lite.checkpoints.load import LoadedModel
from t5lite.data.chat.chat_format import ChatFormat
from t5lite.data.chat.named_chat_templates import NAMED_TEMPLATES
from t5lite.data.tasks.eval_tasks import EvalExample
from t5lite.data.tasks.seqio_adapter import import_tasks, load_eval_tasks
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.chat_template import ChatTemplate
from t5lite.decoding.config import DecodingConfig
from t5lite.inference.asking import Asker
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.prompts import chat_prompt
from t5lite.models.position_config import Learned
from tests import parts_tasks
from tests.decoding import tiny
from tests.feature_converters import converter

VOCABULARY = ByteVocabulary()
LENGTHS = {"inputs": 400, "targets": 16}
CONFIG = EvalConfig(name="e", mixture_or_task_name="parts_plus", task_feature_lengths=LENGTHS)
CHAT = ChatFormat(
    VOCABULARY, ChatTemplate({"default": NAMED_TEMPLATES["plain"]}, {"eos_token": "</s>"})
)
QUESTION = "Q: 3 + 1 ..\nA:"


@functools.cache
def task(name="parts_plus"):
    import_tasks(["tests.parts_tasks"], vocabulary="bytes")
    (found,) = load_eval_tasks(name, split="validation", task_feature_lengths=LENGTHS)
    return found


def ask(name="parts_plus", *, family="decoder_only", lengths=LENGTHS, model=None, **changes):
    config = dataclasses.replace(CONFIG, task_feature_lengths=lengths, **changes)
    rows = converter(family, task_feature_lengths=dict(lengths))
    asker = Asker(
        config,
        tiny.config(family, vocab_size=264, **(model or {})),
        converter=rows,
        vocabulary=VOCABULARY,
        chat=CHAT,
    )
    return asker.ask(task(name))


def decoded(asked):
    """The text among the tokens, the frame of the converter taken off."""
    return VOCABULARY.decode([token for token in asked.tokens if token > 1])


@pytest.mark.parametrize("family", tiny.CONVERTERS)
def test_a_task_is_asked_as_it_gives_its_prompts(family):
    rows = converter(family, task_feature_lengths=LENGTHS)
    for one, example in zip(ask(family=family), task().examples, strict=True):
        assert one.text == example.inputs_text == decoded(one)
        np.testing.assert_array_equal(one.tokens, example.prompt(rows))
        np.testing.assert_array_equal(one.target, example.answer(rows))
        assert (one.num_shots, one.num_dropped, one.skipped) == (3, 0, None)


@pytest.mark.parametrize("num_shots", [0, 1, 3])
def test_the_first_exemplars_are_shown(num_shots):
    one = ask(num_shots=num_shots)[2]
    shown = [f"{e.inputs} {e.targets}\n\n" for e in parts_tasks.EXEMPLARS[:num_shots]]
    assert one.text == "Add.\n\n" + "".join(shown) + QUESTION == decoded(one)
    assert one.num_shots == num_shots


def test_exemplars_are_drawn_where_a_task_has_none():
    for one in ask("parts_bare"):
        assert one.num_shots == 0
    few = ask("parts_bare", num_shots=4)
    train = load_eval_tasks("parts_bare", split="train", task_feature_lengths=LENGTHS)[0]
    pairs = {f"{e.inputs_text} {e.targets_text}" for e in train.examples}
    shown = [one.text.split("\n\n")[:-1] for one in few]
    assert all(len(set(texts)) == 4 and set(texts) <= pairs for texts in shown)
    assert len({tuple(texts) for texts in shown}) > 1
    assert [one.text for one in ask("parts_bare", num_shots=4)] == [one.text for one in few]
    other = ask("parts_bare", num_shots=4, fewshot_seed=1)
    assert [one.text for one in other] != [one.text for one in few]
    # More shots begin with those of fewer, as of a Task with exemplars of its own.
    for one, texts in zip(ask("parts_bare", num_shots=2), shown, strict=True):
        assert one.text.split("\n\n")[:-1] == texts[:2]


def test_an_example_is_never_its_own_exemplar():
    for one in ask("parts_bare", num_shots=4, fewshot_split="validation"):
        *exemplars, question = one.text.split("\n\n")
        assert len(exemplars) == 4
        assert not any(text.startswith(question) for text in exemplars)
    with pytest.raises(ValueError, match="has 4 others in its split 'validation'; ask for fewer"):
        ask("parts_bare", num_shots=5, fewshot_split="validation")


def test_whole_exemplars_are_dropped_and_the_description_is_kept():
    whole = ask(num_shots=3)
    # Room for one exemplar behind the first question, and for none behind the longer ones.
    longest = len(VOCABULARY.encode(whole[0].text)) - 2 * len("Q: 1 + 1\nA: two\n\n") + 3
    lengths = {**LENGTHS, "inputs": longest}
    found = ask(lengths=lengths)
    assert found[0].text.startswith("Add.\n\nQ: 1 + 2\nA: three\n\nQ: 1 + 1")
    assert [(one.num_shots, one.num_dropped) for one in found[:2]] == [(1, 2)] * 2
    assert (found[6].num_shots, found[6].num_dropped) == (0, 3)
    assert all(one.text.startswith("Add.\n\n") and one.skipped is None for one in found)
    assert all(len(one.tokens) <= longest + 1 for one in found)  # and the start token
    skipped = ask(lengths=lengths, prompt_too_long="skip")
    assert all(f"and the model takes {longest + 1}" in one.skipped for one in skipped)
    cut = ask(lengths=lengths, prompt_too_long="cut")
    for one, other in zip(cut, whole, strict=True):
        assert one.text == other.text[:longest] == decoded(one)
        assert (one.num_shots, one.num_dropped, one.skipped) == (None, 0, None)


def test_what_does_not_fit_without_exemplars_is_skipped():
    found = ask(lengths={**LENGTHS, "inputs": 23})
    assert [one.skipped is None for one in found] == [True] * 6 + [False]
    assert found[6].skipped == "the prompt has 25 tokens, and the model takes 24"
    assert found[6].num_dropped == 0


def test_a_table_of_positions_holds_prompt_and_answer():
    zero_shot = ask(num_shots=0)[0]
    most = len(zero_shot.tokens) + 8 - 1
    changes = {
        "model": {"positions": Learned(max_positions=most)},
        "decoding": DecodingConfig(max_decode_length=8),
    }
    found = ask(num_shots=1, **changes)
    assert [one.skipped is None for one in found] == [True] + [False] * 6
    assert (found[0].num_shots, found[0].num_dropped) == (0, 1)
    ranked = ask(num_shots=0, rank_by="sum", **changes)
    longest = max(len(tokens) for tokens in ranked[0].option_tokens)
    fits = [len(one.tokens) + longest - 1 <= most for one in ranked]
    assert [one.skipped is None for one in ranked] == fits and any(fits) and not all(fits)
    reasons = [one.skipped for one in (found[1], ranked[-1])]
    assert f"whose {most} positions must hold an answer of 8 tokens (see --max_" in reasons[0]
    assert reasons[1].endswith(f"whose {most} positions must hold an answer of {longest} tokens")


def test_an_answer_of_no_given_length_has_the_room_it_had_in_training():
    zero_shot = ask(num_shots=0)
    longest = max(len(one.tokens) for one in zero_shot)
    model = {"positions": Learned(max_positions=longest + LENGTHS["targets"] - 1)}
    assert all(one.skipped is None for one in ask(num_shots=0, model=model))
    at_least = DecodingConfig(min_decode_length=16)
    found = [one.skipped for one in ask(num_shots=0, model=model, decoding=at_least)]
    assert found[:-1] == [None] * 6 and "must hold an answer of 17 tokens" in found[-1]


@pytest.mark.parametrize("family", tiny.CONVERTERS)
@pytest.mark.parametrize("use_chat_template", [False, True])
def test_what_is_cut_fits_in_a_table_of_positions(family, use_chat_template):
    changes = {"family": family, "use_chat_template": use_chat_template}
    whole = ask(num_shots=3, **changes)[0]
    most = len(whole.tokens) - 5
    model = {"positions": Learned(max_positions=most)}
    decoding = DecodingConfig(max_decode_length=8)
    kept = most if family == "encoder_decoder" else most + 1 - 8
    for one in ask(**changes, model=model, decoding=decoding, prompt_too_long="cut"):
        assert one.skipped is None
        assert len(one.tokens) <= kept
        if not use_chat_template:
            assert len(one.tokens) == kept and whole.text.startswith(one.text[:20])
    for one in ask(**changes, model={"positions": Learned(max_positions=7)}, decoding=decoding):
        assert "the model takes 0, whose 7 positions must hold" in one.skipped


@pytest.mark.parametrize("changes", [{"rank_by": "sum"}, {"num_shots": 0}, {}])
def test_a_prompt_without_a_text_of_its_own_is_whole_until_it_is_measured(changes):
    """A Task that keeps ids only, such as a cached one."""
    ids = VOCABULARY.encode("0123456789")
    raw = {"inputs": np.array(ids), "targets": np.array([100]), "options": [b"a", b"b"]}
    lengths = {"inputs": 6, "targets": 4}
    example = EvalExample.cut(raw, {"inputs": VOCABULARY, "targets": VOCABULARY}, lengths)
    assert example.inputs_text == "0123456789" and len(example.raw["inputs"]) == 6
    asker = Asker(
        dataclasses.replace(CONFIG, task_feature_lengths=lengths, **changes),
        tiny.config("decoder_only", vocab_size=264),
        converter=converter("decoder_only", task_feature_lengths=lengths),
        vocabulary=VOCABULARY,
        chat=None,
    )
    (one,) = asker.ask(dataclasses.replace(task(), examples=[example]))
    assert one.skipped.startswith("the prompt has 11 tokens")


@pytest.mark.parametrize("end", [True, False])
def test_options_are_what_may_follow_the_prompt(end):
    suffix = [1] if end else []
    for one in ask(rank_by="sum", rank_end_token=end):
        assert one.options == parts_tasks.OPTIONS
        expected = [[*VOCABULARY.encode(f" {option}"), *suffix] for option in one.options]
        assert [tokens.tolist() for tokens in one.option_tokens] == expected
    for one in ask(family="encoder_decoder", rank_by="sum", rank_end_token=end):
        expected = [[*VOCABULARY.encode(option), *suffix] for option in one.options]
        assert [tokens.tolist() for tokens in one.option_tokens] == expected


def test_options_that_cannot_be_ranked_are_named():
    reasons = [one.skipped for one in ask("parts_odd", rank_by="mean")]
    assert reasons == [
        None,
        "options 1 and 2 are equal: 'one'",
        "option 2 is empty: ' '",
        "option 2 has 52 tokens, and the model takes 16",
    ]
    assert all(one.skipped is None for one in ask("parts_odd"))


@pytest.mark.parametrize("system_prompt", [None, "Be short.", ""])
@pytest.mark.parametrize("num_shots", [None, 0, 2])
def test_a_talk_is_what_infer_and_generate_would_write(system_prompt, num_shots):
    model = LoadedModel(
        config=None,
        params=None,
        vocabulary=VOCABULARY,
        converter=converter("decoder_only", task_feature_lengths=LENGTHS),
        step=0,
        chat_template=CHAT.template,
    )
    turns = []
    description = "" if system_prompt is not None else "Add.\n\n"
    if system_prompt is not None:
        turns.append({"role": "system", "content": f"{system_prompt}\n\nAdd.".lstrip()})
    for exemplar in parts_tasks.EXEMPLARS[:num_shots]:
        turns.append({"role": "user", "content": description + exemplar.inputs})
        turns.append({"role": "assistant", "content": exemplar.targets})
        description = ""
    turns.append({"role": "user", "content": description + QUESTION})
    one = ask(use_chat_template=True, system_prompt=system_prompt, num_shots=num_shots)[2]
    np.testing.assert_array_equal(one.tokens, chat_prompt(turns, model).tokens)
    assert one.text == CHAT.prompt(turns).text
    assert one.tokens[0] != 0  # no start token before what the template writes


def test_a_talk_that_is_too_long_loses_whole_exemplars_from_the_left():
    first = ask(use_chat_template=True, num_shots=1)[0]
    longest = len(first.tokens) + len("three") - len("two")
    changes = {"lengths": {**LENGTHS, "inputs": longest}, "use_chat_template": True}
    one = ask(**changes)[0]
    assert (one.num_shots, one.num_dropped) == (1, 2)
    assert one.text.startswith("User:\nAdd.\n\nQ: 1 + 2\nA:\n\nAssistant:\nthree</s>")
    # Cut as `infer` cuts it: the oldest turns go, and what is left is recorded.
    cut = ask(**changes, prompt_too_long="cut")[0]
    assert VOCABULARY.encode_special(cut.text) == cut.tokens.tolist() and len(cut.tokens) <= longest
    assert cut.num_shots == cut.text.count("Assistant:\n") - 1 < 3
    assert cut.num_dropped == 3 - cut.num_shots


def test_options_and_references_of_a_talk_end_its_turn():
    one = ask(use_chat_template=True, rank_by="sum")[0]
    expected = [[*VOCABULARY.encode(option), 1] for option in one.options]
    assert [tokens.tolist() for tokens in one.option_tokens] == expected
    assert one.target.tolist() == [*VOCABULARY.encode("two"), 1]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("toy_copy", {"rank_by": "sum"}, "example 0 of Task 'toy_copy' has no options to rank"),
        ("parts_plus", {"num_shots": 4}, "example 0 of Task 'parts_plus' has 3 exemplars of its"),
        (
            *("parts_bare", {"num_shots": 1, "fewshot_split": "dev"}),
            "neither exemplars of its own nor a split 'dev' to draw some from; it has train, val",
        ),
        ("toy_copy", {"num_shots": 61}, "has 60 others in its split 'train'"),
    ],
)
def test_what_a_task_lacks_is_named(name, changes, message):
    import_tasks(["tests.toy_tasks"], vocabulary="bytes")
    with pytest.raises(ValueError, match=message):
        ask(name, **changes)


def test_a_model_without_a_template_cannot_talk():
    with pytest.raises(ValueError, match=r"use_chat_template .*holds no chat template"):
        Asker(
            dataclasses.replace(CONFIG, use_chat_template=True),
            tiny.config("decoder_only", vocab_size=264),
            converter=converter("decoder_only"),
            vocabulary=VOCABULARY,
            chat=None,
        )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"question": b"Q: other"}, "its parts .*Q: other"),
        ({"references": b"two"}, "the field 'references' of an example is b'two'"),
        ({"exemplar_targets": b"two"}, "the field 'exemplar_targets' of an example is b'two'"),
        ({"options": b"one / two"}, "the field 'options' of an example is b'one / two'"),
    ],
)
def test_fields_that_cannot_be_meant_are_refused(fields, message):
    example = task().examples[0]
    other = dataclasses.replace(example, raw={**example.raw, **fields})
    found = dataclasses.replace(task(), examples=[other])
    asker = Asker(
        dataclasses.replace(CONFIG, rank_by="sum"),
        tiny.config("decoder_only", vocab_size=264),
        converter=converter("decoder_only", task_feature_lengths=LENGTHS),
        vocabulary=VOCABULARY,
        chat=None,
    )
    with pytest.raises(ValueError, match=f"example 0 of Task 'parts_plus': {message}"):
        asker.ask(found)
