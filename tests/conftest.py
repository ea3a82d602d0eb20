"""What holds for all tests.

Generated examples are the same at every run, so that a change is all that can turn a check red; `pytest
--hypothesis-profile exploring` looks for new ones. How long one takes says nothing: several of them share the machine.
"""

import os
import signal

import pytest
import structlog
from hypothesis import settings

settings.register_profile("exploring", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell lets what it runs in the background ignore Ctrl-C, and so would the commands that are started here
    signal.signal(signal.SIGINT, signal.default_int_handler)
WAITING = 2
"""Workers beside one a core: tests of servers wait, for a disk, for a process, for a deadline."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What `--numprocesses auto` means here."""
    return (os.cpu_count() or 1) + WAITING


def pytest_runtest_teardown() -> None:
    """A command that ran within a test has set up its log, on a standard error that is closed by now."""
    structlog.reset_defaults()
