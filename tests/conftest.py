"""Shared fixtures: where real data lies, and a path to this repository."""

import contextlib
import gc
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

# Most of the tests' time is XLA compiling tiny models; without optimisation it takes an eighth of
# that. tests/models/test_compilation.py compares the numbers with those of the default settings.
QUICK_COMPILATION = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)
os.environ["XLA_FLAGS"] = f"{QUICK_COMPILATION} {os.environ.get('XLA_FLAGS', '')}"


def on_devices(num_devices):
    """The environment of a process that has so many fake devices."""
    count = f"--xla_force_host_platform_device_count={num_devices}"
    return os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{QUICK_COMPILATION} {count}",
    }


def printed(command, **settings):
    """What a command prints, which must end well; settings are those of `subprocess.run`."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_processes(module, *arguments, num_processes, num_devices, **environment):
    """Runs `python -m MODULE ARGUMENTS INDEX NUM_PROCESSES PORT` in so many processes at once.

    All must end well. Gives what each wrote; `num_devices` is of all together.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", module, *map(str, arguments)]
    processes = [
        subprocess.Popen(
            [*command, str(index), str(num_processes), str(port)],
            env=on_devices(num_devices // num_processes) | environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(num_processes)
    ]
    try:
        outputs = [process.communicate(timeout=1200)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert {process.returncode for process in processes} == {0}, outputs
    return outputs


def wait_until(condition):
    """Waits for another process to have come so far; a minute at most."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come so far within a minute")


def shared_path(*parts: str) -> pathlib.Path:
    """Path under the real test data; skips the calling test where it is absent.

    Looked for in `T5LITE_TEST_DATA`, then in `../shared` beside the repository.
    """
    root = pathlib.Path(os.environ.get("T5LITE_TEST_DATA", REPOSITORY.parent / "shared"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real test data not found: {path} (set T5LITE_TEST_DATA)")
    return path


def pytest_collection_modifyitems(items):
    """Files with slow tests first: a long one at the end would leave the other processes idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory) -> pathlib.Path:
    """Where token stores lie that the tests of a process share; they are built once."""
    return tmp_path_factory.mktemp("cache")


# Garbage collection took a tenth of the tests' time.
gc.set_threshold(50_000, 10, 10)
_num_frozen_modules = 0


@pytest.fixture(scope="module", autouse=True)
def _frozen_modules():
    """Has garbage collection pass by what is imported for good, such as all of TensorFlow."""
    global _num_frozen_modules
    if len(sys.modules) > _num_frozen_modules + 200:
        _num_frozen_modules = len(sys.modules)
        import hypothesis  # noqa: F401  (looks for what holds generators of random numbers)

        gc.collect()  # what is garbage now would stay
        gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _environment_of_module():
    yield from _restoring_environment()
    forget_task_modules()


@pytest.fixture(autouse=True)
def _environment_of_test(_environment_of_module):
    yield from _restoring_environment()


def _restoring_environment():
    """What a verb sets for its workers, such as T5LITE_VOCABULARY, is gone for the next test."""
    before = {name: value for name, value in os.environ.items() if name.startswith("T5LITE_")}
    yield
    for name in [name for name in os.environ if name.startswith("T5LITE_")]:
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def own_tasks():
    """Has seqio forget the Tasks and Mixtures that the test itself registers."""
    with forgetting_own_tasks():
        yield


@pytest.fixture
def new_name(own_tasks, request):
    """Gives names for such Tasks, which no other test has: some things are kept by name."""
    numbers = itertools.count()
    return lambda: f"task_{abs(hash(request.node.nodeid))}_{next(numbers)}"


@contextlib.contextmanager
def forgetting_own_tasks():
    """Unregisters what is registered meanwhile, but for what task modules that it imports do."""
    seqio = pytest.importorskip("seqio")
    from t5lite.data.tasks import seqio_registry

    registries = (seqio.TaskRegistry, seqio.MixtureRegistry)
    before = [set(registry.names()) for registry in registries]
    try:
        yield
    finally:
        for registry, known in zip(registries, before, strict=True):
            for name in set(registry.names()) - known - seqio_registry._provenance.keys():
                registry.remove(name)


def forget_task_modules():
    """Forgets the task modules that tests wrote, for each of their names is used many times."""
    task_modules = sys.modules.get("t5lite.data.tasks.task_modules")
    if task_modules is None:
        return
    for name in task_modules.imported_modules():
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and pathlib.Path(file).is_relative_to(REPOSITORY):
            continue
        sys.modules.pop(name, None)
        del task_modules._imported[name]
        _remove_from_registries(file)


def _remove_from_registries(file):
    import seqio

    from t5lite.data.tasks import seqio_registry

    registered = [n for n, place in seqio_registry._provenance.items() if file and file in place]
    for name in registered:
        del seqio_registry._provenance[name]
        for registry in (seqio.TaskRegistry, seqio.MixtureRegistry):
            if name in registry.names():
                registry.remove(name)
