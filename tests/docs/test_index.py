"""Every page is found, every link leads somewhere, and Python that a page shows imports."""

import ast
import importlib
import re

import pytest

from tests.docs.pages import DOCS, PAGES, README, blocks


def links(page):
    """Relative links of a page: (path, anchor)."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.partition("#")[::2] for target in found if "://" not in target]


def anchors(page):
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_index_has_every_page_and_the_readme_has_the_index():
    listed = {path for path, _ in links(DOCS / "README.md")}
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert pages - listed == set(), "pages that docs/README.md does not list"
    assert "docs/README.md" in {path for path, _ in links(README)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


IMPORTS = [
    pytest.param(node, id=f"{page.name}: {ast.unparse(node)}")
    for page in PAGES
    for block in blocks(page, "python")
    for node in ast.walk(ast.parse(block))
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("t5lite", "tasks")
]


@pytest.mark.parametrize("node", IMPORTS)
def test_what_a_page_imports_is_there(node):
    for alias in node.names:
        try:
            assert hasattr(importlib.import_module(node.module), alias.name)
        except AssertionError:  # A module of a package.
            importlib.import_module(f"{node.module}.{alias.name}")
