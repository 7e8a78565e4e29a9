import os
import platform
import resource
import subprocess
import sys

import pytest

# Prints the pages that the kernel gave to a program in its fifth run, and those that the process
# has before and after it releases what is free.
PROGRAM = """
import resource, sys
import jax, jax.numpy as jnp
from t5lite.training.freed_memory import keep_freed_memory, release_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
step = jax.jit(lambda x: ((x @ x.T) @ x).sum())
x = jnp.ones((4096, 64))  # 64 MiB between the products
pages = []
for _ in range(5):
    step(x).block_until_ready()
    pages.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
def held():
    return int(open("/proc/self/statm").read().split()[1])
before = held()
release_freed_memory()
print(pages[-1] - pages[-2], before, held())
"""
PAGES = 64 * 2**20 // resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_step_finds_the_memory_that_the_one_before_freed_until_it_is_released():
    pages = {}
    for how in ("keep", "leave"):
        command = [sys.executable, "-c", PROGRAM, how]
        environment = os.environ | {"JAX_PLATFORMS": "cpu"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        pages[how] = [int(number) for number in done.stdout.split()]
    (faults, before, after), (faults_without, *_) = pages["keep"], pages["leave"]
    assert faults < 1000 < faults_without
    assert after < before - PAGES / 2
