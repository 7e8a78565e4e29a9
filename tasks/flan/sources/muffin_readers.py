"""How the rows of each Muffin data set become records: one line a task in `READERS`.

A reader takes a row as TFDS or Hugging Face gives it (their field names differ, and both are
accepted) and yields the arguments of `Schema.record`, once or more, or not at all where the row has
no label or no text. A row that already holds its schema's own fields is taken as it is.
"""

from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from t5lite.data.sources import local_files

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a record is made of; see `tasks.flan.records.Schema.record`."""

    fields: Mapping[str, str]
    answer: str
    options: tuple[str, ...] = ()
    answer_index: int | None = None
    references: tuple[str, ...] = ()


# A reader's second argument is the row's key, for what it draws.
Reader = Callable[[Row, str], Iterator[Parts]]

_YES_NO = ("yes", "no")
_UNANSWERABLE = "unanswerable"
_NLI = ("yes", "unclear", "no")


# ------------------------------------------------------------------------------------ small parts


def _get(row: Row, names: str) -> Any:
    """The value of the first of the names (apart by `|`, levels by `.`) that the row has.

    Raises:
      KeyError: if it has none of them.
    """
    for name in names.split("|"):
        value: Any = row
        for level in name.split("."):
            value = value.get(level) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    raise KeyError(names)


def clean_text(value: Any) -> str:
    """A value's text; the literal b'...' that math_dataset has inside its texts is unwrapped."""
    text = str(value).strip()
    if text.startswith(("b'", 'b"')) and text.endswith(("'", '"')):
        text = text[2:-1].replace("\\n", "\n").strip()
    return text


def _texts(values: Any) -> list[str]:
    """The texts of a list, or of the one value that stands for it."""
    if isinstance(values, list | tuple):
        return [clean_text(value) for value in values]
    return [clean_text(values)]


def _fields(row: Row, sources: Mapping[str, str]) -> dict[str, str]:
    return {field: clean_text(_get(row, names)) for field, names in sources.items()}


# ---------------------------------------------------------------------------------------- readers


def _classes(options: Sequence[str], label: str = "label", **sources: str) -> Reader:
    """Rows with the number of their class; those of no class (-1) are left out."""

    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        index = int(_get(row, label))
        if 0 <= index < len(options):
            yield Parts(_fields(row, sources), options[index], tuple(options), index)

    return read


def _listed(choices: Sequence[str], label: str, **sources: str) -> Reader:
    """Rows with a field for each choice (or one list) and the number of the right one."""

    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        options = [text for names in choices for text in _texts(_get(row, names))]
        found = str(_get(row, label)).strip()
        index = int(found) if found else -1
        if 0 <= index < len(options):
            yield Parts(_fields(row, sources), options[index], tuple(options), index)

    return read


def _lettered(**sources: str) -> Reader:
    """Rows in the layout of ARC: `choices` of texts and labels, and the label of the right one."""

    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        options = _texts(_get(row, "choices.text|question.choices.text"))
        labels = _texts(_get(row, "choices.label|question.choices.label"))
        found = clean_text(_get(row, "answerKey"))
        # TFDS gives the label's number where Hugging Face gives its letter.
        index = labels.index(found) if found in labels else int(found) if found.isdecimal() else -1
        if 0 <= index < len(options):
            yield Parts(_fields(row, sources), options[index], tuple(options), index)

    return read


def _plain(answer: str, **sources: str) -> Reader:
    """Rows whose answer is a field, or a list of which the first is trained on."""

    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        answers = _texts(_get(row, answer))
        if answers:
            yield Parts(_fields(row, sources), answers[0], references=tuple(answers))

    return read


def _boolean(answer: str, **sources: str) -> Reader:
    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        value = _get(row, answer)
        right = value if isinstance(value, bool) else str(value).lower() in ("1", "true")
        yield Parts(_fields(row, sources), "yes" if right else "no", _YES_NO)

    return read


def _winogrande(row: Row, key: str) -> Iterator[Parts]:
    """Hugging Face counts the options from 1, as text; TFDS counts them from 0."""
    if "answer" in row:
        row = {**row, "label": int(row["answer"]) - 1 if row["answer"] else -1}
    yield from _listed(("option1", "option2"), "label", sentence="sentence")(row, key)


def _openbookqa(row: Row, key: str) -> Iterator[Parts]:
    del key
    sources = {"fact": "fact1", "question": "question_stem|question.stem"}
    if "question" in row and isinstance(row["question"], Mapping):
        stem = row["question"]
        options = [clean_text(stem[f"choice_{letter}"]) for letter in "ABCD"]
    else:
        options = _texts(_get(row, "choices.text"))
    found = clean_text(_get(row, "answerKey"))
    index = int(found) if found.isdecimal() else "ABCD".index(found)
    yield Parts(_fields(row, sources), options[index], tuple(options), index)


def _squad_v2(row: Row, key: str) -> Iterator[Parts]:
    del key
    fields = _fields(row, {"passage": "context", "question": "question"})
    answers = _texts(_get(row, "answers.text")) or [_UNANSWERABLE]
    yield Parts(fields, answers[0], references=tuple(answers))


def _quac(row: Row, key: str) -> Iterator[Parts]:
    """Dialogues of Hugging Face become one record a question, as TFDS has them."""
    del key
    sources = {"title": "title|wikipedia_page_title", "passage": "context"}
    questions = _texts(_get(row, "questions|question"))
    answers = _get(row, "orig_answers.texts|orig_answer.text")
    for question, answer in zip(questions, _texts(answers), strict=True):
        # The set's own word for what the passage does not tell.
        answer = _UNANSWERABLE if answer == "CANNOTANSWER" else answer
        yield Parts({**_fields(row, sources), "question": question}, answer)


def _coqa(row: Row, key: str) -> Iterator[Parts]:
    del key
    questions = _texts(_get(row, "questions"))
    answers = _texts(_get(row, "answers.input_text"))
    numbered = [
        "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))
        for texts in (questions, answers)
    ]
    yield Parts({"passage": clean_text(_get(row, "story")), "questions": numbered[0]}, numbered[1])


def _record(row: Row, key: str) -> Iterator[Parts]:
    del key
    passage = clean_text(_get(row, "passage")).replace("\n@highlight\n", "\n- ")
    options = tuple(dict.fromkeys(_texts(_get(row, "entities"))))
    answers = [text for text in _texts(_get(row, "answers")) if text in options]
    if answers and len(options) > 1:
        fields = {"passage": passage, "query": clean_text(_get(row, "query"))}
        yield Parts(fields, answers[0], options, references=tuple(answers))


def _ag_news(row: Row, key: str) -> Iterator[Parts]:
    if "description" in row:
        text = f"{clean_text(row['title'])}\n{clean_text(row['description'])}"
        row = {"text": text, "label": row["label"]}
    topics = ("World", "Sports", "Business", "Science and technology")
    yield from _classes(topics, text="text")(row, key)


def _sentiment140(row: Row, key: str) -> Iterator[Parts]:
    del key
    answer = {0: "negative", 4: "positive"}.get(int(_get(row, "polarity|sentiment")))
    if answer:
        yield Parts({"text": clean_text(_get(row, "text"))}, answer, ("negative", "positive"))


def _story_cloze(row: Row, key: str) -> Iterator[Parts]:
    del key
    if "context" in row:
        story, endings = clean_text(row["context"]), _texts(row["endings"])
        index = int(row["label"])
    else:
        story = " ".join(clean_text(row[f"input_sentence_{number}"]) for number in range(1, 5))
        endings = [clean_text(row[f"sentence_quiz{number}"]) for number in (1, 2)]
        index = int(row["answer_right_ending"]) - 1
    yield Parts({"story": story}, endings[index], tuple(endings), index)


def _trec(row: Row, key: str) -> Iterator[Parts]:
    """The two layouts of the label count the same six classes in different orders."""
    del key
    about = {
        "ABBR": "an abbreviation",
        "DESC": "a description or an explanation",
        "ENTY": "a thing",
        "HUM": "a person or a group",
        "LOC": "a place",
        "NUM": "a number or a date",
    }
    order = list(about) if "coarse_label" in row else ["DESC", "ENTY", "ABBR", "HUM", "NUM", "LOC"]
    answer = about[order[int(_get(row, "coarse_label|label-coarse"))]]
    yield Parts({"question": clean_text(_get(row, "text"))}, answer, tuple(about.values()))


def _stsb(row: Row, key: str) -> Iterator[Parts]:
    del key
    score = float(_get(row, "label"))
    if score >= 0:
        fields = _fields(row, {"sentence1": "sentence1", "sentence2": "sentence2"})
        yield Parts(fields, str(int(score + 0.5)), tuple("012345"))


def _lambada(row: Row, key: str) -> Iterator[Parts]:
    del key
    text, _, last = clean_text(_get(row, "passage|text")).rpartition(" ")
    yield Parts({"text": text}, last)


_UNIFIED_OPTION = re.compile(r"\(([a-z])\)\s*")


def _unified_qa(row: Row, key: str) -> Iterator[Parts]:
    r"""UnifiedQA writes `question \n (a) first (b) second` with the two characters `\n`."""
    del key
    question, _, listed = clean_text(_get(row, "input")).partition("\\n")
    _, *pieces = _UNIFIED_OPTION.split(listed)
    options, answer = tuple(text.strip() for text in pieces[1::2]), clean_text(_get(row, "output"))
    if len(options) > 1 and answer in options:
        yield Parts({"question": question}, answer, options)


def _translation(first: str, second: str) -> Reader:
    """Sentence pairs; which way a pair is translated is drawn from its key."""
    names = {
        "cs": "Czech", "de": "German", "en": "English", "es": "Spanish", "fi": "Finnish",
        "fr": "French", "ro": "Romanian", "ru": "Russian", "tr": "Turkish",
    }  # fmt: skip

    def read(row: Row, key: str) -> Iterator[Parts]:
        pair = [first, second]
        if local_files.keyed_hash("direction", key) % 2:
            pair.reverse()
        text, answer = (clean_text(_get(row, f"{code}|translation.{code}")) for code in pair)
        fields = {
            "text": text,
            "source_language": names[pair[0]],
            "target_language": names[pair[1]],
        }
        yield Parts(fields, answer)

    return read


def _restored(spoil: Callable[[str], str]) -> Reader:
    """English sentences that are spoilt and to be put right."""

    def read(row: Row, key: str) -> Iterator[Parts]:
        del key
        right = clean_text(_get(row, "en|translation.en"))
        spoilt = spoil(right)
        if spoilt != right:
            yield Parts({"text": spoilt}, right)

    return read


_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _triples(row: Row, key: str) -> Iterator[Parts]:
    """Triples as lists of three, or as lines of text."""
    del key
    triples = [
        " | ".join(_texts(triple)) if isinstance(triple, list) else clean_text(triple)
        for triple in _get(row, "tripleset|input")
    ]
    references = _texts(_get(row, "references")) if row.get("references") else []
    target = clean_text(_get(row, "target"))
    yield Parts({"triples": "\n".join(triples)}, target, references=tuple(filter(None, references)))


def _common_gen(row: Row, key: str) -> Iterator[Parts]:
    del key
    yield Parts(
        {"concepts": ", ".join(_texts(_get(row, "concepts")))}, clean_text(_get(row, "target"))
    )


def _idebate(row: Row, key: str) -> Iterator[Parts]:
    del key
    fields = {
        "topic": clean_text(_get(row, "_debate_name")),
        "arguments": _bullets(row, "_argument_sentences"),
    }
    yield Parts(fields, clean_text(_get(row, "_claim")))


def _rotten_tomatoes(row: Row, key: str) -> Iterator[Parts]:
    del key
    fields = {"movie": clean_text(_get(row, "_movie_name")), "reviews": _bullets(row, "_critics")}
    yield Parts(fields, clean_text(_get(row, "_critic_consensus")))


def _bullets(row: Row, name: str) -> str:
    """Texts under `value`, in one list or each in an object of its own, as a list of lines."""
    found = _get(row, name)
    texts = _texts(found["value"] if isinstance(found, Mapping) else [x["value"] for x in found])
    return "\n".join(f"- {text}" for text in texts if text)


def _qrecc(row: Row, key: str) -> Iterator[Parts]:
    del key
    answer = clean_text(_get(row, "answer|Answer"))
    if answer:
        turns = [*_texts(_get(row, "context|Context")), clean_text(_get(row, "question|Question"))]
        yield Parts({"dialogue": _speakers(turns, last=1)}, answer)


def _wiki_dialog(row: Row, key: str) -> Iterator[Parts]:
    """One answered question of each dialogue, with all that came before it."""
    turns = _texts(_get(row, "utterances"))
    writers = [int(author) for author in _get(row, "author_num")]
    answers = [i for i in range(1, len(turns)) if writers[i] == 0 and writers[i - 1] == 1]
    if answers:
        place = answers[local_files.keyed_hash("turn", key) % len(answers)]
        yield Parts({"dialogue": _speakers(turns[:place], last=1)}, turns[place])


def _task_master(row: Row, key: str) -> Iterator[Parts]:
    """Any turn but the first two, with all that came before it."""
    turns = [
        clean_text(turn["text"]) if isinstance(turn, Mapping) else clean_text(turn)
        for turn in _get(row, "utterances")
    ]
    if len(turns) > 2:
        place = 2 + local_files.keyed_hash("turn", key) % (len(turns) - 2)
        yield Parts({"dialogue": _speakers(turns[:place], last=(place + 1) % 2)}, turns[place])


def _speakers(turns: Sequence[str], *, last: int) -> str:
    """Turns a line each, by A and B in alternation; `last` is 1 where B speaks last."""
    shift = (len(turns) - 1 + last) % 2
    return "\n".join(f"{'AB'[(i + shift) % 2]}: {text}" for i, text in enumerate(turns))


def _anli() -> Reader:
    return _classes(_NLI, premise="premise|context", hypothesis="hypothesis")


def _own_fields_only(row: Row, key: str) -> Iterator[Parts]:
    """The public code has no such data set: its rows must hold the schema's own fields."""
    raise KeyError("the schema's own fields and answer")
    yield  # A reader is a generator.


_PAIR = {"sentence1": "sentence1", "sentence2": "sentence2"}
_GLUE_NLI = _classes(_NLI, premise="premise", hypothesis="hypothesis")

READERS: Mapping[str, Reader] = {
    "aeslc": _plain("subject_line", email="email_body"),
    "ag_news_subset": _ag_news,
    "anli_r1": _anli(),
    "anli_r2": _anli(),
    "anli_r3": _anli(),
    "arc_challenge": _lettered(question="question"),
    "arc_easy": _lettered(question="question"),
    "bool_q": _boolean("answer|label", passage="passage", question="question"),
    "cb": _classes(("yes", "no", "unclear"), premise="premise", hypothesis="hypothesis"),
    "cnn_dailymail": _plain("highlights", article="article"),
    "cola": _classes(("unacceptable", "acceptable"), sentence="sentence"),
    "common_gen": _common_gen,
    "copa": _listed(("choice1", "choice2"), "label", premise="premise", relation="question"),
    "coqa": _coqa,
    "cosmos_qa": _listed(
        ("answer0", "answer1", "answer2", "answer3"),
        "label",
        passage="context",
        question="question",
    ),
    "dart": _triples,
    "definite_pronoun_resolution": _listed(
        ("candidates",), "label", sentence="sentence", pronoun="pronoun"
    ),
    "dmcc_python": _own_fields_only,
    "dr_repair_error_comments": _own_fields_only,
    "dr_repair_line_numbers": _own_fields_only,
    "dr_repair_no_errors": _own_fields_only,
    "dr_repair_plain_code": _own_fields_only,
    "drop": _plain("answers_spans.spans|answer", passage="passage", question="question"),
    "e2e_nlg": _plain("target|human_reference", attributes="meaning_representation"),
    "fix_punct": _restored(lambda text: " ".join(text.translate(_NO_PUNCTUATION).split())),
    "gigaword": _plain("summary", text="document"),
    "glue_mrpc": _classes(("no", "yes"), **_PAIR),
    "glue_qqp": _classes(("no", "yes"), question1="question1", question2="question2"),
    "hellaswag": _listed(("endings",), "label", context="context|ctx"),
    "imdb_reviews": _classes(("negative", "positive"), review="text"),
    "lambada": _lambada,
    "math_dataset": _plain("answer", question="question"),
    "mnli_matched": _GLUE_NLI,
    "mnli_mismatched": _GLUE_NLI,
    "multi_news": _plain("summary", article="document"),
    "multirc": _classes(
        ("no", "yes"), passage="paragraph", question="question", candidate="answer"
    ),
    "natural_questions": _plain("answer", question="question"),
    "newsroom": _plain("summary", article="text"),
    "openbookqa": _openbookqa,
    "opinion_abstracts_idebate": _idebate,
    "opinion_abstracts_rotten_tomatoes": _rotten_tomatoes,
    "para_crawl_enes": _translation("en", "es"),
    "paws_wiki": _classes(("no", "yes"), **_PAIR),
    "piqa": _listed(("sol1", "sol2"), "label", goal="goal"),
    "qnli": _classes(_YES_NO, question="question", sentence="sentence"),
    "qrecc": _qrecc,
    "quac": _quac,
    "record": _record,
    "rte": _classes(_YES_NO, premise="premise|sentence1", hypothesis="hypothesis|sentence2"),
    "samsum": _plain("summary", dialogue="dialogue"),
    "sentiment140": _sentiment140,
    "snli": _GLUE_NLI,
    "squad_v1": _plain("answers.text", title="title", passage="context", question="question"),
    "squad_v2": _squad_v2,
    "sst2": _classes(("negative", "positive"), review="sentence"),
    "story_cloze": _story_cloze,
    "stsb": _stsb,
    "task_master": _task_master,
    "trec": _trec,
    "trivia_qa": _plain("answer.value", question="question"),
    "trivia_qa_wiki_missing": _own_fields_only,
    "true_case": _restored(str.lower),
    "unified_qa_science_inst": _unified_qa,
    "web_nlg_en": _triples,
    "wic": _classes(("no", "yes"), word="word", **_PAIR),
    "wiki_dialog": _wiki_dialog,
    "wiki_lingua_english_en": _plain("target", article="source"),
    "winogrande": _winogrande,
    "wmt14_enfr": _translation("en", "fr"),
    "wmt16_translate_csen": _translation("cs", "en"),
    "wmt16_translate_deen": _translation("de", "en"),
    "wmt16_translate_fien": _translation("fi", "en"),
    "wmt16_translate_roen": _translation("ro", "en"),
    "wmt16_translate_ruen": _translation("ru", "en"),
    "wmt16_translate_tren": _translation("tr", "en"),
    "wnli": _classes(("no", "yes"), premise="sentence1", hypothesis="sentence2"),
    "word_segment": _restored(lambda text: "".join(text.split())),
    "wsc": _classes(("no", "yes"), text="text", pronoun="span2_text", noun="span1_text"),
    "xsum": _plain("summary", article="document"),
    "yelp_polarity_reviews": _classes(("negative", "positive"), review="text"),
}
