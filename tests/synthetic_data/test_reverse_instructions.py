"""Reverse instructions: from documents to a task, through the command and an endpoint."""

import pytest

from t5lite.cli import main
from t5lite.data.tasks import seqio_adapter
from t5lite.synthetic_data.provenance import read_trace
from t5lite.synthetic_data.reverse_instructions import EXAMPLES_FILE, read_instruction
from tests.synthetic_data.lines import lines_of, write_lines
from tests.synthetic_data.scripted import Answer, local_endpoint

WORDS = "one two three four five six seven eight nine ten eleven".split()  # noqa: SIM905
TEXTS = [f"Document {i} says that {' '.join(WORDS)} are numbers; {i}." for i in range(8)]


def answer(body):
    """What the teacher writes, by the document's number."""
    text = body["messages"][0]["content"] if "messages" in body else body["prompt"]
    number = int(text.split("Document ")[1].split()[0])
    return {
        0: '"Write about numbers, document 0."',
        1: Answer(("Write a text that",), finish_reason="length"),
        2: "  ",
        3: f"Write that {' '.join(WORDS[:9])}",
        4: "Instruction: Say the same.",
        5: "say  the same.",
    }.get(number, f"Instruction: Write document {number}.")


@pytest.fixture
def corpus(tmp_path):
    texts = [*TEXTS, "too short", TEXTS[3], "long " * 3000]
    return write_lines(tmp_path / "corpus.jsonl", [{"text": text} for text in texts])


def run(corpus, folder, *flags, script=answer):
    with local_endpoint(script) as endpoint:
        teacher = [f"--teacher={endpoint.url}", "--teacher_model=tiny", "--max_retry_wait=0"]
        words = [f"--documents={corpus}", f"--output={folder}", "--min_document_words=5"]
        status = main(["reverse_instructions", *words, *teacher, *flags])
    return status, endpoint


def test_each_document_gets_its_instruction_or_a_reason_why_not(corpus, tmp_path, capsys):
    folder = tmp_path / "made"
    status, endpoint = run(corpus, folder)
    assert status == 0 and len(endpoint.bodies) == 8
    examples = lines_of(folder / EXAMPLES_FILE)
    assert [(e["instruction"], e["output"]) for e in examples] == [
        ("Write about numbers, document 0.", TEXTS[0]),
        ("Say the same.", TEXTS[4]),
        ("Write document 6.", TEXTS[6]),
        ("Write document 7.", TEXTS[7]),
    ]
    out = capsys.readouterr().out
    assert "8 of 8 that fit. Left out: 1 too short (--min_document_words), 1 too long" in out
    assert "1 that were there before" in out and "4 of 8 documents" in out
    verdicts = [o.verdicts[-1] for o in read_trace(folder).values() if not o.kept]
    assert {v.filter for v in verdicts} == {"empty", "cut short", "copied", "repeated"}
    for filter in ("cut short", "copied", "repeated"):
        assert f"left out: {filter} " in out
    # The styles are drawn alike often, and each is asked for in its own words.
    assert len({e["style"] for e in examples}) > 1
    asked = [body["messages"][0]["content"].rpartition(">>>")[2] for body in endpoint.bodies]
    assert sorted(map(asked.count, set(asked))) == [2, 3, 3]

    # The same command ends with the same files, and asks for nothing.
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    status, endpoint = run(corpus, folder)
    assert status == 0 and not endpoint.bodies
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}

    assert main(["trace", examples[1]["id"], f"--folder={folder}"]) == 0
    shown = capsys.readouterr().out
    assert TEXTS[4] in shown and "Answer 1 of 1:\n    Instruction: Say the same." in shown


def test_what_is_made_is_a_task(corpus, tmp_path):
    run(corpus, tmp_path / "made")
    modules = ["tasks.reverse_instructions"]
    seqio_adapter.import_tasks(modules, data_dir=str(tmp_path / "made"), vocabulary="bytes")
    first = next(iter(seqio_adapter.iterate_texts("reverse_instructions", "train")))
    assert first["inputs"] == "Write about numbers, document 0."
    assert first["targets"] == TEXTS[0]


def test_documents_are_drawn_and_asked_for_by_a_text_to_go_on_with(corpus, tmp_path):
    flags = ["--num_documents=3", "--styles=search", "--prompt_form=continuation"]
    _, endpoint = run(corpus, tmp_path / "one", *flags)
    assert len(endpoint.bodies) == 3
    assert all(body["prompt"].endswith("\n\nSearch:") for body in endpoint.bodies)
    _, other = run(corpus, tmp_path / "two", *flags, "--seed=1")
    assert {b["prompt"] for b in endpoint.bodies} != {b["prompt"] for b in other.bodies}


def test_files_of_a_document_each(tmp_path):
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(TEXTS[6:]):
        (tmp_path / "texts" / f"{number}.txt").write_text(text)
    pattern = tmp_path / "texts" / "*.txt"
    run(pattern, tmp_path / "made", "--documents_format=document")
    assert [e["output"] for e in lines_of(tmp_path / "made" / EXAMPLES_FILE)] == TEXTS[6:]


def test_a_dry_run_asks_nothing(corpus, tmp_path, capsys):
    status, endpoint = run(corpus, tmp_path / "made", "--dry_run", "--prompt_price=10")
    assert status == 0 and not endpoint.bodies
    out = capsys.readouterr().out
    assert "asked of tiny  calls  tokens of requests  of answers" in out
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--styles=poem"], "--styles=poem: give some of instruction, chat, search"),
        (["--prompt_form=other"], "prompt_form: wanted one of 'conversation', 'continuation'"),
        (["--text_field=body"], "--text_field"),
        (["--documents=none.jsonl"], "none.jsonl"),
        (["--min_document_words=1000"], "holds no document that fits"),
    ],
)
def test_mistakes_are_named(corpus, tmp_path, capsys, flags, said):
    assert run(corpus, tmp_path / "made", *flags)[0] == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "instruction"),
    [
        (' "Say it." ', "Say it."),
        ("Message: hey, what is it?", "hey, what is it?"),
        ('"One" and "two"', '"One" and "two"'),
        ("“Say it.”", "Say it."),
        ('"', '"'),
    ],
)
def test_an_instruction_is_read_without_what_stands_around_it(text, instruction):
    assert read_instruction(text) == instruction
