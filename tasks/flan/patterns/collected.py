"""Templates for collections that bring their own: T0's prompts, Natural Instructions.

Little is added, since the record's own text already says what to do.
"""

from ..pattern import TemplateText, list_options_after, make_pattern

_T0_ZERO_SHOT: list[TemplateText] = [
    "{prompt}",
    "Prompt: {prompt}\nCompletion:",
    "{prompt}\n\nYour response:",
    "Do what the text asks for.\n\n{prompt}",
    "Input: {prompt}\nOutput:",
    "Please respond to this.\n{prompt}",
    "Request: {prompt}\nReply:",
    "Here is something to work on.\n\n{prompt}\n\nResult:",
]
_T0_FEW_SHOT: list[TemplateText] = [
    "{prompt}",
    "Prompt: {prompt}\nCompletion:",
    "{prompt}\nResponse:",
    ("Each text asks for something.", "{prompt}"),
    "Input: {prompt}\nOutput:",
    ("Responses", "Respond to: {prompt}\nResponse:"),
    "Request: {prompt}\nReply:",
    ("Some work, done", "{prompt}\nResult:"),
]

T0_QUESTION_ANSWER = make_pattern(
    "t0_question_answer", zero_shot=_T0_ZERO_SHOT, few_shot=_T0_FEW_SHOT
)

T0_MULTIPLE_CHOICE = make_pattern(
    "t0_multiple_choice", zero_shot=_T0_ZERO_SHOT, few_shot=_T0_FEW_SHOT
)

T0_SEPARATED_OPTIONS = make_pattern(
    "t0_separated_options",
    zero_shot=list_options_after("{prompt}", _T0_ZERO_SHOT),
    few_shot=list_options_after("{prompt}", _T0_FEW_SHOT),
)

NIV2 = make_pattern(
    "niv2",
    zero_shot=[
        "{definition}\n\n{input}",
        "{definition}\n\nInput: {input}\nOutput:",
        "Instruction: {definition}\nCase: {input}\nResult:",
        "You are given a job.\n{definition}\n\nHere is what to do it with: {input}",
        "Q: {definition}\n{input}\nA:",
        "{input}\n\n{definition}",
        "Given is this text: {input}\n\nNow do the following. {definition}\nAnswer:",
        "How would you carry this out?\n{definition}\n\nWith this: {input}\nYour result:",
    ],
    few_shot=[
        ("{definition}", "{input}"),
        ("{definition}", "Input: {input}\nOutput:"),
        ("Instruction: {definition}", "Case: {input}\nResult:"),
        ("You are given a job.\n{definition}", "To do it with: {input}\nDone:"),
        ("{definition}", "Q: {input}\nA:"),
        ("{definition}", "Given: {input}\nYou write:"),
        ("Do the following with each text. {definition}", "Text: {input}\nAnswer:"),
        (
            "This is how to carry something out.\n{definition}",
            "With this: {input}\nThe result:",
        ),
    ],
)

PATTERNS = (T0_QUESTION_ANSWER, T0_MULTIPLE_CHOICE, T0_SEPARATED_OPTIONS, NIV2)
