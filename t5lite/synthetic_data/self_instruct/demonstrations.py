"""Tasks that show the teacher what is a classification, and what instances look like.

They are written for this project, and belong to no data set.
"""

from __future__ import annotations

import dataclasses

from t5lite.synthetic_data.self_instruct.seeds import Instance

# As many as the paper shows: 12 that are classifications, and 19 that are not.
CLASSIFICATIONS = (
    "Say whether the customer who wrote this message is content, angry or neither.",
    "Is the following number prime? Answer yes or no.",
    "Decide which of these departments should get the letter: sales, repairs or accounts.",
    "Tell whether the second sentence follows from the first, contradicts it, or neither.",
    "Name the part of speech of the underlined word.",
    "Which language is this sentence written in: Dutch, Danish or Swedish?",
    "Judge whether the comment below breaks the rules of a polite forum.",
    "Pick the genre of the film from its summary: comedy, thriller, romance or documentary.",
    "Does the recipe contain any animal product? Answer true or false.",
    "Sort this bug report into low, medium or high priority.",
    "Find out whether both questions ask for the same thing.",
    "Choose the option that completes the proverb.",
)
OTHERS = (
    "Suggest a name for a bakery that sells only rye bread.",
    "Rewrite the sentence in the passive voice.",
    "Plan three days in Lisbon for a family with small children.",
    "Explain to a ten-year-old why the moon has phases.",
    "Add up the prices on this receipt.",
    "Write a polite letter that cancels a gym membership.",
    "Translate the sentence into Spanish.",
    "What could I cook from lentils, carrots and half a lemon?",
    "Shorten the paragraph to one sentence.",
    "List the steps to change a flat bicycle tire.",
    "Continue the story with a surprising turn.",
    "Turn these notes into the minutes of a meeting.",
    "Which questions should I ask before I rent a flat?",
    "Give an argument for and one against school uniforms.",
    "Correct the spelling of the text.",
    "Write a function that returns the longest word of a list.",
    "Find a synonym for each of these words.",
    "Describe your favorite season in the style of a weather report.",
    "Compute the area of a triangle from its three sides.",
)


@dataclasses.dataclass(frozen=True)
class Demonstration:
    """A task with instances; those without an input have the empty text."""

    instruction: str
    instances: tuple[Instance, ...]


# The input first, and then the output, for tasks that are no classification.
INPUT_FIRST = (
    Demonstration(
        "Put the words into alphabetical order.",
        (
            Instance("pear, apple, fig", "apple, fig, pear"),
            Instance("stone, river, cloud, path", "cloud, path, river, stone"),
        ),
    ),
    Demonstration(
        "Name three things that a beginner needs for watercolor painting.",
        (Instance("", "A few brushes, a small set of paints, and paper of at least 200 g/m²."),),
    ),
    Demonstration(
        "Rewrite the message so that it sounds friendlier.",
        (
            Instance(
                "Send me the report today.",
                "Could you send me the report today? That would help me a lot, thank you!",
            ),
            Instance(
                "You forgot to lock the door again.",
                "I noticed that the door was open this morning. Would you check it when you leave?",
            ),
        ),
    ),
    Demonstration(
        "Convert the temperature from degrees Celsius to degrees Fahrenheit.",
        (Instance("25", "77"), Instance("-40", "-40"), Instance("100", "212")),
    ),
    Demonstration(
        "What is a good way to remember people's names?",
        (
            Instance(
                "",
                "Say the name aloud when you hear it, connect it with something that you see, and "
                "use it once more when you say goodbye.",
            ),
        ),
    ),
    Demonstration(
        "Write a headline for the news item.",
        (
            Instance(
                "The town library will stay open until ten in the evening from May on, after more "
                "than two thousand people signed a petition.",
                "Library to Open Until Ten After Petition",
            ),
        ),
    ),
)

# The output first, a class, and then an input of that class: else most inputs would be of one.
OUTPUT_FIRST = (
    Demonstration(
        "Is the review of the restaurant positive or negative?",
        (
            Instance("The soup was cold and nobody said sorry.", "negative"),
            Instance("We stayed for hours; every dish was a small surprise.", "positive"),
        ),
    ),
    Demonstration(
        "Say which season the text is about: spring, summer, autumn or winter.",
        (
            Instance("Leaves covered the path, and the first storms came.", "autumn"),
            Instance("The lake had frozen over, so we walked across.", "winter"),
            Instance("At noon it was too hot to sit outside.", "summer"),
        ),
    ),
    Demonstration(
        "Does the sentence contain a number? Answer yes or no.",
        (Instance("She bought seven oranges.", "yes"), Instance("The train was late.", "no")),
    ),
    Demonstration(
        "Assign the question to one of these subjects: history, biology, music.",
        (
            Instance("How do bees find their way home?", "biology"),
            Instance("Who built the first lighthouse of Alexandria?", "history"),
        ),
    ),
)
