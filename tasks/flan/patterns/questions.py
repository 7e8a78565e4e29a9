"""Templates of questions without a passage: with options, from memory, and sums."""

from ..pattern import make_pattern

MULTIPLE_CHOICE = make_pattern(
    "multiple_choice",
    zero_shot=[
        "{question}\n{options}",
        "Question: {question}\n{options}\nAnswer:",
        "What is the right answer to this question?\n{question}\n{options}",
        "Here is a question from an exam.\n\n{question}\n{options}\nSolution:",
        "Q: {question}\n{options}\nA:",
        "Think about what you know, and answer.\n\n{question}\n{options}",
        "A quizmaster asks: {question}\n{options}\nYou say:",
        "Solve this test item.\nItem: {question}\n{options}",
    ],
    few_shot=[
        "{question}\n{options}",
        "Question: {question}\n{options}\nAnswer:",
        ("Right answers to questions.", "{question}\n{options}"),
        ("An exam, solved.", "{question}\n{options}\nSolution:"),
        "Q: {question}\n{options}\nA:",
        ("Use what you know.", "To answer: {question}\n{options}"),
        "Quizmaster: {question}\n{options}\nYou:",
        ("Solve the test items.", "Item: {question}\n{options}"),
    ],
    inversions=[
        ("Ask a question that is rightly answered by: {answer}", "{question}"),
        ("Answer: {answer}\nQuestion:", "{question}"),
        ('An exam has "{answer}" as the solution of one item. Write the item.', "{question}"),
        ("You say: {answer}\nWhat had the quizmaster asked?", "{question}"),
    ],
)

FACT_CHOICE = make_pattern(
    "fact_choice",
    zero_shot=[
        "{fact}\n{question}\n{options}",
        "Fact: {fact}\nQuestion: {question}\n{options}\nAnswer:",
        "It is known that {fact}\nUse this to answer.\n{question}\n{options}",
        "{question}\nHint: {fact}\n{options}",
        "A science book says: {fact}\nThe test then asks: {question}\n{options}\nAnswer:",
        "Apply the rule to the case.\nRule: {fact}\nCase: {question}\n{options}",
        "Keeping in mind that {fact}, answer this: {question}\n{options}",
        "Known: {fact}\nWanted: {question}\n{options}\nTherefore:",
    ],
    few_shot=[
        "{fact}\n{question}\n{options}",
        "Fact: {fact}\nQuestion: {question}\n{options}\nAnswer:",
        ("Use the facts to answer.", "It is known that {fact}\n{question}\n{options}"),
        "{question}\nHint: {fact}\n{options}",
        "Book: {fact}\nTest: {question}\n{options}\nAnswer:",
        ("Apply the rules.", "Rule: {fact}\nCase: {question}\n{options}"),
        "Keeping in mind that {fact}, answer this: {question}\n{options}",
        "Known: {fact}\nWanted: {question}\n{options}\nTherefore:",
    ],
    inversions=[
        ("{fact}\nWrite a question about this, answered by: {answer}", "{question}"),
        ("Question: {question}\nAnswer: {answer}\nWhat fact lies behind it?", "{fact}"),
        ("Rule: {fact}\nWhat follows in the case: {answer}\nCase:", "{question}"),
        (
            "Write a fact, and a question to which it gives the answer {answer}",
            "{fact}\n{question}",
        ),
    ],
)

GOAL_SOLUTION = make_pattern(
    "goal_solution",
    zero_shot=[
        "{goal}\n{options}",
        "Goal: {goal}\nHow is it done?\n{options}",
        "How would you go about this? {goal}\n{options}\nAnswer:",
        "Someone wants advice on a practical matter: {goal}\n{options}\nAdvice:",
        "What works if you want to do this?\n{goal}\n{options}",
        "Task about the house: {goal}\nWhat is the sensible way?\n{options}\nMethod:",
        "You are asked to help with: {goal}\n{options}\nYou suggest:",
        "Complete the instruction so that it makes sense.\n{goal}\n{options}",
    ],
    few_shot=[
        "{goal}\n{options}",
        "Goal: {goal}\n{options}\nHow:",
        "How would you go about this? {goal}\n{options}\nAnswer:",
        ("Advice on practical matters.", "Wanted: {goal}\n{options}\nAdvice:"),
        ("What works?", "To do: {goal}\n{options}"),
        "Task: {goal}\n{options}\nMethod:",
        "Help with: {goal}\n{options}\nYou suggest:",
        ("Complete the instructions so that they make sense.", "{goal}\n{options}"),
    ],
    inversions=[
        ("What is this a way to do?\n{answer}", "{goal}"),
        ("Method: {answer}\nGoal:", "{goal}"),
        ("Somebody was advised as follows. {answer}\nWhat did they want?", "{goal}"),
        ("Here is how: {answer}\nWrite the question about everyday life it answers.", "{goal}"),
    ],
)

CLOSED_BOOK = make_pattern(
    "closed_book",
    zero_shot=[
        "{question}",
        "Question: {question}\nAnswer:",
        "From what you know, {question}",
        "Answer briefly: {question}",
        "Q: {question}\nA:",
        "A trivia night opens with this one: {question}\nThe team writes down:",
        "Give the fact that is asked for.\n{question}",
        "{question}\nReply with a name, a number, a date or a short phrase.",
    ],
    few_shot=[
        "{question}",
        "Question: {question}\nAnswer:",
        ("Answer from what you know.", "{question}"),
        ("Brief answers.", "Asked: {question}\nIn brief:"),
        "Q: {question}\nA:",
        ("Trivia night", "Round: {question}\nThe team writes down:"),
        ("Give the facts that are asked for.", "Asked: {question}\nFact:"),
        ("Names, numbers, dates, short phrases.", "{question}"),
    ],
    inversions=[
        ("The answer is {answer}. What is the question?", "{question}"),
        ("Answer: {answer}\nQuestion:", "{question}"),
        ('Write a trivia question that one answers with "{answer}".', "{question}"),
        ("Which question asks for this?\n{answer}", "{question}"),
    ],
)

MATHS = make_pattern(
    "maths",
    zero_shot=[
        "{question}",
        "Problem: {question}\nResult:",
        "Solve this: {question}",
        "{question}\nGive the result only.",
        "Work out the answer to a mathematical problem.\n{question}\nAnswer:",
        "Exercise. {question}\nSolution:",
        "What do you get? {question}",
        "Maths test, write down the result.\n\n{question}",
    ],
    few_shot=[
        "{question}",
        "Problem: {question}\nResult:",
        ("Solve.", "Problem: {question}\nSolved:"),
        ("Results only.", "{question}"),
        ("Mathematical problems", "{question}\nAnswer:"),
        "Exercise. {question}\nSolution:",
        "What do you get? {question}",
        ("Maths test, with results.", "{question}"),
    ],
    inversions=[
        ("Set a mathematical problem with the result {answer}", "{question}"),
        ("Result: {answer}\nProblem:", "{question}"),
        ("The solution of an exercise is {answer}. Write the exercise.", "{question}"),
        ("What could one be asked to work out, to arrive at {answer}", "{question}"),
    ],
)

PATTERNS = (MULTIPLE_CHOICE, FACT_CHOICE, GOAL_SOLUTION, CLOSED_BOOK, MATHS)
