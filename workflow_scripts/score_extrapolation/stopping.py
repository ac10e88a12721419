"""Signals to stop, noted instead of died of, so that long work can save where it stands."""

import signal
import threading

# What those who start a process send at its end; what a cluster can be asked to send some time before it; Ctrl-C.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stoppable:
    """Work that asks now and then whether it was told to stop.

    Python lets the main thread alone handle signals; in another one, none is noted.
    """

    _told = False
    _handlers: dict = {}  # noqa: RUF012 - replaced, never changed

    def __enter__(self):
        """Note signals to stop from now on, instead of dying of them."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._note) for number in STOP_SIGNALS}
        return self

    def __exit__(self, *error):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number, frame) -> None:
        self._told = True

    def told_to_stop(self) -> bool:
        """Say whether a signal to stop has come."""
        return self._told
