"""Templates of tasks about words and sentences: grammar, senses, and what pronouns refer to."""

from ..pattern import make_pattern

ACCEPTABILITY = make_pattern(
    "acceptability",
    zero_shot=[
        "{sentence}\nIs this good English?\n{options}",
        "Sentence: {sentence}\nGrammar check:\n{options}\nResult:",
        'Would a native speaker say "{sentence}"?\n{options}',
        "Judge whether the sentence is acceptable.\n{sentence}\n{options}\nJudgement:",
        "A linguist considers this example.\n\n{sentence}\n\nIs it well formed?\n{options}",
        "{sentence}\n\nDoes the sentence keep to the rules of grammar?\n{options}\nAnswer:",
        "Mark a sentence as acceptable or unacceptable.\n{sentence}\n{options}",
        "Proofread: {sentence}\nIs it fine as it stands?\n{options}",
    ],
    few_shot=[
        "{sentence}\nGood English?\n{options}",
        ("Grammar check", "Sentence: {sentence}\n{options}\nResult:"),
        'Would a native speaker say "{sentence}"?\n{options}',
        ("Is it acceptable?", "{sentence}\n{options}\nJudgement:"),
        ("A linguist's examples", "{sentence}\nWell formed?\n{options}"),
        "{sentence}\nDoes it keep to the rules?\n{options}\nAnswer:",
        ("Acceptable and unacceptable sentences", "{sentence}\n{options}"),
        "Proofread: {sentence}\nFine as it stands?\n{options}",
    ],
    inversions=[
        ("Write an English sentence. In grammar it is: {answer}", "{sentence}"),
        ("Judgement: {answer}\nSentence:", "{sentence}"),
        ("Give a linguist an example sentence of the kind marked {answer}.", "{sentence}"),
        ('A proofreader noted "{answer}" beside a sentence. Which?', "{sentence}"),
    ],
)

WORD_SENSE = make_pattern(
    "word_sense",
    zero_shot=[
        '{sentence1}\n{sentence2}\nHas "{word}" one meaning in both?\n{options}',
        "Word: {word}\n1: {sentence1}\n2: {sentence2}\nSame sense?\n{options}\nAnswer:",
        'Compare how "{word}" is used.\n\nFirst use: {sentence1}\nSecond use: {sentence2}\n\n'
        "Is it one meaning?\n{options}",
        'A dictionary has several senses of "{word}". Do these examples stand under one of '
        "them?\n- {sentence1}\n- {sentence2}\n{options}",
        'Take "{word}" in "{sentence1}" and in "{sentence2}": is the meaning shared?\n{options}\n'
        "Answer:",
        "{sentence1}\n{sentence2}\n\nThe word {word} occurs twice. Is it used alike?\n{options}",
        "Could one definition of {word} serve for both sentences?\n(a) {sentence1}\n"
        "(b) {sentence2}\n{options}\nAnswer:",
        'Is "{word}" the same thing here: {sentence1}\nand here: {sentence2}\n{options}',
    ],
    few_shot=[
        '{sentence1}\n{sentence2}\nOne meaning of "{word}"?\n{options}',
        ("Same sense?", "Word: {word}\n1: {sentence1}\n2: {sentence2}\n{options}\nAnswer:"),
        ("Compare uses.", "{word}\nFirst: {sentence1}\nSecond: {sentence2}\n{options}"),
        (
            "Does one sense of the dictionary cover both examples?",
            "{word}\n- {sentence1}\n- {sentence2}\n{options}",
        ),
        '"{word}" in "{sentence1}" and in "{sentence2}": shared meaning?\n{options}\nAnswer:',
        "{sentence1}\n{sentence2}\nIs {word} used alike?\n{options}",
        (
            "Would one definition serve?",
            "{word}\n(a) {sentence1}\n(b) {sentence2}\n{options}\nAnswer:",
        ),
        'Is "{word}" the same here: {sentence1}\nand here: {sentence2}\n{options}',
    ],
    inversions=[
        (
            'Write two sentences with the word "{word}". Is it used in one sense? {answer}',
            "{sentence1}\n{sentence2}",
        ),
        (
            "Word: {word}\n1: {sentence1}\nSame sense in 2: {answer}\n2:",
            "{sentence2}",
        ),
        (
            "{sentence2}\nUse {word} in another sentence. Does it keep this meaning? {answer}",
            "{sentence1}",
        ),
        (
            "{sentence1}\n{sentence2}\nWhich word is in both, if to the question whether its "
            "meaning is the same one must say {answer}?",
            "{word}",
        ),
    ],
)

PRONOUN_CHECK = make_pattern(
    "pronoun_check",
    zero_shot=[
        '{text}\nDoes "{pronoun}" stand for "{noun}"?\n{options}',
        "Text: {text}\nPronoun: {pronoun}\nNoun: {noun}\nDo they name the same?\n{options}\n"
        "Answer:",
        'When the text says "{pronoun}", does it speak of {noun}?\n\n{text}\n{options}',
        '{text}\n\nReplace "{pronoun}" by "{noun}". Is the meaning kept?\n{options}',
        "Check a reference.\nText: {text}\nClaim: {pronoun} = {noun}\n{options}\nThe claim holds:",
        'Who or what is "{pronoun}"? Somebody thinks that it is {noun}. Is that so?\n{text}\n'
        "{options}",
        "{text}\nDo {pronoun} and {noun} refer to one and the same?\n{options}\nAnswer:",
        "Read closely: {text}\nIs {noun} what is meant by {pronoun}?\n{options}",
    ],
    few_shot=[
        '{text}\nDoes "{pronoun}" stand for "{noun}"?\n{options}',
        (
            "Do pronoun and noun name the same?",
            "Text: {text}\nPronoun: {pronoun}\nNoun: {noun}\n{options}\nAnswer:",
        ),
        '{text}\nWhen it says "{pronoun}", does it speak of {noun}?\n{options}',
        '{text}\nCan one replace "{pronoun}" by "{noun}"?\n{options}',
        (
            "Check references.",
            "Text: {text}\nClaim: {pronoun} = {noun}\n{options}\nThe claim holds:",
        ),
        '{text}\nIs "{pronoun}" {noun}?\n{options}',
        "{text}\nDo {pronoun} and {noun} refer to the same?\n{options}\nAnswer:",
        ("Read closely.", "{text}\nIs {noun} meant by {pronoun}?\n{options}"),
    ],
    inversions=[
        (
            'Write a text with "{pronoun}" and "{noun}". Is the one what the other means? {answer}',
            "{text}",
        ),
        (
            "Text: {text}\nPronoun: {pronoun}\nStands for the noun: {answer}\nNoun:",
            "{noun}",
        ),
        (
            "{text}\nSomeone was asked whether a pronoun refers to {noun}, and rightly said: "
            "{answer}\nWhich pronoun?",
            "{pronoun}",
        ),
        (
            "Make an exercise on reference: a text, its pronoun, and a noun. Solution: {answer}",
            "{text}\n{pronoun}\n{noun}",
        ),
    ],
)

PRONOUN = make_pattern(
    "pronoun",
    zero_shot=[
        '{sentence}\nWho or what is "{pronoun}" here?\n{options}',
        "Sentence: {sentence}\nPronoun: {pronoun}\n{options}\nRefers to:",
        '{sentence}\n\nPut a name in the place of "{pronoun}".\n{options}',
        'To whom or what does "{pronoun}" point in "{sentence}"?\n{options}',
        "Find what the pronoun {pronoun} stands for.\n{sentence}\n{options}\nIt stands for:",
        '{sentence}\nSaid without the word "{pronoun}", who or what is spoken of?\n{options}',
        'A reader stumbles over "{pronoun}" in this sentence. Help the reader.\n{sentence}\n'
        "{options}\nMeant is:",
        "Resolve the reference. {sentence} ({pronoun} = ?)\n{options}",
    ],
    few_shot=[
        '{sentence}\nWho or what is "{pronoun}"?\n{options}',
        "Sentence: {sentence}\nPronoun: {pronoun}\n{options}\nRefers to:",
        ("Put names in place of pronouns.", "{sentence}\n{pronoun}\n{options}"),
        'To whom or what does "{pronoun}" point in "{sentence}"?\n{options}',
        (
            "Find what the pronouns stand for.",
            "{sentence}\nPronoun: {pronoun}\n{options}\nIt stands for:",
        ),
        '{sentence}\nWithout the word "{pronoun}", who or what is it?\n{options}',
        ("Help a reader.", '"{pronoun}" in: {sentence}\n{options}\nMeant is:'),
        ("Resolve the references.", "{sentence} ({pronoun} = ?)\n{options}"),
    ],
    inversions=[
        (
            'Write a sentence in which "{pronoun}" refers to {answer}.',
            "{sentence}",
        ),
        ("Pronoun: {pronoun}\nRefers to: {answer}\nSentence:", "{sentence}"),
        ("{sentence}\nWhich pronoun refers to {answer}?", "{pronoun}"),
        (
            "Make an exercise on pronouns: a sentence, and the pronoun in it that means {answer}.",
            "{sentence}\n{pronoun}",
        ),
    ],
)

BLANK = make_pattern(
    "blank",
    zero_shot=[
        "{sentence}\nWhat belongs in the blank?\n{options}",
        "Sentence: {sentence}\n{options}\nBlank:",
        "Fill the gap, so that it makes sense.\n\n{sentence}\n{options}",
        "{sentence}\n\nThe underscore stands for\n{options}",
        'Complete "{sentence}" with common sense.\n{options}\nMissing:',
        "Somebody left out a word or two: {sentence}\nWhat did they leave out?\n{options}",
        "Which words make this sentence true to life?\n{sentence}\n{options}",
        "Gap exercise: {sentence}\n{options}\nSolution:",
    ],
    few_shot=[
        "{sentence}\nIn the blank?\n{options}",
        "Sentence: {sentence}\n{options}\nBlank:",
        ("Fill the gaps.", "{sentence}\n{options}"),
        "{sentence}\nThe underscore stands for\n{options}",
        ("Complete with common sense.", "{sentence}\n{options}\nMissing:"),
        "With words left out: {sentence}\nWhat is left out?\n{options}",
        ("True to life", "{sentence}\n{options}"),
        ("Gap exercises", "{sentence}\n{options}\nSolution:"),
    ],
    inversions=[
        ("Write a sentence with a blank, _, that only {answer} fills well.", "{sentence}"),
        ("Blank: {answer}\nSentence:", "{sentence}"),
        ("Make a gap exercise with the solution {answer}.", "{sentence}"),
        ("What was the sentence, if {answer} stood in its gap? Leave the gap.", "{sentence}"),
    ],
)

PATTERNS = (ACCEPTABILITY, WORD_SENSE, PRONOUN_CHECK, PRONOUN, BLANK)
