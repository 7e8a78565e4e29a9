"""Templates of tasks that continue a text: causes and effects, what comes next, endings."""

from ..pattern import make_pattern

CAUSE_EFFECT = make_pattern(
    "cause_effect",
    zero_shot=[
        "{premise}\nWhat is the likely {relation} of this?\n{options}",
        "Event: {premise}\nIts {relation}?\n{options}\nAnswer:",
        "Find the {relation}.\n\n{premise}\n{options}",
        "{premise}\n\nA person with common sense would name this {relation}:\n{options}",
        'Asked for the {relation} of "{premise}", what do you say?\n{options}',
        "Something happened. {premise}\nGive the {relation} that best explains the situation.\n"
        "{options}\n{relation}:",
        "Link two events.\nOne: {premise}\nThe other is its {relation}.\n{options}",
        "{premise}\nLooking for the {relation}, one finds\n{options}",
    ],
    few_shot=[
        "{premise}\nThe likely {relation}?\n{options}",
        "Event: {premise}\nWanted: {relation}\n{options}\nAnswer:",
        ("Find causes and effects.", "{premise}\nFind the {relation}.\n{options}"),
        ("Common sense", "{premise}\n{relation}?\n{options}"),
        'The {relation} of "{premise}" is\n{options}',
        ("Things happened.", "{premise}\nWanted is the {relation}.\n{options}\n{relation}:"),
        ("Link two events.", "One: {premise}\nThe other is its {relation}.\n{options}"),
        "{premise}\nLooking for the {relation}, one finds\n{options}",
    ],
    inversions=[
        ("{answer}\nThis is the {relation} of something. Of what?", "{premise}"),
        ("{relation}: {answer}\nEvent:", "{premise}"),
        (
            "One: {premise}\nThe other: {answer}\nIs the other the cause or the effect of the one?",
            "{relation}",
        ),
        ("Which event has this {relation}?\n{answer}", "{premise}"),
    ],
)

CONTINUATION = make_pattern(
    "continuation",
    zero_shot=[
        "{context}\nWhat happens next?\n{options}",
        "Begun: {context}\n{options}\nContinued:",
        "How does this go on?\n\n{context}\n{options}",
        "{context}\n\nThe most natural continuation is\n{options}",
        "A video or a guide is described. What follows?\n{context}\n{options}\nNext:",
        "Finish the text: {context}\n{options}",
        "Read the beginning and write what comes after it.\n{context}\n{options}\nAfter it:",
        "So far: {context}\nAnd then?\n{options}",
    ],
    few_shot=[
        "{context}\nNext?\n{options}",
        "Begun: {context}\n{options}\nContinued:",
        ("How do these go on?", "{context}\n{options}"),
        "{context}\nThe most natural continuation is\n{options}",
        ("Videos and guides, step by step", "{context}\n{options}\nNext:"),
        "Finish: {context}\n{options}",
        ("Beginnings, and what comes after", "{context}\n{options}\nAfter it:"),
        "So far: {context}\nAnd then?\n{options}",
    ],
    inversions=[
        ("{answer}\nWhat came before this?", "{context}"),
        ("Continued: {answer}\nBegun:", "{context}"),
        ("A text goes on as follows. Write its beginning.\n{answer}", "{context}"),
        ("And then: {answer}\nSo far:", "{context}"),
    ],
)

STORY_ENDING = make_pattern(
    "story_ending",
    zero_shot=[
        "{story}\nHow does the story end?\n{options}",
        "Story: {story}\n{options}\nEnding:",
        "Write the last sentence of this story.\n\n{story}\n{options}",
        "{story}\n\nA fitting close would be\n{options}",
        "Tell how it turns out.\n{story}\n{options}\nIn the end:",
        "A storyteller stops before the last sentence: {story}\nWhat is it?\n{options}",
        "Complete the tale in one sentence.\nTale: {story}\n{options}",
        "{story}\nFrom all this, what is the outcome?\n{options}\nOutcome:",
    ],
    few_shot=[
        "{story}\nHow does it end?\n{options}",
        "Story: {story}\n{options}\nEnding:",
        ("Last sentences of stories", "{story}\n{options}"),
        "{story}\nA fitting close would be\n{options}",
        ("How things turn out", "{story}\n{options}\nIn the end:"),
        "A storyteller: {story}\nThe last sentence?\n{options}",
        ("Complete the tales.", "Tale: {story}\n{options}"),
        "{story}\n{options}\nOutcome:",
    ],
    inversions=[
        ("{answer}\nWrite the story that ends like this.", "{story}"),
        ("Ending: {answer}\nStory:", "{story}"),
        ("In the end: {answer}\nHow had it come to that?", "{story}"),
        ("Tell a short tale up to its last sentence, which is this one: {answer}", "{story}"),
    ],
)

LAST_WORD = make_pattern(
    "last_word",
    zero_shot=[
        "{text}\nWhich word comes next?",
        "Passage: {text}\nNext word:",
        "The last word of this is missing. Write it.\n\n{text}",
        "Complete with one word: {text}",
        "{text}\n\nOnly one word is left out, at the very end. It is:",
        "Guess how the sentence ends, in a single word.\n{text}",
        "A page is torn here: {text}\nWhat word stood next?",
        "Continue by exactly one word.\nText: {text}\nWord:",
    ],
    few_shot=[
        "{text}\nThe next word?",
        "Passage: {text}\nNext word:",
        ("Write the missing last words.", "{text}"),
        "Complete with one word: {text}",
        ("One word is left out at the very end.", "{text}\nIt is:"),
        ("How do the sentences end?", "{text}"),
        "A page is torn here: {text}\nThe word that stood next:",
        ("Continue by one word.", "Text: {text}\nWord:"),
    ],
    inversions=[
        ('Write a passage that breaks off just before the word "{answer}".', "{text}"),
        ("Next word: {answer}\nPassage:", "{text}"),
        ("Which text calls for {answer} as its last word? Leave the word out.", "{text}"),
        ("The word after the torn edge was {answer}. What stood before it?", "{text}"),
    ],
)

PATTERNS = (CAUSE_EFFECT, CONTINUATION, STORY_ENDING, LAST_WORD)
