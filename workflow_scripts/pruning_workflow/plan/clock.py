"""How long jobs take by the clock, where several run at a time."""

import heapq
from typing import NamedTuple


class Task(NamedTuple):
    """A job to a machine.

    Attributes
    ----------
    seconds : float
        0 of one that is done.
    threads : int
    gpus : float
        0: it runs on none.
    needs : tuple of int
        Which tasks of the list must be over before.
    """

    seconds: float
    threads: int
    gpus: float
    needs: tuple[int, ...]


def clock_seconds(tasks: list[Task], cores: int, start_s: float = 0.0) -> float:
    """Return how long tasks take on one machine, each begun as soon as what it needs is over and there is room for it.

    Parameters
    ----------
    tasks : list of Task
    cores : int
        A task that asks for more takes all.
    start_s : float
        What it takes to begin a task that is not done, beside its own seconds.

    Returns
    -------
    float
        With as many GPUs as the task that asks for most: others take turns at them. Time grows with the tasks, times
        their logarithm, and with those that are ready at a time.
    """
    waits_for = [len(task.needs) for task in tasks]
    followers: list[list[int]] = [[] for _ in tasks]
    for i, task in enumerate(tasks):
        for needed in task.needs:
            followers[needed].append(i)
    ready = [i for i, n in enumerate(waits_for) if not n]
    running: list[tuple[float, int]] = []
    now, free_cores, free_gpus = 0.0, cores, max((task.gpus for task in tasks), default=0)
    while ready or running:
        waiting = []
        for i in ready:
            threads, task = min(tasks[i].threads, cores), tasks[i]
            if threads > free_cores or task.gpus > free_gpus:
                waiting.append(i)
                continue
            free_cores, free_gpus = free_cores - threads, free_gpus - task.gpus
            heapq.heappush(running, (now + task.seconds + (start_s if task.seconds else 0), i))
        ready = waiting
        now, ended = heapq.heappop(running)
        free_cores, free_gpus = free_cores + min(tasks[ended].threads, cores), free_gpus + tasks[ended].gpus
        for follower in followers[ended]:
            waits_for[follower] -= 1
            if not waits_for[follower]:
                ready.append(follower)
    return now


def start_seconds(tasks: list[Task], cores: int, clock_s: float) -> float:
    """Return what it takes to begin a task, from what all of them took by the clock; 0 or more."""
    bare = clock_seconds(tasks, cores)
    each = clock_seconds(tasks, cores, 1.0) - bare
    return max(0.0, (clock_s - bare) / each) if each else 0.0
