"""Turn one raw clip into one aligned sample, or into the reason why not."""
