"""Whatever a template does, it ends, within its memory, and the next one is rendered."""

import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite.data.templates import process
from t5lite.data.templates.process import TemplateFailure, TemplateProcess


@pytest.fixture(scope="module")
def child():
    made = TemplateProcess(cpu_seconds=0.3)
    yield made
    made.close()


def chat(child, source, **variables):
    (text,) = child.render("chat", [{"source": source, "variables": variables}])
    return text


SQUARE = "{% for a in s %}{% for b in s %}{% endfor %}{% endfor %}"
DOUBLED = (
    "{%% set n = namespace(x=%s) %%}{%% for i in range(90) %%}{%% set n.x = %s %%}{%% endfor %%}"
)
HOSTILE = [
    "{{ lipsum(n=10 ** 6) }}",
    "{{ 'a'.center(10 ** 9) }}",
    "{{ 'a' | center(10 ** 9) }}",
    "{{ 'a'.zfill(10 ** 9) }}",
    "{{ 'a'.ljust(10 ** 9) }}",
    "{{ '\t'.expandtabs(10 ** 9) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d' | format(1) }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ [s] | tojson(indent=10 ** 9) }}",
    "{{ range(10 ** 9) | batch(10 ** 9) | list }}",
    "{{ ['a'] | batch(10 ** 9, 'x') | list }}",
    "{{ ['a'] | slice(10 ** 9) | list }}",
    "{{ s | wordwrap(1, wrapstring='a' * 10 ** 6) }}",
    "{{ ('\n' * 10 ** 5) | indent(10 ** 5, blank=true) }}",
    "{{ ('a' * 10 ** 5) | replace('a', 'a' * 10 ** 5) }}",
    "{{ ('a' * 10 ** 5).replace('', 'a' * 10 ** 5) }}",
    "{{ (('a,' * 10 ** 5) | list) | join('a' * 10 ** 5) }}",
    "{{ 'a' * 10 ** 9 }}",
    "{{ [0] * 10 ** 9 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ range(10 ** 9) | sum }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    SQUARE,
    DOUBLED % ("'a'", "n.x ~ n.x"),
    DOUBLED % ("[1]", "n.x + n.x"),
    DOUBLED % ("[1]", "[n.x, n.x]") + "{{ n.x }}",
    DOUBLED % ("(1,)", "(n.x, n.x)") + "{{ n.x | tojson }}",
    DOUBLED % ("3", "n.x * n.x"),
    "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% for x in [s] recursive %}{{ loop([x]) }}{% endfor %}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}",
    "{% set j = joiner() %}{{ j() }}",
    "{{ raise_exception('a' * 10 ** 9) }}",
    "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}",
    "{{ " + "-" * 99999 + "1 }}",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_every_template_ends_and_the_next_is_rendered(child, source):
    with pytest.raises(TemplateFailure):
        chat(child, source, s="a" * 100_000)
    assert chat(child, "{{ s }}!", s="\ud800é") == "\ud800é!"


def test_the_line_is_told(child):
    for source, kind in (
        ("a\n{% for a in s %}\n{% for b in s %}{% endfor %}{% endfor %}", "time"),
        ("a\n\n{{ 1 / 0 }}", "fails"),
        ("a\n\n{{ raise_exception('no') }}", "refuses"),
        ("a\n\n{{ 'a' * n }}", "memory"),
        ("a\n\n{{ s.__class__ }}{{ s.__class__.x }}", "unsafe"),
        ("a\n\n{% if %}", "broken"),
    ):
        with pytest.raises(TemplateFailure) as caught:
            chat(child, source, s="a" * 100_000, n=10**9)
        assert caught.value.kind == kind
        assert caught.value.line in (2, 3) if kind == "time" else caught.value.line == 3


def test_a_batch_ends_with_its_first_failure(child):
    jobs = [{"source": "{{ 6 // n }}", "variables": {"n": n}} for n in (2, 0, 1)]
    with pytest.raises(TemplateFailure, match="ZeroDivisionError"):
        child.render("chat", jobs)
    assert child.render("chat", jobs[::2]) == ["3", "6"]


def test_what_is_no_json_is_refused_or_written(child):
    assert chat(child, "{{ x }}", x=2**70) == str(2**70)
    looped = []
    looped.append(looped)
    for value in (looped, {("a",): 1}, 10**5000):
        with pytest.raises(TemplateFailure, match="no JSON"):
            chat(child, "{{ x }}", x=value)


def test_a_process_that_was_killed_is_begun_anew(child):
    assert chat(child, "a") == "a"
    os.kill(child._child.pid, signal.SIGKILL)
    child._child.wait()
    assert chat(child, "b") == "b"


def _in_worker(number):
    return process.render("chat", [{"source": "{{ n * 2 }}", "variables": {"n": number}}])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_have_their_own(method):
    assert _in_worker(1) == ["2"]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_in_worker, range(20)) == [[str(2 * n)] for n in range(20)]
    assert _in_worker(2) == ["4"]


def test_it_ends_with_its_parent():
    code = (
        "from t5lite.data.templates import process; import os; "
        "process.render('chat', [{'source': 'a', 'variables': {}}]); "
        "print(process._shared._child.pid, flush=True); os._exit(0)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for _ in range(500):
        try:
            os.kill(int(made.stdout), 0)
        except ProcessLookupError:
            return
        state = pathlib.Path(f"/proc/{int(made.stdout)}/stat")
        if state.exists() and ") Z " in state.read_text(encoding="utf-8"):
            return  # Nobody has asked for its status yet.
        time.sleep(0.02)
    pytest.fail("it is still there")


def test_nothing_of_the_current_folder_is_imported(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('here')")
    (tmp_path / "jinja2.py").write_text("raise SystemExit('here')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fresh = TemplateProcess()
    assert chat(fresh, "a") == "a"
    fresh.close()


def test_where_it_cannot_start_nothing_is_rendered(monkeypatch):
    monkeypatch.setattr(process, "_START", "import no_such_module")
    with pytest.raises(ValueError, match=r"cannot be started \(.*no_such.* rendered nowhere else"):
        chat(TemplateProcess(), "a")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ValueError, match=r"cannot be started \(.*No such file"):
        chat(TemplateProcess(), "a")


ATOMS = st.sampled_from(["s", "'a'", "[s]", "n", "10 ** 9", "range(n)", "{'a': s}", "none", "-1"])
FILTERS = st.sampled_from(
    [
        "center",
        "tojson",
        "batch",
        "slice",
        "indent",
        "wordwrap",
        "join",
        "format",
        "replace",
        "list",
        "truncate",
        "round",
        "sum",
        "sort",
        "map",
        "groupby",
        "first",
        "string",
        "length",
        "int",
    ]
)
METHODS = st.sampled_from(
    ["zfill", "ljust", "center", "join", "replace", "split", "format", "items"]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["~", "+", "*", "**", "%"]), inner),
        st.builds("({} | {}({}))".format, inner, FILTERS, inner),
        st.builds("({} | {})".format, inner, FILTERS),
        st.builds("({}).{}({})".format, inner, METHODS, inner),
    ),
    max_leaves=6,
)
PROGRAMS = st.recursive(
    st.builds("{{{{ {} }}}}".format, EXPRESSIONS),
    lambda inner: st.one_of(
        st.builds("{{% for a in {} %}}{}{{% endfor %}}".format, EXPRESSIONS, inner),
        st.builds("{{% set s = {} %}}{}".format, EXPRESSIONS, inner),
        st.builds("{{% macro f(s) %}}{}{{{{ f(s) }}}}{{% endmacro %}}{{{{ f(1) }}}}".format, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(source=PROGRAMS)
def test_random_templates_end(child, source):
    try:
        written = chat(child, source, s="text", n=999)
    except TemplateFailure as failure:
        assert failure.kind in ("time", "memory", "fails", "unsafe", "broken", "refuses", "ended")
    else:
        assert isinstance(written, str)
    assert chat(child, "ok") == "ok"
