"""What a job says of a disk that is full or cannot be written to."""

import errno
import shutil
import subprocess
from collections import namedtuple

import pytest

from pruning_workflow.job import _shell_parent, disk_fault

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 0, 10**9))
    return tmp_path / "results"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_or_quota(folder, number):
    sentence = disk_fault(OSError(number, "no space"), folder)
    assert sentence == f"results: the disk of {folder} is full; make room and give the same command again: " + (
        "what is done stays"
    )


def test_a_library_that_says_no_more_than_that_it_could_not_write(folder, monkeypatch):
    error = RuntimeError("[enforce fail] . unexpected pos 64 vs 0")
    assert disk_fault(error, folder) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 0))
    assert "is full" in disk_fault(error, folder)


def test_a_folder_that_cannot_be_written_to_on_this_node(folder):
    for number in (errno.EROFS, errno.EACCES):
        error = OSError(number, "refused", str(folder / "scores/du.parquet"))
        sentence = disk_fault(error, folder)
        assert sentence.startswith(f"results: {folder} cannot be written to on ") and "(refused)" in sentence


def test_images_that_cannot_be_read_are_no_fault_of_the_results(folder):
    assert disk_fault(PermissionError(errno.EACCES, "refused", "photos/cat.png"), folder) is None
    assert disk_fault(FileNotFoundError(errno.ENOENT, "not there", str(folder / "x")), folder) is None


def test_a_process_that_has_just_ended_is_no_shell():
    """What watches a job must outlive it: it ends the job."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert _shell_parent(ended.pid) is None
