"""The sample store: every image decoded once, what is known of it, and whether it is still as it was written."""
