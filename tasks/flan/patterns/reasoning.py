"""Templates of chain of thought: a question, the reasoning, and the answer in a closing clause.

`tasks.cot_files.final_answer` takes the answer out again. The inversions are of three kinds:
the rationale of a question and its answer, the question of an answer and its rationale, and both
question and answer of a rationale.
"""

from ..pattern import TemplateText, list_options_after, make_pattern

_ZERO_SHOT: list[TemplateText] = [
    (
        "{question}\nThink it through first, and answer at the end.",
        "{rationale} So the answer is {answer}.",
    ),
    (
        "Question: {question}\nTake it one step at a time.",
        "{rationale} The answer is {answer}.",
    ),
    (
        "{question}\n\nShow how you get to the answer.",
        "{rationale}\nTherefore, the answer is {answer}.",
    ),
    (
        "Reason about this before you decide.\n{question}\nReasoning:",
        "{rationale} Final answer: {answer}",
    ),
    (
        "Q: {question}\nA, with the thoughts that lead to it:",
        "{rationale} The answer: {answer}",
    ),
    (
        "Solve this in small steps and close with the result.\n\n{question}",
        "{rationale}\nAnswer: {answer}",
    ),
    (
        "{question}\nWhat do you conclude, and by what argument?",
        "{rationale} Hence the answer is {answer}.",
    ),
    (
        "Problem: {question}\nWorking and solution:",
        "{rationale} We conclude that the answer is {answer}.",
    ),
    (
        "Do not answer at once. Consider what is known, step by step, and only then answer.\n"
        "{question}",
        "{rationale}\nThe final answer is {answer}.",
    ),
    ("{question}\n\nLet us go slowly.", "{rationale} This gives the answer: {answer}"),
]

_FEW_SHOT: list[TemplateText] = [
    ("Think first, and answer at the end.", "{question}"),
    "Question: {question}\nStep by step:",
    ("How to get to the answers", "{question}"),
    "{question}\nReasoning:",
    "Q: {question}\nA:",
    ("Small steps, and the result at the close", "{question}"),
    "{question}\nWhat do you conclude, and by what argument?",
    "Problem: {question}\nWorking and solution:",
    ("Consider what is known, and only then answer.", "To answer: {question}\nConsider:"),
    "{question}\nLet us go slowly.",
]

_INVERSIONS = [
    # The rationale.
    ("{question}\nThe answer is {answer}. Why?", "{rationale}"),
    ("Question: {question}\nAnswer: {answer}\nExplanation:", "{rationale}"),
    ("Explain how one gets from the question to the answer.\n{question}\n{answer}", "{rationale}"),
    (
        'Asked "{question}", an expert says "{answer}"\nWhat went through the expert\'s mind?',
        "{rationale}",
    ),
    (
        "Justify the solution.\nProblem: {question}\nSolution: {answer}\nJustification:",
        "{rationale}",
    ),
    # The question.
    ("{rationale}\nAll this shows {answer}. What was the question?", "{question}"),
    ("Reasoning: {rationale}\nAnswer: {answer}\nQuestion:", "{question}"),
    (
        "Write a question that is answered by {answer}, and for this reason: {rationale}",
        "{question}",
    ),
    (
        "Somebody thinks: {rationale}\nand then says: {answer}\nWhat had they been asked?",
        "{question}",
    ),
    (
        "Recover the problem from its solution.\nSolution: {rationale} That gives {answer}.\n"
        "Problem:",
        "{question}",
    ),
    # The question and the answer.
    (
        "{rationale}\n\nWhich question does this reasoning belong to, and where does it lead?",
        "Question: {question}\nAnswer: {answer}",
    ),
    ("Explanation: {rationale}\nQuestion and answer:", "{question}\n{answer}"),
    (
        "Make a question with its answer; this is the way from one to the other.\n{rationale}",
        "{question}\nAnswer: {answer}",
    ),
    (
        "Of an exercise only the working is left. Restore what was asked and the result.\n"
        "Working: {rationale}",
        "Asked: {question}\nResult: {answer}",
    ),
    (
        "An argument: {rationale}\nWhat is it about, and what does it show?",
        "It is about this: {question}\nIt shows: {answer}",
    ),
]

COT = make_pattern("cot", zero_shot=_ZERO_SHOT, few_shot=_FEW_SHOT, inversions=_INVERSIONS)

COT_OPTIONS = make_pattern(
    "cot_options",
    zero_shot=list_options_after("{question}", _ZERO_SHOT),
    few_shot=list_options_after("{question}", _FEW_SHOT),
    inversions=_INVERSIONS,
)

PATTERNS = (COT, COT_OPTIONS)
