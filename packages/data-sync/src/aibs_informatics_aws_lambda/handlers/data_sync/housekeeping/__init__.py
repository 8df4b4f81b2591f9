"""What is stored at a path: totals, stale entries, removals."""
