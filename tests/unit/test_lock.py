"""One run at a time on a folder of results, and jobs that know when theirs is over."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pruning_workflow import lock
from score_extrapolation.faults import InputFault

HOLD = """
import sys, pathlib
from pruning_workflow import lock
lock.lock_results(pathlib.Path(sys.argv[1]))
print(__import__("os").environ[lock.VARIABLE], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def outside_of_runs(monkeypatch):
    monkeypatch.setattr(lock, "_held", [])
    monkeypatch.setenv(lock.VARIABLE, "to be restored")
    monkeypatch.delenv(lock.VARIABLE)


@pytest.fixture
def other_run(tmp_path):
    """Another process that holds the lock of a folder; its id."""
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(lock.__file__).parents[1],
    )
    run.id = run.stdout.readline().strip()
    yield run
    run.kill()
    run.wait()
    run.stdin.close()
    run.stdout.close()


def test_two_runs_cannot_write_to_one_folder(tmp_path, other_run):
    with pytest.raises(InputFault, match="another run is writing to"):
        lock.lock_results(tmp_path)
    assert lock.VARIABLE not in os.environ


def test_a_job_that_looks_does_not_keep_a_run_from_beginning(tmp_path):
    (tmp_path / ".lock").write_text("")
    with open(tmp_path / ".lock") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        releasing = subprocess.Popen(["sleep", "0.3"], pass_fds=[look.fileno()])
    lock.lock_results(tmp_path)
    assert releasing.wait() == 0


def test_a_job_knows_that_its_run_goes_on_and_that_it_is_killed(tmp_path, other_run, monkeypatch):
    monkeypatch.setenv(lock.VARIABLE, other_run.id)
    assert not lock.run_is_over(tmp_path)
    other_run.kill()
    other_run.wait()
    assert lock.run_is_over(tmp_path)


def test_a_job_of_an_earlier_run_is_over_while_another_goes_on(tmp_path, other_run, monkeypatch):
    monkeypatch.setenv(lock.VARIABLE, "an earlier one")
    assert lock.run_is_over(tmp_path)


def test_what_cannot_be_told_is_not_over(tmp_path, monkeypatch):
    assert not lock.run_is_over(tmp_path)  # no executor has handed the id on
    monkeypatch.setenv(lock.VARIABLE, "a run")
    assert not lock.run_is_over(tmp_path / "not there")


def test_a_folder_is_free_again_and_has_a_new_id_after_its_run(tmp_path, other_run):
    other_run.kill()
    other_run.wait()
    lock.lock_results(tmp_path)
    assert (tmp_path / ".lock").read_text() == os.environ[lock.VARIABLE] != other_run.id
    assert not lock.run_is_over(tmp_path)


def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    began = time.monotonic()
    lock.lock_results(tmp_path)
    assert "cannot be locked (No locks available); start no second run on it" in capsys.readouterr().err
    assert lock.VARIABLE not in os.environ and time.monotonic() - began < 1
