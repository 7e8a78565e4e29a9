"""Tasks of conversations: what any seqio user gets of them, and what t5lite's stores hold."""

import pytest

from t5lite.data.stores import build
from t5lite.data.tasks import seqio_adapter, seqio_registry
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.seqio_selected import Part, select_source
from t5lite.data.tasks.task_metrics import Answers
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.files.json_files import write_lines
from tasks.chat import add_chat_task
from tasks.metrics import exact_match
from tests.conftest import REPOSITORY
from tests.data.tokenizer_folders import chat_folder

SAVED = REPOSITORY / "tests" / "data" / "sources" / "saved_by_datasets"
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "hi"},
    {"role": "user", "content": "two and two?"},
    {"role": "assistant", "content": "four"},
]
SHAREGPT = [{"from": "human", "value": "é?"}, {"from": "gpt", "value": "è"}]


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")
    lines = [{"messages": TALK}, {"conversations": SHAREGPT}]
    write_lines(tmp_path / "talk.jsonl", lines)
    return tmp_path


@pytest.fixture
def add(new_name):
    """Registers a Task under a name of this test's."""
    return lambda **arguments: add_chat_task(new_name(), **arguments).name


def texts(ids):
    return ByteVocabulary().decode([max(i, ~i) for i in ids if i not in (1, ~1)])


def test_as_seqio_sees_it_an_example_is_an_answer(data_root, add):
    name = add(files={"train": "talk.jsonl"}, chat_template="plain", metrics=(exact_match,))
    import seqio

    rows = list(
        seqio.TaskRegistry.get(name)
        .get_dataset({"inputs": 500, "targets": 50}, shuffle=False)
        .as_numpy_iterator()
    )
    ours = list(seqio_adapter.iterate_examples(name, "train", task_feature_lengths=None))
    assert [row["inputs"].tolist() for row in rows] == [row["inputs"].tolist() for row in ours]
    assert [row["targets"].tolist() for row in rows] == [row["targets"].tolist() for row in ours]
    assert [texts(row["targets"]) for row in ours] == ["hi", "four", "è"]
    assert all(row["targets"][-1] == 1 for row in ours)
    assert rows[1]["inputs_pretokenized"].decode() == (
        "System:\nBe kind.\n\nUser:\nhello\n\nAssistant:\nhi</s>\n\n"
        "User:\ntwo and two?\n\nAssistant:\n"
    )
    (task,) = seqio_adapter.load_eval_tasks(name, split="train", task_feature_lengths={})
    assert task.measure(Answers(texts=["hi", "four ", "e"])).values == {
        "accuracy": pytest.approx(2 / 3)
    }
    assert [e["targets"] for e in seqio_adapter.iterate_texts(name, "train")] == ["hi", "four", "è"]


def test_stores_of_answers_and_of_whole_conversations(data_root, add, tmp_path):
    name = add(files={"train": "talk.jsonl"}, chat_template="plain")
    lengths = {"inputs": 300, "targets": 100}
    arguments = {"split": "train", "cache_dir": tmp_path, "progress": False}
    arguments["task_feature_lengths"] = lengths
    (answers,) = build.open_stores([name], **arguments)
    (whole,) = build.open_stores([name], whole_conversations=True, **arguments)
    assert (answers.num_examples, whole.num_examples) == (3, 2)
    assert answers.meta["is_chat"]
    assert whole.meta["is_chat"]
    targets = whole.example(0)["targets"].tolist()
    # As ByT5's tokenizer does, an end token swallows the blanks behind it.
    assert texts(targets) == "hiUser:\ntwo and two?\n\nAssistant:\nfour"
    assert texts([i for i in targets if i >= 0]) == "hifour"
    found = build.find_stores(
        [name], split="train", cache_dir=tmp_path, task_feature_lengths=lengths
    )
    assert found[name].num_examples in (2, 3)


def test_too_long_conversations_lose_their_oldest_turns(data_root, add):
    name = add(files={"train": "talk.jsonl"}, chat_template="plain")
    shorter = {"inputs": 60, "targets": 10}
    for row in list(seqio_adapter.iterate_examples(name, "train", task_feature_lengths=shorter))[
        :2
    ]:
        assert len(row["inputs"]) <= 60
        assert texts(row["inputs"]).startswith("System:\nBe kind.\n\nUser:\n")


def test_every_format_and_a_field_of_ones_own(data_root, add):
    name = add(files={"train": str(SAVED), "test": str(SAVED)}, chat_template="instruction")
    (row,) = seqio_adapter.iterate_examples(name, "test", task_feature_lengths=None)
    assert texts(row["inputs"]) == "### Instruction:\nhé 4\n\n### Response:\n"
    assert texts(row["targets"]) == "yes 4"
    assert seqio_registry.get(name).num_input_examples("train") == 4
    (data_root / "x.csv").write_text("Frage,Antwort\nwas?,das\n")

    def as_messages(row):
        return [
            {"role": "user", "content": row["Frage"]},
            {"role": "assistant", "content": row["Antwort"]},
        ]

    name = add(files={"train": "x.csv"}, chat_template="plain", messages=as_messages)
    (row,) = seqio_adapter.iterate_examples(name, "train", task_feature_lengths=None)
    assert texts(row["targets"]) == "das"


def test_the_vocabulary_s_own_template_and_one_of_a_file(data_root, add, monkeypatch):
    folder = data_root / "tokenizer"
    folder.mkdir()
    monkeypatch.setenv("T5LITE_VOCABULARY", str(chat_folder(folder)))
    name = add(files={"train": "talk.jsonl"})
    vocabulary = parse_vocabulary(str(folder))
    rows = list(seqio_adapter.iterate_examples(name, "train", task_feature_lengths=None))
    assert rows[0]["inputs"].tolist() == vocabulary.encode(
        vocabulary.chat_template.render(TALK[:2])
    )
    assert seqio_adapter.chat_template([name]) == vocabulary.chat_template
    first = seqio_adapter.task_source(name).fingerprint
    template = "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    (data_root / "own.jinja").write_text(template)
    name = add(files={"train": "talk.jsonl"}, chat_template="own.jinja")
    assert seqio_adapter.chat_template([name]).sources == {"default": template}
    assert seqio_adapter.task_source(name).fingerprint != first


def test_two_templates_in_one_run_are_refused(data_root, add):
    name = add(files={"train": "talk.jsonl"}, chat_template="plain")
    other = add(files={"train": "x"}, chat_template="instruction")
    assert seqio_adapter.chat_template([name]).sources
    with pytest.raises(ValueError, match=r"with different chat templates.*give both the same"):
        seqio_adapter.chat_template([name, other])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"messages": []}', r"talk\.jsonl, line 3: field 'messages' is an empty list"),
        ('{"text": "x"}', r"talk\.jsonl, line 3: no conversation"),
    ],
)
def test_faults_are_named_with_their_line(data_root, add, line, message):
    with (data_root / "talk.jsonl").open("a") as file:
        file.write(line + "\n")
    name = add(files={"train": "talk.jsonl"}, chat_template="plain")
    with pytest.raises(ValueError, match=message):
        list(seqio_adapter.iterate_examples(name, "train", task_feature_lengths=None))
    with pytest.raises(ValueError, match=message):
        seqio_adapter.load_eval_tasks(name, split="train", task_feature_lengths={})


def test_what_a_template_refuses_is_named_with_its_line(data_root, add):
    refusing = "{{ raise_exception('no é') if 'é' in messages[0].content else eos_token }}"
    source = refusing + "{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    (data_root / "no.jinja").write_text(source)
    name = add(files={"train": "talk.jsonl"}, chat_template="no.jinja")
    with pytest.raises(ValueError, match=r"talk\.jsonl, line 2: .*refuses.*no é"):
        list(seqio_adapter.iterate_examples(name, "train", task_feature_lengths=None))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (None, r"Task 'chat_bad': the vocabulary brings no chat template; name one"),
        ("chatml", r"Task 'chat_bad': chat_template='chatml' ends a turn with <\|im_end\|>"),
        ("plane", r"Task 'chat_bad': chat_template is 'plane'.* Did you mean 'plain'"),
        ("no.jinja", r"Task 'chat_bad': .*no\.jinja: cannot be read"),
    ],
)
def test_templates_that_will_not_do_are_said_at_registration(data_root, choice, message):
    with pytest.raises(ValueError, match=message):
        add_chat_task("chat_bad", files={"train": "talk.jsonl"}, chat_template=choice)


def test_conversations_are_held_out_whole(data_root, add):
    talks = [
        [
            {"role": "user", "content": f"{i}?"},
            {"role": "assistant", "content": f"{i}!"},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": f"{i} more"},
        ]
        for i in range(40)
    ]
    write_lines(data_root / "many.jsonl", ({"messages": talk} for talk in talks))
    name = add(files={"train": "many.jsonl"}, chat_template="plain")
    source = seqio_registry.get(name).source
    answers = []
    for held_out in (True, False):
        side = InstanceSelection(task="talk", seed=0, share=0.3, held_out=held_out)
        ours = select_source(source, {"dev": Part("train", side)}, task_name="x")
        assert ours.chat_format is source.chat_format
        found = list(ours.token_examples("dev", lengths=None, whole=False))
        answers.append({texts(one["targets"]).split("!")[0].split(" ")[0] for one in found})
        assert len(found) == 2 * ours.num_input_examples("dev") == 2 * len(answers[-1])
        raw = list(ours.get_dataset("dev", shuffle=False).as_numpy_iterator())
        assert len(raw) == len(answers[-1])
    assert answers[0] and not answers[0] & answers[1] and len(answers[0] | answers[1]) == 40
