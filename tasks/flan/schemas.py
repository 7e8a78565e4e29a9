"""The schemas: what the records of each kind of dataset hold. One line a schema.

A pattern (`tasks.flan.patterns`) of the same name words the records of each.
"""

from __future__ import annotations

import types
from collections.abc import Mapping

from .records import OptionOrder, Schema


def _schema(
    name: str,
    fields: str,
    about: str,
    *,
    options: OptionOrder = "none",
    options_optional: bool = False,
    rationale: bool = False,
) -> Schema:
    return Schema(
        name,
        tuple(fields.split()),
        about,
        options=options,
        options_optional=options_optional,
        rationale=rationale,
    )


_SCHEMAS = (
    # ------------------------------------------------------------- one text follows from another
    _schema("nli", "premise hypothesis", "does it follow: yes, no, unclear", options="shuffled"),
    _schema("paraphrase", "sentence1 sentence2", "same meaning: yes or no", options="shuffled"),
    _schema("duplicate_questions", "question1 question2", "yes or no", options="shuffled"),
    _schema("similarity", "sentence1 sentence2", "how alike, 0 to 5", options="ordered"),
    # ------------------------------------------------------------------------- reading a passage
    _schema("boolean_reading", "passage question", "yes or no", options="shuffled"),
    _schema("answerability", "question sentence", "does it answer: yes or no", options="shuffled"),
    _schema("answer_check", "passage question candidate", "right: yes or no", options="shuffled"),
    _schema("reading", "passage question", "the answer, from the passage"),
    _schema("reading_or_unanswerable", "passage question", "the answer, or 'unanswerable'"),
    _schema("topic_reading", "title passage question", "the answer, from the passage"),
    _schema("numbered_reading", "passage questions", "numbered questions, numbered answers"),
    _schema("cloze_reading", "passage query", "what stands at @placeholder", options="shuffled"),
    _schema("passage_choice", "passage question", "one of the options", options="shuffled"),
    # ---------------------------------------------------------------------------------- questions
    _schema("multiple_choice", "question", "one of the options", options="shuffled"),
    _schema("fact_choice", "fact question", "one of the options", options="shuffled"),
    _schema("goal_solution", "goal", "the way that works", options="shuffled"),
    _schema("closed_book", "question", "a short answer, from memory"),
    _schema("maths", "question", "the result"),
    # ---------------------------------------------------------------------- sentiment and classes
    _schema("sentiment", "text", "positive or negative", options="shuffled"),
    _schema("movie_sentiment", "review", "positive or negative", options="shuffled"),
    _schema("customer_sentiment", "review", "positive or negative", options="shuffled"),
    _schema("topic", "text", "the topic", options="shuffled"),
    _schema("question_type", "question", "what it asks for", options="shuffled"),
    # --------------------------------------------------------------------------- words, reference
    _schema("acceptability", "sentence", "acceptable or not", options="shuffled"),
    _schema("word_sense", "word sentence1 sentence2", "same sense: yes, no", options="shuffled"),
    _schema("pronoun_check", "text pronoun noun", "refers to it: yes, no", options="shuffled"),
    _schema("pronoun", "sentence pronoun", "whom or what it refers to", options="shuffled"),
    _schema("blank", "sentence", "what fills the blank, _", options="shuffled"),
    # ------------------------------------------------------------------------------- continuation
    _schema("cause_effect", "premise relation", "relation: cause or effect", options="shuffled"),
    _schema("continuation", "context", "what comes next", options="shuffled"),
    _schema("story_ending", "story", "the last sentence", options="shuffled"),
    _schema("last_word", "text", "the word that completes the text"),
    # ------------------------------------------------------------------------------ summarisation
    _schema("news_summary", "article", "a summary of some sentences"),
    _schema("one_sentence_summary", "article", "a summary in one sentence"),
    _schema("headline", "text", "a headline"),
    _schema("dialogue_summary", "dialogue", "a summary"),
    _schema("review_consensus", "movie reviews", "what the critics agree on"),
    _schema("argument_summary", "topic arguments", "the claim that the arguments make"),
    _schema("email_subject", "email", "the subject line"),
    _schema("how_to_summary", "article", "the steps in short"),
    # ------------------------------------------------------------------------- from text to text
    _schema("translation", "text source_language target_language", "the translation"),
    _schema("concepts_to_text", "concepts", "a sentence with all of them"),
    _schema("triples_to_text", "triples", "a text that says what they say"),
    _schema("attributes_to_text", "attributes", "a text about a place to eat"),
    _schema("true_case", "text", "text without capitals; the same with them"),
    _schema("punctuation", "text", "text without punctuation; the same with it"),
    _schema("word_segmentation", "text", "text without blanks; the same with them"),
    # ----------------------------------------------------------------------- dialogue, programs
    _schema("dialogue_answer", "dialogue", "turns, the last a question; its answer"),
    _schema("dialogue_turn", "dialogue", "turns; the next one"),
    _schema("program", "description", "a program"),
    _schema("program_repair", "code", "the program put right"),
    _schema("numbered_program_repair", "code", "lines with numbers; the program put right"),
    _schema("reported_program_repair", "code", "compiler's messages inside; the program put right"),
    # --------------------------------------------------- collections that bring their own templates
    _schema("t0_question_answer", "prompt", "a whole prompt; what it asks for"),
    _schema("t0_multiple_choice", "prompt", "a whole prompt, with its choices; the right one"),
    _schema(
        "t0_separated_options",
        "prompt",
        "a whole prompt, without choices; the right one",
        options="shuffled",
        options_optional=True,
    ),
    _schema("niv2", "definition input", "an instruction and an input; the output"),
    # --------------------------------------------------------------------------- chain of thought
    _schema("cot", "question", "a question, with its choices if any", rationale=True),
    _schema(
        "cot_options", "question", "the same, choices apart", options="lettered", rationale=True
    ),
)

SCHEMAS: Mapping[str, Schema] = types.MappingProxyType({s.name: s for s in _SCHEMAS})
