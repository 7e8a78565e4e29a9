import functools
import os
import sys
import types

import pytest

from t5lite.data.tasks.fingerprint import NOT_MINE, fingerprint
from tests.conftest import printed

MODULE = '''
import functools, re
TEMPLATES = {"a": "one {}", "b": ["two"]}
NAMES = {"x", "y", "z", "w"}
def helper(text):
    """Says so."""
    return text.upper()
def use(text, sep=" "):
    return sep.join([helper(text), TEMPLATES["a"], *NAMES])
def loop(n):
    return other_loop(n - 1) if n else 0
def other_loop(n):
    return loop(n)
class Reader:
    def __init__(self, path): self.path = path
    def read(self, split): return use(self.path)
    def unread(self): return loop(3)
def closing(n):
    def inner(x): return x + n + loop(n)
    return inner
pair = [lambda x: x + 1, lambda x: x + 2]
'''


def module(source=MODULE):
    made = types.ModuleType("some_package.some_module")
    exec(compile(source, "/nowhere/some_module.py", "exec"), made.__dict__)
    return made


def same(change, select):
    """Whether a value has the same fingerprint after (old, new) is replaced in the source."""
    assert change[0] in MODULE
    return fingerprint(select(module())) == fingerprint(select(module(MODULE.replace(*change))))


def test_the_same_source_gives_the_same():
    for name in ("use", "loop", "Reader", "pair", "helper"):
        assert fingerprint(getattr(module(), name)) == fingerprint(getattr(module(), name))


@pytest.mark.parametrize(
    "change",
    [
        ("text.upper()", "text.lower()"),
        ("one {}", "uno {}"),
        ('["two"]', '["two", "three"]'),
        ('"w"}', '"v"}'),
        ('sep=" "', 'sep="_"'),
    ],
)
def test_edits_of_what_a_function_uses_change_it(change):
    assert not same(change, lambda m: m.use)
    assert not same(change, lambda m: functools.partial(m.use, sep="."))
    assert not same(change, lambda m: m.Reader("x").read)


def test_edits_of_what_it_does_not_use_do_not():
    assert same(("text.upper()", "text.lower()"), lambda m: m.loop)
    assert same(('"""Says so."""', '"""Says it."""'), lambda m: m.use)
    assert same(("TEMPLATES =", "\n\n\nTEMPLATES ="), lambda m: m.use)


def test_mutual_recursion_ends_and_counts():
    assert not same(("n - 1", "n - 2"), lambda m: m.other_loop)
    assert not same(("n - 1", "n - 2"), lambda m: m.closing(1))


def test_arguments_and_order_count():
    m = module()
    values = [
        m.closing(1),
        m.closing(2),
        functools.partial(m.use, sep="a"),
        functools.partial(m.use, sep="b"),
        m.Reader("a").read,
        m.Reader("b").read,
        m.pair,
        m.pair[::-1],
        [m.closing(1), m.closing(2)],
        [m.closing(2), m.closing(1)],
        {"a": 1},
        {"a": True},
        ("ab", "c"),
        ("a", "bc"),
    ]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_a_shared_memo_changes_nothing():
    m = module()
    memo = {}
    for value in (m.other_loop, m.loop, m.use, m.Reader("x").read, m.closing(1)):
        assert fingerprint(value, memo=memo) == fingerprint(value)


def test_a_file_that_an_argument_names(tmp_path):
    file = tmp_path / "data.json"
    file.write_text("one")
    m = module()
    value = functools.partial(m.use, str(file))
    first = fingerprint(value)
    assert first == fingerprint(value)
    file.write_text("two!")
    second = fingerprint(value)
    os.utime(file, ns=(1, 1))
    assert len({first, second, fingerprint(value)}) == 3


def test_descriptions_replace():
    def describe(value):
        return "same" if isinstance(value, types.SimpleNamespace) else NOT_MINE

    one, two = types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)
    assert fingerprint([one]) != fingerprint([two])
    assert fingerprint([one], describe=describe) == fingerprint([two], describe=describe)


def test_cyclic_data_ends():
    cycle = [1]
    cycle.append(cycle)
    assert fingerprint(cycle) != fingerprint([1])


def test_processes_agree(request):
    code = (
        f"import sys; sys.path.insert(0, {str(request.config.rootpath)!r})\n"
        "from tests.data.tasks.test_fingerprint import module, fingerprint\n"
        "m = module(); print(fingerprint(m.use, m.closing(2), m.Reader('x').read, m.loop))"
    )
    found = {
        printed([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed})
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
