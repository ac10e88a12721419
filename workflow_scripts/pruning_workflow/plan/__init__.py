"""What an experiment will cost: measured on two small copies of it, and carried over to its size.

The small copies (`small`) are the experiment's own config on fewer images and in fewer epochs, so that nothing is
imitated. Each job of theirs is a point: seconds over its work (`work`), a line through the points of its kind is what
such a job costs at any size (`lines`), and the sum over the jobs of the experiment is the forecast (`forecast`).
"""
