"""What a training notes of each sample once an epoch, one file each.

A record is a file of this folder with ``observe(probabilities, labels)``: (b, C) float softmax and (b,) int64
labels, both torch tensors on one device, to one number per sample, (b,). A score names the record that it
accumulates (``RECORD``); a training writes every record that its scores name. Records are kept apart from scores so
that a changed score is computed anew from what is on disk, without training again.
"""
