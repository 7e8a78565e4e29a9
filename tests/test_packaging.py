"""What a wheel holds, and that it works: from the root, from elsewhere, from the wheel alone."""

import os
import pathlib
import subprocess
import sys
import venv
import zipfile

import pytest

from tests.conftest import REPOSITORY, printed

pytestmark = pytest.mark.slow

# Prints where t5lite was imported from and what the library called gin is, and parses a recipe.
PROBE = """
import gin, t5lite
from t5lite.configuration import config
print(t5lite.__file__)
print(gin.__file__)
parsed = config.parse(["recipes/mini_demo.gin"], ["MODEL_DIR=/tmp/x"])
print(parsed.bindings["TASK_MODULES"].place)
print(parsed.macro("TASK_MODULES"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A wheel built from a copy of the files git knows, so that no stray file gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("the repository is no git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    printed([*command, "--quiet", "--wheel-dir", str(folder), str(source)])
    (built,) = folder.glob("*.whl")
    return built


def probe(cwd: pathlib.Path, path: pathlib.Path) -> list[str]:
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, "-P", "-c", PROBE]
    return printed(command, cwd=cwd, env=environment).splitlines()


def without_path() -> dict[str, str]:
    """The environment, but for what says where to look for packages."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_a_wheel_holds_the_packages_and_every_gin_file(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"t5lite"}
    shipped = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "gin").rglob("*.gin")}
    installed = {name.replace("t5lite/gin_files/", "gin/", 1) for name in names}
    assert shipped <= installed
    assert {"t5lite/cli.py", "t5lite/models/config.py", "t5lite/tasks/mini/__init__.py"} <= names
    assert {"t5lite/tasks/shipped.json", "t5lite/tasks/open_ended.jsonl"} <= names
    assert {f"t5lite/evaluation/preference/page.{end}" for end in ("html", "css", "js")} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_a_wheel_says_what_it_is_and_needs(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
    text = archive.read(metadata).decode()
    assert "Requires-Python: >=3.11" in text
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Dist: tensorflow" in text
    core = [
        line for line in text.splitlines() if line.startswith("Requires-Dist") and ";" not in line
    ]
    assert not [line for line in core if "tensorflow" in line or "seqio" in line or "torch" in line]
    for extra in ("data", "tpu", "cuda", "browser", "test", "dev", "peers"):
        assert f"Provides-Extra: {extra}" in text
    (scripts,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
    assert "t5lite = t5lite.cli:main" in archive.read(scripts).decode()


def test_an_unpacked_wheel_finds_its_gin_files_from_anywhere(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    t5lite_file, gin_file, place, modules = probe(tmp_path, site)
    assert t5lite_file == str(site / "t5lite" / "__init__.py")
    assert not gin_file.startswith(str(site))
    assert place.startswith("site/t5lite/gin_files/recipes/mini_demo.gin:")
    assert modules == "('tasks.mini',)"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The `t5lite` of a fresh environment that has the wheel and the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    subprocess.run(
        [*command, "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)],
        check=True,
    )
    return folder / "bin" / "t5lite"


def test_a_package_named_tasks_of_ones_own_works_beside_an_installed_t5lite(installed, tmp_path):
    """Stores are built in processes of their own, of Tasks of both."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "metrics.py").write_text("")
    (tmp_path / "tasks" / "mine.py").write_text(
        "import seqio\n"
        "from tasks.files import add_file_task\n"
        "add_file_task('mine', files={'train': 'a.jsonl'}, inputs='q', targets='a', metrics=())\n"
        "seqio.MixtureRegistry.add('both', [('mine', 1), ('mini_last_food', 1)])\n"
    )
    (tmp_path / "a.jsonl").write_text('{"q": "Which?", "a": "This."}\n')
    words = "cache both --tasks=tasks.mini,tasks.mine --data_dir=. --cache_dir=c --num_workers=2"
    printed([str(installed), *words.split()], cwd=tmp_path, env=without_path())
    assert {path.name for path in (tmp_path / "c").iterdir()} >= {"mine", "mini_last_food"}


def test_an_installed_t5lite_takes_no_checkout_around_it_for_the_users(wheel, installed, tmp_path):
    """The checkout's `tasks/` is found first; what recipes and runs name is ours all the same."""
    run = tmp_path / "run"
    (run / "checkpoints" / "3").mkdir(parents=True)
    (run / "config.gin").write_text("TASK_MODULES = ('tasks.mini',)\n")
    plain = "--gin_file=models/mini/small.gin --gin_file=runs/train.gin --mixture=mini "
    plain += "--train_steps=9 --task_feature_lengths=inputs=24,targets=12"
    for flags in (plain, "--gin_file=recipes/mini_demo.gin"):
        command = [str(installed), "config", *flags.split(), f"--model_dir={run}"]
        found = printed(command, cwd=wheel.parent / "source", env=without_path())
        assert "'tasks.mini'" in found


@pytest.mark.parametrize("from_root", [True, False])
def test_the_repository_finds_its_gin_files(from_root, tmp_path):
    cwd = REPOSITORY if from_root else tmp_path
    _, gin_file, place, _ = probe(cwd, REPOSITORY)
    assert not gin_file.startswith(str(REPOSITORY / "gin"))
    assert "gin/recipes/mini_demo.gin:" in place


def test_an_editable_install_finds_its_gin_files(wheel, tmp_path):
    """What `pip install -e .` puts on the path is asked of setuptools, without installing."""
    source = wheel.parent / "source"
    code = (
        "import sys; from setuptools import build_meta;"
        "print(build_meta.build_editable(sys.argv[1]))"
    )
    printed([sys.executable, "-c", code, str(tmp_path)], cwd=source)
    site = tmp_path / "site"
    (built,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(built).extractall(site)
    # A .pth file counts only in a site folder, so the probe adds the folder as one. The tests' own
    # environment may be an editable install too: it must not answer in the other's place.
    code = (
        "import site, sys\n"
        "ours = [m for m in sys.modules if m.startswith('__editable__')]\n"
        "for finder in list(sys.meta_path):\n"
        "    if getattr(finder, '__module__', '') in ours: sys.meta_path.remove(finder)\n"
        "for name in ours: del sys.modules[name]\n"
        f"sys.path.insert(0, {str(site)!r}); site.addsitedir({str(site)!r})\n{PROBE}"
    )
    found = printed([sys.executable, "-P", "-c", code], cwd=tmp_path, env=without_path())
    t5lite_file, gin_file, place, _ = found.splitlines()
    assert t5lite_file == str(source / "t5lite" / "__init__.py")
    assert "source" not in gin_file
    assert "recipes/mini_demo.gin:" in place
