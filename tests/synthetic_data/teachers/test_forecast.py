"""What a run may cost, said before it."""

from t5lite.synthetic_data.teachers.forecast import Expected, forecast
from t5lite.synthetic_data.teachers.limits import Limits
from t5lite.synthetic_data.teachers.requests import Request
from tests.synthetic_data.scripted import asking

EXPECTED = [
    Expected("instructions", 100, Request.of_text("x" * 64, n=2, max_tokens=50)),  # 16 + 4
    Expected("inputs", 1, Request(prompt="x" * 400, max_tokens=1000)),
]


def test_calls_tokens_and_price_are_added_up(tmp_path):
    limits = Limits(prompt_price=10.0, completion_price=30.0, max_price=0.3, max_calls=101)
    with asking(lambda _: "fine", tmp_path, limits=limits) as ask:
        assert (
            forecast(ask, EXPECTED)
            == """\
At most, without retries:
asked of scripted  calls  tokens of requests  of answers   price
-----------------  -----  ------------------  ----------  ------
instructions         100               2,000      10,000  0.3200
inputs                 1                 104       1,000  0.0310
all                  101               2,104      11,000  0.3510
--max_price=0.3 may end it before."""
        )
        ask.ask([Request(prompt="other")], desc=None)
        assert "The folder holds 1 answers of 7 tokens" in (text := forecast(ask, EXPECTED))
        assert "--max_calls=101 may end it before." in text


def test_without_prices_there_is_no_price(tmp_path):
    with asking(lambda _: "fine", tmp_path) as ask:
        text = forecast(ask, EXPECTED)
    assert "price" not in text.partition("\n")[2].partition("\n")[0]
    assert text.endswith(
        "For a price give --prompt_price and --completion_price, of a million tokens."
    )
