"""Straight lines through what few jobs took: a job costs what it costs to begin, and so much for each unit of work."""

import math
from typing import NamedTuple

NOISE = 0.05  # a job's seconds vary by so much, at the least, when it is run again


class Line(NamedTuple):
    """What a kind of job costs: begin + slope * work, neither below 0.

    Attributes
    ----------
    begin, slope : float
    deviation : float
        Standard deviation of one measurement.
    n : int
        Measurements.
    mean, spread : float
        Mean of their work, and the sum of its squared deviations from that.
    """

    begin: float
    slope: float
    deviation: float
    n: int
    mean: float
    spread: float

    def at(self, work: float) -> float:
        """Return the cost at some work."""
        return self.begin + self.slope * work

    def error_at(self, work: float) -> float:
        """Return the standard error of that: it grows with the distance from what was measured."""
        away = (work - self.mean) ** 2 / self.spread if self.spread else 0
        return self.deviation * math.sqrt(1 / self.n + away)


def fit_line(points: list[tuple[float, float]], begin: float = 0.0, noise: float = NOISE) -> Line:
    """Fit a line by least squares.

    Parameters
    ----------
    points : list of (work, cost)
        One or more, none below 0.
    begin : float
        Where all work is the same, a job is taken to cost this before its work begins, or all if that is less.
    noise : float
        Standard deviation of a cost by which points scatter, as a share of it.

    Returns
    -------
    Line
        Its slope is drawn towards 0 as far as noise alone could have made it (James and Stein, positive part), and is 0
        where it is within its standard error: what is noise at the size of the measurement would be hours at that of
        the forecast.
    """
    n, mean = len(points), sum(work for work, _ in points) / len(points)
    mean_cost = sum(cost for _, cost in points) / n
    spread = sum((work - mean) ** 2 for work, _ in points)
    if not spread:
        begin = min(begin, mean_cost) if mean else mean_cost
        slope = (mean_cost - begin) / mean if mean else 0.0
        return Line(begin, slope, noise * mean_cost, n, mean, 0.0)
    slope = sum((work - mean) * (cost - mean_cost) for work, cost in points) / spread
    left = [cost - mean_cost - slope * (work - mean) for work, cost in points]
    deviation = max(noise * mean_cost, math.sqrt(sum(rest**2 for rest in left) / max(n - 2, 1)))
    if slope * mean > mean_cost:  # the line begins below 0: one through the origin is nearer to the truth
        slope = sum(work * cost for work, cost in points) / sum(work**2 for work, _ in points)
        return Line(0.0, slope, deviation, n, mean, spread)
    slope *= max(0.0, 1 - deviation**2 / spread / slope**2) if slope > 0 else 0.0
    return Line(mean_cost - slope * mean, slope, deviation, n, mean, spread)
