"""Templates of tasks that sort texts: by sentiment, by stars, by topic, by what is asked for."""

from ..pattern import make_pattern

SENTIMENT = make_pattern(
    "sentiment",
    zero_shot=[
        "{text}\nIs the mood of this positive or negative?\n{options}",
        "Text: {text}\nWhat sentiment does it express?\n{options}\nSentiment:",
        'How does the writer of "{text}" feel?\n{options}',
        "Someone posts: {text}\n\nLabel the post by its tone.\n{options}\nTone:",
        "Tell good feelings from bad ones.\n{text}\n{options}",
        "{text}\n\nThe feeling behind these words is\n{options}",
        "Message: {text}\nIs its author pleased or displeased?\n{options}\nAnswer:",
        "Would you call this a positive statement?\n{text}\n{options}",
    ],
    few_shot=[
        "{text}\nPositive or negative?\n{options}",
        "Text: {text}\n{options}\nSentiment:",
        'How does the writer of "{text}" feel?\n{options}',
        ("Label posts by their tone.", "Post: {text}\n{options}\nTone:"),
        ("Tell good feelings from bad ones.", "{text}\n{options}"),
        "{text}\nThe feeling is\n{options}",
        ("Pleased or displeased?", "Message: {text}\n{options}\nAnswer:"),
        ("Positive statements and others", "{text}\n{options}"),
    ],
    inversions=[
        ("Write something with this sentiment: {answer}", "{text}"),
        ("Sentiment: {answer}\nText:", "{text}"),
        ("Invent a short message; its tone is to be {answer}.", "{text}"),
        ("What might a person post whose feelings are {answer}?", "{text}"),
    ],
)

MOVIE_SENTIMENT = make_pattern(
    "movie_sentiment",
    zero_shot=[
        "{review}\nDid this reviewer like the film?\n{options}",
        "Film review: {review}\nOverall verdict?\n{options}\nVerdict:",
        "What does the critic think of the movie?\n\n{review}\n{options}",
        "{review}\n\nGood or bad, what is said about the film here?\n{options}\nAnswer:",
        'A viewer wrote: "{review}"\nIs that praise?\n{options}',
        "Sort reviews by whether they speak for or against a film.\nReview: {review}\n{options}",
        "After reading this, would you expect the writer to recommend the movie?\n{review}\n"
        "{options}",
        "Sentiment of a movie review\n\n{review}\n{options}\nSentiment:",
    ],
    few_shot=[
        "{review}\nLiked the film?\n{options}",
        "Film review: {review}\n{options}\nVerdict:",
        ("What do critics think?", "Critic: {review}\n{options}"),
        ("Good or bad?", "{review}\n{options}\nAnswer:"),
        'A viewer wrote: "{review}"\nPraise?\n{options}',
        ("Sort reviews of films.", "Review: {review}\n{options}"),
        "{review}\nWould the writer recommend the movie?\n{options}",
        ("Sentiment of movie reviews", "{review}\n{options}\nSentiment:"),
    ],
    inversions=[
        ("Write a film review. Its verdict: {answer}", "{review}"),
        ("Sentiment: {answer}\nMovie review:", "{review}"),
        (
            "A viewer came out of the cinema, and the opinion was {answer}. What did they write?",
            "{review}",
        ),
        ("Put into words a critic's view of a movie that is {answer} on the whole.", "{review}"),
    ],
)

CUSTOMER_SENTIMENT = make_pattern(
    "customer_sentiment",
    zero_shot=[
        "{review}\nWas this customer happy?\n{options}",
        "Customer review: {review}\nIs it favourable?\n{options}\nRating:",
        "What impression did the place or product make on the person who wrote this?\n\n{review}\n"
        "{options}",
        "{review}\n\nDoes the review speak for or against what it describes?\n{options}",
        "A business sorts its feedback.\nFeedback: {review}\n{options}\nSorted under:",
        'Would the author of "{review}" come back?\n{options}',
        "Label this review as positive or negative.\n{review}\n{options}\nLabel:",
        "Review: {review}\nAll in all, how was the experience?\n{options}",
    ],
    few_shot=[
        "{review}\nA happy customer?\n{options}",
        "Customer review: {review}\n{options}\nRating:",
        ("Impressions of customers", "{review}\n{options}"),
        "{review}\nFor or against?\n{options}",
        ("A business sorts its feedback.", "Feedback: {review}\n{options}\nSorted under:"),
        'Would the author of "{review}" come back?\n{options}',
        ("Positive and negative reviews", "{review}\n{options}\nLabel:"),
        "Review: {review}\nHow was it, all in all?\n{options}",
    ],
    inversions=[
        ("Write a customer's review. On the whole it is: {answer}", "{review}"),
        ("Rating: {answer}\nReview:", "{review}"),
        (
            "A business files a piece of feedback under {answer}. What does it say?",
            "{review}",
        ),
        ("Describe an experience with a shop or a restaurant; it was {answer}.", "{review}"),
    ],
)

TOPIC = make_pattern(
    "topic",
    zero_shot=[
        "{text}\nWhat is this about?\n{options}",
        "Text: {text}\nWhich topic does it belong to?\n{options}\nTopic:",
        "File this article under its subject.\n\n{text}\n{options}",
        "{text}\n\nIn which section of a newspaper or an encyclopaedia would one find this?\n"
        "{options}\nSection:",
        "Name the subject area.\n{text}\n{options}",
        "A librarian reads: {text}\nWhere does it go?\n{options}\nShelf:",
        'The theme of "{text}" is\n{options}',
        "Sort by topic.\nArticle: {text}\n{options}\nCategory:",
    ],
    few_shot=[
        "{text}\nWhat about?\n{options}",
        "Text: {text}\n{options}\nTopic:",
        ("File these under their subjects.", "{text}\n{options}"),
        ("Find the section.", "{text}\n{options}\nSection:"),
        ("Name the subject areas.", "{text}\n{options}"),
        ("A librarian at work", "{text}\n{options}\nShelf:"),
        'The theme of "{text}" is\n{options}',
        ("Sort by topic.", "Article: {text}\n{options}\nCategory:"),
    ],
    inversions=[
        ("Write a short article about this topic: {answer}", "{text}"),
        ("Topic: {answer}\nText:", "{text}"),
        ("Give an example of what is filed under {answer}.", "{text}"),
        ("Section: {answer}\nWhat might stand there?", "{text}"),
    ],
)

QUESTION_TYPE = make_pattern(
    "question_type",
    zero_shot=[
        "{question}\nWhat kind of thing is asked for?\n{options}",
        "Question: {question}\nWhat type of answer does it want?\n{options}\nType:",
        'Someone who asks "{question}" wants to hear of\n{options}',
        "Sort questions by what they ask about.\n{question}\n{options}",
        "Do not answer this; say what sort of answer it needs.\n{question}\n{options}",
        "A search engine must first know what is sought.\nQuery: {question}\n{options}\nSought:",
        "{question}\nThe answer will be of which class?\n{options}\nClass:",
        "Classify: {question}\n{options}",
    ],
    few_shot=[
        "{question}\nWhat is asked for?\n{options}",
        "Question: {question}\n{options}\nType:",
        'Someone who asks "{question}" wants to hear of\n{options}',
        ("Sort questions by what they ask about.", "{question}\n{options}"),
        ("Say what sort of answer is needed.", "{question}\n{options}"),
        ("What is sought?", "Query: {question}\n{options}\nSought:"),
        "{question}\n{options}\nClass of the answer:",
        "Classify: {question}\n{options}",
    ],
    inversions=[
        ("Ask a question whose answer is of this kind: {answer}", "{question}"),
        ("Type: {answer}\nQuestion:", "{question}"),
        ("What could one ask to learn something of the class {answer}?", "{question}"),
        ("Write an example for a list of questions sorted under {answer}.", "{question}"),
    ],
)

PATTERNS = (SENTIMENT, MOVIE_SENTIMENT, CUSTOMER_SENTIMENT, TOPIC, QUESTION_TYPE)
