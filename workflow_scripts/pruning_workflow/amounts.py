"""How much is kept, as it stands in paths: ``rate-50``, half is removed, or ``keep-20000``, so many are kept."""

from .parts import as_fraction, percent

PATTERN = r"rate-\d+(\.\d+)?|keep-[1-9]\d*"


def amounts(rates: list[float], keep: list[int] | None) -> list[str]:
    """Return the names of all amounts: of the numbers to keep where there are any, else of the pruning rates."""
    return [f"rate-{percent(rate)}" for rate in rates] if keep is None else [f"keep-{n}" for n in keep]


def removed(amount: str, n: int) -> float:
    """Return the fraction of `n` samples that an amount removes: 0.75 of "keep-50" and 200 samples."""
    settings = as_settings(amount)
    return settings["rate"] if "rate" in settings else max(0.0, 1 - settings["n_kept"] / n)


def as_settings(amount: str) -> dict[str, float | int]:
    """Return what an amount's name says, as `selection.select` takes it: {"rate": 0.5} or {"n_kept": 20000}."""
    kind, value = amount.split("-")
    return {"rate": as_fraction(value)} if kind == "rate" else {"n_kept": int(value)}
