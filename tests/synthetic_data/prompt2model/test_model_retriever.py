"""From a prompt to a model to start from: cards found, weighed, chosen."""

import json
import math

import pytest

from t5lite.synthetic_data.prompt2model.model_cards import described_models
from t5lite.synthetic_data.prompt2model.model_retriever import (
    ModelRetrieval,
    hypothetical_card,
    retrieve_models,
    retrieve_models_step,
    weight,
)
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from t5lite.synthetic_data.teachers.teacher import TeacherError
from tests.convert.foreign_models import write_hf
from tests.synthetic_data.lines import write_lines
from tests.synthetic_data.scripted import asking

SUMMARIES = PromptSpec(
    instruction="Summarise news in one sentence.",
    demonstrations=(Demonstration("Long news", "Short news"),),
)
NEWS = "Summaries of news articles, a sentence each."


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def record(name, *, description=NEWS, **facts):
    return {"pretrained_model_name": name, "description": description, **facts}


def write_records(folder, *records):
    write_lines(folder / "models.jsonl", records)


def settings(folder, **more):
    return ModelRetrieval(model_folders=(str(folder),), **more)


def names(found):
    return [one.model.name for one in found]


def described(folder):
    problems = []
    models = described_models(folder, problems=problems)
    return {model.name: model for model in models}, problems


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """A T5 and a GPT-2 on disk, and what has a config but is no model."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("t5", "gpt2"):
        (folder / "ours").mkdir(exist_ok=True)
        write_hf(folder / "ours" / name, name)
    write(folder / "ours" / "t5" / "README.md", f"---\nlicense: apache-2.0\n---\n{NEWS}")
    write(folder / "ours" / "t5.json", {"downloads": 98})
    write(folder / "ours" / "gpt2" / "README.md", NEWS)
    write(folder / "ours" / "bert" / "config.json", {"model_type": "bert"})
    return folder


# ---------------------------------------------------------------------------------------- cards


def test_cards_are_found_in_every_layout(tmp_path):
    card = "---\ntags: [t5, summarization]\nlicense: mit\n---\nSummaries."
    write(tmp_path / "README.md", "What lies here.")
    write(tmp_path / "google" / "small" / "README.md", card)
    write(tmp_path / "google" / "small.json", {"downloads": 7, "size_bytes": 300})
    write(tmp_path / "org--base.md", "Text")
    write(tmp_path / "org--base.json", {"architecture": "encoder_decoder"})
    write(tmp_path / "huggingtweets" / "you.md", "Text")
    write(tmp_path / "org" / "v1.1.md", "Text")
    write(tmp_path / "one.json", record("org/one", architecture="gpt2"))
    write_records(tmp_path, record("org/two", downloads=3), record("huggingtweets/me"))
    models, problems = described(tmp_path)
    assert problems == []
    assert sorted(models) == ["google/small", "org/base", "org/one", "org/two", "org/v1.1"]
    small = models["google/small"]
    assert (small.downloads, small.size_bytes, small.license) == (7, 300, "mit")
    assert "summarization" in small.text
    architectures = {name: model.architecture for name, model in models.items()}
    assert architectures == {
        "google/small": "encoder-decoder",
        "org/base": "encoder-decoder",
        "org/one": "decoder-only",
        "org/two": None,
        "org/v1.1": None,
    }


def test_what_cannot_be_read_is_told_and_left_out(tmp_path):
    write(tmp_path / "good.md", "---\n[\n---\nText")
    write(tmp_path / "wrong.md", "Text")
    write(tmp_path / "wrong.json", {"downloads": "many"})
    write(tmp_path / "other.json", {"a": 1})
    write(tmp_path / "negative.json", record("a/b", size_bytes=-1))
    write_records(tmp_path, {"pretrained_model_name": "a/c"})
    models, problems = described(tmp_path)
    assert list(models) == ["good"]
    text = "\n".join(problems)
    assert "good.md is searched by its text alone" in text
    assert "downloads must be an integer" in text
    assert "other.json: no record of a model: it has no pretrained_model_name" in text
    assert "size_bytes is -1, below 0" in text
    assert "models.jsonl, line 1: no record of a model: it has no description" in text


@pytest.mark.parametrize(
    ("name", "message"), [("absent", "is not there"), ("file", "is a file"), ("", "no model")]
)
def test_a_folder_without_models_is_refused(tmp_path, name, message):
    write(tmp_path / "file", "")
    with pytest.raises(ValueError, match=f"--model_folder .*{message}"):
        described_models(tmp_path / name, problems=[])


def test_models_on_disk_are_opened_and_counted(on_disk):
    models, problems = described(on_disk)
    assert {name: model.architecture for name, model in models.items()} == {
        "ours/t5": "encoder-decoder",
        "ours/gpt2": "decoder-only",
    }
    t5 = models["ours/t5"]
    assert (t5.downloads, t5.license, t5.path) == (98, "apache-2.0", on_disk / "ours" / "t5")
    # Its file is float32 too, and has a head of some kilobytes.
    size = (t5.path / "model.safetensors").stat().st_size
    assert 0 <= size - t5.size_bytes < 10_000
    assert len(problems) == 1 and "model_type is 'bert'" in problems[0]


# --------------------------------------------------------------------------------------- search


def test_downloads_weigh_as_in_the_paper(tmp_path):
    write_records(
        tmp_path,
        record("a/none", architecture="t5"),
        record("a/many", architecture="t5", downloads=9_998),
        record("a/other", description="Translation of songs", architecture="t5", downloads=10**9),
    )
    found = retrieve_models(SUMMARIES, settings=settings(tmp_path))
    assert names(found) == ["a/many", "a/none"]
    assert found[0].score == pytest.approx(4 * found[0].text_score)
    assert found[1].score == pytest.approx(math.log10(2) * found[1].text_score)
    assert weight(None) == weight(0) == pytest.approx(0.30103)


def test_what_is_too_large_or_no_encoder_decoder_is_left_out(tmp_path, capsys):
    write_records(
        tmp_path,
        record("a/large", architecture="t5", size_bytes=3_000_000_001),
        record("a/limit", architecture="t5", size_bytes=3_000_000_000),
        record("a/decoder", architecture="llama", size_bytes=1),
        record("a/unsaid"),
    )
    assert names(retrieve_models(SUMMARIES, settings=settings(tmp_path))) == ["a/limit"]
    more = settings(tmp_path, encoder_decoder_only=False, size_limit=1e10)
    found = names(retrieve_models(SUMMARIES, settings=more))
    assert sorted(found) == ["a/decoder", "a/large", "a/limit", "a/unsaid"]
    retrieve_models_step(SUMMARIES, settings=settings(tmp_path), output=tmp_path)
    said = capsys.readouterr().err
    assert "left out of 4 models: 1 larger than 3 GB" in said
    assert "1 no encoder-decoders" in said
    assert "1 whose card does not say" in said


def test_so_many_are_shown(tmp_path):
    write_records(tmp_path, *(record(f"a/{i}", architecture="t5") for i in range(7)))
    found = retrieve_models(SUMMARIES, settings=settings(tmp_path))
    assert names(found) == [f"a/{i}" for i in range(5)]
    assert len(retrieve_models(SUMMARIES, settings=settings(tmp_path, num_models=6))) == 6


# ---------------------------------------------------------------------------- hypothetical cards


def test_the_search_may_be_with_a_card_that_the_teacher_imagines(tmp_path):
    write_records(
        tmp_path,
        record("a/news", architecture="t5"),
        record("a/songs", description="Verses of songs", architecture="t5"),
    )
    asked = []

    def script(request):
        asked.append(request)
        return " It writes verses of songs. "

    more = settings(tmp_path, hypothetical_card=True)
    for _ in range(2):  # The second time the answer is on disk.
        with asking(script, tmp_path / "answers") as teacher:
            assert names(retrieve_models(SUMMARIES, settings=more, asking=teacher)) == ["a/songs"]
    (request,) = asked
    assert SUMMARIES.instruction in request.messages[-1].content
    assert "Short news" in request.messages[-1].content


@pytest.mark.parametrize(("answer", "why"), [(" ", "empty"), (TeacherError("dead"), "dead")])
def test_a_teacher_who_writes_no_card_is_told(tmp_path, answer, why):
    with asking(lambda _: answer, tmp_path) as teacher, pytest.raises(ValueError, match=why):
        hypothetical_card(SUMMARIES, teacher)


def test_a_hypothetical_card_needs_a_teacher(tmp_path):
    write_records(tmp_path, record("a/b"))
    with pytest.raises(ValueError, match="give --teacher"):
        retrieve_models(SUMMARIES, settings=settings(tmp_path, hypothetical_card=True))


# --------------------------------------------------------------------------------------- choice


def choose(tmp_path, spec=SUMMARIES, **more):
    retrieve_models_step(spec, settings=ModelRetrieval(**more), output=tmp_path)
    return json.loads((tmp_path / "found_models.json").read_text())


def test_the_best_that_lies_on_disk_is_taken(on_disk, tmp_path, capsys):
    cards = tmp_path / "cards"
    write_records(
        cards,
        record("far/away", architecture="t5", downloads=10**6),
        record("ours/gpt2", downloads=10**4),
    )
    found = choose(tmp_path, model_folders=(str(cards), str(on_disk)))
    assert [one["name"] for one in found["models"]] == ["far/away", "ours/t5"]
    assert (found["chosen"], found["path"]) == ("ours/t5", str(on_disk / "ours" / "t5"))
    assert "taken: ours/t5" in capsys.readouterr().out
    # A card of the hub says how often a model was downloaded that lies here.
    both = choose(tmp_path, model_folders=(str(cards), str(on_disk)), encoder_decoder_only=False)
    assert [(one["name"], one["downloads"]) for one in both["models"]][1] == ("ours/gpt2", 10**4)
    assert both["chosen"] == "ours/gpt2"


def test_where_none_lies_on_disk_none_is_taken(tmp_path, capsys):
    write_records(tmp_path / "cards", record("far/away", architecture="t5"))
    found = choose(tmp_path, model_folders=(str(tmp_path / "cards"),))
    assert (found["chosen"], found["path"], len(found["models"])) == (None, None, 1)
    assert "none of these models lies on disk" in capsys.readouterr().err


def test_nothing_found_and_nothing_searched_are_told(tmp_path, capsys):
    write_records(tmp_path / "cards", record("far/away", architecture="t5"))
    japanese = PromptSpec(instruction="要約")
    assert choose(tmp_path, japanese, model_folders=(str(tmp_path / "cards"),))["models"] == []
    assert "no model that may be taken has a word" in capsys.readouterr().out
    assert choose(tmp_path)["chosen"] is None
    assert "no models are searched" in capsys.readouterr().err


def test_a_model_can_be_named(on_disk, tmp_path):
    by_name = choose(tmp_path, model_folders=(str(on_disk),), model="ours/gpt2")
    assert by_name["path"] == str(on_disk / "ours" / "gpt2")
    by_folder = choose(tmp_path, model=str(on_disk / "ours" / "t5"))
    assert (by_folder["chosen"], by_folder["path"]) == ("t5", str(on_disk / "ours" / "t5"))


def test_a_model_that_is_not_here_is_told(tmp_path):
    write_records(tmp_path / "cards", record("far/away", architecture="t5"))
    folders = (str(tmp_path / "cards"),)
    with pytest.raises(ValueError, match="only its card is here"):
        choose(tmp_path, model_folders=folders, model="far/away")
    with pytest.raises(ValueError, match="Did you mean 'far/away'"):
        choose(tmp_path, model_folders=folders, model="far/avay")
