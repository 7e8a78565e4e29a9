"""Templates of tasks about two texts: does one follow, do they mean the same, are they alike."""

from ..pattern import make_pattern

NLI = make_pattern(
    "nli",
    zero_shot=[
        "{premise}\n\nGiven this, is it true that: {hypothesis}\n{options}",
        "Hypothesis: {hypothesis}\nPremise: {premise}\n"
        "Does the one follow from the other?\n{options}",
        "Suppose that all you know is this:\n{premise}\n\n"
        "Would you then agree with this?\n{hypothesis}\n{options}\nAnswer:",
        "Does text A entail text B?\nA: {premise}\nB: {hypothesis}\n{options}\nVerdict:",
        'Someone reads "{premise}" and concludes "{hypothesis}"\n'
        "Is the conclusion justified?\n{options}",
        "{premise}\nQuestion: {hypothesis} Does the text support that?\n{options}\nAnswer:",
        "Judge a claim by its source.\n\nSource: {premise}\n\nClaim: {hypothesis}\n\n"
        "Does the claim hold?\n{options}",
        "We are told the first sentence. Must the second be true as well?\n"
        "First: {premise}\nSecond: {hypothesis}\n{options}\nAnswer:",
    ],
    few_shot=[
        "{premise}\nIs it then true that: {hypothesis}\n{options}",
        ("Does the hypothesis follow?", "Hypothesis: {hypothesis}\nPremise: {premise}\n{options}"),
        "Known: {premise}\nDo you agree: {hypothesis}\n{options}\nAnswer:",
        ("Does text A entail text B?", "A: {premise}\nB: {hypothesis}\n{options}\nVerdict:"),
        (
            "Which of these conclusions are justified?",
            'From "{premise}" someone concludes "{hypothesis}"\n{options}\nJustified:',
        ),
        "Text: {premise}\nQuestion: {hypothesis} Is that supported?\n{options}\nAnswer:",
        (
            "Each claim comes with its source. Judge whether the claim holds.",
            "Source: {premise}\nClaim: {hypothesis}\n{options}\nThe claim holds:",
        ),
        "First: {premise}\nSecond: {hypothesis}\nMust the second be true?\n{options}\nAnswer:",
    ],
    inversions=[
        (
            "Premise: {premise}\nWrite a hypothesis. To the question whether it follows, the "
            "answer must be: {answer}\nHypothesis:",
            "{hypothesis}",
        ),
        (
            "{hypothesis}\nIs that so? Write a text after which the answer is: {answer}",
            "{premise}",
        ),
        (
            "Text: {premise}\nAnswer: {answer}\n"
            "Which statement could the text be asked about, to get this answer?",
            "{hypothesis}",
        ),
        (
            'Make up a premise and a hypothesis where the verdict on "does it follow" is: {answer}',
            "Premise: {premise}\nHypothesis: {hypothesis}",
        ),
    ],
)

PARAPHRASE = make_pattern(
    "paraphrase",
    zero_shot=[
        "{sentence1}\n{sentence2}\nIs this twice the same statement?\n{options}",
        "Sentence 1: {sentence1}\nSentence 2: {sentence2}\nIs one a paraphrase of the other?\n"
        "{options}\nAnswer:",
        'By "{sentence1}", is the same meant as by "{sentence2}"?\n{options}',
        "Compare what two sentences mean.\n\n(1) {sentence1}\n(2) {sentence2}\n\n"
        "Is the meaning the same?\n{options}",
        "First version: {sentence1}\nSecond version: {sentence2}\n"
        "Could you swap them without changing what is said?\n{options}\nAnswer:",
        "An editor replaced\n{sentence1}\nby\n{sentence2}\nIs the content unchanged?\n{options}",
        "Are these sentences equivalent?\n- {sentence1}\n- {sentence2}\n{options}\nAnswer:",
        "{sentence1}\n\nSomeone else puts it like this: {sentence2}\n\n"
        "Have they both said the same?\n{options}",
    ],
    few_shot=[
        "{sentence1}\n{sentence2}\nThe same thing?\n{options}",
        (
            "Is one sentence a paraphrase of the other?",
            "Sentence 1: {sentence1}\nSentence 2: {sentence2}\n{options}\nAnswer:",
        ),
        'Does "{sentence1}" mean the same as "{sentence2}"?\n{options}',
        ("Compare meanings.", "(1) {sentence1}\n(2) {sentence2}\n{options}\nThe same meaning:"),
        "First version: {sentence1}\nSecond version: {sentence2}\nCan they be swapped?\n"
        "{options}\nAnswer:",
        (
            "An editor changed these sentences. Tell whether the content stayed.",
            "Before: {sentence1}\nAfter: {sentence2}\n{options}\nUnchanged:",
        ),
        ("Are they equivalent?", "- {sentence1}\n- {sentence2}\n{options}\nAnswer:"),
        "Speaker A: {sentence1}\nSpeaker B: {sentence2}\nHave they said the same?\n{options}",
    ],
    inversions=[
        (
            "{sentence1}\nWrite a sentence of which one may ask whether it means the same, and "
            "the answer is: {answer}",
            "{sentence2}",
        ),
        (
            "Sentence 2: {sentence2}\nParaphrase of sentence 1: {answer}\nSentence 1:",
            "{sentence1}",
        ),
        (
            "Give two sentences of which one may say, as to whether they are paraphrases: {answer}",
            "1. {sentence1}\n2. {sentence2}",
        ),
        (
            "Original: {sentence1}\nIs the new version equivalent? {answer}\nNew version:",
            "{sentence2}",
        ),
    ],
)

DUPLICATE_QUESTIONS = make_pattern(
    "duplicate_questions",
    zero_shot=[
        "{question1}\n{question2}\nAre both questions asking for the same thing?\n{options}",
        "Question 1: {question1}\nQuestion 2: {question2}\n"
        "Would one answer settle both?\n{options}\nAnswer:",
        "On a forum someone asks: {question1}\nAnother user asks: {question2}\n"
        "Is the second question a duplicate of the first?\n{options}",
        'Is "{question1}" just another way to ask "{question2}"?\n{options}',
        "Here are two questions.\n\nA. {question1}\nB. {question2}\n\n"
        "Can they be merged into one?\n{options}\nMerge:",
        "A help desk has already answered this: {question1}\nNow this comes in: {question2}\n"
        "Does the old answer do?\n{options}",
        "Do these two questions mean the same?\n* {question1}\n* {question2}\n{options}\nAnswer:",
        "Asked first: {question1}\nAsked later: {question2}\n"
        "Was the same question asked twice?\n{options}",
    ],
    few_shot=[
        "{question1}\n{question2}\nThe same question?\n{options}",
        (
            "Would one answer settle both questions?",
            "Question 1: {question1}\nQuestion 2: {question2}\n{options}\nAnswer:",
        ),
        ("Find duplicates on a forum.", "{question1}\n{question2}\n{options}\nDuplicate:"),
        'Is "{question1}" another way to ask "{question2}"?\n{options}',
        ("Which pairs can be merged?", "A. {question1}\nB. {question2}\n{options}\nMerge:"),
        (
            "A help desk compares new questions with answered ones.",
            "Answered: {question1}\nNew: {question2}\nDoes the old answer do?\n{options}",
        ),
        "* {question1}\n* {question2}\nThe same meaning?\n{options}\nAnswer:",
        "Asked first: {question1}\nAsked later: {question2}\nAsked twice?\n{options}",
    ],
    inversions=[
        (
            "{question1}\nWrite a question. Is it a duplicate of this one? {answer}",
            "{question2}",
        ),
        (
            "Question 2: {question2}\nDoes it ask for the same as question 1? {answer}\n"
            "Question 1:",
            "{question1}",
        ),
        (
            "Give two questions. Whether they ask the same thing: {answer}",
            "{question1}\n{question2}",
        ),
        (
            "Someone asked: {question1}\nAsk something else after it; would the old answer do? "
            "{answer}",
            "{question2}",
        ),
    ],
)

SIMILARITY = make_pattern(
    "similarity",
    zero_shot=[
        "{sentence1}\n{sentence2}\n"
        "How alike are they in meaning, from 0 (not at all) to 5 (the same)?\n{options}",
        "Rate the likeness of two sentences with 0 to 5 points.\n\n"
        "A: {sentence1}\nB: {sentence2}\n{options}\nRating:",
        'From 0 to 5, how close is "{sentence1}" to "{sentence2}"?\n{options}',
        "Sentence 1: {sentence1}\nSentence 2: {sentence2}\n"
        "Give 5 if they mean the same and 0 if they have nothing in common.\n{options}\nScore:",
        "Two captions were written:\n{sentence1}\n{sentence2}\n"
        "Score the overlap in what they say between 0 and 5.\n{options}",
        "How much of the meaning do these share?\n- {sentence1}\n- {sentence2}\n"
        "0 is nothing, 5 is everything.\n{options}\nAnswer:",
        "Original: {sentence1}\nCandidate: {sentence2}\n"
        "Grade the candidate from 0 to 5 by how well it keeps the meaning.\n{options}\nGrade:",
        "Similarity of meaning (0 lowest, 5 highest) of the pair\n"
        "({sentence1} / {sentence2})\n{options}",
    ],
    few_shot=[
        (
            "How alike in meaning, from 0 (not at all) to 5 (the same)?",
            "{sentence1}\n{sentence2}\n{options}",
        ),
        (
            "Similarity ratings from 0 to 5.",
            "A: {sentence1}\nB: {sentence2}\n{options}\nRating:",
        ),
        'From 0 to 5, how close is "{sentence1}" to "{sentence2}"?\n{options}',
        (
            "5 means the same, 0 means nothing in common.",
            "Sentence 1: {sentence1}\nSentence 2: {sentence2}\n{options}\nScore:",
        ),
        "Two captions:\n{sentence1}\n{sentence2}\nOverlap between 0 and 5?\n{options}",
        (
            "How much of the meaning is shared? 0 is nothing, 5 is everything.",
            "- {sentence1}\n- {sentence2}\n{options}\nAnswer:",
        ),
        "Original: {sentence1}\nCandidate: {sentence2}\n{options}\nGrade from 0 to 5:",
        (
            "Similarity of meaning (0 lowest, 5 highest)",
            "({sentence1} / {sentence2})\n{options}",
        ),
    ],
    inversions=[
        (
            "{sentence1}\nWrite a sentence whose likeness to it, from 0 to 5, is {answer}.",
            "{sentence2}",
        ),
        ("Sentence B: {sentence2}\nSimilarity to A: {answer} of 5\nSentence A:", "{sentence1}"),
        (
            "Write two sentences with a similarity of {answer}, where 0 is none and 5 is full.",
            "{sentence1}\n{sentence2}",
        ),
        (
            "Original: {sentence1}\nGrade of the candidate, 0 to 5: {answer}\nCandidate:",
            "{sentence2}",
        ),
    ],
)

PATTERNS = (NLI, PARAPHRASE, DUPLICATE_QUESTIONS, SIMILARITY)
