"""What our HTML pages share: their frame, and pictures within them. A page needs no other file."""

from __future__ import annotations

import base64
import contextlib
import io
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from t5lite.files.whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
        color: #1c2430; }
 table { border-collapse: collapse; margin: 1rem 0; }
 th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #dfe4ea; }
 th:first-child, td:first-child { text-align: left; }
 pre { white-space: pre-wrap; margin: 0; font-size: 13px; }
 img { max-width: 100%; } .right { color: #17734a; } .wrong { color: #a63d2f; }
 td.text, th.text { text-align: left; } td.text { vertical-align: top; }
{% block style %}{% endblock %}
</style></head><body>
<h1>{{ title }}</h1>
{% block body %}{% endblock %}
</body></html>
"""


def write_page(path: pathlib.Path, template: str, *, title: str, **values: Any) -> None:
    """Renders a template within the frame of our pages, and writes it.

    Args:
      path: File to write.
      template: Jinja2 that begins with `{% extends "frame" %}` and fills the block `body`, and
        `style` where it needs more; what it shows is escaped.
      title: Of the page.
      **values: What the template shows.
    """
    import jinja2

    loader = jinja2.DictLoader({"frame": _FRAME, "page": template})
    page = jinja2.Environment(autoescape=True, loader=loader).get_template("page")
    text = page.render(title=title, **values)
    # Half a surrogate pair, which a text of JSON may hold, is shown as its escape.
    write_whole(path, text.encode("utf-8", "backslashreplace"))


@contextlib.contextmanager
def names_as_they_are() -> Iterator[None]:
    """Figures made within show texts as they are: a dollar in a name is no formula."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}):
        yield


def png_of(figure: Figure) -> bytes:
    """A figure as a picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def in_page(png: bytes) -> str:
    """A picture as the `src` of an `<img>`."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
