"""Templates of dialogue tasks: the answer to the last turn, the next turn, the turns before."""

from ..pattern import make_pattern

DIALOGUE_ANSWER = make_pattern(
    "dialogue_answer",
    zero_shot=[
        "{dialogue}\n\nAnswer the last question.",
        "Conversation:\n{dialogue}\nAnswer:",
        "Two people talk about a topic. How is the final question answered?\n\n{dialogue}",
        "You know a lot, and are being interviewed.\n{dialogue}\nYou:",
        "Mind what was said before, and reply.\n\n{dialogue}",
        "{dialogue}\n\nThe expert's reply to that:",
        "Questions build on each other here. Answer the one that is still open.\n{dialogue}",
        "Go on with this exchange by giving an informed answer.\n\n{dialogue}\n\nReply:",
    ],
    few_shot=[
        ("Last questions, answered", "{dialogue}"),
        "Conversation:\n{dialogue}\nAnswer:",
        ("How are the final questions answered?", "{dialogue}"),
        ("Interviews", "{dialogue}\nYou:"),
        ("Mind what was said before.", "Before: {dialogue}\nReply:"),
        "{dialogue}\nThe expert's reply to that:",
        ("Answer what is still open.", "{dialogue}"),
        ("Informed answers", "Exchange:\n{dialogue}\nReply:"),
    ],
    inversions=[
        ("{answer}\n\nWrite the conversation in which this is the last answer.", "{dialogue}"),
        ("Answer: {answer}\nConversation up to its question:", "{dialogue}"),
        ("An expert said: {answer}\nWhat had been said and asked before?", "{dialogue}"),
        ("Invent a series of questions that leads to this reply.\nReply: {answer}", "{dialogue}"),
        (
            "An interview breaks off with the words below. Write all that comes before.\n{answer}",
            "{dialogue}",
        ),
        ("{answer}\nThis was a reply. To which exchange?", "{dialogue}"),
    ],
)

DIALOGUE_TURN = make_pattern(
    "dialogue_turn",
    zero_shot=[
        "{dialogue}\n\nWhat is said next?",
        "Dialogue:\n{dialogue}\nNext turn:",
        "Continue the talk by one turn.\n\n{dialogue}",
        "A customer and an assistant are talking. Whose turn is it, and what do they say?\n"
        "{dialogue}",
        "You are part of this conversation. Say something that moves it on.\n{dialogue}\nYou:",
        "{dialogue}\n\nThe reply:",
        "The record of a call stops here. Write one more line.\n\n{dialogue}",
        "Read the exchange so far, then respond.\nSo far:\n{dialogue}\nResponse:",
    ],
    few_shot=[
        ("What is said next?", "{dialogue}"),
        "Dialogue:\n{dialogue}\nNext turn:",
        ("Talks continued by one turn", "{dialogue}"),
        ("Customers and assistants", "Talk:\n{dialogue}\nThen:"),
        ("Say something that moves the conversation on.", "{dialogue}\nYou:"),
        "{dialogue}\nThe reply:",
        ("Records of calls, and one more line", "{dialogue}"),
        "So far:\n{dialogue}\nResponse:",
    ],
    inversions=[
        ("{answer}\n\nWrite the dialogue that led up to this turn.", "{dialogue}"),
        ("Next turn: {answer}\nDialogue before it:", "{dialogue}"),
        ("Of a call, only the last line is left: {answer}\nRestore the others.", "{dialogue}"),
        ("Response: {answer}\nSo far:", "{dialogue}"),
        ("What had a customer and an assistant said before one said this?\n{answer}", "{dialogue}"),
        ("Make up a talk in which somebody comes to say: {answer}", "{dialogue}"),
    ],
)

PATTERNS = (DIALOGUE_ANSWER, DIALOGUE_TURN)
