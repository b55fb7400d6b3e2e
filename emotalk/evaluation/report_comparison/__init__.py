"""Compare two reports by the clips that both have."""
