"""What becomes of the memory that a training step frees, on a CPU."""

import ctypes
import platform

import jax

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Lets a step on a CPU find the memory that the step before it freed.

    By itself glibc gives a step's large buffers back to the kernel, which clears every page of
    them anew: a fifth of the time of a step of T5 small (`benchmarks/train_step.py`). Only the main
    thread's memory can be kept, so steps run there, and no longer beside Python. To be called
    before the first use of a device. Other devices and other C libraries stay as they are.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if _is_glibc_of_cpu():
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)  # never


def release_freed_memory() -> None:
    """Gives free memory back to the kernel.

    To be called before work whose buffers have other sizes, which do not fit where freed ones were:
    restoring a checkpoint, training and evaluating would otherwise grow a process to about the sum
    of what each of them needs.
    """
    if _is_glibc_of_cpu():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc_of_cpu() -> bool:
    return jax.default_backend() == "cpu" and platform.libc_ver()[0] == "glibc"
