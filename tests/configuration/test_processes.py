"""Where a run of several processes listens."""

import os
import pathlib
import socket
import subprocess
import sys

import pytest

from t5lite.configuration.processes import join_processes
from tests.conftest import REPOSITORY

# Joins as a verb does, uses a device, and prints where it listens, from the kernel's tables.
PROGRAM = """
import os, pathlib, sys
from t5lite import cli

def verb(arguments):
    if hasattr(arguments, "coordinator"):
        cli._join(arguments)
        import jax
        jax.numpy.ones(3).sum().block_until_ready()
    files = pathlib.Path("/proc/self/fd").iterdir()
    own = {os.readlink(file) for file in files if file.is_symlink()}
    for table in ("tcp", "tcp6"):
        for row in pathlib.Path("/proc/self/net", table).read_text().split("\\n")[1:]:
            cells = row.split()
            if cells and cells[3] == "0A" and f"socket:[{cells[9]}]" in own:
                print("listens", *cells[1].split(":"))

cli._RUN = dict.fromkeys(cli._RUN, verb)
raise SystemExit(cli.main(sys.argv[1:]))
"""
# 127.0.0.1, the same as an IPv6 address, and ::1, as the kernel writes them.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.skipif(not pathlib.Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("verb", ["train", "eval --model_dir=m", "infer --model_dir=m"])
def test_verbs_that_listen_do_so_where_they_are_told_to(verb):
    port = free_port()
    words = [*verb.split(), f"--coordinator=127.0.0.1:{port}", "--num_processes=1"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--process_id=0"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "JAX_PLATFORMS": "cpu"},
    )
    found = [line.split()[1:] for line in done.stdout.split("\n") if line.startswith("listens")]
    assert f"{port:04X}" in {place for _, place in found}, done.stderr
    assert {host for host, _ in found} <= LOOPBACK


def join(coordinator, *, num_processes=2, process_id=0):
    join_processes(
        multi_host=False,
        coordinator=coordinator,
        num_processes=num_processes,
        process_id=process_id,
    )


@pytest.mark.parametrize(
    "address", ["nocolon", "h:x", "h:0", "h:65536", "h:-1", ":80", "::1:80", "a b:80", "[]:80", ""]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="is no HOST:PORT"):
        join(address)


def test_an_address_of_another_machine_is_refused_by_the_first_process():
    with pytest.raises(ValueError, match=r"cannot listen there: .*own machine"):
        join("192.0.2.1:8476")


def test_a_port_in_use_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ValueError, match="cannot listen there: Address already in use"):
            join(f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize(("process", "of"), [(2, 2), (-1, 2), (0, 0)])
def test_processes_count_from_0(process, of):
    with pytest.raises(ValueError, match="they count from 0"):
        join("127.0.0.1:8476", num_processes=of, process_id=process)


def test_three_flags_belong_together():
    with pytest.raises(ValueError, match="together"):
        join(None)


@pytest.mark.parametrize(("given", "gpus"), [({}, "all"), ({"JAX_LOCAL_DEVICE_IDS": "1"}, "1")])
def test_a_process_that_has_a_node_of_slurm_to_itself_takes_all_its_gpus(given, gpus):
    program = (
        "from t5lite.configuration.processes import join_processes as join;"
        "join(multi_host=True, coordinator=None, num_processes=None, process_id=None);"
        "from jax._src import xla_bridge; print(xla_bridge.CUDA_VISIBLE_DEVICES.value)"
    )
    slurm = {"SLURM_NTASKS": "1", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NODELIST": "localhost"}
    slurm |= {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    port = {"JAX_COORDINATOR_PORT": str(free_port()), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **slurm, **port, **given},
        check=False,
    )
    assert done.stdout == f"{gpus}\n", done.stderr
