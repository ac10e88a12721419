"""What only parts of the library need: packages that the extras in pyproject.toml bring, each extra by its name."""

from contextlib import contextmanager

from .faults import InputFault


@contextmanager
def extra(name: str):
    """Import in a block of its own what an extra brings, and say which one where it is missing.

    Parameters
    ----------
    name : str
        Of ``[project.optional-dependencies]``.

    Raises
    ------
    InputFault
        A package is not installed, or numba has no folder for what it compiles.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputFault(
            f"{error.name} is not installed; install it, or this package with the extra that brings it, by "
            f"pip install '.[{name}]'"
        ) from error
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        raise InputFault(
            "numba can write what it compiles neither beside the package nor in the home folder; set the environment "
            "variable NUMBA_CACHE_DIR to a folder that can be written"
        ) from error
