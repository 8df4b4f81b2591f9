"""Threads that a library in C has started, and in which it calls Python."""

import ctypes
import threading

_known = threading.local()


def keep_thread_state() -> None:
    """Keep Python's state of this thread until the thread ends.

    Python makes one for each call from a foreign thread and frees it afterwards, memory mapping
    included. With a few calls for each small object that is a third of the time of a sync, so
    whatever such a thread calls says this first.
    https://docs.python.org/3/c-api/init.html#c.PyGILState_Ensure counts how often it was asked for
    the state; one more, never given back, keeps it.
    """
    if not hasattr(_known, "is_kept"):
        ctypes.pythonapi.PyGILState_Ensure()
        _known.is_kept = True
