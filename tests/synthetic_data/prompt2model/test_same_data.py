"""Which data sets are the same under other names, and which only look alike."""

from t5lite.synthetic_data.prompt2model.same_data import Sample, are_same

REVIEWS = [
    f"The {noun} was {adjective}, I would {verb} it"
    for noun, adjective, verb in zip(
        ["lamp", "book", "soup", "bike", "film", "song", "chair", "hotel"],
        ["dim", "long", "cold", "fast", "dull", "loud", "soft", "clean"],
        ["return", "reread", "skip", "ride", "forget", "hum", "keep", "praise"],
        strict=True,
    )
]
LABELS = ["bad", "good", "bad", "good", "bad", "bad", "good", "good"]
LENGTHS = ["four", "four", "four", "four", "four", "four", "five", "five"]


def sample(inputs, outputs, text="Reviews"):
    return Sample.of(text, list(zip(inputs, outputs, strict=True)))


def test_a_copy_is_the_same_in_any_order_under_any_description():
    copy = sample(REVIEWS[::-1], LABELS[::-1], text="Opinions of buyers")
    assert are_same(sample(REVIEWS, LABELS), copy)


def test_prompts_around_the_same_records_are_the_same():
    prompts = [
        f"Is this kind? Example: The pen was nice. good\n{text}\nAnswer:" for text in REVIEWS
    ]
    assert are_same(sample(REVIEWS, LABELS), sample(prompts, [f" {o.upper()}." for o in LABELS]))


def test_other_questions_about_the_same_texts_are_another_set():
    assert not are_same(sample(REVIEWS, LABELS), sample(REVIEWS, LENGTHS))


def test_the_same_labels_of_other_texts_are_another_set():
    others = [f"{text.split()[1]} and {text.split()[3]}" for text in REVIEWS]
    prompts = [f"Say good or bad of this pair of words: {text}" for text in others]
    mixed = prompts[4:] + prompts[:4]
    assert not are_same(sample(prompts, LABELS), sample(mixed, LABELS))


def test_of_few_examples_the_descriptions_must_be_alike_too():
    one = sample(REVIEWS[:2], LABELS[:2], text="Opinions about goods, good or bad")
    assert are_same(one, sample(REVIEWS[:2], LABELS[:2], text="Opinions about goods, good or bad."))
    assert not are_same(one, sample(REVIEWS[:2], LABELS[:2], text="How many words a review has"))


def test_descriptions_alone_do_not_make_two_sets_the_same():
    words = [["cat", "dog", "tree", "sun", "sea", "day"], ["Katze", "Hund", "Baum", "Sonne"]]
    german = sample(words[0][:4], words[1], text="Translate the English word into German")
    french = sample(words[0][:4], ["chat", "chien", "arbre", "soleil"], text=german.text)
    assert not are_same(german, french)


def test_samples_without_whole_examples_are_never_the_same():
    empty = Sample.of("a", [(None, "b"), ("c", None)])
    assert not are_same(empty, empty)
    assert not are_same(empty, sample(REVIEWS, LABELS))
