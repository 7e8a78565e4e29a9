"""Templates of program synthesis and program repair."""

from ..pattern import make_pattern

PROGRAM = make_pattern(
    "program",
    zero_shot=[
        "{description}\n\nWrite a program that does this.",
        "Task: {description}\nCode:",
        "Solve the programming problem.\n\n{description}\n\nSolution:",
        "# {description}\n# Implementation:",
        "How would you program this?\n{description}",
        "A contest sets this problem. Submit code.\n\n{description}",
        "Specification:\n{description}\n\nProgram that meets it:",
        "Turn the words into code.\n{description}\nCode:",
    ],
    few_shot=[
        ("Programs that do what is described", "{description}"),
        "Task: {description}\nCode:",
        ("Programming problems", "{description}\nSolution:"),
        "# {description}\n# Implementation:",
        ("How to program it", "Wanted: {description}\nProgram:"),
        ("Contest problems and submissions", "{description}"),
        "Specification:\n{description}\nProgram:",
        ("Words into code", "{description}\nCode:"),
    ],
    inversions=[
        ("{answer}\n\nWhat task does this code solve?", "{description}"),
        ("Code:\n{answer}\nTask:", "{description}"),
        ("Write the problem of a contest that this submission answers.\n{answer}", "{description}"),
        ("Explain in words what a program was asked to do.\nProgram:\n{answer}", "{description}"),
    ],
)

PROGRAM_REPAIR = make_pattern(
    "program_repair",
    zero_shot=[
        "{code}\n\nThis program is broken. Put it right.",
        "Broken code:\n{code}\nRepaired code:",
        "Find the mistake in the program and write the program without it.\n\n{code}",
        "The compiler refuses this. Make it compile.\n{code}",
        "Debug:\n{code}\nDebugged:",
        "A student handed in the following code, and it fails. Correct it.\n\n{code}",
        "Something is wrong below. Give the whole code again, corrected.\n{code}\nCorrected:",
        "Bug report: does not build.\nSource:\n{code}\nFixed source:",
    ],
    few_shot=[
        ("Broken programs, put right", "{code}"),
        "Broken code:\n{code}\nRepaired code:",
        ("Programs, and the same without their mistakes", "With: {code}\nWithout:"),
        ("Code that a compiler refuses, made to compile", "{code}"),
        "Debug:\n{code}\nDebugged:",
        ("Corrected work of students", "Handed in:\n{code}\nCorrected:"),
        ("The whole code again, corrected", "{code}\nCorrected:"),
        "Source:\n{code}\nFixed source:",
    ],
    inversions=[
        ("{answer}\n\nPut a mistake into this program.", "{code}"),
        ("Repaired code:\n{answer}\nThe code before the repair:", "{code}"),
        ("For an exercise in debugging, break this code.\n{answer}", "{code}"),
        ("Change the program so that no compiler takes it.\n{answer}\nChanged:", "{code}"),
    ],
)

NUMBERED_PROGRAM_REPAIR = make_pattern(
    "numbered_program_repair",
    zero_shot=[
        "{code}\n\nOne of these numbered lines is wrong. Write the program correctly.",
        "Broken code, lines numbered:\n{code}\nRepaired code:",
        "Go through the program line by line, find the mistake, and repair it.\n\n{code}",
        "The listing does not compile. Which line is it? Answer with the working program.\n{code}",
        "Debug this listing:\n{code}\nDebugged:",
        "A teacher has numbered the lines of a faulty program.\n\n{code}\n\nCorrect it.",
        "Listing with an error\n{code}\nListing without it:",
        "Rewrite the numbered code so that it builds.\n{code}",
    ],
    few_shot=[
        ("Numbered programs, one line of each wrong, and their correction", "{code}"),
        "Broken code, lines numbered:\n{code}\nRepaired code:",
        ("Line by line", "Program:\n{code}\nRepaired:"),
        ("Listings that do not compile, made to work", "{code}"),
        "Listing:\n{code}\nDebugged:",
        ("A teacher corrects numbered programs.", "Faulty:\n{code}\nCorrect:"),
        "Listing with an error\n{code}\nListing without it:",
        ("Numbered code, rewritten so that it builds", "{code}"),
    ],
    inversions=[
        ("{answer}\n\nNumber the lines of this program and spoil one.", "{code}"),
        ("Repaired code:\n{answer}\nThe numbered lines before the repair:", "{code}"),
        ("Make a listing with line numbers and an error from this.\n{answer}", "{code}"),
        ("Listing without an error\n{answer}\nNumbered listing with one:", "{code}"),
    ],
)

REPORTED_PROGRAM_REPAIR = make_pattern(
    "reported_program_repair",
    zero_shot=[
        "{code}\n\nThe comments hold what the compiler says. Put the program right.",
        "Code with its compiler messages:\n{code}\nRepaired code:",
        "Use the error message to repair the program.\n\n{code}",
        "The build failed, as noted in the code. Make it pass.\n{code}",
        "Debug with the help of the reported error.\n{code}\nDebugged:",
        "A compiler complains about this source, in a comment.\n\n{code}\n\nWhat should it be?",
        "Reported:\n{code}\nFixed:",
        "Understand the complaint and remove its cause.\n{code}\nProgram without it:",
    ],
    few_shot=[
        ("Programs with what the compiler says, and put right", "{code}"),
        "Code with its compiler messages:\n{code}\nRepaired code:",
        ("Use the error messages.", "Program:\n{code}\nRepaired:"),
        ("Failed builds, made to pass", "{code}"),
        ("Debugging with reported errors", "{code}\nDebugged:"),
        ("What a compiler complains of, and what it should be", "{code}"),
        "Reported:\n{code}\nFixed:",
        ("Complaints and their removal", "{code}\nProgram without it:"),
    ],
    inversions=[
        ("{answer}\n\nBreak this, and add as a comment how a compiler complains.", "{code}"),
        ("Fixed:\n{answer}\nReported:", "{code}"),
        (
            "What did the program look like, with its error message, before this fix?\n{answer}",
            "{code}",
        ),
        ("Make an exercise: spoil the code and note the compiler's words.\n{answer}", "{code}"),
    ],
)

PATTERNS = (PROGRAM, PROGRAM_REPAIR, NUMBERED_PROGRAM_REPAIR, REPORTED_PROGRAM_REPAIR)
