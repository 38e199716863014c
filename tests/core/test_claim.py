"""Of several processes one holds a claim, and it ends with the process."""

import errno
import fcntl
import signal
import subprocess
import sys

from spikedistill.core.claim import claimed

HOLD = """
import sys, time
from pathlib import Path
from spikedistill.core.claim import claimed
with claimed(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path):
    path = tmp_path / "new/folder/thing"
    with claimed(path) as first, claimed(path) as second:
        assert (first, second) == (True, False)
        assert [file.name for file in path.parent.iterdir()] == [".thing.claim"]
    with claimed(path) as again:
        assert again
    assert not list(path.parent.iterdir())


def test_a_file_that_its_holder_took_away_since_is_no_claim(tmp_path, monkeypatch):
    path, flock = tmp_path / "thing", fcntl.flock

    def late(file, how):
        (tmp_path / ".thing.claim").unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with claimed(path) as mine:
        assert not mine


def test_where_no_file_can_be_made_or_locked_everyone_gets_it(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with claimed(tmp_path / "file/thing") as mine:
        assert mine

    def unable(file, how):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", unable)
    with claimed(tmp_path / "thing") as first, claimed(tmp_path / "thing") as second:
        assert first and second


def test_a_killed_process_holds_nothing(tmp_path):
    path = tmp_path / "thing"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline().strip() == "True"
    with claimed(path) as mine:
        assert not mine
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with claimed(path) as mine:
        assert mine
