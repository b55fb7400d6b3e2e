"""Signals that ask a run to save itself and leave."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Preemption:
    """Remembers the first signal; the training loop asks between steps."""

    def __init__(self) -> None:
        """Nothing has been asked for yet."""
        self.name = ""

    def listen(self) -> None:
        """Catch SIGTERM and SIGUSR1 from now on."""
        for number in SIGNALS:
            signal.signal(number, self._remember)

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return bool(self.name)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.name = self.name or signal.Signals(number).name
