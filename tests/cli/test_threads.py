"""How long threads wait for work."""

import os

import pytest

from spikedistill.cli._threads import let_threads_wait_briefly

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)


def test_threads_spin_briefly_where_nothing_is_said(monkeypatch):
    let_threads_wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "1000" and os.environ["KMP_BLOCKTIME"] == "1"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_user_says_stays(monkeypatch, name):
    monkeypatch.setenv(name, "7")
    let_threads_wait_briefly()
    assert {other: os.environ.get(other) for other in NAMES} == dict.fromkeys(NAMES) | {name: "7"}
