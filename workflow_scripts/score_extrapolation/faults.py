"""The one exception for what a user can mend."""


class InputFault(Exception):
    """A fault in the user's configuration, data, disk or device.

    The message is one sentence per line: where, what was found, what is allowed, what to do. Scripts
    print it without a traceback and leave with exit code 1; everything else that is raised is a bug of ours.
    """


class Interrupted(Exception):
    """Work was told to stop and has saved where it stands; the next start goes on there."""


def listed(names) -> str:
    """Return names with commas between them."""
    return ", ".join(map(str, names))
