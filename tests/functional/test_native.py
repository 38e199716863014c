"""The cache of compiled loops: found again, renewed when damaged, never where others can write."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from spikedistill.functional import native
from spikedistill.functional.native import CannotCompile, cache_folder, load

pytestmark = pytest.mark.compiled

TWICE = """
#include <cstdint>
extern "C" void kernel(const void* const* in, void* const* out, int64_t n) {
  for (int64_t k = 0; k < n; ++k) ((float*)out[0])[k] = 2 * ((const float*)in[0])[k];
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SPIKEDISTILL_CACHE_DIR", str(tmp_path / "kernels"))
    cache_folder.cache_clear()
    yield tmp_path / "kernels"
    cache_folder.cache_clear()


def twice() -> list[float]:
    x, y = torch.arange(4.0), torch.zeros(4)
    load(TWICE)([x], [y], 4)
    return y.tolist()


def test_a_loop_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert twice() == [0, 2, 4, 6]
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns
    monkeypatch.setattr(native, "_compile", lambda *_: pytest.fail("compiled again"))
    assert twice() == [0, 2, 4, 6]
    assert file.stat().st_mtime_ns == written


def test_a_damaged_file_is_compiled_again(folder: Path) -> None:
    name = "0" * 32
    assert twice() == [0, 2, 4, 6]
    (file,) = folder.iterdir()
    file.unlink()  # the library of this process stays mapped: break a new file, not this one
    file.write_bytes(b"half of a libra")
    assert twice() == [0, 2, 4, 6]
    assert len(list(folder.iterdir())) == 1, name


def test_a_folder_that_others_can_write_to_is_not_used(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING, "spikedistill"):
        assert twice() == [0, 2, 4, 6]
        assert twice() == [0, 2, 4, 6]
    assert not list(folder.iterdir())
    (line,) = [record.getMessage() for record in caplog.records]
    assert str(folder) in line
    assert "others may write to it" in line
    assert "SPIKEDISTILL_CACHE_DIR" in line


def test_a_folder_that_cannot_be_written_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKEDISTILL_CACHE_DIR", str(tmp_path / "file" / "kernels"))
    cache_folder.cache_clear()
    with caplog.at_level(logging.WARNING, "spikedistill"):
        assert twice() == [0, 2, 4, 6]
    (line,) = [record.getMessage() for record in caplog.records]
    assert "Not a directory" in line


def test_a_text_that_does_not_compile_says_what_the_compiler_said() -> None:
    with pytest.raises(CannotCompile, match=r"failed; it said: .*error"):
        load('extern "C" void kernel( {')
