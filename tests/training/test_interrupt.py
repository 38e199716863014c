"""Ctrl-C is a request first."""

import os
import signal
import time

import pytest

from spikedistill.training.interrupt import stop_requests


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request_and_the_old_handlers_return(number):
    before = signal.getsignal(number)
    with stop_requests() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_the_second_signal_acts_as_ever():
    with pytest.raises(KeyboardInterrupt), stop_requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        while not stop.requested:  # two signals at once may arrive as one
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
