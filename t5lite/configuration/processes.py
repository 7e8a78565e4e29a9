"""Several processes as one run: who they are, and where the first one listens."""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import re
import socket

from t5lite.configuration import process_failures

# How long the others wait at the end for the first process, which writes what all have computed.
_SHUTDOWN_SECONDS = 60 * 60
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]]+):(?P<port>[0-9]{1,5})", re.ASCII)
# JAX's own variable, for a first process whose machine has not the address that others reach it at.
BIND_VARIABLE = "JAX_COORDINATOR_BIND_ADDRESS"


def join_processes(
    *,
    multi_host: bool,
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
) -> None:
    """Starts jax.distributed where flags ask for it.

    The first process listens at the coordinator's address, and at no other of its machine's.

    Args:
      multi_host: whether the surroundings (Slurm, a pod) say the rest.
      coordinator: `HOST:PORT` of the first process.
      num_processes: how many there are.
      process_id: which this is, from 0.

    Raises:
      ValueError: only some of the three that belong together, numbers out of range, or an address
        that is none or where the first process cannot listen.
    """
    given = (coordinator, num_processes, process_id)
    if not multi_host and given == (None, None, None):
        return
    if given != (None, None, None):
        if coordinator is None or num_processes is None or process_id is None:
            raise ValueError(
                "--coordinator, --num_processes and --process_id must be given together."
            )
        if not 0 <= process_id < num_processes:
            raise ValueError(
                f"--process_id={process_id} of --num_processes={num_processes}: they count from 0"
            )
        bind_address = os.environ.get(BIND_VARIABLE, coordinator)
        _split(coordinator, name="--coordinator")
        if process_id == 0:
            _check_can_listen(bind_address, is_given=BIND_VARIABLE not in os.environ)
    import jax
    from jax.experimental import multihost_utils

    initialize = functools.partial(
        jax.distributed.initialize,
        local_device_ids=_local_device_ids(),
        heartbeat_timeout_seconds=process_failures.HEARTBEAT_SECONDS,
        shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
    )
    if coordinator is None:
        initialize()
    else:
        # Of itself JAX would listen on every interface of the machine.
        initialize(*given, coordinator_bind_address=bind_address)
    process_failures.watch(coordinator)
    # CPUs wait for one another for 30 s when they first meet, which nothing sets, and later as long
    # as XLA does: they meet now, and not when each has taken its own time to compile a step.
    multihost_utils.sync_global_devices("join_processes")
    # One voice is enough.
    if jax.process_index() != 0:
        logging.getLogger("t5lite").setLevel(logging.WARNING)


def _local_device_ids() -> list[int] | None:
    """Which GPUs are this process's; none by name are all that it sees, None leaves it to JAX.

    In a Slurm job JAX takes one GPU a process, also where a process has its node to itself.
    """
    num_tasks, num_nodes = map(os.environ.get, ("SLURM_NTASKS", "SLURM_STEP_NUM_NODES"))
    has_node = num_tasks is not None and num_tasks == num_nodes
    return [] if has_node and "JAX_LOCAL_DEVICE_IDS" not in os.environ else None


def _split(address: str, *, name: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise ValueError(
            f"{name}={address} is no HOST:PORT, such as 10.0.0.1:8476 or [::1]:8476, with a port "
            "from 1 to 65535"
        )
    return match["host"].strip("[]"), int(match["port"])


def _check_can_listen(address: str, *, is_given: bool) -> None:
    """JAX would wait for minutes for a coordinator that never came to be."""
    name = "--coordinator" if is_given else BIND_VARIABLE
    host, port = _split(address, name=name)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            listens_to = ipaddress.ip_address(place[0])
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{name}={address}: process 0 cannot listen there: {reason}. Give an address of its "
            f"own machine and a free port; where others reach it at another address, set "
            f"{BIND_VARIABLE} to its own"
        ) from error
    if listens_to.is_loopback and is_given and not _is_address_or_localhost(host):
        # Debian's /etc/hosts gives 127.0.1.1 to a machine's own name.
        raise ValueError(
            f"{name}={address}: {host} is {listens_to} on this machine, where no other machine "
            f"reaches it. Give the address that others know it by, or set {BIND_VARIABLE} to it"
        )


def _is_address_or_localhost(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
