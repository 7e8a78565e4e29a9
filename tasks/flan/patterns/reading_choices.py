"""Templates of tasks that ask about a passage and list the answers."""

from ..pattern import make_pattern

BOOLEAN_READING = make_pattern(
    "boolean_reading",
    zero_shot=[
        "{passage}\n\n{question}\n{options}",
        "Passage: {passage}\nQuestion: {question}\n{options}\nAnswer:",
        "Decide from the text alone: {question}\n\nText: {passage}\n{options}",
        "Read this. Then say yes or no.\n\n{passage}\n\n{question}\n{options}",
        "According to the passage, {question}\n\n{passage}\n{options}\nAnswer:",
        "{question}\nThe text may help:\n{passage}\n{options}\nSo:",
        "Here is what a reference work says.\n{passage}\n\nA reader asks: {question}\n{options}",
        "Text:\n{passage}\n\nJudge by it, with yes or no.\n{question}\n{options}",
    ],
    few_shot=[
        "{passage}\n{question}\n{options}",
        "Passage: {passage}\nQuestion: {question}\n{options}\nAnswer:",
        ("Decide from the text alone.", "Text: {passage}\nTo decide: {question}\n{options}"),
        ("Read each text and answer yes or no.", "{passage}\nQ: {question}\n{options}\nA:"),
        "According to the passage, {question}\n{passage}\n{options}\nAnswer:",
        "{question}\nText: {passage}\n{options}\nSo:",
        "Reference: {passage}\nReader: {question}\n{options}",
        ("Judged with yes or no", "Text: {passage}\nQuestion: {question}\n{options}"),
    ],
    inversions=[
        ("{passage}\n\nWrite a question on the text that one answers with {answer}.", "{question}"),
        ("Text: {passage}\nAnswer: {answer}\nQuestion:", "{question}"),
        ("Question: {question}\nAnswer: {answer}\nWrite a passage that shows it.", "{passage}"),
        (
            "A quiz has yes/no questions about this text. One is answered by {answer}; which?\n\n"
            "{passage}",
            "{question}",
        ),
    ],
)

ANSWERABILITY = make_pattern(
    "answerability",
    zero_shot=[
        "{question}\n{sentence}\nDoes the sentence answer the question?\n{options}",
        "Question: {question}\nSentence: {sentence}\nIs the answer in there?\n{options}\nAnswer:",
        'Can one tell from "{sentence}" the answer to "{question}"?\n{options}',
        "A search for\n{question}\nfound\n{sentence}\nIs that of any use?\n{options}",
        "Text: {sentence}\nWould someone who read only this know: {question}\n{options}\nAnswer:",
        "Check whether a sentence holds what is asked for.\n\nAsked: {question}\n"
        "Sentence: {sentence}\n{options}",
        "{sentence}\n\nDoes that tell us: {question}\n{options}\nAnswer:",
        "Someone wants to know: {question}\nThe reply is: {sentence}\n"
        "Does the reply settle the matter?\n{options}",
    ],
    few_shot=[
        "{question}\n{sentence}\nDoes it answer the question?\n{options}",
        (
            "Is the answer in the sentence?",
            "Question: {question}\nSentence: {sentence}\n{options}\nAnswer:",
        ),
        'Can one tell from "{sentence}" the answer to "{question}"?\n{options}',
        ("Which finds are of use?", "Searched: {question}\nFound: {sentence}\n{options}\nOf use:"),
        "Text: {sentence}\nDoes its reader know: {question}\n{options}\nAnswer:",
        (
            "Check whether the sentence holds what is asked for.",
            "Asked: {question}\nSentence: {sentence}\n{options}",
        ),
        "{sentence}\nDoes that tell us: {question}\n{options}\nAnswer:",
        "Wanted: {question}\nReply: {sentence}\nSettled?\n{options}",
    ],
    inversions=[
        ("{sentence}\nWrite a question. Does the sentence answer it? {answer}", "{question}"),
        ("{question}\nWrite a sentence. Does it hold the answer? {answer}", "{sentence}"),
        ("Sentence: {sentence}\nUseful for the question: {answer}\nQuestion:", "{question}"),
        (
            "Make up a question and a sentence. Whether the sentence answers it: {answer}",
            "Question: {question}\nSentence: {sentence}",
        ),
    ],
)

ANSWER_CHECK = make_pattern(
    "answer_check",
    zero_shot=[
        "{passage}\n\n{question}\nProposed answer: {candidate}\nIs it right?\n{options}",
        "Text: {passage}\nQuestion: {question}\nCandidate: {candidate}\n"
        "Does the candidate answer the question?\n{options}\nVerdict:",
        'A pupil read this:\n{passage}\n\nAsked "{question}", the pupil said "{candidate}"\n'
        "Was that correct?\n{options}",
        "Check an answer against the text.\n\n{passage}\n\nQ: {question}\nA: {candidate}\n"
        "{options}\nCorrect:",
        "{passage}\n\nWould {candidate} be a correct answer to: {question}\n{options}",
        "Question: {question}\nAnswer: {candidate}\nTrue to this passage?\n\n{passage}\n{options}",
        "Grade a reading test.\nPassage: {passage}\nQuestion: {question}\nGiven: {candidate}\n"
        "Is the point earned?\n{options}\nAnswer:",
        "{question}\n{candidate}\nIs this pair of question and answer borne out by the text?\n"
        "{passage}\n{options}",
    ],
    few_shot=[
        "{passage}\n{question}\nProposed: {candidate}\nRight?\n{options}",
        (
            "Does the candidate answer the question?",
            "Text: {passage}\nQuestion: {question}\nCandidate: {candidate}\n{options}\nVerdict:",
        ),
        'Read:\n{passage}\nAsked: "{question}"\nSaid: "{candidate}"\nCorrect?\n{options}',
        (
            "Check answers against texts.",
            "{passage}\nQ: {question}\nA: {candidate}\n{options}\nCorrect:",
        ),
        "{passage}\nWould {candidate} be correct for: {question}\n{options}",
        "Question: {question}\nAnswer: {candidate}\nPassage: {passage}\nTrue to it?\n{options}",
        (
            "Grade a reading test.",
            "Passage: {passage}\nQuestion: {question}\nGiven: {candidate}\n{options}\nPoint:",
        ),
        "Text: {passage}\n{question}\n{candidate}\nBorne out?\n{options}",
    ],
    inversions=[
        (
            "{passage}\n\n{question}\nPropose an answer. Is it right? {answer}",
            "{candidate}",
        ),
        (
            "{passage}\n\nProposed answer: {candidate}\nRight: {answer}\nQuestion:",
            "{question}",
        ),
        (
            "Write a question about the text and a proposed answer to it. Is the proposal "
            "correct? {answer}\n\n{passage}",
            "{question}\n{candidate}",
        ),
        (
            "Q: {question}\nA: {candidate}\nCorrect: {answer}\nText that this is about:",
            "{passage}",
        ),
    ],
)

CLOZE_READING = make_pattern(
    "cloze_reading",
    zero_shot=[
        "{passage}\n\n{query}\n\nWhat does @placeholder stand for?\n{options}",
        "Article: {passage}\nSentence: {query}\nWho or what is @placeholder?\n{options}\nAnswer:",
        "Fill in @placeholder.\n\n{passage}\n{query}\n{options}",
        "A name was cut from the last sentence and replaced by @placeholder. Restore it.\n\n"
        "{passage}\n{query}\n{options}\nName:",
        "{query}\n\nWhich name belongs at @placeholder? The news report tells:\n{passage}\n"
        "{options}",
        "Report: {passage}\n\nGap: {query}\n{options}\n@placeholder =",
        "With the story in mind, complete the sentence at @placeholder.\n\nStory: {passage}\n\n"
        "Sentence: {query}\n{options}",
        "{passage}\n\nIn the next sentence @placeholder hides somebody or something.\n{query}\n"
        "{options}\nIt hides:",
    ],
    few_shot=[
        "{passage}\n{query}\nWhat does @placeholder stand for?\n{options}",
        "Article: {passage}\nSentence: {query}\n{options}\n@placeholder is:",
        ("Fill in @placeholder.", "{passage}\n{query}\n{options}"),
        (
            "A name was replaced by @placeholder. Restore it.",
            "{passage}\n{query}\n{options}\nName:",
        ),
        "{query}\nReport: {passage}\nWhich name belongs at @placeholder?\n{options}",
        "Report: {passage}\nGap: {query}\n{options}\n@placeholder =",
        ("Complete at @placeholder.", "Story: {passage}\nSentence: {query}\n{options}"),
        ("What does @placeholder hide?", "{passage}\n{query}\n{options}\nIt hides:"),
    ],
    inversions=[
        (
            "{passage}\n\nWrite one more sentence with @placeholder where it names: {answer}",
            "{query}",
        ),
        ("Article: {passage}\n@placeholder is: {answer}\nSentence with the gap:", "{query}"),
        (
            "{query}\nIf @placeholder is {answer}, what may the report before it have said?",
            "{passage}",
        ),
        (
            "Make a gap exercise for this text. The gap is written @placeholder, and what fills "
            "it is {answer}.\n\n{passage}",
            "{query}",
        ),
    ],
)

PASSAGE_CHOICE = make_pattern(
    "passage_choice",
    zero_shot=[
        "{passage}\n\n{question}\n{options}",
        "Text: {passage}\nQuestion: {question}\n{options}\nAnswer:",
        "{question}\nGo by what is told here:\n{passage}\n{options}",
        "Read this, and between the lines too.\n\n{passage}\n\n{question}\n{options}",
        "Story: {passage}\n\nHow would you best reply to this? {question}\n{options}\nBest reply:",
        "Somebody writes: {passage}\n\nWe ask ourselves: {question}\n{options}",
        "Reading test.\n\n{passage}\n\nQuestion: {question}\n{options}\nYour answer:",
        "From the passage one can tell the answer to the question.\nPassage: {passage}\n"
        "Question: {question}\n{options}",
    ],
    few_shot=[
        "{passage}\n{question}\n{options}",
        "Text: {passage}\nQuestion: {question}\n{options}\nAnswer:",
        "{question}\nTold here: {passage}\n{options}",
        ("Read between the lines too.", "{passage}\n{question}\n{options}"),
        "Story: {passage}\nAsked: {question}\n{options}\nBest reply:",
        "Somebody writes: {passage}\nWe ask: {question}\n{options}",
        ("Reading test.", "{passage}\nQuestion: {question}\n{options}\nYour answer:"),
        ("One can tell from the passage.", "Passage: {passage}\nQuestion: {question}\n{options}"),
    ],
    inversions=[
        ('{passage}\n\nThink of a question that "{answer}" answers.', "{question}"),
        ("Text: {passage}\nAnswer: {answer}\nQuestion:", "{question}"),
        (
            "Asked {question}, one would say {answer}\nWhat text would make that so?",
            "{passage}",
        ),
        (
            "Write an item of a reading test.\nStory: {passage}\nRight answer: {answer}\nItem:",
            "{question}",
        ),
    ],
)

PATTERNS = (BOOLEAN_READING, ANSWERABILITY, ANSWER_CHECK, CLOZE_READING, PASSAGE_CHOICE)
