"""Wordings for collections that bring their own: T0's prompts, Natural Instructions.

Little is added, since the record's own text already says what to do.
"""

from tasks.flan.pattern import Form, list_options_after, make_pattern

_T0_ZERO_SHOT: list[Form] = [
    "{prompt}",
    "Prompt: {prompt}\nCompletion:",
    "{prompt}\n\nYour response:",
    "Do what the text asks for.\n\n{prompt}",
    "Input: {prompt}\nOutput:",
    "Please respond to this.\n{prompt}",
    "Request: {prompt}\nReply:",
    "Here is something to work on.\n\n{prompt}\n\nResult:",
]
_T0_FEW_SHOT: list[Form] = [
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

NIV2_CONTRAST = make_pattern(
    "niv2_contrast",
    zero_shot=[
        "{definition}\n\nFor {good_input}\nwrite {good_output}\n\nFor {bad_input}\n"
        "do not write {bad_output}\n\nNow for {input}",
        "{definition}\n\nRight\nInput: {good_input}\nOutput: {good_output}\n\n"
        "Wrong\nInput: {bad_input}\nOutput: {bad_output}\n\nYours\nInput: {input}\nOutput:",
        "Instruction: {definition}\nSolved well: {good_input} -> {good_output}\n"
        "Solved badly: {bad_input} -> {bad_output}\nTo solve: {input} ->",
        "{definition}\n\nGood, for\n{good_input}\nwould be\n{good_output}\n\n"
        "Bad, for\n{bad_input}\nwould be\n{bad_output}\n\nAnswer this well:\n{input}",
        "Learn from a mistake. {definition}\nThe mistake: {bad_input} / {bad_output}\n"
        "Without mistake: {good_input} / {good_output}\nNext: {input} /",
        "{definition}\nDo: {good_output} (given {good_input})\n"
        "Do not: {bad_output} (given {bad_input})\nGiven now: {input}\nYour output:",
        "Q: {definition}\nTake {good_input}\nA: {good_output}\nQ: Take {bad_input}\n"
        "A (which is wrong): {bad_output}\nQ: Take {input}\nA:",
        "Job: {definition}\nPraised\n{good_input}\n{good_output}\nRejected\n{bad_input}\n"
        "{bad_output}\nYour turn\n{input}",
    ],
    few_shot=[
        (
            "{definition}\n\nFor {bad_input}\ndo not write {bad_output}\n\n"
            "For {good_input}\nwrite {good_output}",
            "For {input}\nwrite:",
        ),
        (
            "{definition}\n\nWrong\nInput: {bad_input}\nOutput: {bad_output}\n\n"
            "Right\nInput: {good_input}\nOutput: {good_output}",
            "Input: {input}\nOutput:",
        ),
        (
            "Instruction: {definition}\nSolved badly: {bad_input} -> {bad_output}\n"
            "Solved well: {good_input} -> {good_output}",
            "{input} ->",
        ),
        (
            "{definition}\n\nBad, for\n{bad_input}\nwould be\n{bad_output}\n\n"
            "Good, for\n{good_input}\nwould be\n{good_output}",
            "Good, for {input}\nwould be:",
        ),
        (
            "Learn from a mistake. {definition}\nThe mistake: {bad_input} / {bad_output}\n"
            "Without mistake: {good_input} / {good_output}",
            "Next: {input} /",
        ),
        (
            "{definition}\nDo: {good_output} (given {good_input})\n"
            "Do not: {bad_output} (given {bad_input})",
            "Given: {input}\nDo:",
        ),
        (
            "{definition}\nQ: {bad_input}\nA (which is wrong): {bad_output}\n"
            "Q: {good_input}\nA: {good_output}",
            "Q: {input}\nA:",
        ),
        (
            "Job: {definition}\nRejected\n{bad_input}\n{bad_output}\n"
            "Praised\n{good_input}\n{good_output}",
            "Praised\n{input}",
        ),
    ],
)

PATTERNS = (T0_QUESTION_ANSWER, T0_MULTIPLE_CHOICE, T0_SEPARATED_OPTIONS, NIV2, NIV2_CONTRAST)
