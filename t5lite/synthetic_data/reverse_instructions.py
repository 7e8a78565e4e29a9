"""`t5lite reverse_instructions`: the instruction that a document answers, written by a teacher.

Source: Koksal et al., "LongForm", arXiv:2304.08460. The documents of a corpus are the targets, as
people wrote them; what a teacher writes is only what was asked. The output is read by the Task
`reverse_instructions`.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, get_args

from t5lite.data.sources import local_files
from t5lite.data.sources.split_files import SplitFiles
from t5lite.files.local_paths import writable_folder
from t5lite.messages.ranges import NumExamples, Range, Seed, Size
from t5lite.messages.value_types import check_type, numbers_checked
from t5lite.synthetic_data.one_request_each import make_examples, passes
from t5lite.synthetic_data.provenance import Origin, Verdict
from t5lite.synthetic_data.teachers.asking import Answered
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.requests import Choice, PromptForm, Request, about_tokens

EXAMPLES_FILE = "examples.jsonl"

Style = Literal["instruction", "chat", "search"]

# What each style asks the teacher for, and the words that its answer is to begin behind.
_WANTED: dict[str, tuple[str, str]] = {
    "instruction": (
        "Write the instruction that a person gave to get exactly this text as the answer. Name "
        "what it is about, its kind and its length, in one to three sentences.",
        "Instruction:",
    ),
    "chat": (
        "Write the message of a person in a chat, casual and short, to which this text is the "
        "whole reply.",
        "Message:",
    ),
    "search": (
        "Write the few words that a person typed into a search engine to find this text. No "
        "sentence, no quotes.",
        "Search:",
    ),
}
_QUOTES = {'"': '"', "'": "'", "“": "”", "«": "»", "`": "`"}


@dataclasses.dataclass(frozen=True)
class Document:
    """A text of the corpus.

    Attributes:
      id: Made of the text, so that it does not depend on its place.
      text: As it is.
      style: How it is to be asked for.
    """

    id: str
    text: str
    style: str


@numbers_checked
def reverse_instructions(
    *,
    teacher: TeacherConfig,
    documents: str,
    output: str,
    documents_format: str | None = None,
    text_field: str = "text",
    num_documents: NumExamples | None = None,
    styles: Sequence[str] = get_args(Style),
    min_document_words: Size = 20,
    max_document_tokens: Size = 2000,
    prompt_form: PromptForm = "conversation",
    temperature: Annotated[float, Range(least=0, most=2)] = 0.7,
    max_tokens: Size = 128,
    seed: Seed = 0,
    dry_run: bool = False,
) -> None:
    """Asks a teacher what each document answers, and writes examples of both.

    Killed and started again, it asks for what is not answered yet, and ends with the same files.

    Args:
      teacher: Who is asked.
      documents: A file, a pattern of files, or a folder, as a Task's files are named.
      output: Folder; gets examples.jsonl (`id`, `instruction`, `input`, `output`, `style`),
        trace.jsonl and the answers.
      documents_format: Of the files; None where their suffixes say it, and "document" where each
        file is one document.
      text_field: The field of a record with its text.
      num_documents: So many, drawn from those that fit; all when None.
      styles: How they are asked for; each document's is drawn.
      min_document_words: Shorter documents are left out.
      max_document_tokens: And longer ones, about: a part of a document would be another target.
      prompt_form: "conversation", or "continuation" to ask by a text to go on with.
      temperature: 0 takes the likeliest token.
      max_tokens: Of an instruction.
      seed: Of the draws of documents and styles.
      dry_run: Only say what it would cost.

    Raises:
      ValueError: What a user can set right: flags, files, the teacher.
    """
    check_type(prompt_form, PromptForm, name="--prompt_form")
    if not styles or set(styles) - set(get_args(Style)):
        raise ValueError(
            f"--styles={','.join(styles)}: give some of {', '.join(get_args(Style))}, comma "
            "separated"
        )
    folder = writable_folder(output, name="--output")
    files = SplitFiles("--documents", {"train": (documents,)}, documents_format)
    found, notes = _read(files, text_field, range(min_document_words, max_document_tokens + 1))
    chosen = _drawn(found, num_documents, styles=styles, seed=seed)
    if not chosen:
        raise ValueError(f"--documents={documents} holds no document that fits ({notes})")
    requests = [
        request(d, prompt_form=prompt_form, temperature=temperature, max_tokens=max_tokens)
        for d in chosen
    ]
    print(f"Documents: {len(chosen):,} of {len(found):,} that fit. {notes}")
    seen: dict[str, str] = {}
    make_examples(
        requests,
        lambda index, answer: _origin(chosen[index], answer, seen=seen),
        teacher=teacher,
        path=folder / EXAMPLES_FILE,
        inputs="documents",
        answers="instructions",
        dry_run=dry_run,
    )


def request(
    document: Document, *, prompt_form: PromptForm, temperature: float, max_tokens: int
) -> Request:
    """What a teacher is asked for a document.

    A conversation shows the text and then says what is wanted. A continuation is a page on which
    the wanted words come next.
    """
    wanted, cue = _WANTED[document.style]
    settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
    if prompt_form == "conversation":
        text = f"Text:\n<<<\n{document.text}\n>>>\n\n{wanted} Write nothing else."
        return Request.of_text(text, **settings)
    text = f"{wanted}\n\nText:\n{document.text}\n\n{cue}"
    return Request(prompt=text, stop=("\n\n", "Text:"), **settings)


def read_instruction(text: str) -> str:
    """The instruction in an answer: without the cue that models repeat, or quotes around it."""
    text = text.strip()
    for _, cue in _WANTED.values():
        text = text.removeprefix(cue).strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _origin(document: Document, answer: Answered, *, seen: dict[str, str]) -> Origin:
    """What became of a document: its example, and what the filters said in their order."""
    assert answer.reply is not None
    choice = next(iter(answer.reply.choices), Choice(""))
    instruction = read_instruction(choice.text)
    verdicts: list[Verdict] = []
    key = " ".join(instruction.lower().split())
    if (
        passes(verdicts, "empty", bool(re.search(r"\w", instruction)), "no word in it")
        and passes(verdicts, "cut short", not choice.was_cut, "it ended for its length")
        and passes(
            verdicts,
            "copied",
            not _copies(instruction, document.text),
            "half of its words, in a row, are the document's",
        )
        and passes(verdicts, "repeated", key not in seen, f"that of {seen.get(key)} too")
    ):
        seen[key] = document.id
    return Origin(
        id=document.id,
        example={
            "instruction": instruction,
            "input": "",
            "output": document.text,
            "style": document.style,
        },
        request=answer.digest,
        template=document.style,
        verdicts=tuple(verdicts),
    )


def _copies(instruction: str, document: str) -> bool:
    """Whether an instruction gives away what it asks for: a long run of the document's words."""
    words = instruction.lower().split()
    length = max(8, -(-len(words) // 2))
    text = f" {' '.join(document.lower().split())} "
    runs = range(len(words) - length + 1)
    return any(f" {' '.join(words[start : start + length])} " in text for start in runs)


def _read(files: SplitFiles, field: str, sizes: range) -> tuple[list[Document], str]:
    """All documents that fit, each once, and what was left out, in words."""
    found: dict[str, Document] = {}
    short = long = twice = 0
    for where, record in files.records("train"):
        text = local_files.require(
            record, field, str, where=where, remedy="name the field with --text_field"
        ).strip()
        name = f"document_{local_files.keyed_hash('document', text):016x}"
        short += (is_short := len(text.split()) < sizes.start)
        long += (is_long := about_tokens(text) >= sizes.stop)
        twice += (is_twice := name in found)
        if not (is_short or is_long or is_twice):
            found[name] = Document(name, text, "")
    return list(found.values()), (
        f"Left out: {short:,} too short (--min_document_words), {long:,} too long "
        f"(--max_document_tokens), {twice:,} that were there before."
    )


def _drawn(
    found: Sequence[Document], number: int | None, *, styles: Sequence[str], seed: int
) -> list[Document]:
    """So many of the documents in their order, each with a style, the styles alike often."""
    generator = random.Random(seed)
    indices: Sequence[int] = range(len(found))
    if number is not None and number < len(found):
        indices = sorted(generator.sample(range(len(found)), number))
    return [
        dataclasses.replace(found[index], style=style)
        for index, style in zip(indices, _styles(styles, generator), strict=False)
    ]


def _styles(styles: Sequence[str], generator: random.Random) -> Iterator[str]:
    for _ in itertools.count():
        order = list(styles)
        generator.shuffle(order)
        yield from order
