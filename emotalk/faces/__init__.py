"""Where a face is, which 68 points describe it, and the crop that is cut by them."""
