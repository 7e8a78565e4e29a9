"""Rows as TFDS and Hugging Face lay them out, and the records that come of them."""

import pytest

from tasks.flan.manifest import FLAN_TASKS
from tasks.flan.schemas import SCHEMAS
from tasks.flan.sources.muffin import _parts, _record
from tasks.flan.sources.muffin_readers import READERS

CHOICES = {"text": ["ice", "fire"], "label": ["A", "B"]}
DIALOGUE = {"utterances": ["Hello.", "Who?", "Me.", "Why?", "So."], "author_num": [0, 1, 0, 1, 0]}

# Task, row, (answer, number of options, a text that some field must hold).
ROWS = [
    ("aeslc", {"email_body": "Dear all", "subject_line": "News"}, ("News", 0, "Dear all")),
    ("ag_news_subset", {"title": "T", "description": "D", "label": 1}, ("Sports", 4, "T\nD")),
    ("ag_news_subset", {"text": "T D", "label": 3}, ("Science and technology", 4, "T D")),
    ("anli_r1", {"context": "P", "hypothesis": "H", "label": 1}, ("unclear", 3, "P")),
    ("anli_r2", {"premise": "P", "hypothesis": "H", "label": 2}, ("no", 3, "H")),
    ("anli_r3", {"premise": "P", "hypothesis": "H", "label": 0}, ("yes", 3, "H")),
    ("arc_challenge", {"question": "Q", "choices": CHOICES, "answerKey": "B"}, ("fire", 2, "Q")),
    ("arc_easy", {"question": "Q", "answerKey": 0, "choices": {"text": ["ice", "fire"],
        "label": [0, 1]}}, ("ice", 2, "Q")),
    ("bool_q", {"passage": "P", "question": "Q", "answer": True}, ("yes", 2, "P")),
    ("bool_q", {"passage": "P", "question": "Q", "label": 0}, ("no", 2, "Q")),
    ("cb", {"premise": "P", "hypothesis": "H", "label": 1}, ("no", 3, "P")),
    ("cnn_dailymail", {"article": "A", "highlights": "S"}, ("S", 0, "A")),
    ("cola", {"sentence": "S", "label": 1}, ("acceptable", 2, "S")),
    ("common_gen", {"concepts": ["dog", "run"], "target": "T"}, ("T", 0, "dog, run")),
    ("copa", {"premise": "P", "choice1": "a", "choice2": "b", "question": "cause", "label": 1},
        ("b", 2, "cause")),
    ("coqa", {"story": "S", "questions": ["a?", "b?"], "answers": {"input_text": ["x", "y"]}},
        ("1. x\n2. y", 0, "1. a?\n2. b?")),
    ("cosmos_qa", {"context": "C", "question": "Q", "answer0": "a", "answer1": "b", "answer2": "c",
        "answer3": "d", "label": 2}, ("c", 4, "C")),
    ("dart", {"tripleset": [["a", "b", "c"], ["d", "e", "f"]], "target": "T", "references": []},
        ("T", 0, "a | b | c\nd | e | f")),
    ("definite_pronoun_resolution", {"sentence": "S", "pronoun": "it", "candidates": ["a", "b"],
        "label": 0}, ("a", 2, "it")),
    ("drop", {"passage": "P", "question": "Q", "answers_spans": {"spans": ["7", "seven"]}},
        ("7", 0, "P")),
    ("e2e_nlg", {"meaning_representation": "M", "target": "T"}, ("T", 0, "M")),
    ("fix_punct", {"en": "Well, yes."}, ("Well, yes.", 0, "Well yes")),
    ("gigaword", {"document": "D", "summary": "S"}, ("S", 0, "D")),
    ("glue_mrpc", {"sentence1": "a", "sentence2": "b", "label": 1}, ("yes", 2, "a")),
    ("glue_qqp", {"question1": "a", "question2": "b", "label": 0}, ("no", 2, "b")),
    ("hellaswag", {"ctx": "C", "endings": ["a", "b", "c", "d"], "label": "3"}, ("d", 4, "C")),
    ("imdb_reviews", {"text": "T", "label": 0}, ("negative", 2, "T")),
    ("lambada", {"passage": "the last word"}, ("word", 0, "the last")),
    ("math_dataset", {"question": "b'1+1?\\n'", "answer": "b'2\\n'"}, ("2", 0, "1+1?")),
    ("mnli_matched", {"premise": "P", "hypothesis": "H", "label": 1}, ("unclear", 3, "P")),
    ("mnli_mismatched", {"premise": "P", "hypothesis": "H", "label": 2}, ("no", 3, "P")),
    ("multi_news", {"document": "D", "summary": "S"}, ("S", 0, "D")),
    ("multirc", {"paragraph": "P", "question": "Q", "answer": "A", "label": 1}, ("yes", 2, "A")),
    ("natural_questions", {"question": "Q", "answer": ["x", "y"]}, ("x", 0, "Q")),
    ("newsroom", {"text": "T", "summary": "S", "title": "U"}, ("S", 0, "T")),
    ("openbookqa", {"question": {"stem": "Q", "choice_A": "a", "choice_B": "b", "choice_C": "c",
        "choice_D": "d"}, "answerKey": 1, "fact1": "F"}, ("b", 4, "F")),
    ("openbookqa", {"question_stem": "Q", "choices": CHOICES, "answerKey": "A", "fact1": "F"},
        ("ice", 2, "Q")),
    ("opinion_abstracts_idebate", {"_debate_name": "N", "_claim": "C",
        "_argument_sentences": {"key": ["0", "1"], "value": ["a", "b"]}}, ("C", 0, "- a\n- b")),
    ("opinion_abstracts_rotten_tomatoes", {"_movie_name": "M", "_critic_consensus": "C",
        "_critics": [{"key": "0", "value": "a"}]}, ("C", 0, "- a")),
    ("para_crawl_enes", {"en": "Hello", "es": "Hola"}, None),
    ("paws_wiki", {"sentence1": "a", "sentence2": "b", "label": 0}, ("no", 2, "a")),
    ("piqa", {"goal": "G", "sol1": "a", "sol2": "b", "label": 0}, ("a", 2, "G")),
    ("qnli", {"question": "Q", "sentence": "S", "label": 0}, ("yes", 2, "S")),
    ("qrecc", {"context": ["Hi", "Ho"], "question": "Q", "answer": "A"},
        ("A", 0, "B: Hi\nA: Ho\nB: Q")),
    ("quac", {"title": "T", "context": "C", "question": "Q", "orig_answer": {"text": "A"}},
        ("A", 0, "T")),
    ("record", {"passage": "P\n@highlight\nH", "query": "@placeholder", "entities": ["a", "b"],
        "answers": ["b"]}, ("b", 2, "P\n- H")),
    ("rte", {"premise": "P", "hypothesis": "H", "label": 1}, ("no", 2, "P")),
    ("samsum", {"dialogue": "D", "summary": "S"}, ("S", 0, "D")),
    ("sentiment140", {"text": "T", "polarity": 4}, ("positive", 2, "T")),
    ("snli", {"premise": "P", "hypothesis": "H", "label": 0}, ("yes", 3, "P")),
    ("squad_v1", {"title": "T", "context": "C", "question": "Q", "answers": {"text": ["a", "b"]}},
        ("a", 0, "T")),
    ("squad_v2", {"title": "T", "context": "C", "question": "Q", "answers": {"text": []}},
        ("unanswerable", 0, "C")),
    ("sst2", {"sentence": "S", "label": 1}, ("positive", 2, "S")),
    ("story_cloze", {"context": "C", "endings": ["a", "b"], "label": 1}, ("b", 2, "C")),
    ("story_cloze", {**{f"input_sentence_{i}": f"s{i}" for i in range(1, 5)},
        "sentence_quiz1": "a", "sentence_quiz2": "b", "answer_right_ending": 1},
        ("a", 2, "s1 s2 s3 s4")),
    ("stsb", {"sentence1": "a", "sentence2": "b", "label": 3.6}, ("4", 6, "a")),
    ("task_master", {"utterances": ["one", {"text": "two"}, "three"]},
        ("three", 0, "A: one\nB: two")),
    ("trec", {"text": "T", "label-coarse": 3}, ("a person or a group", 6, "T")),
    ("trec", {"text": "T", "coarse_label": 0}, ("an abbreviation", 6, "T")),
    ("trivia_qa", {"question": "Q", "answer": {"value": "A"}}, ("A", 0, "Q")),
    ("true_case", {"translation": {"en": "In Rome", "da": "I Rom"}}, ("In Rome", 0, "in rome")),
    ("unified_qa_science_inst", {"input": "Q \\n (a) ice (b) fire", "output": "fire"},
        ("fire", 2, "Q")),
    ("web_nlg_en", {"input": ["a | b | c"], "target": "T", "references": ["T", "U"]},
        ("T", 0, "a | b | c")),
    ("wic", {"word": "w", "sentence1": "a", "sentence2": "b", "label": 1}, ("yes", 2, "w")),
    ("wiki_dialog", DIALOGUE, None),
    ("wiki_lingua_english_en", {"source": "S", "target": "T"}, ("T", 0, "S")),
    ("winogrande", {"sentence": "S _", "option1": "a", "option2": "b", "label": 1},
        ("b", 2, "S _")),
    ("winogrande", {"sentence": "S _", "option1": "a", "option2": "b", "answer": "1"},
        ("a", 2, "S _")),
    ("wmt14_enfr", {"en": "Hello", "fr": "Salut"}, None),
    *(
        (f"wmt16_translate_{code}en", {"translation": {code: "x", "en": "y"}}, None)
        for code in ("cs", "de", "fi", "ro", "ru", "tr")
    ),
    ("wnli", {"sentence1": "a", "sentence2": "b", "label": 1}, ("yes", 2, "b")),
    ("word_segment", {"en": "a b c"}, ("a b c", 0, "abc")),
    ("wsc", {"text": "T", "span1_text": "noun", "span2_text": "it", "label": 0},
        ("no", 2, "noun")),
    ("xsum", {"document": "D", "summary": "S"}, ("S", 0, "D")),
    ("yelp_polarity_reviews", {"text": "T", "label": 1}, ("positive", 2, "T")),
    # The public code has no such set: rows hold the schema's own fields.
    ("trivia_qa_wiki_missing", {"passage": "P", "question": "Q", "answer": "A"}, ("A", 0, "P")),
    ("dmcc_python", {"description": "D", "answer": "print()"}, ("print()", 0, "D")),
    *(
        (f"dr_repair_{kind}", {"code": "C", "answer": "D"}, ("D", 0, "C"))
        for kind in ("error_comments", "line_numbers", "no_errors", "plain_code")
    ),
]  # fmt: skip


def read(name, row, key="0"):
    task = FLAN_TASKS[name]
    schema = SCHEMAS[task.pattern]
    found = [
        _record(schema, "id", parts, "here")
        for parts in _parts(task, schema, row, key=key, where="here")
    ]
    return [record for record in found if record is not None]


def test_every_muffin_task_has_a_reader_and_a_row_here():
    muffin = {name for name, task in FLAN_TASKS.items() if task.collection == "muffin"}
    assert set(READERS) == muffin == {name for name, _, _ in ROWS}


@pytest.mark.parametrize(("name", "row", "expected"), ROWS)
def test_rows_become_records(name, row, expected):
    (record,) = read(name, row)
    if expected is not None:
        answer, num_options, text = expected
        assert (record.answer, len(record.options)) == (answer, num_options)
        assert text in record.fields.values()


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("snli", {"premise": "P", "hypothesis": "H", "label": -1}),
        ("hellaswag", {"ctx": "C", "endings": ["a", "b"], "label": ""}),
        ("aeslc", {"email_body": " ", "subject_line": "News"}),
        ("sentiment140", {"text": "T", "polarity": 2}),
        ("record", {"passage": "P", "query": "Q", "entities": ["a", "b"], "answers": ["c"]}),
        ("word_segment", {"en": "Hello"}),
        ("trivia_qa", {"question": "Q", "answer": {"value": ""}}),
    ],
)
def test_rows_without_label_or_text_are_left_out(name, row):
    assert read(name, row) == []


def test_both_directions_are_translated():
    row = {"en": "Hello", "fr": "Salut"}
    ways = [read("wmt14_enfr", row, key=str(i))[0] for i in range(60)]
    languages = {(r.fields["source_language"], r.fields["text"], r.answer) for r in ways}
    assert languages == {("English", "Hello", "Salut"), ("French", "Salut", "Hello")}


def test_a_dialogue_is_cut_at_an_answered_question():
    cuts = {(r := read("wiki_dialog", DIALOGUE, key=str(i))[0]).fields["dialogue"]: r.answer
            for i in range(40)}  # fmt: skip
    assert cuts == {"A: Hello.\nB: Who?": "Me.", "A: Hello.\nB: Who?\nA: Me.\nB: Why?": "So."}


def test_dialogues_of_quac_give_a_record_a_question():
    row = {"wikipedia_page_title": "T", "context": "C", "questions": ["a?", "b?"],
           "orig_answers": {"texts": ["x", "CANNOTANSWER"]}}  # fmt: skip
    assert [record.answer for record in read("quac", row)] == ["x", "unanswerable"]


def test_own_fields_win_and_bring_their_options():
    row = {"premise": "P", "hypothesis": "H", "answer": "so", "options": ["so", "not so"]}
    (record,) = read("rte", row)
    assert record.options == ("so", "not so")


def test_a_row_of_something_else_says_what_is_needed():
    with pytest.raises(
        ValueError, match=r"here: not a row of rte .*its fields are 'text'.*premise"
    ):
        read("rte", {"text": "T"})
    with pytest.raises(ValueError, match="description, answer"):
        read("dmcc_python", {"problem": "P"})
