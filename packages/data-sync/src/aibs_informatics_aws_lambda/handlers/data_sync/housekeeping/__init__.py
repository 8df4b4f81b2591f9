"""Stats, lists, stale paths and removals."""
