"""The page in a real browser: chromium without a window, by way of its driver."""

import pytest

from t5lite.evaluation.preference.judgments import read_judgments
from t5lite.evaluation.preference.pairs import read_pairs, shuffled
from tests.browsers import open_browser
from tests.evaluation.preference.answer_files import pairs, write
from tests.evaluation.preference.serving import serving

EVIL = '<img src=x onerror="document.title=1"><b>&amp;</b><script>document.title=1</script>'


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


class Page:
    """The page as a person sees and uses it."""

    def __init__(self, browser, server):
        self.browser = browser
        browser.get(server.url)
        self.wait_for(server.session.num_done)

    def wait_for(self, num_done):
        from selenium.webdriver.support.wait import WebDriverWait

        def shows(browser):
            return browser.execute_script("return document.body.dataset.numDone") == str(num_done)

        WebDriverWait(self.browser, 20, poll_frequency=0.02).until(shows)

    def press(self, key, *, num_done):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.browser).send_keys(getattr(Keys, key, key)).perform()
        self.wait_for(num_done)

    def click(self, css, *, num_done):
        self.find(css).click()
        self.wait_for(num_done)

    def find(self, css):
        return self.browser.find_element("css selector", css)

    def text(self, css):
        return self.find(css).text

    def errors(self):
        return [line["message"] for line in self.browser.get_log("browser")]


def test_a_person_judges_by_keys_and_by_clicks_takes_back_and_ends(browser, tmp_path):
    compared, path = pairs(tmp_path, "p1 p2 p3 q1 q2"), tmp_path / "judgments.jsonl"
    first, second, third, fourth, fifth = shuffled(compared.pairs, seed=0)
    with serving(compared, path) as server:
        page = Page(browser, server)
        assert page.text("#count") == "0 of 5"
        assert page.text("#prompt") == first.prompt
        assert {page.text("#left"), page.text("#right")} == set(first.answers)
        assert page.text("#left") == first.answer(first.first(0))
        assert not page.find("#undo").is_enabled() and not page.find("#finished").is_displayed()

        page.press("ARROW_LEFT", num_done=1)
        assert page.text("#prompt") == second.prompt and page.text("#count") == "1 of 5"
        page.press("ARROW_RIGHT", num_done=2)
        page.press("u", num_done=1)
        assert page.text("#prompt") == second.prompt, "taken back"
        page.press("t", num_done=2)
        page.press("b", num_done=3)
        page.click("[data-choice=right]", num_done=4)
        page.click("#undo", num_done=3)
        page.click("[data-choice=left]", num_done=4)
    with serving(compared, path) as server:  # ended, and begun again
        page = Page(browser, server)
        assert page.text("#prompt") == fifth.prompt and page.find("#undo").is_enabled()
        page.click("[data-choice=both_bad]", num_done=5)
        assert page.find("#finished").is_displayed()
        assert not page.find("#question").is_displayed()
        assert not page.find("#choices").is_displayed()
        page.press("u", num_done=4)
        assert page.text("#prompt") == fifth.prompt
        page.press("t", num_done=5)
        assert page.errors() == []
    assert [(judgment.id, judgment.verdict) for judgment in read_judgments(path)] == [
        (first.id, first.first(0)),
        (second.id, "tie"),
        (third.id, "both_bad"),
        (fourth.id, fourth.first(0)),
        (fifth.id, "tie"),
    ]


def test_texts_of_models_are_texts(browser, tmp_path):
    """No markup, no script and no picture of an answer becomes part of the page."""
    a = write(tmp_path / "a.jsonl", {"p1": EVIL}, inputs=f"{EVIL}\n\n  indented", category=EVIL)
    b = write(tmp_path / "b.jsonl", {"p1": " \n"}, inputs=f"{EVIL}\n\n  indented")
    compared = read_pairs(a, b)
    with serving(compared, tmp_path / "judgments.jsonl") as server:
        page = Page(browser, server)
        shown = {page.text("#left"), page.text("#right")}
        assert shown == {EVIL, "(no text)"}
        assert page.text("#prompt") == f"{EVIL}\n\n  indented"
        assert browser.title == "Which answer is better?"
        assert browser.find_elements("css selector", "main img, main script, main b") == []
        assert page.errors() == []


def test_a_server_that_is_gone_is_said(browser, tmp_path):
    with serving(pairs(tmp_path), tmp_path / "judgments.jsonl") as server:
        page = Page(browser, server)
    page.find("[data-choice=left]").click()
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 20, poll_frequency=0.02).until(
        lambda _: "The server does not answer" in page.text("#error")
    )
    assert page.text("#count") == "0 of 5"
