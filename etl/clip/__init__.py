"""Turn one raw clip into one aligned sample, or reject it with a reason."""
