"""Handlers that count what is in texts."""
