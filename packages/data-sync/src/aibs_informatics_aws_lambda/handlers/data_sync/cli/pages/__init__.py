"""Self-contained HTML pages: the contents of a path, and the report of a sync."""
