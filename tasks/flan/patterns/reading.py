"""Templates of tasks that ask about a passage, to be answered in its or one's own words."""

from ..pattern import make_pattern

READING = make_pattern(
    "reading",
    zero_shot=[
        "{passage}\n\n{question}",
        "Source: {passage}\nAsked: {question}\nAnswer:",
        "Use the text to find out: {question}\n\nText: {passage}",
        "{question}\nLook for the answer here:\n\n{passage}",
        "Read the passage.\n\n{passage}\n\nNow say: {question}",
        "Answer in a few words what is asked about this text.\n\n{passage}\n\nQ: {question}\nA:",
        "From a document: {passage}\n\nA reader wonders: {question}\nWhat does it say?",
        "Go by the paragraph and answer the question.\nParagraph: {passage}\nQuestion: {question}",
    ],
    few_shot=[
        "{passage}\n{question}",
        "Source: {passage}\nAsked: {question}\nAnswer:",
        ("Find out from the text.", "Text: {passage}\nTo find out: {question}\nFound:"),
        "{question}\nLook here: {passage}",
        ("Read the passages and answer.", "{passage}\nNow say: {question}"),
        ("Answer in a few words.", "{passage}\nQ: {question}\nA:"),
        "Document: {passage}\nReader: {question}\nReply:",
        ("Going by paragraphs", "Paragraph: {passage}\nQuestion: {question}"),
    ],
    inversions=[
        ('{passage}\n\nWhat could one ask here, to be told "{answer}"?', "{question}"),
        ("Source: {passage}\nAnswer: {answer}\nAsked:", "{question}"),
        (
            "Question: {question}\nAnswer: {answer}\nWrite a passage in which one finds this.",
            "{passage}",
        ),
        (
            "What was asked about the text, if the reply was: {answer}\n\nText: {passage}",
            "{question}",
        ),
    ],
)

READING_OR_UNANSWERABLE = make_pattern(
    "reading_or_unanswerable",
    zero_shot=[
        '{passage}\n\n{question}\nIf the text does not say, write "unanswerable".',
        "Context: {passage}\nQuestion: {question}\n"
        "Answer (unanswerable where the context leaves it open):",
        'Try to find out from the text: {question}\nIt may be "unanswerable".\n\nText: {passage}',
        "{question}\nThe answer may or may not be here. Where it is not, say unanswerable.\n\n"
        "{passage}",
        "Some questions cannot be answered from their text; they are called unanswerable.\n\n"
        "{passage}\n\nQ: {question}\nA:",
        "Read the passage and do not guess.\n\n{passage}\n\n{question}\n"
        "Give the answer, or else: unanswerable",
        "Document: {passage}\nDoes it tell us, and what? {question}\n"
        "(Reply unanswerable if it does not.)",
        "Quote the answer from the paragraph, or reply that it is unanswerable.\n"
        "Paragraph: {passage}\nQuestion: {question}",
    ],
    few_shot=[
        ('Write "unanswerable" where the text does not say.', "{passage}\n{question}"),
        (
            "Where the context leaves a question open, it is unanswerable.",
            "Source: {passage}\nAsked: {question}\nAnswer:",
        ),
        ("Find out, or write unanswerable.", "Text: {passage}\nTo find out: {question}"),
        "{question}\nIs it here, or unanswerable?\n{passage}",
        ("Some of these questions are unanswerable.", "{passage}\nQ: {question}\nA:"),
        (
            "Do not guess: what the passage does not say is unanswerable.",
            "{passage}\n{question}",
        ),
        "Document: {passage}\nWhat does it say? {question}\nReply (or unanswerable):",
        (
            "Quote the answer, or reply unanswerable.",
            "Paragraph: {passage}\nQuestion: {question}",
        ),
    ],
    inversions=[
        (
            '{passage}\n\nAsk about this; the answer shall be "{answer}" '
            '("unanswerable" if the text is not to tell).',
            "{question}",
        ),
        ("Context: {passage}\nAnswer, or unanswerable: {answer}\nQuestion:", "{question}"),
        (
            "Question: {question}\nWhat the text says to that: {answer}\n"
            "(Unanswerable means nothing.)\nText:",
            "{passage}",
        ),
        (
            "A reader of this text asked something and was told: {answer}\n\n{passage}\n\n"
            "What was asked?",
            "{question}",
        ),
    ],
)

TOPIC_READING = make_pattern(
    "topic_reading",
    zero_shot=[
        "{title}\n\n{passage}\n\n{question}",
        "Topic: {title}\nText: {passage}\nQuestion: {question}\nAnswer:",
        "A conversation about {title} turns to this: {question}\n\nBackground: {passage}",
        "Here is part of an article on {title}.\n\n{passage}\n\nWhat does it say to this? "
        "{question}",
        "{question}\n\nFind the words that answer it.\nArticle: {title}\n{passage}",
        "A student of {title} asks a teacher: {question}\nThe teacher's notes: {passage}\n"
        "The teacher's reply:",
        "Article: {title}\n\n{passage}\n\nQ: {question}\nA:",
        "Answer a question about {title} from the text.\nText: {passage}\nQuestion: {question}",
    ],
    few_shot=[
        "{title}\n{passage}\n{question}",
        "Topic: {title}\nText: {passage}\nQuestion: {question}\nAnswer:",
        "Conversation about {title}: {question}\nBackground: {passage}",
        ("What do the articles say?", "On {title}: {passage}\nAsked: {question}"),
        ("Find the words that answer.", "Article: {title}\n{passage}\nTo answer: {question}"),
        "Student of {title}: {question}\nTeacher's notes: {passage}\nTeacher's reply:",
        "Article: {title}\n{passage}\nQ: {question}\nA:",
        ("Answer from the text.", "About {title}\nText: {passage}\nQuestion: {question}"),
    ],
    inversions=[
        ("{title}\n\n{passage}\n\nWhat question is answered by: {answer}", "{question}"),
        ("Topic: {title}\nText: {passage}\nAnswer: {answer}\nQuestion:", "{question}"),
        (
            "In a conversation about {title} someone answered: {answer}\nThe text was: {passage}\n"
            "What had been asked?",
            "{question}",
        ),
        (
            "Asked about {title}: {question}\nAnswered: {answer}\nWrite the text it came from.",
            "{passage}",
        ),
    ],
)

NUMBERED_READING = make_pattern(
    "numbered_reading",
    zero_shot=[
        "{passage}\n\n{questions}\n\nNumber your answers likewise.",
        "Text: {passage}\nQuestions:\n{questions}\nNumbered answers:",
        "Read the text and answer every question in turn, one a line.\n\n{passage}\n\n{questions}",
        "These questions belong to the text after them:\n{questions}\n\n{passage}\n\n"
        "Give a list of answers with the same numbers.",
        "A class has read this:\n{passage}\n\nThe test:\n{questions}\n\nThe key, by number:",
        "{passage}\n\nHow would you reply to each of these?\n{questions}\nReply by number.",
        "A conversation about a text, its questions first.\nText: {passage}\n{questions}\n"
        "Now the answers, in the same order and numbered:",
        "Fill in a numbered list of short answers.\n\nPassage: {passage}\n\nAsked:\n{questions}",
    ],
    few_shot=[
        ("Number your answers like the questions.", "{passage}\n{questions}"),
        "Text: {passage}\nQuestions:\n{questions}\nNumbered answers:",
        ("Answer every question in turn, one a line.", "{passage}\n{questions}"),
        "Questions:\n{questions}\nText: {passage}\nAnswers with the same numbers:",
        "Class text: {passage}\nTest:\n{questions}\nKey:",
        ("Reply by number.", "{passage}\nReply to:\n{questions}"),
        "Text: {passage}\n{questions}\nAnswers, in the same order:",
        ("Numbered lists of short answers.", "Passage: {passage}\nAsked:\n{questions}"),
    ],
    inversions=[
        (
            "{passage}\n\nWrite numbered questions about this. Their answers are:\n{answer}",
            "{questions}",
        ),
        ("Text: {passage}\nNumbered answers:\n{answer}\nQuestions:", "{questions}"),
        (
            "Questions:\n{questions}\nAnswers:\n{answer}\nWhich text are they about? Write it.",
            "{passage}",
        ),
        (
            "A teacher has the key of a test on this text, and lost the questions.\nText: "
            "{passage}\nKey:\n{answer}\nWrite the test anew.",
            "{questions}",
        ),
    ],
)

PATTERNS = (READING, READING_OR_UNANSWERABLE, TOPIC_READING, NUMBERED_READING)
