"""Tables of what runs of the workflow cost and gave, from the files that they wrote."""
