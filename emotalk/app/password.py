"""Check user name and password of requests by HTTP's Basic scheme."""

import base64
import binascii
import os
import secrets
import time
from collections import OrderedDict

from emotalk.errors import WrongUse

WRONG = 10  # wrong passwords from one address within a minute; then it waits
MINUTE_S = 60.0
MAX_ADDRESSES = 1000  # the oldest is forgotten first


class Password:
    """One user's password; guesses are limited for each address."""

    def __init__(self, user: str, password: str) -> None:
        """Accept this user with this password alone."""
        self._expected = f"{user}:{password}".encode()
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def status(self, authorization: bytes, address: str) -> int:
        """Return 200 for the right header, 401 for none or a wrong one, 429 after many wrong ones.

        Args:
            authorization: value of the header `Authorization`.
            address: of the browser.
        """
        now = time.monotonic()
        recent = [then for then in self._wrong.get(address, ()) if now - then < MINUTE_S]
        if len(recent) >= WRONG:
            return 429
        scheme, _, code = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return 401
        try:
            given = base64.b64decode(code, validate=True)
        except binascii.Error:
            given = b""
        if secrets.compare_digest(given, self._expected):
            self._wrong.pop(address, None)
            return 200
        self._wrong[address] = [*recent, now]
        self._wrong.move_to_end(address)
        while len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)
        return 401


def read_password(user: str | None, *, variable: str) -> Password | None:
    """Return the check for a user whose password is in an environment variable; None without one.

    Raises:
        WrongUse: the variable is not set, or the name holds a colon.
    """
    if user is None:
        return None
    if not user or ":" in user:
        raise WrongUse(f"--user {user!r}: give a name without a colon, e.g. --user ana")
    password = os.environ.get(variable, "")
    if not password:
        raise WrongUse(
            f"--user {user}: no password; put it into the environment variable {variable}, e.g. "
            f"read -rs {variable} && export {variable}"
        )
    return Password(user, password)
