"""What handlers need behind an HTTP API."""
