"""State which estimates of the lip-sync model count; without torch, for who only reads them."""

LARGEST_IN_STEP = 1  # frames: the estimate's own precision
SURE = 0.8  # confidence from which the offset counts; chosen as estimate's other weights were
