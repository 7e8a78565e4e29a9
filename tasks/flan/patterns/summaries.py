"""Templates of tasks that shorten: news, dialogues, reviews, arguments, mails, instructions."""

from ..pattern import make_pattern

NEWS_SUMMARY = make_pattern(
    "news_summary",
    zero_shot=[
        "{article}\n\nSum this up in a few sentences.",
        "Article: {article}\nSummary:",
        "What are the main points of this news story?\n\n{article}",
        "Shorten the report for readers in a hurry.\n\n{article}\n\nShort version:",
        "{article}\n\nIn brief:",
        "Retell only what matters in the text.\n\nText: {article}",
        "Write the highlights of an article.\nArticle: {article}\nHighlights:",
        "An editor needs an abstract of this piece.\n\n{article}",
    ],
    few_shot=[
        ("Texts, each summed up in a few sentences", "{article}"),
        "Article: {article}\nSummary:",
        ("Main points of news stories", "Story: {article}\nMain points:"),
        ("Reports for readers in a hurry", "{article}\nShort version:"),
        "{article}\nIn brief:",
        ("Retell only what matters.", "Text: {article}"),
        "Article: {article}\nHighlights:",
        ("An editor's abstracts", "Piece: {article}\nAbstract:"),
    ],
    inversions=[
        ("Write the article that this sums up.\n\n{answer}", "{article}"),
        ("Summary: {answer}\nArticle:", "{article}"),
        ("Expand the main points into a full news story.\n{answer}", "{article}"),
        ("In brief: {answer}\nAt length:", "{article}"),
    ],
)

ONE_SENTENCE_SUMMARY = make_pattern(
    "one_sentence_summary",
    zero_shot=[
        "{article}\n\nSay it in one sentence.",
        "Article: {article}\nIn one sentence:",
        "What is the gist of this report?\n\n{article}",
        "Reduce the text to a single sentence.\n\n{article}\n\nSentence:",
        "{article}\n\nWhat happened, in short?",
        "If you could tell a friend just one thing about this article, what would it be?\n"
        "Article: {article}",
        "Write the opening line that a news reader would speak.\n\nStory: {article}\nLine:",
        "Condense as far as you can: {article}",
    ],
    few_shot=[
        ("In one sentence each", "{article}"),
        "Article: {article}\nIn one sentence:",
        ("What is the gist?", "{article}\nGist:"),
        ("Texts reduced to single sentences", "{article}\nSentence:"),
        "{article}\nWhat happened, in short?",
        ("One thing to tell a friend", "Article: {article}\nTo tell:"),
        ("A news reader's opening lines", "Story: {article}\nLine:"),
        "Condense: {article}",
    ],
    inversions=[
        ("Write a report of which this is the gist.\n{answer}", "{article}"),
        ("In one sentence: {answer}\nArticle:", "{article}"),
        ("A news reader opens with this line: {answer}\nWrite out the story.", "{article}"),
        ("What happened, in short: {answer}\nTell it in full.", "{article}"),
    ],
)

HEADLINE = make_pattern(
    "headline",
    zero_shot=[
        "{text}\nWrite a headline for this.",
        "Text: {text}\nHeadline:",
        "Turn the sentence into a newspaper title.\n\n{text}",
        "{text}\n\nWhat would stand above this in large type?",
        "In as few words as possible, what is the news?\n{text}\nNews:",
        "A ticker has little room. Cut this down: {text}",
        "Give the story a title.\nStory: {text}\nTitle:",
        "How would an editor head this item?\n{text}",
    ],
    few_shot=[
        ("Headlines", "{text}"),
        "Text: {text}\nHeadline:",
        ("Sentences turned into newspaper titles", "{text}"),
        "{text}\nIn large type above it:",
        ("In as few words as possible", "{text}\nNews:"),
        ("For a ticker", "Long: {text}\nShort:"),
        "Story: {text}\nTitle:",
        ("How an editor heads items", "Item: {text}\nHead:"),
    ],
    inversions=[
        ("Write the first sentence of an article headed: {answer}", "{text}"),
        ("Headline: {answer}\nText:", "{text}"),
        ("The ticker says: {answer}\nPut it into a whole sentence.", "{text}"),
        ("Title: {answer}\nHow does the story begin?", "{text}"),
    ],
)

DIALOGUE_SUMMARY = make_pattern(
    "dialogue_summary",
    zero_shot=[
        "{dialogue}\n\nWhat is this chat about? Sum it up.",
        "Dialogue:\n{dialogue}\nSummary:",
        "Tell somebody who was not there what was said.\n\n{dialogue}",
        "Read the messages and put down what matters.\n\n{dialogue}\n\nIn short:",
        "{dialogue}\n\nDescribe this conversation in a sentence or two.",
        "Minutes of a talk are wanted.\nTalk:\n{dialogue}\nMinutes:",
        "What did these people tell each other, in brief?\n{dialogue}",
        "Report the conversation, without quoting it.\n\n{dialogue}",
    ],
    few_shot=[
        ("What are these chats about?", "{dialogue}\nAbout:"),
        "Dialogue:\n{dialogue}\nSummary:",
        ("For somebody who was not there", "Said:\n{dialogue}\nRetold:"),
        ("What matters in messages", "{dialogue}\nIn short:"),
        ("Conversations, in a sentence or two", "{dialogue}"),
        "Talk:\n{dialogue}\nMinutes:",
        ("What did people tell each other?", "{dialogue}"),
        ("Reports without quotes", "Conversation:\n{dialogue}\nReport:"),
    ],
    inversions=[
        ("Write a chat of which one could say: {answer}", "{dialogue}"),
        ("Summary: {answer}\nDialogue:", "{dialogue}"),
        ("{answer}\nWhat did they say, word for word?", "{dialogue}"),
        ("Make this report into messages that people send each other.\n{answer}", "{dialogue}"),
    ],
)

REVIEW_CONSENSUS = make_pattern(
    "review_consensus",
    zero_shot=[
        "Reviews of {movie}:\n{reviews}\n\nWhat do the critics agree on?",
        "Film: {movie}\nReviews:\n{reviews}\nConsensus:",
        "{reviews}\n\nSum up in a sentence what is thought of {movie}.",
        "The press has seen {movie}. Draw one opinion from these many.\n\n{reviews}",
        "Write what a website would print above the following voices on {movie}.\n{reviews}\n"
        "Overall:",
        "How was {movie} received?\n\n{reviews}",
        "Read what is said about {movie}, and give the general view.\n{reviews}\nGeneral view:",
        "{movie}\n{reviews}\n\nThe verdict of all together:",
    ],
    few_shot=[
        ("What do the critics agree on?", "Reviews of {movie}:\n{reviews}"),
        "Film: {movie}\nReviews:\n{reviews}\nConsensus:",
        "{reviews}\nWhat is thought of {movie}:",
        ("One opinion from many", "On {movie}:\n{reviews}"),
        ("What a website prints above the voices", "{movie}\n{reviews}\nOverall:"),
        "How was {movie} received?\n{reviews}",
        ("The general view", "Said about {movie}:\n{reviews}\nGeneral view:"),
        "{movie}\n{reviews}\nThe verdict of all together:",
    ],
    inversions=[
        ("Critics agree on {movie}: {answer}\nWrite some of their reviews.", "{reviews}"),
        ("Film: {movie}\nConsensus: {answer}\nReviews:", "{reviews}"),
        ("Which single voices stand behind this view of {movie}?\n{answer}", "{reviews}"),
        ("{movie}\nThe verdict of all together: {answer}\nThe verdict of each:", "{reviews}"),
    ],
)

ARGUMENT_SUMMARY = make_pattern(
    "argument_summary",
    zero_shot=[
        "A debate on {topic}. Arguments:\n{arguments}\n\nWhat single claim do they make?",
        "Topic: {topic}\nArguments:\n{arguments}\nClaim:",
        "{arguments}\n\nState in one sentence the point that all this makes about {topic}.",
        "What is being argued for, in the matter of {topic}?\n\n{arguments}",
        "Several speakers share a view on {topic}. Put the view into words.\n{arguments}\nView:",
        "Boil the arguments down.\n{topic}\n{arguments}\n\nBoiled down:",
        "Read these reasons on {topic} and give the conclusion they lead to.\n{arguments}",
        "On {topic}:\n{arguments}\nHence:",
    ],
    few_shot=[
        ("What single claim do the arguments make?", "On {topic}:\n{arguments}"),
        "Topic: {topic}\nArguments:\n{arguments}\nClaim:",
        "{arguments}\nThe point about {topic}:",
        ("What is being argued for?", "{topic}\n{arguments}"),
        ("Shared views", "On {topic}:\n{arguments}\nView:"),
        ("Arguments boiled down", "{topic}\n{arguments}\nBoiled down:"),
        ("Reasons and where they lead", "{topic}\n{arguments}"),
        "On {topic}:\n{arguments}\nHence:",
    ],
    inversions=[
        ("On {topic} it is claimed: {answer}\nGive arguments for that.", "{arguments}"),
        ("Topic: {topic}\nClaim: {answer}\nArguments:", "{arguments}"),
        ("A speaker on {topic} has to defend this: {answer}\nWhat to say?", "{arguments}"),
        ("{answer}\nThat is a view on {topic}. List reasons.", "{arguments}"),
    ],
)

EMAIL_SUBJECT = make_pattern(
    "email_subject",
    zero_shot=[
        "{email}\n\nWrite the subject line.",
        "Email: {email}\nSubject:",
        "What is this mail about, in the words of a subject line?\n\n{email}",
        "A mail has no subject. Give it one.\n\n{email}\n\nSubject:",
        "{email}\n\nThe subject line above this message read",
        "Before you send this, say in a few words what it is.\n{email}",
        "Mailbox entry\nMessage: {email}\nShown as:",
        "Sum up the mail in as few words as a subject has.\n{email}",
    ],
    few_shot=[
        ("Mails and their subject lines", "{email}"),
        "Email: {email}\nSubject:",
        ("What are these mails about?", "{email}\nAbout:"),
        ("Give every mail a subject.", "Mail: {email}\nSubject:"),
        "{email}\nThe subject line above this:",
        ("In a few words", "To be sent: {email}\nWhat it is:"),
        "Message: {email}\nShown in the mailbox as:",
        ("Mails summed up", "{email}"),
    ],
    inversions=[
        ("Write an email with this subject: {answer}", "{email}"),
        ("Subject: {answer}\nEmail:", "{email}"),
        ("The mailbox shows: {answer}\nOpen the message.", "{email}"),
        ("Somebody at work sends a mail about this: {answer}\nWhat does it say?", "{email}"),
    ],
)

HOW_TO_SUMMARY = make_pattern(
    "how_to_summary",
    zero_shot=[
        "{article}\n\nList the steps in short.",
        "Guide: {article}\nSteps:",
        "Boil these instructions down to what has to be done.\n\n{article}",
        "{article}\n\nWhat does the guide tell one to do? One short sentence a step.",
        "Write the short form of a how-to.\nLong form: {article}\nShort form:",
        "Make a checklist out of this.\n\n{article}\n\nChecklist:",
        "For someone who has no time to read all of it, what are the steps?\n{article}",
        "Sum up the advice.\nAdvice: {article}",
    ],
    few_shot=[
        ("The steps in short", "{article}"),
        "Guide: {article}\nSteps:",
        ("Instructions boiled down", "{article}\nTo do:"),
        ("One short sentence a step", "{article}"),
        "Long form: {article}\nShort form:",
        ("Checklists", "{article}\nChecklist:"),
        ("For someone without time", "All of it: {article}\nThe steps:"),
        ("Advice summed up", "Advice: {article}"),
    ],
    inversions=[
        ("Explain each of these steps at length.\n{answer}", "{article}"),
        ("Steps: {answer}\nGuide:", "{article}"),
        ("Checklist: {answer}\nWrite the instructions behind it.", "{article}"),
        ("Short form: {answer}\nLong form:", "{article}"),
    ],
)

PATTERNS = (
    NEWS_SUMMARY,
    ONE_SENTENCE_SUMMARY,
    HEADLINE,
    DIALOGUE_SUMMARY,
    REVIEW_CONSENSUS,
    ARGUMENT_SUMMARY,
    EMAIL_SUBJECT,
    HOW_TO_SUMMARY,
)
