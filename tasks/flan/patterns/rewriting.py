"""Templates of tasks that write a text anew: in another language, out of data, or repaired."""

from ..pattern import make_pattern

TRANSLATION = make_pattern(
    "translation",
    zero_shot=[
        "{text}\n\nThis is {source_language}. Put it into {target_language}.",
        "{source_language}: {text}\n{target_language}:",
        "Render this {source_language} text in {target_language}: {text}",
        'How does one say "{text}" in {target_language}? (It is {source_language}.)',
        "A text in {source_language} is needed in {target_language}.\n\n{text}\n\nTranslation:",
        "Write in {target_language} what is said here in {source_language}.\n{text}",
        "{source_language} to {target_language}\n{text}",
        "A speaker of {target_language} does not understand this {source_language} sentence. "
        "Help.\n{text}",
    ],
    few_shot=[
        "{text}\nThis is {source_language}. In {target_language}:",
        "{source_language}: {text}\n{target_language}:",
        "Render this {source_language} text in {target_language}: {text}",
        'How does one say "{text}" in {target_language}? (It is {source_language}.)',
        "In {source_language}: {text}\nTranslation into {target_language}:",
        "Write in {target_language} what is said in {source_language}.\n{text}",
        "{source_language} to {target_language}\n{text}",
        "Not understood ({source_language}): {text}\nUnderstood ({target_language}):",
    ],
    inversions=[
        (
            "{answer}\nThis {target_language} text was translated from {source_language}. "
            "Give the original.",
            "{text}",
        ),
        ("{target_language}: {answer}\n{source_language}:", "{text}"),
        ("Translate back from {target_language} to {source_language}: {answer}", "{text}"),
        (
            'Which {source_language} sentence becomes "{answer}" in {target_language}?',
            "{text}",
        ),
    ],
)

CONCEPTS_TO_TEXT = make_pattern(
    "concepts_to_text",
    zero_shot=[
        "{concepts}\nMake a sentence with these words.",
        "Concepts: {concepts}\nSentence:",
        "Describe an everyday scene. It must feature: {concepts}",
        "Connect the words to one sensible sentence.\n{concepts}",
        "Write a sentence in which all of this occurs: {concepts}\nSentence:",
        "What could be going on here? {concepts}",
        "A picture shows {concepts}. Give its caption.",
        "Word list: {concepts}\nTell something with it, in one sentence.",
    ],
    few_shot=[
        ("Sentences made with words", "{concepts}"),
        "Concepts: {concepts}\nSentence:",
        ("Everyday scenes", "Featuring: {concepts}\nScene:"),
        ("Words connected to sentences", "{concepts}"),
        ("All of this must occur.", "{concepts}\nSentence:"),
        "What could be going on here? {concepts}",
        "A picture shows {concepts}.\nCaption:",
        "Word list: {concepts}\nTold with it:",
    ],
    inversions=[
        ("{answer}\nName the concepts in this sentence.", "{concepts}"),
        ("Sentence: {answer}\nConcepts:", "{concepts}"),
        ("From which word list was this written?\n{answer}", "{concepts}"),
        ("Caption: {answer}\nList what the picture shows.", "{concepts}"),
    ],
)

TRIPLES_TO_TEXT = make_pattern(
    "triples_to_text",
    zero_shot=[
        "{triples}\n\nSay this in plain English.",
        "Data:\n{triples}\nText:",
        "Put the facts of the table into words.\n\n{triples}",
        "Each entry is a fact: a thing, a relation, and another thing. Write them out.\n{triples}",
        "Knowledge base:\n{triples}\nDescribe it in one or two sentences.",
        "Verbalise: {triples}",
        "Make a readable text from structured data.\n{triples}\nReadable:",
        "What do we learn from these records?\n{triples}",
    ],
    few_shot=[
        ("Data in plain English", "{triples}"),
        "Data:\n{triples}\nText:",
        ("Facts put into words", "{triples}"),
        ("Things and relations, written out", "Facts:\n{triples}\nWritten out:"),
        "Knowledge base:\n{triples}\nDescribed:",
        "Verbalise: {triples}",
        ("Readable text from structured data", "{triples}\nReadable:"),
        ("What do we learn from the records?", "{triples}"),
    ],
    inversions=[
        ("{answer}\nWrite down the facts in this as data.", "{triples}"),
        ("Text: {answer}\nData:", "{triples}"),
        ("Turn the text into entries of a thing, a relation and a thing.\n{answer}", "{triples}"),
        ("Which records stand behind this description?\n{answer}", "{triples}"),
    ],
)

ATTRIBUTES_TO_TEXT = make_pattern(
    "attributes_to_text",
    zero_shot=[
        "{attributes}\nDescribe this place.",
        "Attributes: {attributes}\nDescription:",
        "Recommend a place to eat that is listed like this: {attributes}",
        "A directory has this entry. Make a text of it.\n{attributes}",
        "Tell a visitor what the entry says.\nEntry: {attributes}\nYou tell:",
        "All of these details must be in the description.\n{attributes}",
        "From key and value to prose\n{attributes}\nProse:",
        "What kind of place is it?\n{attributes}",
    ],
    few_shot=[
        ("Places described", "{attributes}"),
        "Attributes: {attributes}\nDescription:",
        "Listed: {attributes}\nRecommended:",
        ("Texts for the entries of a directory", "{attributes}"),
        ("Tell a visitor what the entry says.", "Entry: {attributes}\nYou tell:"),
        ("Descriptions with all details", "{attributes}"),
        ("From key and value to prose", "{attributes}\nProse:"),
        ("What kind of place is it?", "{attributes}"),
    ],
    inversions=[
        ("{answer}\nList the attributes of this place.", "{attributes}"),
        ("Description: {answer}\nAttributes:", "{attributes}"),
        ("Make an entry for a directory.\nPlace: {answer}\nEntry:", "{attributes}"),
        ("From prose to key and value\n{answer}", "{attributes}"),
    ],
)

TRUE_CASE = make_pattern(
    "true_case",
    zero_shot=[
        "{text}\nWrite this with capital letters where they belong.",
        "Lower case: {text}\nProper case:",
        "The shift key was broken. Repair the text.\n{text}",
        "Restore upper and lower case: {text}",
        "Names and beginnings of sentences need capitals. Put them in.\n{text}\nRepaired:",
        "Correct the case of each letter.\n\n{text}",
        "{text}\n\nThe same, capitalised as usual:",
        "Change nothing but the case.\nText: {text}\nResult:",
    ],
    few_shot=[
        ("Capital letters where they belong", "{text}"),
        "Lower case: {text}\nProper case:",
        ("Texts from a keyboard with a broken shift key", "{text}"),
        "Restore upper and lower case: {text}",
        ("Names and beginnings need capitals.", "{text}\nRepaired:"),
        ("Correct case", "{text}"),
        "{text}\nThe same, capitalised as usual:",
        ("Change nothing but the case.", "Text: {text}\nResult:"),
    ],
    inversions=[
        ("Write this without any capital letter: {answer}", "{text}"),
        ("Proper case: {answer}\nLower case:", "{text}"),
        ("How does this look, typed with a broken shift key?\n{answer}", "{text}"),
        ("Remove the capitals.\n{answer}", "{text}"),
    ],
)

PUNCTUATION = make_pattern(
    "punctuation",
    zero_shot=[
        "{text}\nAdd the punctuation.",
        "Without marks: {text}\nWith marks:",
        "All commas, periods and the like were lost here. Put them back.\n{text}",
        "Punctuate: {text}",
        "Make this readable, with marks only and the words unchanged.\n\n{text}",
        "A transcript has no punctuation marks. Supply them.\nTranscript: {text}\nSupplied:",
        "{text}\n\nThe same, punctuated:",
        "Where do the stops go?\n{text}",
    ],
    few_shot=[
        ("Texts with their punctuation added", "{text}"),
        "Without marks: {text}\nWith marks:",
        ("Commas and periods, put back", "{text}"),
        "Punctuate: {text}",
        ("Marks only, the words unchanged", "{text}"),
        ("Transcripts", "Transcript: {text}\nSupplied:"),
        "{text}\nThe same, punctuated:",
        ("Where do the stops go?", "{text}"),
    ],
    inversions=[
        ("Take out the punctuation.\n{answer}", "{text}"),
        ("With marks: {answer}\nWithout marks:", "{text}"),
        ("Write this as a transcript that has no punctuation marks.\n{answer}", "{text}"),
        ("The same words, unpunctuated: {answer}", "{text}"),
    ],
)

WORD_SEGMENTATION = make_pattern(
    "word_segmentation",
    zero_shot=[
        "{text}\nWrite this with blanks between the words.",
        "Joined: {text}\nSplit:",
        "The space bar did not work. Repair the text.\n{text}",
        "Find the words in this run of letters: {text}",
        "Insert the missing spaces.\n\n{text}\n\nRepaired:",
        "Separate the words.\nLetters: {text}\nWords:",
        "{text}\n\nThe same, with spaces:",
        "Where does one word end and the next begin?\n{text}",
    ],
    few_shot=[
        ("Blanks between the words", "{text}"),
        "Joined: {text}\nSplit:",
        ("Texts from a keyboard without a space bar", "{text}"),
        "Find the words in this run of letters: {text}",
        ("Missing spaces", "{text}\nRepaired:"),
        "Letters: {text}\nWords:",
        "{text}\nThe same, with spaces:",
        ("Where does a word end?", "{text}"),
    ],
    inversions=[
        ("Write this without blanks: {answer}", "{text}"),
        ("Split: {answer}\nJoined:", "{text}"),
        ("How does this look, typed without a space bar?\n{answer}", "{text}"),
        ("Remove all spaces.\n{answer}", "{text}"),
    ],
)

PATTERNS = (
    TRANSLATION,
    CONCEPTS_TO_TEXT,
    TRIPLES_TO_TEXT,
    ATTRIBUTES_TO_TEXT,
    TRUE_CASE,
    PUNCTUATION,
    WORD_SEGMENTATION,
)
