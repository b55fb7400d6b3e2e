"""Configure glibc's allocator to keep freed memory for the next step or clip."""

import ctypes
import platform

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER = -1
GROW_BY = 64 * 2**20  # bytes that are asked of the system at once


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees; return whether its C library can do that.

    A training step on the CPU makes and frees the same gigabytes each time, a worker that cuts
    faces out of clips the same frames. glibc gives large pieces back at once, so that the system
    clears every page anew: at the paper's width that is a third of a step, of a clip a fifteenth.
    In exchange the process stays at about its largest size, which fragmentation makes up to a third
    larger. On GPUs torch's own allocator does the same.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_TOP_PAD, GROW_BY))
    taken = [mallopt(ctypes.c_int(name), ctypes.c_int(value)) for name, value in settings]
    return all(taken)
