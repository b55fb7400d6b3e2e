"""Define which estimates of the lip-sync model count.

It imports no torch: a report on measures that are on disk reads these limits alone.
"""

LARGEST_IN_STEP = 1  # frames: the estimate's own precision
SURE = 0.8  # confidence from which the offset counts; chosen as estimate's other weights were
