"""Find ports that nothing uses, for processes that are about to start."""

import random
import socket
from contextlib import ExitStack

PORTS = range(20_000, 32_000)  # below 32768, from where systems take the ports of connections
TRIES = 1000


def free_ports(count: int) -> list[int]:
    """Return so many different ports that nothing listens on, at any address of this machine.

    Raises:
        OSError: too few were found.
    """
    found: list[int] = []
    draw = random.SystemRandom()  # a seed would make two processes choose the same ones
    with ExitStack() as held:
        for _ in range(TRIES):
            if len(found) == count:
                return found
            taken = held.enter_context(socket.socket())
            try:
                taken.bind(("", draw.choice(PORTS)))
            except OSError:
                continue
            found.append(int(taken.getsockname()[1]))
    raise OSError(f"fewer than {count} free ports from {PORTS.start} to {PORTS.stop - 1}")
