"""Files: tables, named arrays, writing them whole or not at all, and what a path of the user's means."""
